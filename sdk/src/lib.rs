//! Write a provider plugin for Retouch.
//!
//! A plugin is a **pure function**. It owns no socket, thread, clock or memory between calls: it is
//! given the state it returned last and what has happened since, and returns the next state with
//! the one thing to do next. The gateway does everything else: it stores the state before it acts,
//! sends requests, streams images past the plugin, keeps keys, polls, retries and downloads. A job
//! therefore survives a crash, a plugin can be replaced while it runs, and a provider is some two
//! hundred readable lines that are tested without a network.
//!
//! # What a plugin is made of
//!
//! ```text
//! retouch-acme/
//!   Cargo.toml
//!   label.json              what it offers; read without running your code
//!   src/lib.rs              the protocol
//!   fixtures/*.json         conversations with the provider, one a file
//!   tests/conformance.rs    one line
//! ```
//!
//! `Cargo.toml`, whole:
//!
//! ```toml
//! [package]
//! name = "retouch-acme"
//! version = "1.0.0"
//! edition = "2024"
//!
//! [lib]
//! crate-type = ["cdylib", "lib"]   # the gateway loads the one, your tests use the other
//!
//! [dependencies]
//! retouch-sdk = { path = "../retouch/sdk" }   # or { git = "…the repository's URL…" }
//! serde = { version = "1", features = ["derive"] }
//!
//! [dev-dependencies]
//! retouch-sdk = { path = "../retouch/sdk", features = ["testing"] }
//! ```
//!
//! Add `serde_json` where you need more of it than the prelude's `json!` and `Value`. Leave
//! `panic = "abort"` out of your profiles; the gateway refuses such a library.
//!
//! # First: say what the plugin offers
//!
//! `label.json` is read by the gateway without running your code:
//!
//! ```json
#![doc = include_str!("../examples/acme/label.json")]
//! ```
//!
//! `hosts` is where a provider's key may be sent besides the origin the operator wrote; `[]` if
//! nowhere. A type whose every account has an address of its own has `"domestic": ""`.
//!
//! # Second: write the protocol
//!
//! Most services take a job and are then asked how it goes. [`Task`] has one function for each of
//! these requests and each of their answers. `src/lib.rs`, whole:
//!
//! ```
#![doc = include_str!("../examples/acme/src/lib.rs")]
//! # // Compiled as if it stood in this folder, beside which there is no label.
//! # use shadow::include_str;
//! # mod shadow {
//! #     macro_rules! include_str {
//! #         ($label:tt) => { core::include_str!("../examples/acme/label.json") };
//! #     }
//! #     pub(super) use include_str;
//! # }
//! ```
//!
//! A protocol of another shape (uploads first, a separate result request, an answer at once) writes
//! its states as one `enum` and implements [`ApiType`]: `start` is the first step, `resume` every
//! later one.
//!
//! What to return when something is wrong is a [`Failure`]: its [`Class`], whose [`Fault`] it is,
//! whether another provider may be asked ([`Retry`]), and whether it was [`Billed`]. These four
//! decide what the gateway does, so take care with them; a wrong "not billed" pays twice. A paid
//! request that fails without a certain "not billed" ends as an unknown outcome and is never sent
//! again; and once a task is accepted, no trouble with the key, the rate or the account makes the
//! gateway submit it elsewhere.
//!
//! What your service can be asked for nothing (is the key accepted? is the path right?) belongs into
//! `check` and `checked`, which have defaults: `retouch doctor` sends these questions and shows what
//! you make of the answers; see [`Check`] and [`Finding`].
//!
//! # Third: prove it without a network
//!
//! A fixture is one conversation: a job, what is asked and answered, and the end. Write the first
//! from the provider's documentation, and the others from what it really answers: copy status and
//! body of a `curl -i`, and replace keys and personal data. Have one for an edit that is done and
//! one for each error you handle. `retouch jobs show ID` lists what was asked for a real job.
//! `fixtures/done.json`, whole:
//!
//! ```json
#![doc = include_str!("../examples/acme/fixtures/done.json")]
//! ```
//!
//! `tests/conformance.rs`, whole, plays them and asks the hard questions at each of their points:
//! same input, same output; the state survives being stored; bad answers never panic; nothing is
//! paid for twice; no secret enters state or logs:
//!
#![cfg_attr(feature = "testing", doc = "```")]
#![cfg_attr(not(feature = "testing"), doc = "```ignore")]
//! # #[path = "../examples/acme/src/lib.rs"] mod retouch_acme;
//! use retouch_acme::Acme;
//! use retouch_sdk::SubmitThenPoll;
//!
//! retouch_sdk::conformance!(SubmitThenPoll<Acme>);
//! # fn main() {}
//! ```
//!
//! With the feature `testing` a test of your own is a line an exchange, too; see `testing`.
//!
//! # Fourth: ship it
//!
//! `cargo build --release`, and put the library beside the gateway's executable or into its
//! `plugins/` folder. `retouch plugin inspect FILE` shows what the gateway sees, `retouch plugin
//! list` what it took and what it refused, and why.
#![deny(missing_docs)]

mod api_type;
mod check;
mod cx;
mod drive;
mod event;
mod export;
mod failure;
mod forward;
mod job;
mod outcome;
mod output;
mod request;
mod task;
#[cfg(feature = "testing")]
pub mod testing;

pub use api_type::{ApiType, ConfigError, Next, Step};
pub use check::{Check, Finding, Mark, Question, Text};
pub use cx::Cx;
pub use event::{
    BodyRef, Context, Event, Kind, Response, ResponseHead, Sent, StepEvent, TransportError,
};
pub use failure::{Billed, Class, Failure, Fault, Retry, Upstream};
pub use job::{Input, Job, Params, Size};
pub use outcome::{Outcome, TaskRef, Verdict};
pub use output::{Cost, Done, Output};
pub use request::{As, Body, Effect, Image, Part, Phase, Request, SECRET};
pub use task::{Report, SubmitThenPoll, Task};

/// What a plugin's source begins with.
pub mod prelude {
    pub use crate::{
        ApiType, As, Billed, Body, Check, Class, ConfigError, Cost, Cx, Done, Effect, Event,
        Failure, Fault, Finding, Image, Input, Job, Next, Output, Params, Part, Phase, Report,
        Request, Response, Retry, SECRET, Sent, Size, Step, SubmitThenPoll, Task, TransportError,
    };
    pub use serde_json::{Value, json};
}

/// What the macros need by path. Not part of the promise.
#[doc(hidden)]
pub mod private {
    pub use crate::drive::{Answer, Call, Driver, StepError, config_type, create};
    pub use crate::export::*;
    pub use retouch_abi as abi;
}

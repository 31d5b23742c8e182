//! Write a provider plugin for Retouch.
//!
//! A plugin is a **pure function**. It owns no socket, thread, clock or memory between calls: it is
//! given the state it returned last and what has happened since, and returns the next state with
//! the one thing to do next. The gateway does everything else: it stores the state before it acts,
//! sends requests, streams images past the plugin, keeps keys, polls, retries and downloads. A job
//! therefore survives a crash, a plugin can be replaced while it runs, and a provider is some two
//! hundred readable lines that are tested without a network.
//!
//! # First: say what the plugin offers
//!
//! `label.json` beside your `Cargo.toml` is read by the gateway without running your code:
//!
//! ```json
//! { "id": "acme", "version": "1.0.0", "vendor": "Acme",
//!   "state": { "writes": 1, "reads": [1] },
//!   "hosts": ["api.acme.example"],
//!   "types": [ { "id": "acme-edit", "name": { "zh": "Acme 图片编辑", "en": "Acme image edit" },
//!                "models": ["acme-1"],
//!                "defaults": { "hosts": { "domestic": "https://api.acme.example" },
//!                              "endpoints": { "edit": "/v1/edits" }, "model": "acme-1" },
//!                "caps": { "max_images": 1, "mimes": ["image/png", "image/jpeg"] } } ] }
//! ```
//!
//! `hosts` is where a provider's key may be sent besides the origin the operator wrote.
//!
//! # Second: write the protocol
//!
//! Most services take a job and are then asked how it goes. [`Task`] has one function for each of
//! these requests and each of their answers:
//!
//! ```
//! use retouch_sdk::prelude::*;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Acme {
//!     host: String,
//! }
//!
//! #[derive(Deserialize)]
//! struct Ticket {
//!     id: String,
//!     done: bool,
//!     url: Option<String>,
//! }
//!
//! impl Task for Acme {
//!     const ID: &'static str = "acme-edit";
//!     type Config = Acme;
//!
//!     fn new(config: Acme) -> Result<Self, ConfigError> {
//!         Ok(config)
//!     }
//!
//!     // A POST is taken to cost money: it is sent once, and never again unless you say it may be.
//!     fn submit(&self, cx: &Cx, job: &Job) -> Result<Request, Failure> {
//!         Ok(cx.post(&self.host, "/v1/edits").bearer().json(&json!({
//!             "prompt": job.prompt,
//!             "image": Image(0).as_data_uri(), // streamed in by the gateway
//!         })))
//!     }
//!
//!     fn submitted(&self, cx: &Cx, answer: &Response) -> Result<Report, Failure> {
//!         self.polled(cx, answer)
//!     }
//!
//!     fn poll(&self, cx: &Cx, task: &str) -> Request {
//!         cx.get(&self.host, &format!("/v1/edits/{task}")).bearer().after_ms(1_000)
//!     }
//!
//!     fn polled(&self, _cx: &Cx, answer: &Response) -> Result<Report, Failure> {
//!         let ticket: Ticket = answer.success()?.json()?;
//!         match ticket.url {
//!             Some(url) if ticket.done => Ok(Report::Done(Done::new([Output::url(url)]))),
//!             _ => Ok(Report::running(ticket.id)),
//!         }
//!     }
//! }
//!
//! # mod plugin {
//! #     use super::Acme;
//! #     use retouch_sdk::SubmitThenPoll;
//! #     fn exported() { let _ = std::marker::PhantomData::<SubmitThenPoll<Acme>>; }
//! # }
//! // In your crate: retouch_sdk::export_plugin!("../label.json", [SubmitThenPoll<Acme>]);
//! # fn main() {}
//! ```
//!
//! A protocol of another shape (uploads first, a separate result request, an answer at once) writes
//! its states as one `enum` and implements [`ApiType`]: `start` is the first step, `resume` every
//! later one.
//!
//! What to return when something is wrong is a [`Failure`]: its class, whose fault it is, whether
//! another try or another provider can help, and whether it was billed. These four decide what the
//! gateway does, so take care with them; a wrong "not billed" pays twice.
//!
//! # Third: prove it without a network
//!
//! With the feature `testing` a conversation is a line an exchange, and [`conformance!`] asks the
//! hard questions for you: same input, same output; the state survives being stored at every point;
//! bad answers never panic; no secret enters state or logs. See [`testing`].
//!
//! # Fourth: ship it
//!
//! `crate-type = ["cdylib", "lib"]`, `cargo build --release`, and put the library beside the
//! gateway's executable or into its `plugins/` folder. `retouch plugin inspect FILE` shows what the
//! gateway sees, `retouch plugin list` what it took and what it refused, and why.
#![deny(missing_docs)]

mod api_type;
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
        ApiType, ConfigError, Cost, Cx, Done, Effect, Event, Failure, Image, Job, Next, Output,
        Phase, Report, Request, Response, Step, SubmitThenPoll, Task,
    };
    pub use serde_json::json;
}

/// What the macros need by path. Not part of the promise.
#[doc(hidden)]
pub mod private {
    pub use crate::drive::{Answer, Call, Driver, StepError, config_type, create};
    pub use crate::export::*;
    pub use retouch_abi as abi;
}

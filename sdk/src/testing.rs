//! The test kit: prove a plugin without a network.
//!
//! It needs the feature `testing`, as a dev-dependency of your plugin:
//! `retouch-sdk = { …, features = ["testing"] }`. Everything here reaches your code as the gateway
//! does, through JSON bytes, and reads each state back from the bytes that were stored. What is not
//! as it should be panics with the whole conversation, which fails the test.
//!
//! # First: a conversation
//!
//! A [`Script`] is the provider's part, a line an exchange. Expect the request, check what matters
//! of it, answer:
//!
//! ```
//! # #[path = "../examples/acme/src/lib.rs"] mod retouch_acme;
//! use retouch_acme::Acme; // the plugin of the crate's front page
//! use retouch_sdk::prelude::*;
//! use retouch_sdk::testing::{Reply, Script, job};
//!
//! # fn main() {
//! let config = json!({
//!     "host": "https://api.acme.example", "endpoints": { "edit": "/v1/edits" }, "model": "acme-1",
//! });
//! let acme = Script::<SubmitThenPoll<Acme>>::new(config);
//!
//! let done = acme
//!     .start(job("make it grey"))
//!     .expect_post("/v1/edits").effect(Effect::Unsafe).body_has("/prompt", "make it grey")
//!     .reply(200, json!({ "id": "7" }))
//!     .has_task("7")
//!     .expect_get("/v1/edits/7").effect(Effect::Safe)
//!     .reply(200, json!({ "id": "7", "url": "https://cdn.acme.example/7.png" }))
//!     .done();
//! assert_eq!(done.outputs, [Output::url("https://cdn.acme.example/7.png")]);
//!
//! let failure = acme
//!     .start(job("make it grey"))
//!     .expect_post("/v1/edits")
//!     .with(Reply::lost("timeout", Sent::Maybe)) // taken, or not?
//!     .fails();
//! assert_eq!(failure.class, Class::UnknownOutcome);
//! # }
//! ```
//!
//! # Second: scenarios in files
//!
//! What a provider really answered is worth keeping. Each file in `fixtures/` beside your
//! `Cargo.toml` is one scenario: a job, the exchanges, and the end; [`Fixture`] shows the form and
//! the crate's front page a whole one. The configuration is your `label.json`'s defaults, so that
//! these are tested too.
//!
//! # Third: the hard questions
//!
//! One line in `tests/conformance.rs` plays all scenarios and asks the questions that decide
//! whether a plugin is safe to run with other people's money:
//!
//! ```
//! # #[path = "../examples/acme/src/lib.rs"] mod retouch_acme;
//! use retouch_acme::Acme;
//! use retouch_sdk::SubmitThenPoll;
//!
//! retouch_sdk::conformance!(SubmitThenPoll<Acme>);
//! # fn main() {}
//! ```
//!
//! Once for each API type; two of them stand in a `mod` each.
//!
//! | test | asks |
//! |---|---|
//! | `has_a_complete_label` | Does `label.json` name its id, version, vendor and hosts, and each type in both languages with its usual address? |
//! | `follows_its_fixtures` | Does each scenario go and end as written? |
//! | `answers_the_same_twice` | Is a step decided by its input alone? The gateway may run it twice. |
//! | `stores_its_state` | Does a state survive being stored, in at most 64 KiB? |
//! | `resumes_at_every_point` | Does a restart between any two steps change nothing? |
//! | `endures_bad_weather` | With each answer replaced by a 401, a 429, an error page, nothing, half an answer, wrong types, `null`, a time-out, a crash, and with each good one once without each of its members, with `null` or another type there, with each list empty: is there always an outcome, is nothing sent again that may be paid for, and is nothing called unbilled that may have cost? |
//! | `keeps_secrets` | Is the key's placeholder in headers and bodies only, and never in a state, a URL, a message or the log? |
#![expect(clippy::panic, reason = "a test kit fails by panicking")]

mod change;
mod check;
mod conformance;
mod fixture;
mod label;
mod listen;
mod matching;
mod panics;
mod point;
mod reply;
mod rig;
mod script;
mod storm;
#[cfg(test)]
mod tests;
mod weather;

use serde_json::Value;

pub use check::{check, checked};
pub use conformance::Suite;
pub use fixture::{Fixture, defaults};
pub use label::label_is_complete;
pub use reply::Reply;
pub use script::{Asked, Script, Talk};

use crate::{ApiType, ConfigError, Input, Job};

/// Makes a test of each question of the [conformance suite](crate::testing::Suite) for an API type,
/// over `fixtures/*.json` and `label.json` of the crate it stands in.
///
/// ```
/// # #[path = "../examples/acme/src/lib.rs"] mod retouch_acme;
/// use retouch_acme::Acme;
/// use retouch_sdk::SubmitThenPoll;
///
/// retouch_sdk::conformance!(SubmitThenPoll<Acme>);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance {
    ($api_type:ty) => {
        // Checks the type in a build without tests, too.
        const _: fn(&str) = $crate::testing::conformance::<$api_type>;

        #[test]
        fn has_a_complete_label() {
            $crate::testing::label_is_complete::<$api_type>(env!("CARGO_MANIFEST_DIR"));
        }

        $crate::conformance!(
            @tests $api_type: follows_its_fixtures, answers_the_same_twice, stores_its_state,
            resumes_at_every_point, endures_bad_weather, keeps_secrets
        );
    };
    (@tests $api_type:ty: $($question:ident),+) => {
        $(
            #[test]
            fn $question() {
                $crate::testing::Suite::of_crate::<$api_type>(env!("CARGO_MANIFEST_DIR")).$question();
            }
        )+
    };
}

/// The whole conformance suite in one call, for a crate whose `label.json` and `fixtures/` are in
/// that folder.
pub fn conformance<T: ApiType>(manifest_dir: &str) {
    label_is_complete::<T>(manifest_dir);
    Suite::of_crate::<T>(manifest_dir).all();
}

/// An edit of one PNG of 1024 by 1024, to begin with.
pub fn job(prompt: &str) -> Job {
    let photo = Input { mime: "image/png".to_owned(), bytes: 123_456, width: 1024, height: 1024 };
    Job { prompt: prompt.to_owned(), inputs: vec![photo], ..Job::default() }
}

/// The reason why a configuration is refused.
pub fn refused<T: ApiType>(config: &Value) -> ConfigError {
    match rig::Rig::of::<T>(config.clone()).refusal() {
        Some(error) => error,
        None => panic!("the configuration is taken: {config}"),
    }
}

//! Jobs, attempts and notes to try a store with.

use std::sync::Arc;

use retouch_sdk::{Failure, Request};
use serde_json::json;

use super::super::Exchange;
use crate::attempt::{Attempt, GivenUp, Memo, Planned, State};
use crate::clock::Ms;
use crate::images::Stored;
use crate::job::{Job, Slot, Status};
use crate::pin::PinId;
use crate::request::EditRequest;

/// A new one at 1,000, without images.
pub(super) fn job(prompt: &str) -> Job {
    with_inputs(prompt, &[])
}

/// A new one with these images.
pub(super) fn with_inputs(prompt: &str, names: &[&str]) -> Job {
    let images = names.iter().map(|name| image(name)).collect();
    let request = EditRequest { prompt: prompt.to_owned(), images, n: 1, ..EditRequest::default() };
    Job::new("me".to_owned(), Arc::new(request), 1_000, 2_000)
}

/// Its next revision.
pub(super) fn next(job: &Job) -> Job {
    let mut job = job.clone();
    job.record.rev += 1;
    job
}

/// Its next revision, at its end.
pub(super) fn ended(job: &Job, status: Status, at: Ms) -> Job {
    let mut job = next(job);
    job.record.status = status;
    job.record.finished = Some(at);
    job
}

/// The same with these results.
pub(super) fn succeeded(job: &Job, at: Ms, results: &[&str]) -> Job {
    let mut job = ended(job, Status::Succeeded, at);
    job.record.slots = vec![Slot::Done(results.iter().map(|name| image(name)).collect())];
    job
}

/// One that its provider has taken.
pub(super) fn attempt(number: u32, provider: &str) -> Attempt {
    Attempt {
        state: State::Accepted,
        submitted: Some(1_200),
        pin: Some(pin(u128::from(number))),
        memo: Memo::default(),
        effect: Some(Planned { request: request(), at: 1_300 }),
        ..Attempt::planned(number, provider.to_owned(), 1_100)
    }
}

/// The same, going on without its job.
pub(super) fn late(number: u32, provider: &str) -> Attempt {
    let failure = Some(Failure::plugin_bug("slow"));
    let given_up = Some(GivenUp { at: 1_500, failure, tell: false });
    Attempt { given_up, ..attempt(number, provider) }
}

/// One that is done.
pub(super) fn stored(number: u32, provider: &str, results: &[&str]) -> Attempt {
    let images = results.iter().map(|name| Ok(image(name))).collect();
    Attempt { state: State::Stored(images), effect: None, ..attempt(number, provider) }
}

/// An image's name and no more.
pub(super) fn image(name: &str) -> Stored {
    let mime = "image/png".to_owned();
    Stored { name: name.to_owned(), bytes: 1, mime, width: 1, height: 1, sha256: None }
}

pub(super) fn pin(number: u128) -> PinId {
    PinId(number)
}

pub(in crate::store) fn note(job: &Job, at: Ms) -> Exchange {
    Exchange {
        job: Some(job.id),
        attempt: 1,
        at,
        method: "GET".to_owned(),
        url: "http://p".to_owned(),
        phase: "polling".to_owned(),
        status: Some(200),
        elapsed_ms: 1,
        sent: None,
        error: None,
    }
}

fn request() -> Request {
    let request = json!({
        "id": "poll", "method": "GET", "url": "http://p", "effect": "safe", "phase": "polling",
        "timeout_ms": 1, "max_response_bytes": 1,
    });
    serde_json::from_value(request).unwrap()
}

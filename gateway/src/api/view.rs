//! A job as clients read it: the contract's JSON.

use retouch_sdk::{Failure, Phase};
use serde_json::{Value, json};

use crate::attempt::{Attempt, State};
use crate::clock::{Ms, seconds};
use crate::engine::Engine;
use crate::images::Stored;
use crate::job::{Job, JobError, Status, code};
use crate::link::Links;
use crate::poll::Quantiles;
use crate::retention::Policy;

/// What links need besides the job.
pub(super) struct View<'a> {
    pub(super) engine: &'a Engine,
    pub(super) links: &'a Links,
    /// How the client reached us, without a slash at the end.
    pub(super) base: &'a str,
    pub(super) policy: Policy,
    pub(super) now: Ms,
}

impl View<'_> {
    /// The whole job.
    pub(super) fn job(&self, job: &Job) -> Value {
        let record = &job.record;
        let at = |ms: Option<Ms>| ms.map(seconds);
        json!({
            "id": job.id,
            "object": "image_edit.job",
            "status": record.status,
            "version": record.rev,
            "created_at": seconds(record.created),
            "started_at": at(record.started),
            "finished_at": at(record.finished),
            "deadline_at": seconds(job.latest_end()),
            "expires_at": at(self.policy.expires(job)),
            "model": job.leading().and_then(|a| a.model.as_ref()).or(job.request.model.as_ref()),
            "style": job.request.styled.as_ref().map(|styled| &styled.id),
            "provider": job.leading().map(|a| &a.provider),
            "sandbox": record.sandbox,
            "ignored": record.ignored,
            "progress": self.progress(job),
            "requested": job.request.n,
            "missing": missing(job),
            "images": self.images(job),
            "error": record.error.as_ref().map(error),
            "attempts": self.attempts(job),
            "skipped": record.skipped,
            "cost": cost(job),
            "usage": null,
            "metadata": job.request.metadata,
            "request_id": job.request.request_id,
        })
    }

    /// What tells one state from another to a person who watches: no links, which are always fresh,
    /// and no count of questions.
    pub(super) fn shown(&self, job: &Job) -> Value {
        json!([job.record.rev, job.record.status, self.progress(job)])
    }

    /// Where image `index` is fetched without a key.
    pub(super) fn image_url(&self, job: &Job, index: usize) -> String {
        let query = self.links.query(&job.id, index, self.now);
        format!("{}/v1/jobs/{}/images/{index}?{query}", self.base, job.id)
    }

    fn progress(&self, job: &Job) -> Value {
        progress(job, self.engine.typical(job), self.now)
    }

    fn images(&self, job: &Job) -> Vec<Value> {
        job.images().enumerate().map(|(index, image)| self.image(job, index, image)).collect()
    }

    /// Each with what came of it when its job no longer waited.
    fn attempts(&self, job: &Job) -> Vec<Value> {
        let late = job.late_images();
        let told = |one: &Attempt| {
            let its = late.iter().filter(|late| late.attempt == one.number);
            let images: Vec<_> = its.map(|late| self.image(job, late.index, late.image)).collect();
            attempt(one, &images)
        };
        job.record.attempts.iter().map(told).collect()
    }

    fn image(&self, job: &Job, index: usize, image: &Stored) -> Value {
        json!({
            "index": index,
            "url": self.image_url(job, index),
            "content_type": image.mime,
            "width": image.width,
            "height": image.height,
            "bytes": image.bytes,
            "sha256": image.sha256,
        })
    }
}

/// Images that were asked for and will not come, although others did.
pub(super) fn missing(job: &Job) -> Vec<Value> {
    let partial = job.record.status == Status::Succeeded;
    let missing = job.missing().filter(|_| partial);
    missing.map(|(index, cause)| json!({ "index": index, "error": error(cause) })).collect()
}

fn error(error: &JobError) -> Value {
    json!({
        "message": error.message,
        "type": kind(&error.code),
        "code": error.code,
        "param": null,
        "billed": error.billed,
    })
}

/// What it cost, and who says so.
pub(super) fn cost(job: &Job) -> Value {
    match &job.record.cost {
        Some(price) => json!(price),
        None => json!({ "amount": null, "currency": null, "source": "unknown" }),
    }
}

fn attempt(attempt: &Attempt, images: &[Value]) -> Value {
    json!({
        "number": attempt.number,
        "provider": attempt.provider,
        "slot": attempt.slot,
        "state": state(attempt),
        "task_id": attempt.task.as_ref().map(|task| &task.id),
        "upstream_status": attempt.upstream_status,
        "polls": attempt.polls,
        "last_poll_at": attempt.last_poll.map(seconds),
        "next_poll_at": next_poll(attempt),
        "reason": reason(attempt),
        "billed": attempt.billed(),
        "possible_duplicate_cost": attempt.possible_duplicate_cost,
        "error": attempt.failure().map(|failure| json!({
            "code": code(failure.class),
            "message": failure.message,
            "upstream": failure.upstream,
        })),
        "images": images,
        "started_at": seconds(attempt.started),
        "finished_at": attempt.finished.map(seconds),
    })
}

fn state(attempt: &Attempt) -> &'static str {
    match &attempt.state {
        // Still listened to, but nobody knows.
        State::InFlight if attempt.given_up.is_some() => "unknown",
        State::Planned | State::InFlight => "submitting",
        State::Accepted | State::Fetching(_) => "accepted",
        State::Stored(_) => "succeeded",
        State::Refused(_) => "refused",
        State::Failed(..) => "failed",
        State::Unknown(_) => "unknown",
        State::Abandoned => "abandoned",
        State::Canceled => "canceled",
    }
}

fn next_poll(attempt: &Attempt) -> Option<u64> {
    let polls = attempt.state == State::Accepted;
    attempt.effect.as_ref().filter(|_| polls).map(|effect| seconds(effect.at))
}

/// In a sentence: what happened, and the provider's own code.
fn reason(attempt: &Attempt) -> Option<String> {
    let failure = attempt.failure().map(Failure::to_string);
    match attempt.held_until {
        Some(_) => failure.map(|failure| format!("{failure}; {HELD}")),
        None => {
            let late = || attempt.is_late().then(|| LATE.to_owned());
            failure.or_else(|| attempt.trouble.clone()).or_else(late)
        }
    }
}

/// What is said of an attempt whose job waits for a person's word.
const HELD: &str = "the job waits for word of it, see `retouch jobs resolve`";
/// What is said of one that goes on without its job.
const LATE: &str = "its job ended; the provider is still asked what became of it";

/// Error type by code, as OpenAI's envelope has it.
fn kind(code: &str) -> &'static str {
    match code {
        "moderation_blocked" => "image_generation_user_error",
        "invalid_value" | "unsupported_parameter" | "canceled" => "invalid_request_error",
        _ => "api_error",
    }
}

/// Counted from the submit by what tasks of its kind take.
fn progress(job: &Job, typical: Option<Quantiles>, now: Ms) -> Value {
    let now = job.record.finished.unwrap_or(now);
    let (phase, percent, estimated) = match (job.record.status, job.leading()) {
        (Status::Succeeded, _) => (Phase::Downloading, 100, false),
        (_, None) => return json!({ "phase": "queued", "percent": 0, "estimated": true }),
        (_, Some(attempt)) => {
            let phase = attempt.phase();
            let (percent, estimated) = percent(attempt, phase, typical.unwrap_or(COMMON), now);
            (phase, percent, estimated)
        }
    };
    json!({ "phase": crate::engine::phase(phase), "percent": percent, "estimated": estimated })
}

/// The provider's own word where it has one; else how far its like are after that time.
fn percent(attempt: &Attempt, phase: Phase, typical: Quantiles, now: Ms) -> (u64, bool) {
    match (phase, attempt.percent) {
        (Phase::Uploading, _) => (5, true),
        (Phase::Submitting, _) => (15, true),
        (Phase::Polling, Some(percent)) => (u64::from(percent), false),
        (Phase::Polling, None) => {
            let waited = now.saturating_sub(attempt.submitted.unwrap_or(now));
            (20 + (70.0 * typical.progress(waited)) as u64, true)
        }
        (Phase::Downloading, _) => (95, true),
    }
}

/// What image models commonly take, until it is known of this one.
const COMMON: Quantiles = Quantiles { p10: 5_000, p50: 30_000, p95: 90_000 };

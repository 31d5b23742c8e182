//! A job as clients read it: the contract's JSON.

use retouch_sdk::{Billed, Failure, Phase};
use serde_json::{Value, json};

use crate::attempt::{Attempt, State};
use crate::clock::{Ms, seconds};
use crate::job::{Job, JobError, Status, code};
use crate::link::Links;

/// What links need besides the job.
pub(super) struct View<'a> {
    pub(super) links: &'a Links,
    /// How the client reached us, without a slash at the end.
    pub(super) base: &'a str,
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
            "expires_at": null,
            "model": job.leading().and_then(|a| a.model.as_ref()).or(job.request.model.as_ref()),
            "style": null,
            "provider": job.leading().map(|a| &a.provider),
            "sandbox": record.sandbox,
            "ignored": record.ignored,
            "progress": progress(job, self.now),
            "requested": job.request.n,
            "missing": missing(job),
            "images": self.images(job),
            "error": record.error.as_ref().map(error),
            "attempts": record.attempts.iter().map(attempt).collect::<Vec<_>>(),
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
        json!([job.record.rev, job.record.status, progress(job, self.now)])
    }

    /// Where image `index` is fetched without a key.
    pub(super) fn image_url(&self, job: &Job, index: usize) -> String {
        let query = self.links.query(&job.id, index, self.now);
        format!("{}/v1/jobs/{}/images/{index}?{query}", self.base, job.id)
    }

    fn images(&self, job: &Job) -> Vec<Value> {
        let image = |(index, image): (usize, &crate::images::Stored)| {
            json!({
                "index": index,
                "url": self.image_url(job, index),
                "content_type": image.mime,
                "width": image.width,
                "height": image.height,
                "bytes": image.bytes,
                "sha256": image.sha256,
            })
        };
        job.images().enumerate().map(image).collect()
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

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number,
        "provider": attempt.provider,
        "slot": attempt.slot,
        "state": state(&attempt.state),
        "task_id": attempt.task.as_ref().map(|task| &task.id),
        "upstream_status": attempt.upstream_status,
        "polls": attempt.polls,
        "last_poll_at": attempt.last_poll.map(seconds),
        "next_poll_at": next_poll(attempt),
        "reason": attempt.failure().map(reason).or_else(|| attempt.trouble.clone()),
        "billed": billed(attempt),
        "possible_duplicate_cost": attempt.possible_duplicate_cost,
        "error": attempt.failure().map(|failure| json!({
            "code": code(failure.class),
            "message": failure.message,
            "upstream": failure.upstream,
        })),
        "started_at": seconds(attempt.started),
        "finished_at": attempt.finished.map(seconds),
    })
}

fn state(state: &State) -> &'static str {
    match state {
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
fn reason(failure: &Failure) -> String {
    failure.to_string()
}

fn billed(attempt: &Attempt) -> Billed {
    let free = attempt.cost.as_ref().is_some_and(|cost| cost.amount.parse() == Ok(0.0));
    match &attempt.state {
        State::Stored(_) | State::Fetching(_) if free => Billed::No,
        State::Stored(_) | State::Fetching(_) => Billed::Yes,
        State::Planned => Billed::No,
        State::Canceled if attempt.submitted.is_none() => Billed::No,
        State::Canceled => Billed::Unknown,
        State::Abandoned if attempt.submitted.is_none() => Billed::No,
        State::Refused(failure) | State::Failed(failure, _) | State::Unknown(failure) => {
            failure.billed
        }
        State::InFlight | State::Accepted | State::Abandoned => Billed::Unknown,
    }
}

/// Error type by code, as OpenAI's envelope has it.
fn kind(code: &str) -> &'static str {
    match code {
        "moderation_blocked" => "image_generation_user_error",
        "invalid_value" | "unsupported_parameter" | "canceled" => "invalid_request_error",
        _ => "api_error",
    }
}

fn progress(job: &Job, now: Ms) -> Value {
    let now = job.record.finished.unwrap_or(now);
    let (phase, percent, estimated) = match (job.record.status, job.leading()) {
        (Status::Succeeded, _) => (Phase::Downloading, 100, false),
        (_, None) => return json!({ "phase": "queued", "percent": 0, "estimated": true }),
        (_, Some(attempt)) => {
            let phase = attempt.phase();
            let (percent, estimated) = percent(attempt, phase, now);
            (phase, percent, estimated)
        }
    };
    json!({ "phase": crate::engine::phase(phase), "percent": percent, "estimated": estimated })
}

/// The provider's own word where it has one; else a guess that slows down as it nears the end.
fn percent(attempt: &Attempt, phase: Phase, now: Ms) -> (u64, bool) {
    match (phase, attempt.percent) {
        (Phase::Uploading, _) => (5, true),
        (Phase::Submitting, _) => (15, true),
        (Phase::Polling, Some(percent)) => (u64::from(percent), false),
        (Phase::Polling, None) => {
            let waited = now.saturating_sub(attempt.submitted.unwrap_or(now));
            (20 + 70 * waited / (waited + TYPICAL), true)
        }
        (Phase::Downloading, _) => (95, true),
    }
}

/// Half of the guessed way is done after this time: what image models commonly take.
const TYPICAL: Ms = 20_000;

//! What a job's log shows of its exchanges with a provider: no body, no key, no query.

use retouch_sdk::{Phase, Request, Sent};

use crate::attempt::Attempt;
use crate::clock::{Ms, now_ms};
use crate::id::JobId;
use crate::job::Job;
use crate::snapshot::Provider;
use crate::store::Exchange;
use crate::upstream::{DownloadError, Reply};

/// A request of the plugin's, and what came of it.
pub(super) fn exchange(
    job: &Job,
    attempt: &Attempt,
    provider: &Provider,
    request: &Request,
    reply: &Reply,
    at: Ms,
) -> Exchange {
    let mut note = note(job, attempt, provider, &request.method, &request.url, request.phase, at);
    match reply {
        Reply::Answer(answer) => note.status = Some(answer.head.status),
        Reply::None { sent, class, detail } => {
            note.sent = Some(if *sent == Sent::No { "no" } else { "maybe" }.to_owned());
            note.error = Some(format!("{class}: {detail}"));
        }
    }
    note
}

/// The fetching of a result.
pub(super) fn download(
    job: &Job,
    attempt: &Attempt,
    provider: &Provider,
    url: &str,
    failed: Option<&DownloadError>,
    at: Ms,
) -> Exchange {
    let mut note = note(job, attempt, provider, "GET", url, Phase::Downloading, at);
    match failed {
        None => note.status = Some(200),
        Some(DownloadError::Status(status)) => note.status = Some(*status),
        Some(error) => note.error = Some(error.to_string()),
    }
    note
}

/// Tells the operator why an attempt failed or does not get on: clients see the kind of it only.
pub(super) fn trouble(job: &JobId, before: &Attempt, after: &Attempt) {
    let (attempt, provider) = (after.number, after.provider.as_str());
    if let Some(failure) = after.failure().filter(|_| before.failure().is_none()) {
        let detail = failure.detail.as_deref().unwrap_or_default();
        tracing::warn!(%job, attempt, provider, %failure, detail, "An attempt failed.");
    }
    if let Some(trouble) = after.trouble.as_ref().filter(|_| before.trouble != after.trouble) {
        tracing::warn!(%job, attempt, provider, trouble, "An attempt does not get on.");
    }
}

/// As clients read it.
pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Uploading => "uploading",
        Phase::Submitting => "submitting",
        Phase::Polling => "polling",
        Phase::Downloading => "downloading",
    }
}

fn note(
    job: &Job,
    attempt: &Attempt,
    provider: &Provider,
    method: &str,
    url: &str,
    phase_: Phase,
    at: Ms,
) -> Exchange {
    Exchange {
        job: Some(job.id),
        attempt: attempt.number,
        at,
        method: method.to_owned(),
        url: shown(url, provider),
        phase: phase(phase_).to_owned(),
        status: None,
        elapsed_ms: now_ms().saturating_sub(at),
        sent: None,
        error: None,
    }
}

/// Without what may be a token: the query, and the sandbox's own path.
fn shown(url: &str, provider: &Provider) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.strip_prefix(&provider.host) {
        Some(path) if provider.sandbox => format!("sandbox:{path}"),
        _ => plain.to_owned(),
    }
}

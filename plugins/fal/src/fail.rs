//! fal's errors as ours: a table of its types, and what they mean at each stage.
//!
//! A submit is refused for certain by a status of the 400s. Once a task is taken, only its result
//! says how it ended; a refused or failed question says nothing. fal documents that some failures
//! are charged for, so after acceptance none is called free.

use retouch_sdk::{Billed, Class, Failure, Response};

use crate::wire::Problem;

struct Row {
    kinds: &'static [&'static str],
    class: Class,
    /// For the operator: what to do about it.
    hint: &'static str,
}

#[rustfmt::skip]
const TABLE: [Row; 9] = [
    row(&["content_policy_violation"], Class::Moderation, ""),
    row(&["no_media_generated"], Class::NoOutput, "the model made nothing, often because it declined"),
    row(&["client_cancelled", "client_disconnected"], Class::Canceled, ""),
    row(&["generation_timeout", "request_timeout", "startup_timeout"], Class::Timeout, ""),
    row(&["image_too_large", "file_too_large"], Class::InvalidRequest, "an image is too large for the model"),
    row(&["image_too_small", "image_load_error", "unsupported_image_format", "file_download_error", "face_detection_error"], Class::InvalidRequest, "the model cannot use an image"),
    row(&["missing", "value_error", "one_of", "greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of", "sequence_too_short", "sequence_too_long", "feature_not_supported", "bad_request"], Class::InvalidRequest, "the model takes other fields; name them in [options]"),
    row(&["downstream_service_unavailable", "runner_scheduling_failure"], Class::Busy, ""),
    row(&["downstream_service_error", "internal_server_error", "internal_error", "runner_connection_timeout", "runner_disconnected", "runner_connection_refused", "runner_connection_error", "runner_incomplete_response", "runner_server_error"], Class::ProviderError, ""),
];

/// Statuses by which a server says itself that it took nothing.
const STATUSES: [(&[u16], Class); 5] = [
    (&[401, 403], Class::Auth),
    (&[402], Class::Quota),
    (&[404, 405], Class::Config),
    (&[429], Class::RateLimited),
    (&[400, 413, 415, 422], Class::InvalidRequest),
];

/// A 403 may be an empty account, and says so in words only.
const OUT_OF_CREDIT: [&str; 2] = ["exhausted balance", "user is locked"];

/// An error text is for reading, not for storing without bound.
const MAX_DETAIL_CHARS: usize = 500;
const MAX_KIND_BYTES: usize = 64;

const fn row(kinds: &'static [&'static str], class: Class, hint: &'static str) -> Row {
    Row { kinds, class, hint }
}

/// A submit that brought no id: refused for certain, or nobody knows.
pub(crate) fn submit(answer: &Response) -> Failure {
    let problem = Problem::read(answer);
    let by_status = STATUSES.iter().find(|(statuses, _)| statuses.contains(&answer.status()));
    let Some((_, class)) = by_status else {
        let unsure = "the provider may have taken the edit, but did not say so";
        return told(Failure::unknown_outcome(unsure), answer, &problem);
    };
    let message = problem.message.as_deref().unwrap_or_default().to_lowercase();
    let class = match find(&problem) {
        _ if OUT_OF_CREDIT.iter().any(|words| message.contains(words)) => Class::Quota,
        Some(row) if matches!(row.class, Class::Moderation | Class::InvalidRequest) => row.class,
        Some(_) | None => *class,
    };
    told(Failure::new(class, words(class)).billed(Billed::No), answer, &problem)
}

/// A status that names no stage; `None`: it is asked again.
pub(crate) fn status(answer: &Response) -> Option<Failure> {
    let gone = matches!(answer.status(), 404 | 405 | 410);
    let failure = || Failure::new(Class::NotFound, words(Class::NotFound));
    gone.then(|| told(failure(), answer, &Problem::read(answer)))
}

/// Whether a result was asked for before it was there.
pub(crate) fn too_early(answer: &Response) -> bool {
    let message = Problem::read(answer).message.unwrap_or_default().to_lowercase();
    answer.status() == 400 && message.contains("still in progress")
}

/// A result that is none: how the work ended, or `None` where that is not what was answered.
/// `failed`: its status has said that it went wrong.
pub(crate) fn result(answer: &Response, failed: bool) -> Option<Failure> {
    let problem = Problem::read(answer);
    let class = match (find(&problem), answer.status()) {
        (_, 401 | 403 | 408 | 429) if !failed => return None,
        (Some(row), _) => row.class,
        (None, 404 | 405 | 410) => Class::NotFound,
        (None, 400 | 413 | 415 | 422) => Class::InvalidRequest,
        // A page of some server on the way says nothing of the work.
        (None, _) if problem.is_none() && !failed => return None,
        (None, _) => Class::ProviderError,
    };
    Some(told(Failure::new(class, words(class)).billed(Billed::Unknown), answer, &problem))
}

/// A result in due form without a picture.
pub(crate) fn no_picture(answer: &Response) -> Failure {
    told(Failure::new(Class::NoOutput, words(Class::NoOutput)), answer, &Problem::default())
}

/// A picture that is given by something else than a link.
pub(crate) fn no_link() -> Failure {
    Failure::new(Class::NoOutput, words(Class::NoOutput))
}

/// A picture that was blacked out.
pub(crate) fn blacked_out() -> Failure {
    Failure::new(Class::Moderation, words(Class::Moderation)).billed(Billed::Unknown)
}

fn find(problem: &Problem) -> Option<&'static Row> {
    TABLE.iter().find(|row| problem.kinds.iter().any(|kind| row.kinds.contains(&kind.as_str())))
}

/// Adds what fal said, for operators.
fn told(mut failure: Failure, answer: &Response, problem: &Problem) -> Failure {
    failure.upstream.status = Some(answer.status());
    let kind = problem.kinds.iter().find(|kind| kind.len() <= MAX_KIND_BYTES);
    failure.upstream.code = kind.cloned();
    let id = answer.header("x-fal-request-id").filter(|id| id.len() <= MAX_KIND_BYTES);
    failure.upstream.request_id = id.map(str::to_owned);
    failure.retry_after_ms = answer.retry_after_ms();
    let hint = find(problem).map_or("", |row| row.hint);
    // What stands in a success is a result, whatever it looks like, and not for the log.
    let said = problem.message.as_deref().filter(|_| answer.success().is_err());
    let detail = match (hint, said) {
        ("", None) => return failure,
        ("", Some(said)) => format!("fal says: {said}"),
        (hint, None) => hint.to_owned(),
        (hint, Some(said)) => format!("{hint}; fal says: {said}"),
    };
    failure.detail(detail.chars().take(MAX_DETAIL_CHARS).collect::<String>())
}

/// What a client is told: never fal's own text.
const fn words(class: Class) -> &'static str {
    match class {
        Class::InvalidRequest => "the provider refuses the request's parameters",
        Class::Moderation => "refused by the provider's content policy",
        Class::Auth => "the provider does not accept the key",
        Class::Config => "the provider has no such endpoint",
        Class::Quota => "the provider's account has no credit left",
        Class::RateLimited => "the provider limits its request rate",
        Class::Busy => "the provider has no capacity now",
        Class::NoOutput => "the provider's work ended without a picture",
        Class::Timeout => "the edit took too long at the provider",
        Class::NotFound => "the provider no longer knows the task",
        Class::Canceled => "the task was canceled at the provider",
        Class::ProviderError | Class::UnknownOutcome | Class::PluginBug => "the provider failed",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::TABLE;

    #[test]
    fn names_each_type_once() {
        let kinds: Vec<_> = TABLE.iter().flat_map(|row| row.kinds).collect();
        let distinct: BTreeSet<_> = kinds.iter().collect();
        assert_eq!(kinds.len(), distinct.len());
    }
}

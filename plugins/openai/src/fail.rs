//! OpenAI's and Azure's errors as ours: one table of statuses and words.
//!
//! A status of the 400s says that nothing was done, and so that nothing is billed. Of the 500s only
//! the one that documents itself as refused before work began does; any other may come after it.

use retouch_sdk::{Billed, Class, Failure, Response, Retry};

use crate::wire::Problem;

/// The first row that has the status, and one of the words where it names any, decides.
struct Row {
    statuses: &'static [u16],
    /// Codes or types, in small letters; none: any.
    words: &'static [&'static str],
    class: Class,
    /// For the operator: what to do about it.
    hint: &'static str,
}

#[rustfmt::skip]
const TABLE: [Row; 12] = [
    row(&[400, 403, 422], &["moderation_blocked", "content_policy_violation", "content_filter", "contentfilter", "responsibleaipolicyviolation"], Class::Moderation, ""),
    row(&[400, 402, 403, 429], &["insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached"], Class::Quota, "the account's credit or spend limit is used up"),
    row(&[400, 403, 404], &["model_not_found", "deploymentnotfound", "operationnotsupported"], Class::Config, "the account has no such model, or it cannot edit images; at Azure `model` is the deployment's name"),
    row(&[401], &[], Class::Auth, "check the key and that it is of this host"),
    row(&[402], &[], Class::Quota, ""),
    row(&[403], &[], Class::Config, "the account or its region may not use this model"),
    row(&[404, 405], &[], Class::Config, "check endpoints.edit, at Azure also options.api_version"),
    row(&[409], &[], Class::Busy, ""),
    row(&[413], &[], Class::InvalidRequest, "the images are too large together"),
    row(&[429], &[], Class::RateLimited, ""),
    row(&[400, 415, 422], &[], Class::InvalidRequest, ""),
    row(&[503], &["server_is_overloaded"], Class::Busy, ""),
];

/// Words of a message that say what a code would, where there is none that is known.
const PHRASES: [(&str, &str); 2] =
    [("safety system", "moderation_blocked"), ("content management policy", "content_filter")];

/// An error text is for reading, not for storing without bound.
const MAX_DETAIL_CHARS: usize = 500;
const MAX_CODE_CHARS: usize = 64;

const fn row(
    statuses: &'static [u16],
    words: &'static [&'static str],
    class: Class,
    hint: &'static str,
) -> Row {
    Row { statuses, words, class, hint }
}

/// An answer that is not a success: refused for certain, or nobody knows.
pub(crate) fn refused(answer: &Response) -> Failure {
    let problem = Problem::read(answer);
    let Some(row) = find(answer.status(), &problem) else {
        return told(unsure(), answer, &problem, "");
    };
    let message = match param(&problem) {
        Some(param) if row.class == Class::InvalidRequest => {
            format!("{}: {param}", words(row.class))
        }
        _ => words(row.class).to_owned(),
    };
    told(Failure::new(row.class, message).billed(Billed::No), answer, &problem, row.hint)
}

/// A success of which nothing can be read.
pub(crate) fn unreadable(answer: &Response) -> Failure {
    told(unsure(), answer, &Problem::default(), "the answer is not of the Images API's form")
}

/// An answer in due form without a picture. The work may be charged for all the same.
pub(crate) fn no_picture() -> Failure {
    Failure::new(Class::NoOutput, words(Class::NoOutput)).retry(Retry::Never)
}

/// A picture that a filter took away after it was made.
pub(crate) fn filtered() -> Failure {
    Failure::new(Class::Moderation, words(Class::Moderation)).billed(Billed::Unknown)
}

fn unsure() -> Failure {
    Failure::unknown_outcome("the provider may have made the edit, but did not send it")
}

fn find(status: u16, problem: &Problem) -> Option<&'static Row> {
    let mut said: Vec<String> = problem.words().map(str::to_ascii_lowercase).collect();
    let message = problem.message.as_deref().unwrap_or_default().to_lowercase();
    said.extend(
        PHRASES
            .iter()
            .filter(|(part, _)| message.contains(part))
            .map(|(_, code)| (*code).to_owned()),
    );
    TABLE.iter().find(|row| {
        row.statuses.contains(&status)
            && (row.words.is_empty() || said.iter().any(|word| row.words.contains(&word.as_str())))
    })
}

/// The field that is wrong, where it is a name and not a story.
fn param(problem: &Problem) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']');
    problem.param.as_deref().filter(|param| param.len() <= 40 && param.bytes().all(plain))
}

/// Adds what was said, for operators.
fn told(mut failure: Failure, answer: &Response, problem: &Problem, hint: &str) -> Failure {
    failure.upstream.status = Some(answer.status());
    let code = problem.code.as_deref().or(problem.kind.as_deref());
    failure.upstream.code = code.map(|code| code.chars().take(MAX_CODE_CHARS).collect());
    let id = answer.header("x-request-id").or_else(|| answer.header("apim-request-id"));
    failure.upstream.request_id = id.map(|id| id.chars().take(MAX_CODE_CHARS).collect());
    failure.retry_after_ms = retry_after_ms(answer);
    let said = problem.message.as_deref().map(|message| format!("the provider says: {message}"));
    let detail = match (hint, said) {
        ("", None) => return failure,
        ("", Some(said)) => said,
        (hint, None) => hint.to_owned(),
        (hint, Some(said)) => format!("{hint}; {said}"),
    };
    failure.detail(detail.chars().take(MAX_DETAIL_CHARS).collect::<String>())
}

/// The finer header where it is there, as official clients read it.
fn retry_after_ms(answer: &Response) -> Option<u64> {
    let finer = answer.header("retry-after-ms").and_then(|ms| ms.trim().parse().ok());
    finer.or_else(|| answer.retry_after_ms())
}

/// What a client is told: never the provider's own text.
const fn words(class: Class) -> &'static str {
    match class {
        Class::InvalidRequest => "the provider refuses the request's parameters",
        Class::Moderation => "refused by the provider's content policy",
        Class::Auth => "the provider does not accept the key",
        Class::Config => "the provider refuses this model, endpoint or account",
        Class::Quota => "the provider's account has no credit left",
        Class::RateLimited => "the provider limits its request rate",
        Class::Busy => "the provider has no capacity now",
        Class::NoOutput => "the provider's answer holds no picture",
        Class::ProviderError
        | Class::Timeout
        | Class::NotFound
        | Class::Canceled
        | Class::UnknownOutcome
        | Class::PluginBug => "the provider failed",
    }
}

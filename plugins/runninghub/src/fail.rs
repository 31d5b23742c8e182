//! RunningHub's errors as ours: a table of its codes, and what they mean at each stage.
//!
//! The order of judgement: a task id means the work was accepted, whatever else is said; then the
//! task's status; then the code; then, where the code says nothing, words of the message. Names are
//! never matched on `APIKEY`: half of the `APIKEY_…` errors have nothing to do with a key.

use retouch_sdk::{Billed, Class, Failure, Response, Retry};

use crate::wire::{Answer, Status};
use OnQuery::{Again, Ends};
use OnSubmit::{Refused, Unsure};

/// What a code means for a submit that brought no task id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnSubmit {
    /// Nothing was taken and nothing is billed.
    Refused,
    /// It may have been taken.
    Unsure,
}

/// What a code means for a question about a task, when the task's status does not say it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnQuery {
    /// The question was not answered; it is asked again.
    Again,
    /// There is no use in asking again.
    Ends,
}

/// 1 is not among them: each endpoint uses it for something else, and only the message says what.
struct Row {
    codes: &'static [&'static str],
    class: Class,
    submit: OnSubmit,
    query: OnQuery,
    /// For the operator: what to do about it.
    hint: &'static str,
}

const OTHER_SITE: &str = "check the key; one of the other site (.cn or .ai) is refused like this";
const KEY_KIND: &str = "standard models need a key of the kind enterprise-shared (企业级-共享)";
const WRONG_PATH: &str = "a path in [endpoints] is wrong; compare with the API type's defaults";

#[rustfmt::skip]
const TABLE: [Row; 19] = [
    row(&["804", "813"], Class::Busy, Unsure, Again, "the task runs or waits"),
    row(&["415", "421", "814", "1520"], Class::Busy, Refused, Again, "the account's queue is full; lower limits.concurrency"),
    row(&["1003"], Class::RateLimited, Refused, Again, "too many requests a minute"),
    row(&["1010", "1011"], Class::Busy, Unsure, Again, ""),
    row(&["500", "1000", "1005", "1012", "1516", "1517", "1519"], Class::ProviderError, Unsure, Again, ""),
    // Seen now and then for a good key, so it ends nothing that is paid for.
    row(&["-1", "401"], Class::Auth, Refused, Again, OTHER_SITE),
    row(&["403", "802", "806", "811", "1002"], Class::Auth, Refused, Ends, OTHER_SITE),
    row(&["801", "436", "1014"], Class::Config, Refused, Ends, KEY_KIND),
    row(&["416", "812"], Class::Quota, Refused, Ends, "the account's wallet is empty"),
    // 412 is called TOKEN_INVALID and means a misspelt path.
    row(&["412", "1001", "1009"], Class::Config, Refused, Ends, WRONG_PATH),
    row(&["380", "435", "810", "901"], Class::Config, Refused, Ends, "not a model this endpoint can run"),
    row(&["301", "433", "803", "1007", "1101"], Class::InvalidRequest, Refused, Ends, ""),
    row(&["809", "1008"], Class::InvalidRequest, Refused, Ends, "an image is too large"),
    row(&["423", "807", "1004"], Class::NotFound, Unsure, Ends, "the task is gone, or of another key or site"),
    row(&["808"], Class::ProviderError, Refused, Again, "the upload failed"),
    row(&["1013"], Class::ProviderError, Refused, Ends, "an image could not be fetched or read"),
    row(&["805", "1015"], Class::ProviderError, Unsure, Ends, ""),
    row(&["1006", "1504"], Class::Timeout, Unsure, Ends, ""),
    row(&["1501", "1505"], Class::Moderation, Refused, Ends, ""),
];

/// What a refusal is about, for whoever looks for what is set up wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The key, or its site.
    Key,
    /// The kind of key.
    Kind,
    /// The account's money.
    Credit,
    /// The path.
    Path,
    /// The task, which is not there.
    NoTask,
    /// What was asked, which is no task's id.
    Params,
    /// Anything else.
    Other,
}

/// Words of a message that say what a code would, where there is none that is known.
const WORDS: [(&str, &str); 6] = [
    ("task_queue_maxed", "421"),
    ("task_instance_maxed", "415"),
    ("not_enough_wallet", "416"),
    ("not_enough_power_value", "416"),
    ("apikey verification failed", "401"),
    ("user not exist", "806"),
];

/// Statuses by which a server says itself that it took nothing.
const REFUSALS: [u16; 10] = [400, 401, 402, 403, 404, 405, 413, 415, 422, 429];

/// An error text is for reading, not for storing without bound.
const MAX_DETAIL_CHARS: usize = 500;

const fn row(
    codes: &'static [&'static str],
    class: Class,
    submit: OnSubmit,
    query: OnQuery,
    hint: &'static str,
) -> Row {
    Row { codes, class, submit, query, hint }
}

/// An upload that gave no link. Nothing is paid for yet, so whatever broke was free.
pub(crate) fn upload(answer: &Response, said: &Answer) -> Failure {
    let failure = match find(said) {
        Some(row) => Failure::new(row.class, words(row.class)),
        None if answer.success().is_err() => Failure::from_status(answer),
        None => Failure::new(Class::ProviderError, "the provider did not take an image"),
    };
    unpaid(told(failure, answer, said))
}

/// The same for a failure that is no answer.
pub(crate) fn unpaid(mut failure: Failure) -> Failure {
    if failure.class == Class::UnknownOutcome {
        failure.class = Class::ProviderError;
        failure.retry = Retry::Elsewhere;
    }
    failure.billed(Billed::No)
}

/// A submit that brought no task id: refused for certain, or nobody knows.
pub(crate) fn submit(answer: &Response, said: &Answer) -> Failure {
    let failure = match find(said) {
        _ if answer.status() >= 500 => unsure(),
        Some(row) if row.submit == Refused => {
            Failure::new(row.class, words(row.class)).billed(Billed::No)
        }
        None if REFUSALS.contains(&answer.status()) => Failure::from_status(answer),
        Some(_) | None => unsure(),
    };
    told(failure, answer, said)
}

/// An answer about a task that does not say how the task goes; `None`: it is asked again.
pub(crate) fn query(answer: &Response, said: &Answer) -> Option<Failure> {
    let row = find(said);
    let failure = match (row, answer.status()) {
        (_, 401 | 429 | 500..) => return None,
        (Some(row), _) if row.query == Again => return None,
        (Some(row), _) => Failure::new(row.class, words(row.class)),
        (None, status) if REFUSALS.contains(&status) => Failure::from_status(answer),
        (None, _) if said.code().is_some() => {
            Failure::new(Class::ProviderError, words(Class::ProviderError))
        }
        (None, _) => return None,
    };
    Some(told(settled(failure, row), answer, said))
}

/// A task that ended without success.
pub(crate) fn ended(answer: &Response, said: &Answer) -> Failure {
    let class = match find(said) {
        _ if said.status() == Status::Canceled => Class::Canceled,
        Some(row) => row.class,
        None => Class::ProviderError,
    };
    let failure = told(Failure::new(class, words(class)), answer, said);
    if charged(said) { failure.billed(Billed::Yes) } else { failure }
}

/// A task that ended well, and without a picture.
pub(crate) fn no_output(answer: &Response, said: &Answer) -> Failure {
    let failure = told(Failure::new(Class::NoOutput, words(Class::NoOutput)), answer, said);
    if charged(said) { failure.billed(Billed::Yes) } else { failure }
}

/// Whether an answer says that there is nothing at the path that was asked.
pub(crate) fn wrong_path(answer: &Response, said: &Answer) -> bool {
    let page = answer.body.trim_ascii_start().starts_with(b"<");
    let coded = find(said).is_some_and(|row| row.hint == WRONG_PATH);
    let says = coded || said.only_named() || (page && answer.success().is_ok());
    matches!(answer.status(), 404 | 405 | 412) || says
}

/// What an answer's code is about; `None` where there is none that is known.
pub(crate) fn sort(said: &Answer) -> Option<Sort> {
    find(said).map(|row| match (row.class, row.hint) {
        (Class::Auth, _) => Sort::Key,
        (Class::Config, KEY_KIND) => Sort::Kind,
        (Class::Config, WRONG_PATH) => Sort::Path,
        (Class::Quota, _) => Sort::Credit,
        (Class::NotFound, _) => Sort::NoTask,
        (Class::InvalidRequest, _) => Sort::Params,
        _ => Sort::Other,
    })
}

fn unsure() -> Failure {
    Failure::unknown_outcome("the provider may have taken the edit, but did not say so")
}

/// A refused question says nothing about the task, which may yet be billed; only a verdict on the
/// task itself leaves the usual.
fn settled(failure: Failure, row: Option<&Row>) -> Failure {
    match row.map(|row| row.class) {
        Some(Class::Moderation | Class::ProviderError | Class::Timeout) => failure,
        _ => failure.billed(Billed::Unknown).retry(Retry::Never),
    }
}

fn charged(said: &Answer) -> bool {
    said.amount().is_some_and(|amount| amount.bytes().any(|digit| matches!(digit, b'1'..=b'9')))
}

fn find(said: &Answer) -> Option<&'static Row> {
    let by_code = |code: &str| TABLE.iter().find(|row| row.codes.contains(&code));
    said.code().and_then(by_code).or_else(|| {
        let message = said.message()?.to_lowercase();
        let (_, code) = WORDS.iter().find(|(words, _)| message.contains(words))?;
        by_code(code)
    })
}

/// Adds what RunningHub said, for operators.
fn told(mut failure: Failure, answer: &Response, said: &Answer) -> Failure {
    failure.upstream.status = Some(answer.status());
    failure.upstream.code = said.code().map(str::to_owned);
    failure.retry_after_ms = answer.retry_after_ms();
    let hint = find(said).map_or("", |row| row.hint);
    let message = said.message().unwrap_or_default();
    let detail = match (hint, message) {
        ("", "") => return failure,
        (hint, "") => hint.to_owned(),
        ("", message) => message.to_owned(),
        (hint, message) => format!("{hint}; RunningHub says: {message}"),
    };
    failure.detail(detail.chars().take(MAX_DETAIL_CHARS).collect::<String>())
}

/// What a client is told: never RunningHub's own text.
const fn words(class: Class) -> &'static str {
    match class {
        Class::InvalidRequest => "the provider refuses the request's parameters",
        Class::Moderation => "refused by the provider's content policy",
        Class::Auth => "the provider does not accept the key",
        Class::Config => "the provider refuses this endpoint or kind of account",
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
    fn names_each_code_once() {
        let codes: Vec<_> = TABLE.iter().flat_map(|row| row.codes).collect();
        let distinct: BTreeSet<_> = codes.iter().collect();
        assert_eq!(codes.len(), distinct.len());
    }

    #[test]
    fn knows_every_documented_code() {
        let documented = "-1 301 380 401 403 412 415 416 421 423 433 435 436 500 801 802 803 804 \
            805 806 807 808 809 810 811 812 813 814 901 1000 1001 1002 1003 1004 1005 1006 1007 \
            1008 1009 1010 1011 1012 1013 1014 1015 1101 1501 1504 1505 1516 1517 1519 1520";
        for code in documented.split_whitespace() {
            assert!(TABLE.iter().any(|row| row.codes.contains(&code)), "{code}");
        }
    }
}

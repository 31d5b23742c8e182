//! What an exchange says of its provider's health. Only trouble of the provider's own counts: never
//! what the client asked for, what a policy forbids, or what our own rules stopped.

use retouch_sdk::{Class, Failure, Phase};

use crate::attempt::{Attempt, Event, State, pays};

/// How many failures of one question count: a task that cannot be asked after must not pass for a
/// provider that cannot be reached.
const OF_ONE_QUESTION: u32 = 2;

/// What was learnt of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It took a submit, refused one for what is in it, or brought a task to its end.
    Worked,
    /// It answered a question.
    Answered,
    /// It could not be reached, broke, or gave an answer that makes no sense.
    Broke,
    /// The same, to a question.
    Silent,
    /// It was asked too often, or has no capacity.
    Cool {
        /// The provider's word on how long.
        for_ms: Option<u64>,
    },
    /// Its key or its credit is no good.
    Shut {
        /// Which of them.
        class: Class,
        /// The provider's word on how long.
        for_ms: Option<u64>,
    },
    /// Nothing.
    Nothing,
}

/// What is to be remembered of an event before the attempt takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// What it says in `Retry-After`.
        retry_after_ms: Option<u64>,
    },
    /// None came.
    NoAnswer,
    /// No exchange, or one that our own rules stopped.
    Nothing,
}

impl Seen {
    /// Of an event.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Reply { head, .. } => {
                let named = head.headers.iter().find(|(name, _)| name == "retry-after");
                let seconds = named.and_then(|(_, value)| value.trim().parse::<u64>().ok());
                let retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1_000));
                Self::Answer { status: head.status, retry_after_ms }
            }
            Event::NoReply { class, .. } if class != "blocked" => Self::NoAnswer,
            _ => Self::Nothing,
        }
    }
}

impl Heard {
    /// Of an attempt before and after it took what was seen.
    pub fn of(before: &Attempt, seen: Seen, after: &Attempt) -> Self {
        let Seen::Answer { status, retry_after_ms } = seen else {
            return if seen == Seen::NoAnswer { broke(before, after) } else { Self::Nothing };
        };
        if let Some(failure) = after.failure().filter(|_| before.failure().is_none()) {
            return Self::of_failure(before, failure);
        }
        // Asked again without asking its plugin.
        let again = after.tries > 0;
        match status {
            429 if again => Self::Cool { for_ms: retry_after_ms },
            503 if again && retry_after_ms.is_some() => Self::Cool { for_ms: retry_after_ms },
            408 | 425 | 500..=599 if again => broke(before, after),
            // Nobody knows what became of the submit, or its plugin makes nothing of the answer.
            _ if after.lost && !before.lost => Self::Broke,
            _ if after.trouble.is_some() => broke(before, after),
            _ => went_well(before, after),
        }
    }

    fn of_failure(before: &Attempt, failure: &Failure) -> Self {
        let for_ms = failure.retry_after_ms;
        match failure.class {
            Class::RateLimited | Class::Busy => Self::Cool { for_ms },
            Class::Auth | Class::Quota => Self::Shut { class: failure.class, for_ms },
            Class::ProviderError | Class::Timeout | Class::UnknownOutcome | Class::PluginBug => {
                Self::Broke
            }
            // It answered, and to ask again later would not help: what is wrong is the request, the
            // provider's file or one task.
            Class::InvalidRequest
            | Class::Moderation
            | Class::Config
            | Class::NoOutput
            | Class::NotFound
            | Class::Canceled => match of_work(before) {
                true => Self::Worked,
                false => Self::Answered,
            },
        }
    }
}

/// Whether its request was the paid one.
fn of_work(attempt: &Attempt) -> bool {
    attempt.effect.as_ref().is_some_and(|planned| pays(&planned.request))
}

fn phase(attempt: &Attempt) -> Option<Phase> {
    attempt.effect.as_ref().map(|planned| planned.request.phase)
}

fn broke(before: &Attempt, after: &Attempt) -> Heard {
    match phase(before) {
        _ if of_work(before) => Heard::Broke,
        Some(Phase::Uploading) => Heard::Broke,
        _ if after.tries <= OF_ONE_QUESTION => Heard::Silent,
        _ => Heard::Nothing,
    }
}

fn went_well(before: &Attempt, after: &Attempt) -> Heard {
    match phase(before) {
        _ if of_work(before) => Heard::Worked,
        _ if matches!(after.state, State::Fetching(_) | State::Stored(_)) => Heard::Worked,
        // It may take uploads and no work.
        Some(Phase::Uploading) | None => Heard::Nothing,
        Some(Phase::Polling | Phase::Submitting | Phase::Downloading) => Heard::Answered,
    }
}

#[cfg(test)]
mod tests;

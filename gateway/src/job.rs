//! A job: what the client sees. One request, one terminal result, whatever its attempts go through.

mod late;
mod outline;
mod slots;

use std::sync::Arc;

use retouch_sdk::{Billed, Class, Cost, Failure};
use serde::{Deserialize, Serialize};

use crate::attempt::Attempt;
use crate::clock::Ms;
use crate::id::JobId;
use crate::images::Stored;
use crate::request::EditRequest;

pub use late::LateImage;
pub use outline::{Due, Outline, Sketch, Stage, Trace};
pub use slots::{Doubt, Share};

/// The aggregate that is stored as one row: the job and its attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub owner: String,
    /// What was asked for.
    pub request: Arc<EditRequest>,
    /// Everything that changes.
    pub record: Record,
}

/// What changes; stored whole at every commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this layout.
    pub v: u32,
    /// Counts commits; the compare-and-set runs on it.
    pub rev: u64,
    /// What the client sees.
    pub status: Status,
    /// When it was taken.
    pub created: Ms,
    /// When its first attempt began.
    pub started: Option<Ms>,
    /// When it ended.
    pub finished: Option<Ms>,
    /// When what has no provider by then is given up.
    pub deadline: Ms,
    /// Whether the sandbox made or makes it.
    pub sandbox: bool,
    /// Fields its provider does not honour.
    pub ignored: Vec<String>,
    /// In order of time.
    pub attempts: Vec<Attempt>,
    /// One for each image that was asked for.
    pub slots: Vec<Slot>,
    /// Providers that were passed over, and why.
    pub skipped: Vec<Skip>,
    /// What it cost.
    pub cost: Option<Price>,
    /// Why there is no result.
    pub error: Option<JobError>,
}

/// One of the images that were asked for. It has at most one open attempt and fails over alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// Not decided.
    Open,
    /// Here it is; a provider may have made more than was asked for.
    Done(Vec<Stored>),
    /// It will not come.
    Failed(JobError),
}

/// The public states. The last four are terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No attempt yet.
    Queued,
    /// Under way.
    Running,
    /// With at least one image.
    Succeeded,
    /// Definitely without.
    Failed,
    /// Stopped by the client.
    Canceled,
    /// Its time was over.
    Expired,
}

/// A provider that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Its id.
    pub provider: String,
    /// In a sentence.
    pub reason: String,
}

/// Cost with where it is known from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// How much.
    #[serde(flatten)]
    pub cost: Cost,
    /// Who says so.
    pub source: PriceSource,
}

/// Who says what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// The provider's answer.
    Provider,
    /// The provider's file.
    PriceTable,
}

/// Why there is no image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobError {
    /// One of the contract's codes.
    pub code: String,
    /// For the client.
    pub message: String,
    /// Whether money was spent.
    pub billed: Billed,
    /// The provider's word on when to come again.
    pub retry_after_ms: Option<u64>,
}

impl Status {
    /// Whether it never changes again.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// As clients read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }
}

impl Record {
    /// Of the layout that is written.
    pub const VERSION: u32 = 1;

    /// Whether a client's second try with the same content is this job: while it goes on, and for a
    /// while after it ended in success or may have cost something.
    pub fn is_joined_by_retry(&self, now: Ms) -> bool {
        match self.finished {
            None => true,
            Some(finished) => now < finished + REJOIN && !self.ended_free(),
        }
    }

    /// Whether its idempotency key may be used again: it failed, certainly cost nothing, and could
    /// do better another time.
    pub fn frees_key(&self) -> bool {
        let hopeless = ["invalid_value", "moderation_blocked", "unsupported_parameter"];
        let could = |error: &JobError| !hopeless.contains(&error.code.as_str());
        self.status != Status::Canceled
            && self.ended_free()
            && self.error.as_ref().is_some_and(could)
    }

    fn ended_free(&self) -> bool {
        let free = self.error.as_ref().is_some_and(|error| error.billed == Billed::No);
        free && matches!(self.status, Status::Failed | Status::Expired | Status::Canceled)
    }
}

/// How long after its end a job still answers an official client's second try.
const REJOIN: Ms = 600_000;

impl Job {
    /// A new one, queued.
    pub fn new(owner: String, request: Arc<EditRequest>, now: Ms, deadline: Ms) -> Self {
        let record = Record {
            v: Record::VERSION,
            rev: 1,
            status: Status::Queued,
            created: now,
            started: None,
            finished: None,
            deadline,
            sandbox: false,
            ignored: Vec::new(),
            attempts: Vec::new(),
            slots: vec![Slot::Open; request.n.max(1) as usize],
            skipped: Vec::new(),
            cost: None,
            error: None,
        };
        Self { id: JobId::new(), owner, request, record }
    }

    /// The attempt of that number.
    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.record.attempts.iter().find(|a| a.number == number)
    }

    /// The same, to change it.
    pub fn attempt_mut(&mut self, number: u32) -> Option<&mut Attempt> {
        self.record.attempts.iter_mut().find(|a| a.number == number)
    }

    /// The attempt a client is told of first: one under way, else one that succeeded, else the last.
    pub fn leading(&self) -> Option<&Attempt> {
        let attempts = || self.record.attempts.iter();
        let open = attempts().rev().find(|a| a.is_open());
        let succeeded = || attempts().find(|a| a.failure().is_none() && !a.is_open());
        open.or_else(succeeded).or_else(|| attempts().next_back())
    }

    /// The results, in the order asked for.
    pub fn images(&self) -> impl Iterator<Item = &Stored> {
        self.record.slots.iter().flat_map(|slot| match slot {
            Slot::Done(images) => images.as_slice(),
            Slot::Open | Slot::Failed(_) => &[],
        })
    }

    /// What will not come although the job succeeded: which, and why.
    pub fn missing(&self) -> impl Iterator<Item = (usize, &JobError)> {
        self.record.slots.iter().enumerate().filter_map(|(index, slot)| match slot {
            Slot::Failed(error) => Some((index, error)),
            Slot::Open | Slot::Done(_) => None,
        })
    }

    /// Whether something is left to do: it is not at its end, or an attempt goes on without it.
    pub fn is_loose(&self) -> bool {
        !self.record.status.is_terminal() || self.record.attempts.iter().any(Attempt::is_late)
    }

    /// Since when nothing is left to do for it: from its end, or from that of the attempt that ended
    /// last. All that is kept of it ages from then.
    pub fn settled(&self) -> Option<Ms> {
        let ends = self.record.attempts.iter().filter_map(|a| a.finished);
        let last = ends.chain(self.record.finished).max();
        (!self.is_loose()).then(|| last.unwrap_or(self.record.created))
    }

    /// When it ends at the latest, as far as is known now.
    pub fn latest_end(&self) -> Ms {
        let until = |a: &Attempt| a.held_until.unwrap_or(a.deadline);
        let open = self.record.attempts.iter().filter(|a| a.is_open()).map(until).max();
        open.unwrap_or(self.record.deadline)
    }

    /// Notes providers that were passed over, each with the reason given last.
    pub fn skip(&mut self, skips: Vec<Skip>) {
        for skip in skips {
            match self.record.skipped.iter_mut().find(|s| s.provider == skip.provider) {
                Some(known) => *known = skip,
                None => self.record.skipped.push(skip),
            }
        }
    }
}

/// What to do where nobody knows: anything but to send it anew unseen.
const LOOK_FIRST: &str = "; the provider may have made it and charge for it, so look there before \
                          you ask for it anew";

impl JobError {
    /// What a provider's failure means for the client.
    pub fn of(failure: &Failure) -> Self {
        let mut message = failure.to_string();
        if failure.class == Class::UnknownOutcome {
            message.push_str(LOOK_FIRST);
        }
        Self {
            code: code(failure.class).to_owned(),
            message,
            billed: failure.billed,
            retry_after_ms: failure.retry_after_ms,
        }
    }

    /// Its time was over. What a provider has taken stays taken.
    pub fn expired(submitted: bool) -> Self {
        let (message, billed) = if submitted {
            let message = "the provider did not finish in time; it may still finish and charge, so \
                           do not submit again without looking";
            (message, Billed::Unknown)
        } else {
            ("no provider had room in time", Billed::No)
        };
        Self {
            code: "job_expired".to_owned(),
            message: message.to_owned(),
            billed,
            retry_after_ms: None,
        }
    }

    /// The client stopped it.
    pub fn canceled(submitted: bool) -> Self {
        let (message, billed) = if submitted {
            ("canceled; the provider had it already and may charge for it", Billed::Unknown)
        } else {
            ("canceled before anything was submitted", Billed::No)
        };
        Self {
            code: "canceled".to_owned(),
            message: message.to_owned(),
            billed,
            retry_after_ms: None,
        }
    }

    /// Nobody could be asked.
    pub fn nobody(skipped: &[Skip]) -> Self {
        let message = if skipped.is_empty() {
            "no enabled provider is configured; add one under config/providers".to_owned()
        } else {
            let why: Vec<String> =
                skipped.iter().map(|s| format!("{} {}", s.provider, s.reason)).collect();
            format!("no provider can take this edit: {}", why.join("; "))
        };
        Self { code: "no_provider".to_owned(), message, billed: Billed::No, retry_after_ms: None }
    }
}

/// The client's error code for a failure at a provider.
pub fn code(class: Class) -> &'static str {
    match class {
        Class::InvalidRequest => "invalid_value",
        Class::Moderation => "moderation_blocked",
        Class::Auth => "provider_auth",
        Class::Config => "provider_config",
        Class::Quota => "provider_quota",
        Class::RateLimited | Class::Busy => "provider_busy",
        Class::ProviderError | Class::NotFound | Class::PluginBug => "provider_error",
        Class::NoOutput => "no_output",
        Class::Timeout => "job_expired",
        Class::Canceled => "canceled",
        Class::UnknownOutcome => "upstream_outcome_unknown",
    }
}

#[cfg(test)]
mod tests;

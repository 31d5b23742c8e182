//! A job: what the client sees. One request, one terminal result, whatever its attempts go through.
//! A job's status changes in this file and nowhere else.

use std::sync::Arc;

use retouch_sdk::{Billed, Class, Cost, Failure, Retry};
use serde::{Deserialize, Serialize};

use crate::attempt::{Attempt, State, Todo};
use crate::clock::Ms;
use crate::id::JobId;
use crate::images::Stored;
use crate::request::EditRequest;

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
    /// When it ends at the latest.
    pub deadline: Ms,
    /// Whether the sandbox made or makes it.
    pub sandbox: bool,
    /// In order of time.
    pub attempts: Vec<Attempt>,
    /// Providers that were passed over, and why.
    pub skipped: Vec<Skip>,
    /// The results.
    pub images: Vec<Stored>,
    /// What it cost.
    pub cost: Option<Price>,
    /// Why there is no result.
    pub error: Option<JobError>,
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
    /// `provider` or `price_table`.
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

/// Why a job has no result.
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

/// What is to be done for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Choose a provider and open an attempt.
    Route,
    /// Do this for its last attempt.
    Attempt(Todo),
    /// Nothing.
    Ended,
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

impl Job {
    /// A new one, queued.
    pub fn new(owner: String, request: Arc<EditRequest>, now: Ms, deadline: Ms) -> Self {
        let record = Record {
            v: 1,
            rev: 1,
            status: Status::Queued,
            created: now,
            started: None,
            finished: None,
            deadline,
            sandbox: false,
            attempts: Vec::new(),
            skipped: Vec::new(),
            images: Vec::new(),
            cost: None,
            error: None,
        };
        Self { id: JobId::new(), owner, request, record }
    }

    /// What is to be done next.
    pub fn next(&self) -> Next {
        if self.record.status.is_terminal() {
            return Next::Ended;
        }
        match self.attempt().map(Attempt::todo) {
            None | Some(Todo::Closed) => Next::Route,
            Some(todo) => Next::Attempt(todo),
        }
    }

    /// The attempt under way, or the last one.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.record.attempts.last()
    }

    /// The same, to change it.
    pub fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        self.record.attempts.last_mut()
    }

    /// Begins an attempt.
    pub fn open(&mut self, attempt: Attempt, deadline: Ms, sandbox: bool) {
        self.record.status = Status::Running;
        self.record.started.get_or_insert(attempt.started);
        self.record.deadline = deadline;
        self.record.sandbox = sandbox;
        self.record.attempts.push(attempt);
    }

    /// Notes providers that were passed over, once each.
    pub fn skip(&mut self, skips: Vec<Skip>) {
        for skip in skips {
            if !self.record.skipped.iter().any(|s| s.provider == skip.provider) {
                self.record.skipped.push(skip);
            }
        }
    }

    /// Ends the job if its last attempt decides it; otherwise another provider may be asked.
    pub fn settle(&mut self, price: Option<&Cost>, may_fail_over: bool, now: Ms) {
        let Some(attempt) = self.attempt() else { return };
        match &attempt.state {
            State::Stored(images) => {
                let images = images.clone();
                let cost = priced(attempt.cost.as_ref(), price);
                self.succeed(images, cost, now);
            }
            State::Unknown(failure) if !may_fail_over => {
                let error = JobError::of(failure);
                self.end(Status::Failed, Some(error), now);
            }
            State::Refused(failure) | State::Failed(failure, _)
                if failure.retry == Retry::Never || failure.class == Class::Moderation =>
            {
                let error = JobError::of(failure);
                self.end(Status::Failed, Some(error), now);
            }
            _ => {}
        }
    }

    /// The sandbox keeps nothing over a restart and costs nothing: its attempt begins anew.
    pub fn begin_anew(&mut self) {
        self.record.attempts.pop();
        self.record.status = Status::Queued;
    }

    /// No provider is left. The last failure says why; without one, nobody could be asked.
    pub fn exhausted(&mut self, now: Ms) {
        let error = match self.attempt().and_then(Attempt::failure) {
            Some(failure) => JobError::of(failure),
            None => JobError {
                code: "no_provider".to_owned(),
                message: no_provider(&self.record.skipped),
                billed: Billed::No,
                retry_after_ms: None,
            },
        };
        self.end(Status::Failed, Some(error), now);
    }

    /// The time is over. What a provider has taken stays taken.
    pub fn expire(&mut self, now: Ms) {
        let accepted = self.attempt().is_some_and(|a| a.submitted.is_some());
        let error = JobError {
            code: "job_expired".to_owned(),
            message: if accepted {
                "the provider did not finish in time; it may still finish and charge, so do not \
                 submit again without looking"
                    .to_owned()
            } else {
                "no provider had room in time".to_owned()
            },
            billed: if accepted { Billed::Unknown } else { Billed::No },
            retry_after_ms: None,
        };
        self.end(Status::Expired, Some(error), now);
    }

    fn succeed(&mut self, images: Vec<Stored>, cost: Option<Price>, now: Ms) {
        self.record.images = images;
        self.record.cost = cost;
        self.end(Status::Succeeded, None, now);
    }

    fn end(&mut self, status: Status, error: Option<JobError>, now: Ms) {
        self.record.status = status;
        self.record.error = error;
        self.record.finished = Some(now);
    }
}

impl JobError {
    /// What a provider's failure means for the client.
    pub fn of(failure: &Failure) -> Self {
        Self {
            code: code(failure.class).to_owned(),
            message: failure.to_string(),
            billed: failure.billed,
            retry_after_ms: failure.retry_after_ms,
        }
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

fn priced(cost: Option<&Cost>, price: Option<&Cost>) -> Option<Price> {
    let said = cost.map(|cost| Price { cost: cost.clone(), source: PriceSource::Provider });
    said.or_else(|| price.map(|cost| Price { cost: cost.clone(), source: PriceSource::PriceTable }))
}

fn no_provider(skipped: &[Skip]) -> String {
    if skipped.is_empty() {
        return "no enabled provider is configured; add one under config/providers".to_owned();
    }
    let why: Vec<String> =
        skipped.iter().map(|s| format!("{}: {}", s.provider, s.reason)).collect();
    format!("no provider can take this edit ({})", why.join("; "))
}

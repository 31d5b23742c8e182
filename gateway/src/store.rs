//! Where jobs are kept: the few verbs the engine needs. What a verb has answered survives a crash.

pub mod sqlite;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::clock::Ms;
use crate::id::JobId;
use crate::job::{Job, Status};

/// Storage of jobs. Implementations pass one suite of tests.
pub trait Store: Send + Sync {
    /// Writes a new job, unless the client's claim stands for one that is there already.
    fn admit(&self, job: &Job, claim: &Claim) -> BoxFuture<'static, Result<Admitted, StoreError>>;

    /// What [`Store::admit`] would find.
    fn find(
        &self,
        owner: &str,
        fingerprint: &str,
        claim: &Claim,
        now: Ms,
    ) -> BoxFuture<'static, Result<Admitted, StoreError>>;

    /// Replaces a job's record if its stored revision is the one before.
    fn commit(&self, job: &Job) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Reads one.
    fn load(&self, id: &JobId) -> BoxFuture<'static, Result<Option<Job>, StoreError>>;

    /// Every job that is not at its end, oldest first.
    fn unfinished(&self) -> BoxFuture<'static, Result<Vec<Job>, StoreError>>;

    /// One page, newest first.
    fn list(&self, filter: Filter) -> BoxFuture<'static, Result<Page, StoreError>>;

    /// Notes what was said to a provider. Not waited for: a lost note costs nothing.
    fn note(&self, exchange: Exchange);

    /// A job's notes, in order.
    fn exchanges(&self, id: &JobId) -> BoxFuture<'static, Result<Vec<Exchange>, StoreError>>;
}

/// How a client says that a request may be one it sent before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// `Idempotency-Key`.
    pub key: Option<String>,
    /// An official client's own second try, which carries no key.
    pub retry: bool,
}

/// What became of an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It is a new job.
    New,
    /// It stands for this one.
    Same(JobId),
    /// The key stands for a request with other content.
    KeyReused,
}

/// How long an idempotency key is kept.
pub const KEY_LIFE: Ms = 24 * 3_600_000;

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Whose.
    pub owner: String,
    /// At most so many.
    pub limit: usize,
    /// Older than this one.
    pub after: Option<JobId>,
    /// In this state.
    pub status: Option<Status>,
    /// Whose last attempt was there.
    pub provider: Option<String>,
}

/// A page of jobs.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Newest first.
    pub jobs: Vec<Job>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// One request and its answer, as a job's log shows it: no body, no key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The job.
    #[serde(skip)]
    pub job: Option<Arc<JobId>>,
    /// Which attempt of it.
    pub attempt: u32,
    /// When it was sent.
    pub at: Ms,
    /// `GET`, `POST` …
    pub method: String,
    /// Without its query.
    pub url: String,
    /// `uploading`, `submitting`, `polling` or `downloading`.
    pub phase: String,
    /// HTTP status; null when there was no answer.
    pub status: Option<u16>,
    /// From the first byte sent to the last received.
    pub elapsed_ms: u64,
    /// `no` or `maybe` when there was no answer.
    pub sent: Option<String>,
    /// Why there was none.
    pub error: Option<String>,
}

/// Storage that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process changed the job; it is no longer ours.
    #[error("job {0} was changed by another process")]
    Conflict(JobId),
    /// Disk full, read-only, broken.
    #[error("the database cannot be used: {0}")]
    Unavailable(String),
    /// A row that cannot be read.
    #[error("a stored job cannot be read: {0}")]
    Corrupt(String),
}

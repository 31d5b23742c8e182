//! Where jobs are kept: the few verbs the engine needs. What a verb has answered survives a crash.

mod columns;
#[cfg(test)]
mod conformance;
pub mod lock;
#[cfg(test)]
pub(crate) mod memory;
pub mod sqlite;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::clock::Ms;
use crate::id::JobId;
use crate::job::{Job, Outline, Status};
use crate::pin::PinId;

/// The database's file in the data folder.
pub const DATABASE: &str = "retouch.db";

/// Storage of jobs. Implementations pass one suite of tests.
pub trait Store: Send + Sync {
    /// Writes a new job, unless the client's claim stands for one that is there already, or its owner
    /// has `most` that are not at their end; 0 sets no bound. Decided where it is written, so that of
    /// many at once no more are.
    fn admit_among(
        &self,
        job: &Job,
        claim: &Claim,
        most: u32,
    ) -> BoxFuture<'static, Result<Admitted, StoreError>>;

    /// The same without a bound.
    fn admit(&self, job: &Job, claim: &Claim) -> BoxFuture<'static, Result<Admitted, StoreError>> {
        self.admit_among(job, claim, 0)
    }

    /// What [`Store::admit`] would find by the claim.
    fn find(
        &self,
        owner: &str,
        fingerprint: &str,
        claim: &Claim,
        now: Ms,
    ) -> BoxFuture<'static, Result<Admitted, StoreError>>;

    /// Replaces a job's record if its stored revision is the one before. The status of a job at its
    /// end stays.
    fn commit(&self, job: &Job) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Reads one.
    fn load(&self, id: &JobId) -> BoxFuture<'static, Result<Option<Job>, StoreError>>;

    /// Every job with something left to do, oldest first: those not at their end, and those with an
    /// attempt that may still come to something.
    fn loose_ends(&self) -> BoxFuture<'static, Result<Vec<Outline>, StoreError>>;

    /// One page, newest first.
    fn list(&self, filter: Filter) -> BoxFuture<'static, Result<Page, StoreError>>;

    /// How many jobs of that owner are not at their end.
    fn unfinished(&self, owner: &str) -> BoxFuture<'static, Result<u64, StoreError>>;

    /// Notes what was said to a provider. Not waited for: a lost note costs nothing.
    fn note(&self, exchange: Exchange);

    /// A job's notes, in order.
    fn exchanges(&self, id: &JobId) -> BoxFuture<'static, Result<Vec<Exchange>, StoreError>>;

    /// Keeps a pin's content, the first that is given. To be called before a row names it, again if
    /// that was a while ago: see [`Cuts::pins`].
    fn pin(&self, id: PinId, content: String) -> BoxFuture<'static, Result<(), StoreError>>;

    /// A pin's content.
    fn pinned(&self, id: PinId) -> BoxFuture<'static, Result<Option<String>, StoreError>>;

    /// Writes every pin's content anew as it says, all in one step, and tells how many it changed.
    /// `None` leaves one as it is.
    fn rewrite_pins(&self, anew: Anew) -> BoxFuture<'static, Result<usize, StoreError>>;

    /// How many attempts each provider was submitted since then, by provider id.
    fn submits(&self, since: Ms) -> BoxFuture<'static, Result<Vec<(String, u64)>, StoreError>>;

    /// Forgets a job for which nothing is left to do, with its notes; says which images no other job
    /// needs. `None`: there is no such job.
    fn forget(&self, id: &JobId) -> BoxFuture<'static, Result<Option<Vec<String>>, StoreError>>;

    /// Removes what is older than the cuts, at most `most` rows of each kind.
    fn sweep(&self, cuts: Cuts, most: usize) -> BoxFuture<'static, Result<Swept, StoreError>>;

    /// Drops the images of the `most` jobs that ended first, whatever their age; says which images
    /// no other job needs.
    fn shed(&self, most: usize) -> BoxFuture<'static, Result<Vec<String>, StoreError>>;

    /// Which of these images no job needs.
    fn unneeded(&self, names: Vec<String>) -> BoxFuture<'static, Result<Vec<String>, StoreError>>;
}

/// What is to become of a content.
pub type Anew = Box<dyn Fn(&str) -> Option<String> + Send>;

/// What ended, or was noted, before these times is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Clients' images, by [`Job::settled`] of their job.
    pub inputs: Ms,
    /// Results, by the same.
    pub results: Ms,
    /// Jobs, by the same. One that a key within its own cut stands for stays: it would be paid for
    /// twice.
    pub jobs: Ms,
    /// Notes of exchanges.
    pub exchanges: Ms,
    /// Idempotency keys, by their first use.
    pub keys: Ms,
    /// Pins that no job with something left to do names, by when they were last kept. The cut lies
    /// an hour back or more: a pin is kept some time before the row that names it. Zero: none, which
    /// spares a look at all those jobs.
    pub pins: Ms,
}

/// What a sweep removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs.
    pub jobs: usize,
    /// Notes of exchanges.
    pub exchanges: usize,
    /// Pins.
    pub pins: usize,
    /// Images that no job needs any more.
    pub images: Vec<String>,
    /// Whether `most` was reached, so that there may be more.
    pub more: bool,
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
    /// Its owner has as many unfinished jobs as they may.
    TooMany,
}

/// How long an idempotency key is kept.
pub const KEY_LIFE: Ms = 24 * 3_600_000;

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Whose; none: everybody's.
    pub owner: Option<String>,
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
    pub job: Option<JobId>,
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

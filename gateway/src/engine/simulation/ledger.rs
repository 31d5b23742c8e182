//! What the providers know: every submit that reached them, every piece of work they took, and what
//! they charged for it.

use std::collections::BTreeMap;

use crate::clock::Ms;

/// One provider's books, of all providers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By its id.
    pub(super) tasks: BTreeMap<String, Task>,
    /// Submits that were let go, whether they arrived or not.
    pub(super) submits: Vec<Submit>,
    /// Questions how a task goes.
    pub(super) polls: u64,
    /// Questions about a task with another key than it was submitted with.
    pub(super) foreign: Vec<String>,
}

/// One submit on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Submit {
    pub(super) who: Who,
    pub(super) provider: String,
    pub(super) at: Ms,
}

/// Which attempt of which job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Who {
    /// The job's id as text.
    pub(super) job: String,
    /// Which of the clients' jobs, the same in each run of a seed.
    pub(super) wish: u64,
    pub(super) attempt: u32,
}

/// Work a provider took and charged for.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) who: Who,
    pub(super) provider: String,
    pub(super) key: String,
    pub(super) accepted: Ms,
    pub(super) ends: Ms,
    pub(super) end: End,
    pub(super) images: u32,
    /// Times its end was told.
    pub(super) told: u32,
    pub(super) stopped: Option<Ms>,
}

/// What work comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Pictures.
    Done,
    /// Nothing, and the charge is given back.
    FailedFree,
    /// Nothing, and the charge stays.
    FailedBilled,
    /// Its policy forbids it; the charge is given back.
    Policy,
}

impl Task {
    /// What it costs in the end.
    pub(super) fn is_charged(&self) -> bool {
        matches!(self.end, End::Done | End::FailedBilled)
    }

    /// When its charge was given back.
    pub(super) fn refunded(&self) -> Ms {
        if self.is_charged() { Ms::MAX } else { self.ends }
    }
}

//! What a store must know of a job beside its record: how it stands, when it ended, which images it
//! needs. Read off the job alone, so that every store says the same.

use std::collections::BTreeSet;

use crate::attempt::{Attempt, State};
use crate::clock::Ms;
use crate::images::{Kind, Stored};
use crate::job::Job;

/// A job as queries see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// The status as clients read it.
    pub(super) status: &'static str,
    /// The provider a client is told of first.
    pub(super) provider: Option<String>,
    /// Whether something is left to do.
    pub(super) loose: bool,
    /// Whether it is at its end.
    pub(super) over: bool,
    /// Since when nothing is left to do for it: what is kept of it ages from then.
    pub(super) finished: Option<Ms>,
    /// Every image it needs.
    pub(super) images: BTreeSet<Need>,
}

/// An image's name, and whether it was the client's.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub(super) name: String,
    pub(super) kind: &'static str,
}

impl Columns {
    /// Of this job.
    pub(super) fn of(job: &Job) -> Self {
        let record = &job.record;
        Self {
            status: record.status.as_str(),
            provider: job.leading().map(|a| a.provider.clone()),
            loose: job.is_loose(),
            over: record.status.is_terminal(),
            finished: job.settled(),
            images: images(job),
        }
    }
}

/// As the tables spell it.
pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Input => "input",
        Kind::Result => "result",
    }
}

fn images(job: &Job) -> BTreeSet<Need> {
    let attempts = || job.record.attempts.iter();
    let handles = job.request.handles();
    let inputs = handles.iter().chain(attempts().flat_map(|a| &a.inputs));
    // What is lifted out of an answer is not a slot's yet, and it was paid for.
    let results = job.images().chain(attempts().flat_map(made));
    let need =
        |kind: Kind| move |image: &Stored| Need { name: image.name.clone(), kind: word(kind) };
    inputs.map(need(Kind::Input)).chain(results.map(need(Kind::Result))).collect()
}

fn made(attempt: &Attempt) -> impl Iterator<Item = &Stored> {
    let stored = match &attempt.state {
        State::Stored(images) => images.as_slice(),
        _ => &[],
    };
    stored.iter().flatten().chain(&attempt.blobs)
}

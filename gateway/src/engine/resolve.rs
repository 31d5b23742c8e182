//! A person's word on an attempt whose answer was lost: what became of it at the provider.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Engine;
use super::cell::{Cell, Word};
use crate::attempt::{Event, State};
use crate::clock::now_ms;
use crate::id::JobId;
use crate::job::Job;
use crate::store::StoreError;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The provider has it, under this id.
    Created(String),
    /// The provider has nothing of it.
    NotCreated,
}

/// Why nothing was resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotResolved {
    /// There is no such job.
    #[error("there is no such job")]
    NoJob,
    /// None of its attempts, or not the one named, waits for that.
    #[error("no attempt of this job has an unknown outcome{}", number(.0))]
    NothingUnknown(Option<u32>),
    /// Several could be meant.
    #[error("several attempts have an unknown outcome: {}; name one", list(.0))]
    Several(Vec<u32>),
    /// Its plugin cannot go on from that.
    #[error("the provider's plugin cannot follow a task by its id")]
    CannotFollow,
    /// The process is stopping.
    #[error("the gateway is stopping")]
    Closing,
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Takes a person's word. A job that was held for it goes on; one at its end stays as it is, and
    /// what the attempt comes to is recorded with it.
    ///
    /// # Errors
    /// See [`NotResolved`]; nothing has changed then.
    pub async fn resolve(
        &self,
        id: &JobId,
        attempt: Option<u32>,
        found: Resolution,
    ) -> Result<Arc<Job>, NotResolved> {
        loop {
            let job = self.signed(id).await?.ok_or(NotResolved::NoJob)?;
            let attempt = unknown(&job, attempt)?;
            let event = match found.clone() {
                Resolution::Created(task) => Event::Created(task),
                Resolution::NotCreated => Event::NotCreated,
            };
            let (taken, answer) = oneshot::channel();
            let cell = match self.cell(*id).await? {
                Some(cell) => cell,
                None => self.cells.put(*id, Arc::new(Cell::new((*job).clone(), Vec::new()))),
            };
            // From here on its row is newer than what is remembered of its end.
            self.finished.invalidate(id);
            cell.say(Word { attempt, event, taken });
            self.timer.arm(id, now_ms());
            let answer = tokio::select! {
                answer = answer => answer,
                () = self.closing.cancelled() => return Err(NotResolved::Closing),
            };
            match answer {
                Ok(true) => return Ok(cell.job()),
                Ok(false) => return Err(NotResolved::CannotFollow),
                // Its driver had just let go of it: said anew, it is taken up anew.
                Err(_) => {}
            }
        }
    }
}

/// The attempt that is meant.
fn unknown(job: &Job, named: Option<u32>) -> Result<u32, NotResolved> {
    let unknown = job.record.attempts.iter().filter(|a| matches!(a.state, State::Unknown(_)));
    let meant: Vec<u32> =
        unknown.map(|a| a.number).filter(|n| named.is_none_or(|named| named == *n)).collect();
    match meant[..] {
        [one] => Ok(one),
        [] => Err(NotResolved::NothingUnknown(named)),
        _ => Err(NotResolved::Several(meant)),
    }
}

fn number(named: &Option<u32>) -> String {
    named.map(|n| format!(" under the number {n}")).unwrap_or_default()
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

//! After a start: every unfinished job is taken up where its row says it stands. A crash is no
//! special case but for one: an unsafe request whose answer was never written.

use std::sync::Arc;

use retouch_sdk::Failure;

use super::Engine;
use super::begin::settle;
use super::cell::Cell;
use crate::attempt::{Event, State};
use crate::clock::now_ms;
use crate::job::Job;
use crate::store::StoreError;

impl Engine {
    /// Takes up what a process before this one left.
    pub(super) async fn recover(self: &Arc<Self>) -> Result<(), StoreError> {
        let jobs = self.parts.store.unfinished().await?;
        if !jobs.is_empty() {
            tracing::info!(jobs = jobs.len(), "Unfinished jobs are taken up.");
        }
        for job in jobs {
            self.take_up(job).await?;
        }
        Ok(())
    }

    async fn take_up(&self, mut job: Job) -> Result<(), StoreError> {
        let id = job.id.clone();
        let forgotten = job.record.sandbox
            && job.attempt().is_some_and(|a| !matches!(a.state, State::Fetching(_)));
        if forgotten {
            job.begin_anew();
        }
        if self.interrupt(&mut job) || forgotten {
            job.record.rev += 1;
            self.parts.store.commit(&job).await?;
        }
        let provider = job.attempt().filter(|a| a.is_open()).map(|a| a.provider.clone());
        let snapshot = self.parts.snapshot.load();
        let place =
            provider.and_then(|id| snapshot.provider(&id).map(|p| self.live.retake(&p.account)));
        self.lock().insert(id.clone(), Arc::new(Cell::new(job, place)));
        self.timer.arm(&id, now_ms());
        Ok(())
    }

    /// The crash table. Planned: send it. Accepted: ask how it goes. Fetching: fetch. In flight:
    /// nobody knows, so the attempt's doubt decides, never a second submit.
    fn interrupt(&self, job: &mut Job) -> bool {
        let now = now_ms();
        let Some(attempt) = job.attempt_mut() else { return false };
        match attempt.state {
            State::InFlight => {
                attempt.advance(Event::Interrupted, now, |_, _| {
                    Err(Failure::plugin_bug("not a step"))
                });
                let provider = attempt.provider.clone();
                match self.parts.snapshot.load().provider(&provider) {
                    Some(provider) => settle(job, provider, now),
                    None => job.settle(None, false, now),
                }
                true
            }
            State::Planned
            | State::Accepted
            | State::Fetching(_)
            | State::Stored(_)
            | State::Refused(_)
            | State::Failed(..)
            | State::Unknown(_)
            | State::Abandoned => false,
        }
    }
}

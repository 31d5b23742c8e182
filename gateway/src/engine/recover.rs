//! After a start: every unfinished job is taken up where its row says it stands. A crash is no
//! special case but for one: an unsafe request whose answer was never written.

use std::sync::Arc;

use retouch_sdk::Failure;

use super::Engine;
use super::begin::settle;
use super::cell::Cell;
use crate::attempt::{Attempt, Event, State};
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
        let forgotten = job.record.sandbox && job.record.attempts.iter().any(Attempt::is_open);
        if forgotten {
            job.begin_anew(now_ms() + self.queue_time(&job.request));
        }
        if self.interrupt(&mut job) || forgotten {
            job.record.rev += 1;
            self.parts.store.commit(&job).await?;
        }
        let snapshot = self.parts.snapshot.load();
        let open = job.record.attempts.iter().filter(|a| a.is_open());
        let places = open.filter_map(|a| {
            let provider = snapshot.provider(&a.provider)?;
            Some((a.number, self.live.retake(&provider.account)))
        });
        let cell = Arc::new(Cell::new(job.clone(), places.collect()));
        self.lock().insert(job.id.clone(), cell);
        self.timer.arm(&job.id, now_ms());
        Ok(())
    }

    /// The crash table. Planned: send it. Accepted: ask how it goes. Fetching: fetch. In flight:
    /// nobody knows, so the attempt's doubt decides, never a second submit.
    pub(super) fn interrupt(&self, job: &mut Job) -> bool {
        let now = now_ms();
        let in_doubt = job.record.attempts.iter().filter(|a| match a.state {
            State::InFlight => true,
            State::Planned
            | State::Accepted
            | State::Fetching(_)
            | State::Stored(_)
            | State::Refused(_)
            | State::Failed(..)
            | State::Unknown(_)
            | State::Abandoned
            | State::Canceled => false,
        });
        let in_doubt: Vec<u32> = in_doubt.map(|a| a.number).collect();
        for number in &in_doubt {
            let Some(attempt) = job.attempt_mut(*number) else { continue };
            attempt.advance(Event::Interrupted, now, |_, _| Err(Failure::plugin_bug("not a step")));
            let provider = attempt.provider.clone();
            match self.parts.snapshot.load().provider(&provider) {
                Some(provider) => settle(job, *number, provider, now),
                None => job.settle(*number, None, false, now),
            }
        }
        !in_doubt.is_empty()
    }
}

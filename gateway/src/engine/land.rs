//! What comes back: a flight that landed, a word, an interruption. It happens to its attempt in
//! memory, with all that follows from it, and is written if it must survive a crash.

use tokio::task::JoinError;

use super::begin::{deadline, release_if_due, settle};
use super::drive::{Driver, Landing, NotOurs};
use super::due;
use super::note;
use super::step::Frame;
use crate::attempt::Event;
use crate::clock::{Ms, now_ms};
use crate::job::Doubt;
use crate::live::{Heard, Seen};

impl Driver<'_> {
    /// Takes what came of a flight, and writes it if it must survive a crash.
    pub(super) async fn landed(
        &mut self,
        landed: Result<Landing, JoinError>,
    ) -> Result<(), NotOurs> {
        let (number, event, upload) = match landed {
            Ok(landing) => landing,
            // It broke, and so does its driver: nobody knows how far it came.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return Ok(()),
        };
        self.flying.remove(&number);
        let Some(before) = self.job.attempt(number).cloned() else { return Ok(()) };
        self.happened(number, event);
        let Some(after) = self.job.attempt(number) else { return Ok(()) };
        if let Some(upload) = upload.filter(|_| after.failure().is_none() && after.tries == 0) {
            upload.accept(now_ms());
        }
        if due::same(&before, after) {
            self.cell.show(&self.job);
            return Ok(());
        }
        self.commit().await
    }

    /// Lets something happen to an attempt, in memory, with all that follows from it.
    pub(super) fn happened(&mut self, number: u32, event: Event) {
        let now = now_ms();
        let Some(before) = self.job.attempt(number).cloned() else { return };
        let id = self.job.id;
        let Some(provider) = self.providers.get(&number).cloned() else {
            return self.happened_alone(number, event, now);
        };
        let until = deadline(&self.job, &provider, now);
        let Some(attempt) = self.job.attempt_mut(number) else { return };
        let frame = Frame {
            provider: &provider,
            job: &id,
            attempt: number,
            now,
            deadline: attempt.deadline,
        };
        let seen = Seen::of(&event);
        attempt.advance(event, now, |memo, call| frame.step(memo, call));
        if attempt.memo.state != before.memo.state {
            attempt.memo.written_by(&provider.library);
        }
        if before.given_up.is_none() {
            self.engine.live.heard(&provider, Heard::of(&before, seen, attempt), now);
        }
        let wanted = !self.engine.closing.is_cancelled() && !self.cell.is_canceled();
        if wanted && now < attempt.deadline {
            release_if_due(attempt, now);
        }
        if before.submitted.is_none() && attempt.submitted.is_some() {
            attempt.deadline = until;
            self.engine.live.submitted(provider.account, now);
        }
        self.engine.learn(&before, attempt, &provider, now);
        note::trouble(&id, &before, attempt);
        if !due::same(&before, attempt) {
            settle(&mut self.job, number, &provider, now);
            self.job.welcome(number, until);
            let wait = self.engine.queue_time(&self.job.request);
            self.job.waits_anew(number, now, wait);
        }
    }

    /// Without its provider an attempt can only learn that it was interrupted.
    fn happened_alone(&mut self, number: u32, event: Event, now: Ms) {
        let Some(attempt) = self.job.attempt_mut(number) else { return };
        let nobody = || retouch_sdk::Failure::plugin_bug("its provider is not in the catalog");
        let before = attempt.state.clone();
        attempt.advance(event, now, |_, _| Err(nobody()));
        // What was settled by its provider's policy stays so.
        if attempt.state != before {
            self.job.settle(number, None, Doubt::Ends, now);
        }
    }
}

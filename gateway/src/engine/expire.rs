//! When time is over: attempts are given up, and what waits for a provider is.

use retouch_sdk::Failure;

use super::begin::settle;
use super::drive::{Driver, NotOurs};
use super::due::{self, overdue};
use crate::clock::{Ms, now_ms};
use crate::live::Heard;

impl Driver<'_> {
    /// Gives up what has had its time.
    pub(super) async fn expire(&mut self) -> Result<(), NotOurs> {
        let now = now_ms();
        let late =
            self.job.record.attempts.iter().filter(|a| match self.flying.contains_key(&a.number) {
                true => due::outlives(a) && now >= a.deadline,
                false => overdue(a, self.providers.contains_key(&a.number), now),
            });
        let late: Vec<u32> = late.map(|a| a.number).collect();
        let waits = now >= self.job.record.deadline && !self.job.shares().is_empty();
        if late.is_empty() && !waits {
            return Ok(());
        }
        for number in late {
            self.time_is_over(number, now);
        }
        if waits {
            self.job.expire_waiting(now);
        }
        self.commit().await
    }

    /// A submit that is still unanswered when its attempt's time is over, though not its job's, leaves
    /// the same doubt as a lost answer. It is listened to all the same.
    fn time_is_over(&mut self, number: u32, now: Ms) {
        let provider = self.providers.get(&number).cloned();
        let asked = self.flying.contains_key(&number);
        let asked_for = self.job.request.timeout.map(|seconds| seconds.saturating_mul(1_000));
        let over = asked_for.is_some_and(|limit| now >= self.job.record.created + limit);
        // A client's own haste says nothing of the provider.
        if let Some(provider) = provider.as_ref().filter(|_| !over) {
            self.engine.live.heard(provider, Heard::Broke, now);
        }
        let Some(provider) = provider.filter(|_| asked && !over) else {
            return self.job.expire(number, asked, now);
        };
        let why = "the provider did not answer in time";
        if let Some(attempt) = self.job.attempt_mut(number) {
            attempt.give_up(now, Some(Failure::unknown_outcome(why)));
        }
        settle(&mut self.job, number, &provider, now);
        let wait = self.engine.queue_time(&self.job.request);
        self.job.waits_anew(number, now, wait);
    }
}

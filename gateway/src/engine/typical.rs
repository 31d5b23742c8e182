//! What callers may be told of a job's time: how long its like take, and when to look again.

use super::Engine;
use super::hear::key;
use crate::clock::Ms;
use crate::job::Job;
use crate::poll::{self, Quantiles};

impl Engine {
    /// How long tasks like the one a job waits for take, as far as that is known.
    pub fn typical(&self, job: &Job) -> Option<Quantiles> {
        let attempt = job.leading()?;
        let snapshot = self.parts.snapshot.load();
        let provider = snapshot.provider(&attempt.provider)?;
        self.pace.quantiles(key(attempt, provider))
    }

    /// When a client may look at an unfinished job again, in seconds.
    pub fn retry_after(&self, job: &Job, now: Ms) -> u64 {
        let submitted = job.leading().and_then(|attempt| attempt.submitted);
        let typical = submitted.and_then(|_| self.typical(job));
        poll::retry_after(typical, now.saturating_sub(submitted.unwrap_or(now)))
    }
}

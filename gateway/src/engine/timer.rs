//! When each job is due: one queue for all of them, and each driven by one task at a time.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::{Ms, now_ms};
use crate::id::JobId;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Timer {
    state: Mutex<Queue>,
    earlier: Notify,
}

/// Plain data, so that it can be tested without a clock.
#[derive(Debug, Default)]
struct Queue {
    due: BTreeSet<(Ms, JobId)>,
    armed: HashMap<JobId, Ms>,
    running: HashSet<JobId>,
}

impl Timer {
    /// Makes a job due at `at`, or earlier if it already was.
    pub(super) fn arm(&self, job: &JobId, at: Ms) {
        self.lock().arm(job, at);
        self.earlier.notify_one();
    }

    /// Says that a job's driver has returned; whatever it armed meanwhile counts from now.
    pub(super) fn finished(&self, job: &JobId) {
        self.lock().running.remove(job);
        self.earlier.notify_one();
    }

    /// The next job that is due and not driven; it counts as driven until [`Timer::finished`].
    pub(super) async fn next(&self) -> JobId {
        loop {
            let now = now_ms();
            let found = self.lock().pop(now);
            match found {
                Found::Due(job) => return job,
                Found::At(at) => {
                    let wait = Duration::from_millis(at.saturating_sub(now));
                    let _ = tokio::time::timeout(wait, self.earlier.notified()).await;
                }
                Found::Nothing => self.earlier.notified().await,
            }
        }
    }

    /// A job that is due now, without waiting.
    pub(super) fn due(&self) -> Option<JobId> {
        match self.lock().pop(now_ms()) {
            Found::Due(job) => Some(job),
            Found::At(_) | Found::Nothing => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Due(JobId),
    At(Ms),
    Nothing,
}

impl Queue {
    fn arm(&mut self, job: &JobId, at: Ms) {
        match self.armed.get(job) {
            Some(earlier) if *earlier <= at => return,
            Some(later) => {
                self.due.remove(&(*later, *job));
            }
            None => {}
        }
        self.armed.insert(*job, at);
        self.due.insert((at, *job));
    }

    fn pop(&mut self, now: Ms) -> Found {
        let ready = self.due.iter().find(|(_, job)| !self.running.contains(job)).cloned();
        match ready {
            Some((at, job)) if at <= now => {
                self.due.remove(&(at, job));
                self.armed.remove(&job);
                self.running.insert(job);
                Found::Due(job)
            }
            Some((at, _)) => Found::At(at),
            None => Found::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_first_and_arming_again_only_brings_it_forward() {
        let mut queue = Queue::default();
        let (a, b) = (JobId::new(), JobId::new());
        queue.arm(&a, 30);
        queue.arm(&b, 20);
        queue.arm(&a, 10);
        queue.arm(&a, 40);
        assert_eq!(queue.pop(5), Found::At(10));
        assert_eq!(queue.pop(25), Found::Due(a));
        assert_eq!(queue.pop(25), Found::Due(b));
        assert_eq!(queue.pop(25), Found::Nothing);
    }

    #[test]
    fn a_job_is_never_driven_twice_at_once() {
        let mut queue = Queue::default();
        let job = JobId::new();
        queue.arm(&job, 1);
        assert_eq!(queue.pop(1), Found::Due(job));
        queue.arm(&job, 1);
        assert_eq!(queue.pop(1), Found::Nothing, "its driver still runs");
        queue.running.remove(&job);
        assert_eq!(queue.pop(1), Found::Due(job));
    }
}

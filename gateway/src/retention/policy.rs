//! What goes and when: the settings as decisions. Pure; time is an argument.

use std::time::Duration;

use crate::clock::Ms;
use crate::job::Job;
use crate::settings;
use crate::store::{Cuts, KEY_LIFE};

/// How long before its job's age begins a pin may have been kept last: the longest that a job and
/// what goes on without it take. Then it outlives every job that may still be resolved with it.
const PIN_LEAD: Ms = 8 * 86_400_000;
/// Pauses between two rounds lie within these bounds.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A part of the shortest retention: so exact are the times, at a small price.
const ROUNDS_A_LIFE: u32 = 20;
/// The share of the size that is made free at once, so that not every new image removes another.
const SLACK: u64 = 20;
/// Jobs that lose their images in one write at most.
const MOST_SHED: usize = 64;
/// Of the file system this share, at most so many bytes, is left to the database.
const RESERVE_SHARE: u64 = 100;
const MOST_RESERVE: u64 = 256_000_000;

/// How long things are kept, and how much of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    results: Ms,
    inputs: Ms,
    jobs: Ms,
    exchanges: Ms,
    size: u64,
}

impl Policy {
    /// What the settings say. Nothing outlives its job.
    pub fn of(settings: &settings::Retention) -> Self {
        let jobs = settings.jobs.ms();
        Self {
            results: settings.results.ms().min(jobs),
            inputs: settings.inputs.ms().min(jobs),
            jobs,
            exchanges: settings.exchanges.ms().min(jobs),
            size: settings.size.bytes,
        }
    }

    /// What is too old now.
    pub fn cuts(&self, now: Ms) -> Cuts {
        let before = |life| now.saturating_sub(life);
        Cuts {
            inputs: before(self.inputs),
            results: before(self.results),
            jobs: before(self.jobs),
            exchanges: before(self.exchanges),
            keys: before(KEY_LIFE),
            pins: before(self.jobs.saturating_add(PIN_LEAD)),
        }
    }

    /// When a job's results go; `None` while something is left to do for it.
    pub fn expires(&self, job: &Job) -> Option<Ms> {
        job.settled().map(|since| since.saturating_add(self.results))
    }

    /// The pause between two rounds.
    pub fn pause(&self) -> Duration {
        let lives = [self.results, self.inputs, self.jobs, self.exchanges];
        let shortest = Duration::from_millis(lives.into_iter().min().unwrap_or_default());
        (shortest / ROUNDS_A_LIFE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    /// How many bytes all images may have.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes are to be made free when there are so many: none up to the size, and beyond
    /// it a little more than is too much.
    pub fn excess(&self, bytes: u64) -> u64 {
        if bytes <= self.size {
            return 0;
        }
        bytes - (self.size - self.size / SLACK)
    }
}

/// How many jobs to take next for `excess` bytes, after the images of `shed` jobs freed `freed`: half
/// of what that experience says, so that no job loses its images for nothing.
pub(super) fn next_batch(excess: u64, shed: usize, freed: u64) -> usize {
    let shed = shed.max(1);
    if freed == 0 {
        return (shed * 2).min(MOST_SHED);
    }
    let jobs = u128::from(excess) * shed as u128 / u128::from(freed) / 2;
    usize::try_from(jobs).unwrap_or(MOST_SHED).clamp(1, MOST_SHED)
}

/// What of a file system of that size is left to the database.
pub(super) fn reserve(total: u64) -> u64 {
    (total / RESERVE_SHARE).min(MOST_RESERVE)
}

/// How many bytes are to be made free on a file system that is low: so many that it is not any more.
pub(super) fn shortage(free: u64, total: u64) -> u64 {
    reserve(total).saturating_mul(2).saturating_sub(free)
}

/// Whether a file system has too little room for inputs. Once it had, it needs twice the reserve: so
/// the answer does not change with every image.
pub(super) fn is_low(free: u64, total: u64, was_low: bool) -> bool {
    free < reserve(total).saturating_mul(if was_low { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::attempt::{Attempt, GivenUp, State};
    use crate::job::Status;
    use crate::request::EditRequest;

    const DAY: Ms = 86_400_000;

    fn policy() -> Policy {
        Policy::of(&settings::Settings::default().retention)
    }

    #[test]
    fn ages_count_back_from_now() {
        let cuts = policy().cuts(100 * DAY);
        let want = Cuts {
            inputs: 99 * DAY,
            results: 93 * DAY,
            jobs: 10 * DAY,
            exchanges: 93 * DAY,
            keys: 99 * DAY,
            pins: 2 * DAY,
        };
        assert_eq!(cuts, want);
        assert_eq!(policy().cuts(5), Cuts::default(), "nothing is older than time");
    }

    #[test]
    fn nothing_outlives_its_job() {
        let mut settings = settings::Settings::default().retention;
        settings.jobs = settings.inputs;
        let policy = Policy::of(&settings);
        let cuts = policy.cuts(100 * DAY);
        assert_eq!((cuts.results, cuts.exchanges, cuts.jobs), (99 * DAY, 99 * DAY, 99 * DAY));
    }

    #[test]
    fn a_job_expires_after_its_end_only() {
        let mut job = Job::new("o".to_owned(), Arc::new(EditRequest::default()), 0, 0);
        assert_eq!(policy().expires(&job), None);
        job.record.finished = Some(DAY);
        job.record.status = Status::Succeeded;
        assert_eq!(policy().expires(&job), Some(8 * DAY));
    }

    #[test]
    fn what_comes_late_is_kept_as_long_as_what_came_in_time() {
        let mut job = Job::new("o".to_owned(), Arc::new(EditRequest::default()), 0, 0);
        (job.record.status, job.record.finished) = (Status::Expired, Some(DAY));
        let mut late = Attempt::planned(1, "p".to_owned(), 0);
        (late.state, late.given_up) = (State::Accepted, Some(given_up(DAY)));
        job.record.attempts = vec![late];
        assert_eq!(policy().expires(&job), None, "it may still come");
        let late = &mut job.record.attempts[0];
        (late.state, late.finished) = (State::Stored(Vec::new()), Some(9 * DAY));
        assert_eq!(policy().expires(&job), Some(16 * DAY));
    }

    fn given_up(at: Ms) -> GivenUp {
        GivenUp { at, failure: None, tell: true }
    }

    #[test]
    fn rounds_are_as_frequent_as_the_shortest_life_needs() {
        let with_inputs = |inputs| Policy { inputs, ..policy() }.pause();
        assert_eq!(with_inputs(DAY), Duration::from_secs(300));
        assert_eq!(with_inputs(3_600_000), Duration::from_secs(180));
        assert_eq!(with_inputs(1_000), Duration::from_secs(1));
    }

    #[test]
    fn what_is_too_much_goes_with_a_little_more() {
        let policy = Policy { size: 1_000, ..policy() };
        for (bytes, want) in [(0, 0), (1_000, 0), (1_001, 51), (2_000, 1_050)] {
            assert_eq!(policy.excess(bytes), want, "{bytes}");
        }
    }

    #[test]
    fn a_batch_is_half_of_what_would_do() {
        for (excess, shed, freed, want) in [
            (1_000, 0, 0, 2),
            (1_000, 1, 0, 2),
            (1_000, 2, 0, 4),
            (1_000, 1, 100, 5),
            (1_000, 5, 500, 5),
            (10, 5, 500, 1),
            (u64::MAX, 1, 1, 64),
            (1_000, 64, 0, 64),
        ] {
            assert_eq!(next_batch(excess, shed, freed), want, "{excess} {shed} {freed}");
        }
    }

    #[test]
    fn a_disk_is_low_below_its_reserve_and_until_twice_that() {
        const TB: u64 = 1_000_000_000_000;
        assert_eq!((reserve(TB), reserve(1_000_000)), (256_000_000, 10_000));
        assert!(!is_low(10_000, 1_000_000, false));
        assert!(is_low(9_999, 1_000_000, false));
        assert!(is_low(19_999, 1_000_000, true));
        assert!(!is_low(20_000, 1_000_000, true));
    }

    #[test]
    fn what_a_low_disk_is_short_of_makes_it_low_no_more() {
        for (free, want) in [(9_999, 10_001), (0, 20_000), (20_000, 0), (90_000, 0)] {
            assert_eq!(shortage(free, 1_000_000), want, "{free}");
            assert!(!is_low(free + shortage(free, 1_000_000), 1_000_000, true));
        }
    }

    proptest! {
        #[test]
        fn what_is_made_free_brings_the_rest_below_the_size(bytes: u64, size: u64) {
            let policy = Policy { size, ..policy() };
            let left = bytes.saturating_sub(policy.excess(bytes));
            prop_assert!(left <= size);
            prop_assert!(bytes <= size || left >= size - size / SLACK);
        }

        #[test]
        fn a_batch_is_always_some_jobs(excess: u64, shed in 0_usize..100, freed: u64) {
            prop_assert!((1..=MOST_SHED).contains(&next_batch(excess, shed, freed)));
        }
    }
}

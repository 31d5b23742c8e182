//! What each client key still may: jobs a minute, and jobs at once. Kept beside the catalog, so that
//! a reload gives nobody a fresh minute, and read by the limits the key has now. Bounded: it knows
//! only keys that exist, and forgets those that have used nothing of late.

mod turns;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::key::{Key, Limits};
use crate::clock::Ms;
use crate::request::EditRequest;
use crate::store::Claim;
use turns::{Turn, Turns};

/// What `per_minute` counts in. Microseconds, so that a thousand a minute share it evenly.
const MINUTE: u64 = 60_000_000;
/// Beyond so many keys those with nothing used are forgotten.
const MANY: usize = 1_024;
/// After so many seconds a client may look whether one of its jobs has ended.
pub(super) const AGAIN: u64 = 5;

/// What was used, by key.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    used: Mutex<HashMap<String, Used>>,
    turns: Turns,
}

/// What one key has used.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    /// When, in microseconds, everything it used this minute will have come back.
    back: u64,
    /// Requests on their way to being jobs. Some may be stored already, so that they are not added to
    /// those that are: this only keeps the store, which has the last word, from being crowded.
    coming: u32,
}

/// Why a key may not make a job now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    /// Too many this minute; in so many seconds there is room for one.
    Minute(u32, u64),
    /// So many are not at their end, as many as there may be.
    AtOnce(u32, u64),
}

/// The right to make one job. Dropping it says that the job is stored or will not be.
#[derive(Debug)]
pub(crate) struct Ticket {
    allowance: Arc<Allowance>,
    key: Arc<Key>,
}

impl Allowance {
    /// Whether that key might make a job now; nothing is taken. `unfinished`: its jobs that are
    /// stored and not at their end.
    pub(crate) fn look(&self, key: &Key, unfinished: u64, now: Ms) -> Result<(), Spent> {
        let used = self.lock().get(&key.id).copied().unwrap_or_default();
        used.room(key.limits, unfinished.max(u64::from(used.coming)), now)
    }

    /// The turn of a request whose client says that it may have sent it before: whoever sends the same
    /// waits until it is dropped. None where nothing is said.
    pub(crate) async fn turn(&self, owner: &str, request: &EditRequest, claim: &Claim) -> Turn<'_> {
        if *claim == Claim::default() {
            return None;
        }
        let named = claim.key.clone().unwrap_or_else(|| request.fingerprint());
        self.turns.of(owner, &named).await
    }

    /// Takes the right to make a job. `counts_coming`: whether those on their way to being jobs count
    /// beside the `unfinished` ones; not for what may be one of them.
    pub(crate) fn take(
        self: &Arc<Self>,
        key: &Arc<Key>,
        unfinished: u64,
        counts_coming: bool,
        now: Ms,
    ) -> Result<Ticket, Spent> {
        let mut all = self.lock();
        if all.len() >= MANY {
            all.retain(|_, used| !used.is_nothing(now));
        }
        let used = all.entry(key.id.clone()).or_default();
        let coming = if counts_coming { u64::from(used.coming) } else { 0 };
        used.room(key.limits, unfinished.max(coming), now)?;
        used.back = used.back(now) + interval(key.limits);
        used.coming += 1;
        drop(all);
        Ok(Ticket { allowance: self.clone(), key: key.clone() })
    }

    fn change(&self, key: &Key, change: impl FnOnce(&mut Used)) {
        if let Some(used) = self.lock().get_mut(&key.id) {
            change(used);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    /// Whether there is room for one more beside so many.
    fn room(self, limits: Limits, at_once: u64, now: Ms) -> Result<(), Spent> {
        let Limits { per_minute, concurrency } = limits;
        // Full while what was used takes longer to come back than a minute less one job's part.
        let ahead = self.back(now) - micros(now) + interval(limits);
        if per_minute > 0 && ahead > MINUTE {
            let seconds = (ahead - MINUTE).div_ceil(1_000_000);
            return Err(Spent::Minute(per_minute, seconds.clamp(1, 60)));
        }
        if concurrency > 0 && at_once >= u64::from(concurrency) {
            return Err(Spent::AtOnce(concurrency, AGAIN));
        }
        Ok(())
    }

    /// As `back`, but never in the past, nor further ahead than a full minute: a clock that was set
    /// back must not lock a key out.
    fn back(self, now: Ms) -> u64 {
        self.back.clamp(micros(now), micros(now) + MINUTE)
    }

    fn is_nothing(self, now: Ms) -> bool {
        self.coming == 0 && self.back <= micros(now)
    }
}

impl Ticket {
    /// Says that no job was made: it does not count for the minute.
    pub(crate) fn give_back(self) {
        let interval = interval(self.key.limits);
        self.allowance.change(&self.key, |used| used.back = used.back.saturating_sub(interval));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.allowance.change(&self.key, |used| used.coming = used.coming.saturating_sub(1));
    }
}

/// How long one job's part of a minute takes to come back.
fn interval(limits: Limits) -> u64 {
    MINUTE.checked_div(u64::from(limits.per_minute)).unwrap_or(0)
}

fn micros(now: Ms) -> u64 {
    now.saturating_mul(1_000).min(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::key::Scope;

    const NOW: Ms = 1_800_000_000_000;

    fn key(id: &str, per_minute: u32, concurrency: u32) -> Arc<Key> {
        Arc::new(Key {
            id: id.to_owned(),
            name: id.to_owned(),
            prefix: String::new(),
            scopes: Scope::ALL.into(),
            limits: Limits { per_minute, concurrency },
            created: None,
            expires: None,
            revoked: None,
        })
    }

    /// Takes one and makes its job at once.
    fn made(allowance: &Arc<Allowance>, key: &Arc<Key>, now: Ms) -> Result<(), Spent> {
        let looked = allowance.look(key, 0, now);
        let taken = allowance.take(key, 0, true, now).map(drop);
        assert_eq!(looked, taken, "what is looked at is what is taken");
        taken
    }

    #[test]
    fn a_minute_has_its_number_and_comes_back_evenly() {
        let allowance = Arc::new(Allowance::default());
        let (a, b) = (key("a", 3, 0), key("b", 3, 0));
        for _ in 0..3 {
            assert_eq!(made(&allowance, &a, NOW), Ok(()));
        }
        assert_eq!(made(&allowance, &a, NOW), Err(Spent::Minute(3, 20)));
        assert_eq!(made(&allowance, &b, NOW), Ok(()), "another key has its own");
        assert_eq!(made(&allowance, &a, NOW + 19_001), Err(Spent::Minute(3, 1)));
        assert_eq!(made(&allowance, &a, NOW + 20_000), Ok(()));
        assert_eq!(made(&allowance, &a, NOW + 20_000), Err(Spent::Minute(3, 20)));
        // A reload with another limit: what was used stays used.
        assert_eq!(made(&allowance, &key("a", 6, 0), NOW + 20_000), Err(Spent::Minute(6, 10)));
        assert_eq!(made(&allowance, &key("a", 0, 0), NOW + 20_000), Ok(()), "no limit");
    }

    #[test]
    fn what_makes_no_job_does_not_count() {
        let allowance = Arc::new(Allowance::default());
        let a = key("a", 1, 1);
        for _ in 0..5 {
            allowance.take(&a, 0, true, NOW).unwrap().give_back();
        }
        let ticket = allowance.take(&a, 0, true, NOW).unwrap();
        drop(ticket);
        assert_eq!(allowance.take(&a, 0, true, NOW).map(drop), Err(Spent::Minute(1, 60)));
    }

    #[test]
    fn jobs_at_once_are_those_stored_and_those_coming() {
        let allowance = Arc::new(Allowance::default());
        let a = key("a", 0, 2);
        let first = allowance.take(&a, 0, true, NOW).unwrap();
        let second = allowance.take(&a, 0, true, NOW).unwrap();
        assert_eq!(allowance.take(&a, 0, true, NOW).map(drop), Err(Spent::AtOnce(2, AGAIN)));
        // What may be one of these is for the store to tell, as long as that has room.
        allowance.take(&a, 1, false, NOW).unwrap();
        assert_eq!(allowance.take(&a, 2, false, NOW).map(drop), Err(Spent::AtOnce(2, AGAIN)));
        drop((first, second));
        for (unfinished, want) in [(0, Ok(())), (1, Ok(())), (2, Err(Spent::AtOnce(2, AGAIN)))] {
            assert_eq!(allowance.take(&a, unfinished, true, NOW).map(drop), want, "{unfinished}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_for_long() {
        let allowance = Arc::new(Allowance::default());
        let a = key("a", 1, 0);
        assert_eq!(made(&allowance, &a, NOW), Ok(()));
        let before = NOW - 86_400_000;
        assert_eq!(made(&allowance, &a, before), Err(Spent::Minute(1, 60)));
        assert_eq!(made(&allowance, &a, NOW + 60_000), Ok(()));
    }

    #[test]
    fn keys_that_used_nothing_of_late_are_forgotten() {
        let allowance = Arc::new(Allowance::default());
        for n in 0..MANY * 3 {
            let now = NOW + n as Ms * 60_000;
            assert_eq!(made(&allowance, &key(&n.to_string(), 1, 0), now), Ok(()));
        }
        assert!(allowance.lock().len() <= MANY);
    }

    proptest! {
        #[test]
        fn no_minute_ever_has_twice_its_number(
            per_minute in 1_u32..20,
            steps in proptest::collection::vec(0_u64..10_000, 1..200),
        ) {
            let (allowance, key) = (Arc::new(Allowance::default()), key("a", per_minute, 0));
            let (mut now, mut times) = (NOW, Vec::new());
            for step in steps {
                now += step;
                match allowance.take(&key, 0, true, now) {
                    Ok(_) => times.push(now),
                    Err(Spent::Minute(_, seconds)) => {
                        prop_assert!(allowance.look(&key, 0, now + seconds * 1_000).is_ok());
                    }
                    Err(spent) => prop_assert!(false, "{spent:?}"),
                }
            }
            for from in &times {
                let within = times.iter().filter(|at| (*from..from + 60_000).contains(*at)).count();
                // A full bucket, and what comes back while it is emptied.
                prop_assert!(within < 2 * per_minute as usize, "{within} in a minute");
            }
        }
    }
}

//! How often an address may guess: a few times a minute, and after that with ever longer pauses. A try
//! counts when it begins, so that many at once are no way around.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::session::Hash;
use crate::clock::Ms;

/// Tries that are free.
const FREE: u32 = 5;
/// In which they count together; also the first pause.
const WINDOW: Ms = 60_000;
/// The longest pause.
const LONGEST: Ms = 15 * 60_000;
/// After such a time without a try everything is forgotten.
const MEMORY: Ms = 60 * 60_000;
/// Addresses that are remembered.
const MOST: usize = 4_096;

/// Wrong ones are noted so often at most, so that nobody can wash older notes away.
const NOTED: Ms = 10_000;

/// The tries of all addresses.
#[derive(Debug, Default)]
pub(super) struct Tries {
    records: Mutex<HashMap<Option<IpAddr>, Record>>,
    /// What is guessed at: which password.
    at: Mutex<Option<Hash>>,
    unnoted: Mutex<Unnoted>,
}

/// Wrong tries since the last note.
#[derive(Debug, Default)]
struct Unnoted {
    count: u32,
    noted: Option<Ms>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    count: u32,
    last: Ms,
    until: Ms,
}

/// Somebody has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// So long.
    pub(super) seconds: u64,
}

impl Tries {
    /// Whether somebody may try now; nothing is counted.
    ///
    /// # Errors
    /// When there were too many.
    pub(super) fn look(&self, from: Option<IpAddr>, now: Ms) -> Result<(), Wait> {
        self.lock().get(&from.map(network)).map_or(Ok(()), |record| record.may_try(now))
    }

    /// Tries at another password were none at this one.
    pub(super) fn are_at(&self, password: Hash) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if at.replace(password).is_some_and(|before| before != password) {
            self.lock().clear();
        }
    }

    /// Counts a wrong try for the log, and says how many there were where it is time to say so.
    pub(super) fn worth_noting(&self, now: Ms) -> Option<u32> {
        let mut unnoted = self.unnoted.lock().unwrap_or_else(PoisonError::into_inner);
        unnoted.count = unnoted.count.saturating_add(1);
        if unnoted.noted.is_some_and(|at| (at..at.saturating_add(NOTED)).contains(&now)) {
            return None;
        }
        unnoted.noted = Some(now);
        Some(std::mem::take(&mut unnoted.count))
    }

    /// Counts a try. Those of whom nothing is known count together.
    ///
    /// # Errors
    /// When there were too many; this one does not count then.
    pub(super) fn begin(&self, from: Option<IpAddr>, now: Ms) -> Result<(), Wait> {
        let mut tries = self.lock();
        let key = from.map(network);
        if !tries.contains_key(&key) {
            make_room(&mut tries, now);
        }
        let record = tries.entry(key).or_default();
        record.may_try(now)?;
        if record.until.saturating_sub(now) > 0 {
            *record = Record::default(); // The clock was set back.
        }
        record.count_one(now);
        Ok(())
    }

    /// It was right: all is forgotten.
    pub(super) fn succeeded(&self, from: Option<IpAddr>) {
        self.lock().remove(&from.map(network));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn may_try(&self, now: Ms) -> Result<(), Wait> {
        match self.until.saturating_sub(now) {
            left @ 1..=LONGEST => Err(Wait { seconds: left.div_ceil(1_000) }),
            _ => Ok(()),
        }
    }

    fn count_one(&mut self, now: Ms) {
        let since = now.saturating_sub(self.last);
        if since >= MEMORY || (self.count < FREE && since >= WINDOW) {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        self.last = now;
        if let Some(over) = self.count.checked_sub(FREE) {
            let pause = WINDOW.saturating_mul(1 << over.min(10)).min(LONGEST);
            self.until = now.saturating_add(pause);
        }
    }
}

/// A house has one IPv4 address and as many IPv6 ones as it likes in one network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Forgets what is over and, where that is not enough, who has waited longest.
fn make_room(tries: &mut HashMap<Option<IpAddr>, Record>, now: Ms) {
    if tries.len() < MOST {
        return;
    }
    tries.retain(|_, record| now.saturating_sub(record.last) < MEMORY);
    if tries.len() >= MOST {
        let oldest = tries.iter().min_by_key(|(_, record)| record.last).map(|(key, _)| *key);
        oldest.map(|key| tries.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Ms = 1_000;
    const NOW: Ms = 1_800_000_000_000;

    fn from(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn pauses_grow_with_every_wrong_try() {
        let tries = Tries::default();
        let me = from("203.0.113.7");
        for _ in 0..FREE {
            assert_eq!(tries.begin(me, NOW), Ok(()));
        }
        let mut now = NOW;
        for pause in [60, 120, 240, 480, 900, 900] {
            assert_eq!(tries.begin(me, now), Err(Wait { seconds: pause }));
            assert_eq!(tries.begin(me, now + pause * SECOND - 1), Err(Wait { seconds: 1 }));
            now += pause * SECOND;
            assert_eq!(tries.begin(me, now), Ok(()), "after {pause} seconds");
        }
        assert_eq!(tries.begin(from("203.0.113.8"), now), Ok(()), "another is not held up");
        assert!(tries.begin(me, now).is_err());
        tries.succeeded(me);
        assert_eq!(tries.begin(me, now), Ok(()));
    }

    #[test]
    fn a_typing_error_now_and_then_costs_nothing() {
        let tries = Tries::default();
        for n in 0..100 {
            assert_eq!(tries.begin(None, NOW + n * WINDOW), Ok(()));
        }
        for _ in 1..FREE {
            assert_eq!(tries.begin(None, NOW + 100 * WINDOW), Ok(()));
        }
        assert_eq!(tries.begin(None, NOW + 101 * WINDOW), Ok(()), "four, and a minute later");
    }

    #[test]
    fn a_network_of_version_6_is_one_sender() {
        let tries = Tries::default();
        for n in 0..FREE {
            assert_eq!(tries.begin(from(&format!("2001:db8::{n}")), NOW), Ok(()));
        }
        assert!(tries.begin(from("2001:db8::ffff:1"), NOW).is_err());
        assert_eq!(tries.begin(from("2001:db8:0:1::1"), NOW), Ok(()));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_long() {
        let tries = Tries::default();
        for _ in 0..FREE {
            tries.begin(None, NOW).unwrap();
        }
        assert!(tries.begin(None, NOW - SECOND).is_err());
        assert_eq!(tries.begin(None, NOW - 365 * 86_400 * SECOND), Ok(()));
    }

    #[test]
    fn so_many_addresses_are_remembered() {
        let tries = Tries::default();
        for n in 0..=MOST {
            let address = IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
            tries.begin(Some(address), NOW + n as Ms).unwrap();
        }
        assert_eq!(tries.lock().len(), MOST);
    }

    #[test]
    fn looking_counts_nothing_and_another_password_begins_anew() {
        let tries = Tries::default();
        tries.are_at([1; 32]);
        for _ in 0..20 {
            assert_eq!(tries.look(None, 0), Ok(()));
        }
        while tries.begin(None, 0).is_ok() {}
        tries.are_at([1; 32]);
        assert!(tries.look(None, 0).is_err());
        tries.are_at([2; 32]);
        assert_eq!(tries.look(None, 0), Ok(()));
    }

    #[test]
    fn many_wrong_ones_are_one_note() {
        let tries = Tries::default();
        let noted: Vec<u32> = (0..100).filter_map(|n| tries.worth_noting(n * 150)).collect();
        assert_eq!(noted, [1, 67], "at the first and after ten seconds");
    }
}

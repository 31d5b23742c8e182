//! What is true only while the process runs: places in use at each account and the pace of polls.
//! Kept outside the snapshot, so that a reload resets nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::clock::Ms;
use crate::id::JobId;

/// Names an account: providers with the same origin and key share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(pub String);

/// Every account's present state.
#[derive(Debug)]
pub struct Live {
    accounts: Mutex<HashMap<AccountId, Account>>,
    freed: mpsc::UnboundedSender<(AccountId, JobId)>,
}

#[derive(Debug, Default)]
struct Account {
    open: u32,
    next_poll: Ms,
    waiting: VecDeque<JobId>,
}

/// A place held at an account; given back when dropped.
#[derive(Debug)]
pub struct Place {
    live: Arc<Live>,
    account: AccountId,
}

impl Live {
    /// Nothing in use. The receiver is told which job may try again when a place comes free.
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded by the jobs that wait, each at most once an account"
    )]
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<(AccountId, JobId)>) {
        let (freed, receiver) = mpsc::unbounded_channel();
        (Arc::new(Self { accounts: Mutex::default(), freed }), receiver)
    }

    /// Jobs at an account now.
    pub fn open(&self, account: &AccountId) -> u32 {
        self.lock().get(account).map_or(0, |a| a.open)
    }

    /// Takes a place if one of `limit` is free.
    pub fn take(self: &Arc<Self>, account: &AccountId, limit: u32) -> Option<Place> {
        let mut accounts = self.lock();
        let entry = accounts.entry(account.clone()).or_default();
        if entry.open >= limit {
            return None;
        }
        entry.open += 1;
        Some(Place { live: self.clone(), account: account.clone() })
    }

    /// Takes a place whatever the limit: for an attempt that was already open before a restart.
    pub fn retake(self: &Arc<Self>, account: &AccountId) -> Place {
        self.lock().entry(account.clone()).or_default().open += 1;
        Place { live: self.clone(), account: account.clone() }
    }

    /// Puts a job in the line of an account.
    pub fn wait(&self, account: &AccountId, job: &JobId) {
        let mut accounts = self.lock();
        let line = &mut accounts.entry(account.clone()).or_default().waiting;
        if !line.contains(job) {
            line.push_back(job.clone());
        }
    }

    /// Lets the next in line try, for a job that was told and did not need the place.
    pub fn pass_on(&self, account: &AccountId) {
        let next = self.lock().get_mut(account).and_then(|a| a.waiting.pop_front());
        self.tell(account, next);
    }

    /// When the next poll at an account may go, so that it gets at most `per_second`.
    pub fn poll_at(&self, account: &AccountId, per_second: u32, now: Ms) -> Ms {
        let mut accounts = self.lock();
        let entry = accounts.entry(account.clone()).or_default();
        let at = entry.next_poll.max(now);
        entry.next_poll = at + 1_000 / u64::from(per_second.max(1));
        at
    }

    fn release(&self, account: &AccountId) {
        let next = self.lock().get_mut(account).and_then(|entry| {
            entry.open = entry.open.saturating_sub(1);
            entry.waiting.pop_front()
        });
        self.tell(account, next);
    }

    fn tell(&self, account: &AccountId, next: Option<JobId>) {
        if let Some(job) = next {
            // The engine is gone only when the process ends.
            let _ = self.freed.send((account.clone(), job));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Where it is.
    pub fn account(&self) -> &AccountId {
        &self.account
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.release(&self.account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_and_the_line_is_told() {
        let (live, mut freed) = Live::new();
        let account = AccountId("a".to_owned());
        let first = live.take(&account, 1);
        assert!(first.is_some() && live.take(&account, 1).is_none());
        let job = JobId::new();
        live.wait(&account, &job);
        live.wait(&account, &job);
        drop(first);
        assert_eq!(freed.try_recv().ok(), Some((account.clone(), job)));
        assert!(freed.try_recv().is_err(), "a job stands in line once");
        assert!(live.take(&account, 1).is_some());
    }

    #[test]
    fn polls_are_spaced() {
        let (live, _freed) = Live::new();
        let account = AccountId("a".to_owned());
        let at: Vec<_> = (0..3).map(|_| live.poll_at(&account, 10, 1_000)).collect();
        assert_eq!(at, [1_000, 1_100, 1_200]);
    }
}

//! What is true only while the process runs: places in use at each account and who waits for one, the
//! pace of polls, the health of providers. Kept outside the snapshot, so that a reload resets nothing.
//!
//! A place that comes free is handed to the next in line: no newcomer overtakes, and no job has to ask
//! twice. It never waits and never sends anything to a provider.

mod account;
mod breaker;
mod day;
mod health;
mod heard;
mod line;
mod standing;
mod state;
mod tally;
mod trouble;

pub use health::{Condition, Health};
pub use heard::{Heard, Seen};
pub use standing::Standing;
pub(crate) use standing::utc;
pub use trouble::Shut;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::clock::{Ms, now_ms};
use crate::id::JobId;
use crate::snapshot::Provider;
use breaker::Probe;
use state::{Entry, Known, Notice, Who};

/// Names an account: providers with the same origin and key share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub u64);

/// Every account's and provider's present state.
#[derive(Debug)]
pub struct Live {
    known: Mutex<Known>,
    freed: mpsc::UnboundedSender<(JobId, Place)>,
}

/// A place held at an account. Dropped, it goes to the next in line.
#[derive(Debug)]
pub struct Place {
    live: Arc<Live>,
    account: AccountId,
    probe: Option<Probe>,
}

impl Live {
    /// Nothing in use. The receiver gets the places that come free for jobs that wait.
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded by the places there are: each is in it at most once"
    )]
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<(JobId, Place)>) {
        let (freed, receiver) = mpsc::unbounded_channel();
        let known = Mutex::new(Known::new(crate::id::seed()));
        (Arc::new(Self { known, freed }), receiver)
    }

    /// Jobs at an account now.
    pub fn open(&self, account: AccountId) -> u32 {
        self.lock().known(account).map_or(0, account::Account::open)
    }

    /// How a provider stands for a job that holds so many places at its account already.
    pub fn standing(&self, provider: &Provider, held: u32, now: Ms) -> Standing {
        self.lock().standing(Who::of(provider), held, now)
    }

    /// The same for who only looks, and takes no place.
    pub fn look(&self, provider: &Provider, now: Ms) -> Standing {
        self.lock().look(Who::of(provider), now)
    }

    /// A place at a provider that stands free: one of those held, or a new one. None when somebody
    /// was faster; nobody is before those in line.
    pub fn enter(
        self: &Arc<Self>,
        provider: &Provider,
        held: &mut Vec<Place>,
        now: Ms,
    ) -> Option<Place> {
        let mine = held.iter().filter(|place| place.account == provider.account).count();
        let mine = u32::try_from(mine).unwrap_or(u32::MAX);
        let Entry { probe } = self.lock().enter(Who::of(provider), mine, now)?;
        match held.iter().position(|place| place.account == provider.account) {
            Some(index) => Some(Place::renewed(held.swap_remove(index), probe)),
            None => Some(self.place(provider.account, probe)),
        }
    }

    /// Takes a place if one of `limit` is free and nobody waits for it.
    pub fn take(self: &Arc<Self>, account: AccountId, limit: u32) -> Option<Place> {
        let (room, jobs) = {
            let mut known = self.lock();
            let entry = known.account(account);
            entry.limit(limit);
            let jobs = entry.let_in(now_ms());
            let room = entry.has_room();
            if room {
                entry.occupy();
            }
            (room, jobs)
        };
        self.hand_over(account, jobs);
        room.then(|| self.place(account, None))
    }

    /// Takes a place whatever the limit: for an attempt that was already open before a restart.
    pub fn retake(self: &Arc<Self>, account: AccountId) -> Place {
        self.lock().account(account).occupy();
        self.place(account, None)
    }

    /// Puts a job in the line of an account, once. It gets its place through the receiver, at once if
    /// one came free in between.
    pub fn wait(self: &Arc<Self>, account: AccountId, owner: &str, job: JobId) {
        let jobs = {
            let mut known = self.lock();
            let entry = known.account(account);
            entry.wait(owner, job);
            entry.let_in(now_ms())
        };
        self.hand_over(account, jobs);
    }

    /// Everybody who waits in some line.
    pub fn in_line(&self) -> Vec<JobId> {
        self.lock().in_line()
    }

    /// Lets those in who may come in because time has passed. To be called about once a second.
    pub fn tick(self: &Arc<Self>, now: Ms) {
        let all = self.lock().let_in(now);
        for (account, jobs) in all {
            self.hand_over(account, jobs);
        }
    }

    /// When the next poll at an account may go, so that it gets at most `per_second`.
    pub fn poll_at(&self, account: AccountId, per_second: u32, now: Ms) -> Ms {
        self.lock().account(account).poll_at(per_second, now)
    }

    /// Takes what was learnt of a provider, and tells the operator when it changes something.
    pub fn heard(&self, provider: &Provider, heard: Heard, now: Ms) {
        let notice = self.lock().heard(Who::of(provider), heard, now);
        let provider = provider.file.id.as_str();
        match notice {
            Some(Notice::NotAsked { until, why }) => {
                let until = standing::utc(until);
                tracing::warn!(provider, until, why, "A provider is not asked for a while.");
            }
            Some(Notice::AskedAgain) => tracing::info!(provider, "A provider is asked again."),
            None => {}
        }
    }

    /// Counts a submit at an account.
    pub fn submitted(&self, account: AccountId, now: Ms) {
        self.lock().account(account).day.count(1, now);
    }

    /// Counts the submits of today that a process before this one made.
    pub fn restore_day(&self, account: AccountId, submits: u32, now: Ms) {
        self.lock().account(account).day.count(submits, now);
    }

    /// How a provider is.
    pub fn health(&self, provider: &str, account: AccountId, now: Ms) -> Health {
        self.lock().health(provider, account, now)
    }

    fn leave(self: &Arc<Self>, account: AccountId, probe: Option<Probe>) {
        let jobs = self.lock().leave(account, probe, now_ms());
        self.hand_over(account, jobs);
    }

    /// Without the lock: a place that nobody takes is given back, which needs it.
    fn hand_over(self: &Arc<Self>, account: AccountId, jobs: Vec<JobId>) {
        for job in jobs {
            if let Err(refused) = self.freed.send((job, self.place(account, None))) {
                // The engine is gone. Nobody in line is left to be handed this one.
                self.lock().disband();
                drop(refused);
            }
        }
    }

    fn place(self: &Arc<Self>, account: AccountId, probe: Option<Probe>) -> Place {
        Place { live: self.clone(), account, probe }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Where it is.
    pub fn account(&self) -> AccountId {
        self.account
    }

    fn renewed(mut self, probe: Option<Probe>) -> Self {
        self.probe = probe.or(self.probe);
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.leave(self.account, self.probe);
    }
}

#[cfg(test)]
mod tests;

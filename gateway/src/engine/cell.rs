//! A job in memory while it is under way: how it stands, which places it holds, who waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::job::Job;
use crate::live::{AccountId, Place};

/// Shows what is stored, never ahead of it but in what need not survive a crash.
pub(super) struct Cell {
    job: Mutex<Arc<Job>>,
    places: Mutex<Vec<(u32, Place)>>,
    version: watch::Sender<Version>,
    canceled: AtomicBool,
    broken: AtomicBool,
    told: Mutex<Vec<AccountId>>,
    nudge: Notify,
}

impl Cell {
    pub(super) fn new(job: Job, places: Vec<(u32, Place)>) -> Self {
        let version = watch::Sender::new(Version::of(&job));
        Self {
            job: Mutex::new(Arc::new(job)),
            places: Mutex::new(places),
            version,
            canceled: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            told: Mutex::default(),
            nudge: Notify::new(),
        }
    }

    /// As it stands.
    pub(super) fn job(&self) -> Arc<Job> {
        lock(&self.job).clone()
    }

    /// Shows a newer state.
    pub(super) fn show(&self, job: &Job) {
        *lock(&self.job) = Arc::new(job.clone());
        self.version.send_replace(Version::of(job));
    }

    /// Holds places for attempts that began.
    pub(super) fn hold(&self, begun: Vec<(u32, Place)>) {
        lock(&self.places).extend(begun);
    }

    /// Gives back the places of attempts that are over.
    pub(super) fn release(&self, job: &Job) {
        let is_open =
            |number: u32| job.attempt(number).is_some_and(crate::attempt::Attempt::is_open);
        let over: Vec<(u32, Place)> =
            lock(&self.places).extract_if(.., |(number, _)| !is_open(*number)).collect();
        // Dropped after the lock: giving back a place wakes others.
        drop(over);
    }

    /// Says that a place came free at an account, and lets the driver look again if one runs.
    pub(super) fn tell(&self, account: AccountId) {
        lock(&self.told).push(account);
        self.nudge.notify_one();
    }

    /// The accounts told of since; whoever takes them uses the place or passes it on.
    pub(super) fn take_told(&self) -> Vec<AccountId> {
        std::mem::take(&mut lock(&self.told))
    }

    /// Returns at the next nudge.
    pub(super) async fn nudged(&self) {
        self.nudge.notified().await;
    }

    /// Asks the driver to cancel the job.
    pub(super) fn cancel(&self) {
        self.canceled.store(true, Ordering::Release);
        self.nudge.notify_one();
    }

    /// Whether that was asked.
    pub(super) fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::Acquire)
    }

    /// Says that the driver broke: what it had released may have been sent.
    pub(super) fn broke(&self) {
        self.broken.store(true, Ordering::Release);
    }

    /// Whether it broke since this was asked last.
    pub(super) fn take_broken(&self) -> bool {
        self.broken.swap(false, Ordering::AcqRel)
    }

    /// Returns when the job is at its end.
    pub(super) async fn ended(&self) {
        self.until(|version| version.ended).await;
    }

    /// Returns when the job has changed since that version, or is at its end.
    pub(super) async fn changed(&self, since: u64) {
        self.until(|version| version.ended || version.rev != since).await;
    }

    async fn until(&self, seen: impl FnMut(&Version) -> bool) {
        // The sender lives as long as the cell, so the wait can only end well.
        let _ = self.version.subscribe().wait_for(seen).await;
    }
}

/// What those who wait look at.
#[derive(Clone, Copy, Debug)]
struct Version {
    rev: u64,
    ended: bool,
}

impl Version {
    fn of(job: &Job) -> Self {
        Self { rev: job.record.rev, ended: job.record.status.is_terminal() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A job in memory while it is under way: how it stands, which places it holds, who waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot, watch};

use super::cells::Parked;
use crate::attempt::{Attempt, Event};
use crate::job::Job;
use crate::live::Place;

/// Shows what is stored, never ahead of it but in what need not survive a crash.
pub(super) struct Cell {
    job: Mutex<Arc<Job>>,
    places: Mutex<Vec<(u32, Place)>>,
    version: watch::Sender<Version>,
    canceled: AtomicBool,
    adrift: AtomicBool,
    told: Mutex<Vec<Place>>,
    /// None once nobody drives the job any more.
    words: Mutex<Option<Vec<Word>>>,
    nudge: Notify,
}

/// What a person found out about an attempt whose answer was lost.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) attempt: u32,
    pub(super) event: Event,
    /// Told whether the attempt could take it.
    pub(super) taken: oneshot::Sender<bool>,
}

impl Cell {
    pub(super) fn new(job: Job, places: Vec<(u32, Place)>) -> Self {
        let parked = Parked { places, ..Parked::of(&job) };
        Self::revived(job, parked)
    }

    /// One that was parked, with what its row does not know.
    pub(super) fn revived(mut job: Job, parked: Parked) -> Self {
        parked.apply(&mut job);
        let version = watch::Sender::new(Version::of(&job));
        Self {
            job: Mutex::new(Arc::new(job)),
            places: Mutex::new(parked.places),
            version,
            canceled: AtomicBool::new(false),
            adrift: AtomicBool::new(parked.adrift),
            told: Mutex::new(parked.told),
            words: Mutex::new(Some(Vec::new())),
            nudge: Notify::new(),
        }
    }

    /// Takes out what its row does not know. Only when nobody else has the cell.
    pub(super) fn parked(&self) -> Parked {
        let mut places = std::mem::take(&mut *lock(&self.places));
        // There may be very many of these, most with one place.
        places.shrink_to_fit();
        Parked {
            adrift: self.take_adrift(),
            places,
            told: self.take_told(),
            ..Parked::of(&self.job())
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
        let holds = |number: u32| job.attempt(number).is_some_and(Attempt::holds_place);
        let over: Vec<(u32, Place)> =
            lock(&self.places).extract_if(.., |(number, _)| !holds(*number)).collect();
        // Dropped after the lock: giving back a place wakes others.
        drop(over);
    }

    /// Hands the job a place that came free, and lets the driver look again if one runs.
    pub(super) fn tell(&self, place: Place) {
        lock(&self.told).push(place);
        self.nudge.notify_one();
    }

    /// The places handed over since. Whoever takes them uses or drops them.
    pub(super) fn take_told(&self) -> Vec<Place> {
        std::mem::take(&mut lock(&self.told))
    }

    /// Gives the driver a person's word. Dropped, and its sender told so, where there is none left.
    pub(super) fn say(&self, word: Word) {
        if let Some(words) = &mut *lock(&self.words) {
            words.push(word);
        }
        self.nudge.notify_one();
    }

    /// Lets go of what was handed over and said since, for a job that is driven no more.
    pub(super) fn let_go(&self) {
        drop(lock(&self.words).take());
        drop(self.take_told());
    }

    /// What was said since.
    pub(super) fn take_words(&self) -> Vec<Word> {
        lock(&self.words).as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Lets the driver look again, if one runs.
    pub(super) fn wake(&self) {
        self.nudge.notify_one();
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

    /// Says that its driver broke: what that had released may have been sent.
    pub(super) fn broke(&self) {
        self.adrift.store(true, Ordering::Release);
    }

    /// Whether no driver knows what was sent: it broke, or belonged to another process.
    pub(super) fn take_adrift(&self) -> bool {
        self.adrift.swap(false, Ordering::AcqRel)
    }

    /// Whether somebody asked for something the driver has not done.
    pub(super) fn is_asked(&self) -> bool {
        let said = lock(&self.words).as_ref().is_some_and(|words| !words.is_empty());
        let cancels = self.is_canceled() && !self.job().record.status.is_terminal();
        cancels || !lock(&self.told).is_empty() || said
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

//! A job in memory while it is under way, and who waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::job::Job;
use crate::live::Place;

/// Holds what is stored, never ahead of it but in counts that need not survive.
pub(super) struct Cell {
    job: Mutex<Arc<Job>>,
    place: Mutex<Option<Place>>,
    ended: watch::Sender<bool>,
}

impl Cell {
    pub(super) fn new(job: Job, place: Option<Place>) -> Self {
        let ended = watch::Sender::new(job.record.status.is_terminal());
        Self { job: Mutex::new(Arc::new(job)), place: Mutex::new(place), ended }
    }

    /// As it stands.
    pub(super) fn job(&self) -> Arc<Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows a newer state, once it is stored.
    pub(super) fn show(&self, job: Job) {
        let ended = job.record.status.is_terminal();
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(job);
        if ended {
            self.ended.send_replace(true);
        }
    }

    /// Holds a place at an account, giving back the one held before.
    pub(super) fn hold(&self, place: Option<Place>) {
        let before = std::mem::replace(
            &mut *self.place.lock().unwrap_or_else(PoisonError::into_inner),
            place,
        );
        drop(before);
    }

    /// Returns when the job is at its end.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as the cell, so the wait can only end well.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

//! Every job with something left to do. A bounded number is in memory whole; the others wait on disk,
//! and only what their row does not know is kept: places, and what the last questions changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cell::Cell;
use crate::attempt::{Attempt, Since};
use crate::id::JobId;
use crate::job::Job;
use crate::live::Place;

/// The jobs.
pub(super) struct Cells {
    seats: Mutex<Seats>,
    most: usize,
}

#[derive(Default)]
struct Seats {
    by_id: HashMap<JobId, Seat>,
    here: usize,
}

enum Seat {
    Here(Arc<Cell>),
    Parked(Box<Parked>),
}

/// A job that waits on disk.
#[derive(Debug, Default)]
pub(super) struct Parked {
    /// The revision of its row.
    pub(super) rev: u64,
    /// No driver of this process knows what was sent.
    pub(super) adrift: bool,
    /// Held by its attempts.
    pub(super) places: Vec<(u32, Place)>,
    /// Handed to it since.
    pub(super) told: Vec<Place>,
    /// What its attempts learnt that is not worth a commit.
    pub(super) since: Vec<Since>,
}

/// Where a job is.
pub(super) enum Look {
    /// In memory.
    Here(Arc<Cell>),
    /// On disk.
    Parked,
    /// Nothing is left to do for it, or it is not ours.
    Gone,
}

impl Cells {
    /// None yet; at most so many are in memory while nobody looks at them.
    pub(super) fn new(most: usize) -> Self {
        Self { seats: Mutex::default(), most }
    }

    pub(super) fn look(&self, id: JobId) -> Look {
        match self.lock().by_id.get(&id) {
            Some(Seat::Here(cell)) => Look::Here(cell.clone()),
            Some(Seat::Parked(_)) => Look::Parked,
            None => Look::Gone,
        }
    }

    /// One that is in memory.
    pub(super) fn here(&self, id: JobId) -> Option<Arc<Cell>> {
        match self.look(id) {
            Look::Here(cell) => Some(cell),
            Look::Parked | Look::Gone => None,
        }
    }

    /// Takes one in, unless it is there.
    pub(super) fn put(&self, id: JobId, cell: Arc<Cell>) -> Arc<Cell> {
        let mut seats = self.lock();
        if let Some(Seat::Here(there)) = seats.by_id.get(&id) {
            return there.clone();
        }
        seats.by_id.insert(id, Seat::Here(cell.clone()));
        seats.here += 1;
        cell
    }

    /// Takes one in that waits on disk.
    pub(super) fn put_parked(&self, id: JobId, parked: Parked) {
        self.lock().by_id.insert(id, Seat::Parked(Box::new(parked)));
    }

    /// Lets one go.
    pub(super) fn remove(&self, id: JobId) {
        let mut seats = self.lock();
        let removed = seats.by_id.remove(&id);
        seats.here -= usize::from(matches!(removed, Some(Seat::Here(_))));
        drop(seats);
        // After the lock: a place given back wakes others.
        drop(removed);
    }

    /// Leaves a job to its row where there are too many in memory, unless somebody else has `cell`.
    pub(super) fn park(&self, id: JobId, cell: &Arc<Cell>) {
        let mut seats = self.lock();
        let ours = 2; // the map's and the caller's
        if seats.here <= self.most || Arc::strong_count(cell) > ours || cell.is_asked() {
            return;
        }
        let parked = cell.parked();
        seats.by_id.insert(id, Seat::Parked(Box::new(parked)));
        seats.here -= 1;
    }

    /// Brings one back with what its row says. `None`: the row is not the one that was parked.
    pub(super) fn revive(&self, job: Job) -> Option<Arc<Cell>> {
        let mut seats = self.lock();
        let id = job.id;
        match seats.by_id.get_mut(&id)? {
            Seat::Here(cell) => Some(cell.clone()),
            Seat::Parked(parked) if parked.rev != job.record.rev => None,
            Seat::Parked(parked) => {
                let cell = Arc::new(Cell::revived(job, std::mem::take(parked)));
                seats.by_id.insert(id, Seat::Here(cell.clone()));
                seats.here += 1;
                Some(cell)
            }
        }
    }

    /// Puts onto what a row says what is known besides.
    pub(super) fn complete(&self, job: &mut Job) {
        match self.lock().by_id.get(&job.id) {
            Some(Seat::Here(cell)) => *job = (*cell.job()).clone(),
            Some(Seat::Parked(parked)) if parked.rev == job.record.rev => parked.apply(job),
            Some(Seat::Parked(_)) | None => {}
        }
    }

    /// Hands a job a place; whether it is there to take it.
    pub(super) fn tell(&self, id: JobId, place: Place) -> bool {
        let mut seats = self.lock();
        match seats.by_id.get_mut(&id) {
            Some(Seat::Here(cell)) => cell.tell(place),
            Some(Seat::Parked(parked)) => parked.told.push(place),
            None => {
                drop(seats);
                drop(place);
                return false;
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parked {
    /// What a job knows besides its row.
    pub(super) fn of(job: &Job) -> Self {
        let since = job.record.attempts.iter().filter_map(Attempt::since);
        let mut since: Vec<Since> = since.collect();
        since.shrink_to_fit();
        Self { rev: job.record.rev, since, ..Self::default() }
    }

    /// Puts it onto what its row says.
    pub(super) fn apply(&self, job: &mut Job) {
        for since in &self.since {
            if let Some(attempt) = job.attempt_mut(since.number) {
                attempt.recall(since);
            }
        }
    }
}

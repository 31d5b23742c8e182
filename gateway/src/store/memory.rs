//! The store of the simulation: the verbs and answers of the real one, in memory, by the runtime's
//! clock.
//!
//! A [`Disk`] is what survives; a [`Memory`] is one process's way to it. A write takes a while: it is
//! on the disk after a first part of that and answered after a second, so that a crash finds writes
//! that are lost and writes that are there though nobody was told. Writes keep their order. What a
//! dead process asks for is never answered.

mod tables;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Admitted, Anew, Claim, Cuts, Exchange, Filter, Page, Store, StoreError, Swept};
use crate::clock::{Ms, now_ms};
use crate::id::JobId;
use crate::job::{Job, Outline};
use crate::pin::PinId;
use tables::Tables;

/// How a disk behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// A write takes at most twice so long.
    pub(crate) at_most: Duration,
    /// One in so many notes is lost; zero: none.
    pub(crate) loses_notes: u64,
    /// Whatever is drawn is drawn from this.
    pub(crate) seed: u64,
}

impl Pace {
    /// Writes are there at once, and no note is lost.
    pub(crate) const INSTANT: Self = Self { at_most: Duration::ZERO, loses_notes: 0, seed: 0 };
}

/// What survives a crash. Clones are the same disk.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mutex<Core>>);

struct Core {
    pace: Pace,
    tables: Tables,
    waiting: VecDeque<Waiting>,
    /// Counts processes; only the last one's writes and questions are answered.
    life: u64,
    is_full: bool,
}

/// A write on its way to the disk.
struct Waiting {
    at: Instant,
    write: Write,
}

/// What a write does to the tables of a disk that is full or not.
type Write = Box<dyn FnOnce(&mut Tables, bool) + Send>;

/// One process's store.
pub(crate) struct Memory {
    disk: Disk,
    life: u64,
}

impl Disk {
    /// An empty one.
    pub(crate) fn new(pace: Pace) -> Self {
        Self(Arc::new(Mutex::new(Core {
            pace,
            tables: Tables::default(),
            waiting: VecDeque::new(),
            life: 0,
            is_full: false,
        })))
    }

    /// The store of a process that starts now; the one before has ended.
    pub(crate) fn open(&self) -> Memory {
        self.crash();
        Memory { disk: self.clone(), life: self.core().life }
    }

    /// Ends the process: what is not on the disk by now is lost.
    pub(crate) fn crash(&self) {
        let mut core = self.core();
        core.waiting.clear();
        core.life += 1;
    }

    /// From now on writes fail, or succeed again.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.core().is_full = is_full;
    }

    /// Every job that is on the disk, oldest first.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.core().tables.jobs()
    }

    /// The core, with everything written that should be by now.
    fn core(&self) -> MutexGuard<'_, Core> {
        let mut core = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        core.settle(now());
        core
    }
}

impl Core {
    fn settle(&mut self, now: Instant) {
        while self.waiting.front().is_some_and(|first| first.at <= now) {
            let Some(first) = self.waiting.pop_front() else { return };
            (first.write)(&mut self.tables, self.is_full);
        }
    }

    /// When a write that begins now is on the disk, and how much later it is answered.
    fn schedule(&mut self) -> (Instant, Duration) {
        let soonest = now() + self.draw_pause();
        let last = self.waiting.back().map_or(soonest, |last| last.at);
        (soonest.max(last), self.draw_pause())
    }

    fn draw_pause(&mut self) -> Duration {
        let most = u64::try_from(self.pace.at_most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.draw() % most.saturating_add(1))
    }

    /// The next number of the seed's (splitmix64).
    fn draw(&mut self) -> u64 {
        self.pace.seed = self.pace.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.pace.seed;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Memory {
    fn write<T: Send + 'static>(
        &self,
        apply: impl FnOnce(&mut Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (disk, life) = (self.disk.clone(), self.life);
        Box::pin(async move {
            let Some((at, then, answer)) = disk.begin(life, apply) else { return never().await };
            tokio::time::sleep_until(at).await;
            drop(disk.core());
            // A crash drops the write, and its answer with it.
            let Ok(answer) = answer.await else { return never().await };
            tokio::time::sleep(then).await;
            if disk.core().life == life { answer } else { never().await }
        })
    }

    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Tables) -> T + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (disk, life) = (self.disk.clone(), self.life);
        Box::pin(async move {
            let answer = {
                let core = disk.core();
                (core.life == life).then(|| query(&core.tables))
            };
            match answer {
                Some(answer) => Ok(answer),
                None => never().await,
            }
        })
    }
}

type Begun<T> = (Instant, Duration, oneshot::Receiver<Result<T, StoreError>>);

impl Disk {
    /// Sends a write on its way; whether somebody waits for it matters to nobody then.
    fn begin<T: Send + 'static>(
        &self,
        life: u64,
        apply: impl FnOnce(&mut Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<Begun<T>> {
        let mut core = self.core();
        if core.life != life {
            return None;
        }
        let (at, then) = core.schedule();
        let (done, answer) = oneshot::channel();
        let write = move |tables: &mut Tables, is_full: bool| {
            let _ = done.send(if is_full { Err(full()) } else { apply(tables) });
        };
        core.waiting.push_back(Waiting { at, write: Box::new(write) });
        Some((at, then, answer))
    }
}

impl Store for Memory {
    fn admit_among(
        &self,
        job: &Job,
        claim: &Claim,
        most: u32,
    ) -> BoxFuture<'static, Result<Admitted, StoreError>> {
        let (job, claim) = (job.clone(), claim.clone());
        self.write(move |tables| Ok(tables.admit(job, &claim, most)))
    }

    fn find(
        &self,
        owner: &str,
        fingerprint: &str,
        claim: &Claim,
        now: Ms,
    ) -> BoxFuture<'static, Result<Admitted, StoreError>> {
        let (owner, fingerprint, claim) = (owner.to_owned(), fingerprint.to_owned(), claim.clone());
        self.read(move |tables| tables.find(&owner, &fingerprint, &claim, now))
    }

    fn commit(&self, job: &Job) -> BoxFuture<'static, Result<(), StoreError>> {
        let job = job.clone();
        self.write(move |tables| tables.commit(job))
    }

    fn load(&self, id: &JobId) -> BoxFuture<'static, Result<Option<Job>, StoreError>> {
        let id = *id;
        self.read(move |tables| tables.load(id))
    }

    fn loose_ends(&self) -> BoxFuture<'static, Result<Vec<Outline>, StoreError>> {
        self.read(Tables::loose_ends)
    }

    fn list(&self, filter: Filter) -> BoxFuture<'static, Result<Page, StoreError>> {
        self.read(move |tables| tables.list(&filter))
    }

    fn note(&self, exchange: Exchange) {
        let is_lost = {
            let mut core = self.disk.core();
            let one_in = core.pace.loses_notes;
            one_in > 0 && core.draw().is_multiple_of(one_in)
        };
        if !is_lost {
            self.disk.begin(self.life, |tables| {
                tables.note(exchange);
                Ok(())
            });
        }
    }

    fn exchanges(&self, id: &JobId) -> BoxFuture<'static, Result<Vec<Exchange>, StoreError>> {
        let id = *id;
        self.read(move |tables| tables.exchanges(id))
    }

    fn pin(&self, id: PinId, content: String) -> BoxFuture<'static, Result<(), StoreError>> {
        let now = now_ms();
        self.write(move |tables| {
            tables.pin(id, content, now);
            Ok(())
        })
    }

    fn pinned(&self, id: PinId) -> BoxFuture<'static, Result<Option<String>, StoreError>> {
        self.read(move |tables| tables.pinned(id))
    }

    fn rewrite_pins(&self, anew: Anew) -> BoxFuture<'static, Result<usize, StoreError>> {
        self.write(move |tables| Ok(tables.rewrite_pins(&*anew)))
    }

    fn unfinished(&self, owner: &str) -> BoxFuture<'static, Result<u64, StoreError>> {
        let owner = owner.to_owned();
        self.read(move |tables| tables.unfinished(&owner))
    }

    fn submits(&self, since: Ms) -> BoxFuture<'static, Result<Vec<(String, u64)>, StoreError>> {
        self.read(move |tables| tables.submits(since))
    }

    fn forget(&self, id: &JobId) -> BoxFuture<'static, Result<Option<Vec<String>>, StoreError>> {
        let id = *id;
        self.write(move |tables| Ok(tables.forget(id)))
    }

    fn sweep(&self, cuts: Cuts, most: usize) -> BoxFuture<'static, Result<Swept, StoreError>> {
        self.write(move |tables| Ok(tables.sweep(cuts, most)))
    }

    fn shed(&self, most: usize) -> BoxFuture<'static, Result<Vec<String>, StoreError>> {
        self.write(move |tables| Ok(tables.shed(most)))
    }

    fn unneeded(&self, names: Vec<String>) -> BoxFuture<'static, Result<Vec<String>, StoreError>> {
        self.read(move |tables| tables.unneeded(names))
    }
}

/// What a dead process hears.
async fn never<T>() -> T {
    std::future::pending().await
}

fn full() -> StoreError {
    StoreError::Unavailable("no space left on the device".to_owned())
}

fn now() -> Instant {
    Instant::now()
}

mod tests;

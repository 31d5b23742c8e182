//! The engine: takes jobs in, drives each to its end, and lets callers look and wait. It asks the
//! pure parts what to do, writes it down, and only then does it.

mod admit;
mod begin;
mod cell;
mod cells;
mod drive;
mod due;
mod exchange;
mod expire;
mod fetch;
mod forget;
mod hear;
mod land;
mod load;
mod note;
mod open;
mod pins;
mod recover;
mod resolve;
#[cfg(test)]
mod simulation;
mod step;
mod tell;
mod timer;
mod typical;
mod uploads;

pub use admit::{NotAdmitted, Taken};
pub use forget::Forgotten;
pub use load::Load;
pub(crate) use note::phase;
pub use open::{Open, OpenStage, OpenTask};
pub use pins::Pins;
pub use resolve::{NotResolved, Resolution};

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::now_ms;
use crate::id::JobId;
use crate::images::{Images, Stored};
use crate::job::Job;
use crate::live::{Live, Place};
use crate::poll::Pace;
use crate::settings::Limits;
use crate::snapshot::Snapshot;
use crate::store::{Exchange, Filter, Page, Store, StoreError};
use crate::upstream::Line;
use cell::Cell;
use cells::{Cells, Look};
use timer::Timer;
use uploads::Uploads;

/// What the engine works with.
pub struct Parts {
    /// Where jobs are kept.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub line: Arc<dyn Line>,
    /// Where images are kept.
    pub images: Arc<Images>,
    /// The running catalog.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Providers as they were when attempts began.
    pub pins: Pins,
    /// Bounds.
    pub limits: Limits,
}

/// The running engine.
pub struct Engine {
    parts: Parts,
    live: Arc<Live>,
    timer: Timer,
    cells: Cells,
    /// Jobs that are not at their end.
    unfinished: AtomicUsize,
    pace: Pace,
    uploads: Uploads,
    finished: moka::sync::Cache<JobId, Arc<Job>>,
    adapted: moka::sync::Cache<String, Stored>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// How long a cancel is waited for: a little longer than for a submit under way.
const CANCEL: Duration = Duration::from_secs(10);
/// How often the lines are looked at.
const TICK: Duration = Duration::from_secs(1);
/// Pause, in milliseconds, before a job whose driver panicked is driven again.
const AFTER_A_PANIC: u64 = 10_000;
/// Images known to be ready for some API type; each entry is a name, not the image.
const ADAPTED: u64 = 4_096;
/// Answers kept of jobs that are at their end.
const FINISHED: u64 = 1_000;

impl Engine {
    /// Takes up every unfinished job and starts driving.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let (live, freed) = Live::new();
        let in_memory = parts.limits.in_memory;
        let engine = Arc::new(Self {
            parts,
            live,
            timer: Timer::default(),
            cells: Cells::new(in_memory),
            unfinished: AtomicUsize::new(0),
            pace: Pace::default(),
            uploads: Uploads::default(),
            finished: moka::sync::Cache::new(FINISHED),
            adapted: moka::sync::Cache::new(ADAPTED),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        });
        engine.restore_day().await?;
        engine.recover().await?;
        engine.spawn(engine.clone().dispatch());
        engine.spawn(engine.clone().pass_places(freed));
        engine.spawn(engine.clone().tick());
        Ok(engine)
    }

    /// A job of that owner.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn job(&self, owner: &str, id: &JobId) -> Result<Option<Arc<Job>>, StoreError> {
        Ok(self.signed(id).await?.filter(|job| job.owner == owner))
    }

    /// A job whoever owns it: for a link that was signed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn signed(&self, id: &JobId) -> Result<Option<Arc<Job>>, StoreError> {
        if let Some(cell) = self.cells.here(*id) {
            return Ok(Some(cell.job()));
        }
        if let Some(job) = self.finished.get(id) {
            return Ok(Some(job));
        }
        let mut job = self.parts.store.load(id).await?;
        job.iter_mut().for_each(|job| self.cells.complete(job));
        Ok(job.map(Arc::new))
    }

    /// The job when it is at its end, or as it stands after `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn wait(
        &self,
        owner: &str,
        id: &JobId,
        limit: Duration,
    ) -> Result<Option<Arc<Job>>, StoreError> {
        // Another's job is not waited for: that would tell that there is one.
        if let Some(cell) = self.cell(*id).await?.filter(|cell| cell.job().owner == owner) {
            tokio::select! {
                () = cell.ended() => {}
                () = tokio::time::sleep(limit) => {}
                () = self.closing.cancelled() => {}
            }
        }
        self.job(owner, id).await
    }

    /// Cancels a job that is under way, and answers how it then stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cancel(&self, owner: &str, id: &JobId) -> Result<Option<Arc<Job>>, StoreError> {
        let cell = self.cell(*id).await?;
        if let Some(cell) = cell.filter(|cell| cell.job().owner == owner) {
            cell.cancel();
            self.timer.arm(id, now_ms());
        }
        self.wait(owner, id, CANCEL).await
    }

    /// The job once it has changed since that version or is at its end; at the latest after `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn changed(
        &self,
        owner: &str,
        id: &JobId,
        since: u64,
        limit: Duration,
    ) -> Result<Option<Arc<Job>>, StoreError> {
        if let Some(cell) = self.cell(*id).await?.filter(|cell| cell.job().owner == owner) {
            tokio::select! {
                () = cell.changed(since) => {}
                () = tokio::time::sleep(limit) => {}
                () = self.closing.cancelled() => {}
            }
        }
        self.job(owner, id).await
    }

    /// One page of an owner's jobs; those under way as they stand now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, filter: Filter) -> Result<Page, StoreError> {
        let mut page = self.parts.store.list(filter).await?;
        page.jobs.iter_mut().for_each(|job| self.cells.complete(job));
        Ok(page)
    }

    /// How many of an owner's jobs are not at their end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unfinished(&self, owner: &str) -> Result<u64, StoreError> {
        self.parts.store.unfinished(owner).await
    }

    /// What was said to providers for a job.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn exchanges(&self, id: &JobId) -> Result<Vec<Exchange>, StoreError> {
        self.parts.store.exchanges(id).await
    }

    /// Lets every job that waits in line look anew who can take it: there is another catalog.
    pub fn look_again(&self) {
        for job in self.live.in_line() {
            if let Some(cell) = self.cells.here(job) {
                cell.wake();
            }
            self.timer.arm(&job, now_ms());
        }
    }

    /// Whether it no longer takes requests.
    pub fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Stops taking requests and sends callers away who wait.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Waits for the steps under way, at most `grace`. What is not done goes on at the next start.
    pub async fn stopped(&self, grace: Duration) {
        self.close();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                tasks = self.tasks.len(),
                "Steps were still under way at the end of the grace period."
            );
        }
    }

    /// Hands every due job to a driver. At a stop what is due goes out once more: a driver then
    /// sends nothing but what was already released.
    async fn dispatch(self: Arc<Self>) {
        loop {
            tokio::select! {
                job = self.timer.next() => self.launch(job),
                () = self.closing.cancelled() => break,
            }
        }
        while let Some(job) = self.timer.due() {
            self.launch(job);
        }
    }

    fn launch(self: &Arc<Self>, job: JobId) {
        let driving = Driving { engine: self.clone(), job };
        self.spawn(async move { driving.engine.drive(&driving.job).await });
    }

    /// Wakes the jobs that were handed a place.
    async fn pass_places(self: Arc<Self>, mut freed: mpsc::UnboundedReceiver<(JobId, Place)>) {
        loop {
            let told = tokio::select! {
                told = freed.recv() => told,
                () = self.closing.cancelled() => return,
            };
            let Some((job, place)) = told else { return };
            // To one that is gone it is no use; it goes on to the next in line.
            if self.cells.tell(job, place) {
                self.timer.arm(&job, now_ms());
            }
        }
    }

    /// Lets in, about once a second, who was kept out by something that time has ended.
    async fn tick(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(TICK) => self.live.tick(now_ms()),
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Does something that goes on if nobody waits for it any more; a stop waits.
    #[expect(
        clippy::disallowed_methods,
        reason = "the tracker owns the task and is waited for at the end"
    )]
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn(task)
    }

    /// A job with something left to do, in memory again if it waited on disk.
    async fn cell(&self, id: JobId) -> Result<Option<Arc<Cell>>, StoreError> {
        loop {
            match self.cells.look(id) {
                Look::Here(cell) => return Ok(Some(cell)),
                Look::Gone => return Ok(None),
                Look::Parked => {}
            }
            let Some(job) = self.parts.store.load(&id).await? else { return Ok(None) };
            if let Some(cell) = self.cells.revive(job) {
                return Ok(Some(cell));
            }
            // It was driven and parked anew in between.
        }
    }
}

/// A driver that runs. However it ends, its job can be driven again.
struct Driving {
    engine: Arc<Engine>,
    job: JobId,
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.engine.timer.finished(&self.job);
        if std::thread::panicking() {
            if let Some(cell) = self.engine.cells.here(self.job) {
                cell.broke();
            }
            tracing::error!(job = %self.job, "A job's driver broke; it is tried again.");
            self.engine.timer.arm(&self.job, now_ms() + AFTER_A_PANIC);
        }
    }
}

//! The engine: takes jobs in, drives each to its end, and lets callers look and wait. It asks the
//! pure parts what to do, writes it down, and only then does it.

mod admit;
mod begin;
mod cancel;
mod cell;
mod drive;
mod exchange;
mod fetch;
mod note;
mod recover;
mod step;
mod timer;

pub use admit::{NotAdmitted, Taken};
pub(crate) use note::phase;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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
use crate::live::{AccountId, Live};
use crate::settings::Limits;
use crate::snapshot::Snapshot;
use crate::store::{Exchange, Filter, Page, Store, StoreError};
use crate::upstream::Upstream;
use cell::Cell;
use timer::Timer;

/// What the engine works with.
pub struct Parts {
    /// Where jobs are kept.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub upstream: Upstream,
    /// Where images are kept.
    pub images: Arc<Images>,
    /// The running catalog.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Bounds.
    pub limits: Limits,
}

/// The running engine.
pub struct Engine {
    parts: Parts,
    live: Arc<Live>,
    timer: Timer,
    cells: Mutex<HashMap<JobId, Arc<Cell>>>,
    finished: moka::sync::Cache<JobId, Arc<Job>>,
    adapted: moka::sync::Cache<String, Stored>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// How long a cancel is waited for: a little longer than for a submit under way.
const CANCEL: Duration = Duration::from_secs(10);
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
        let engine = Arc::new(Self {
            parts,
            live,
            timer: Timer::default(),
            cells: Mutex::default(),
            finished: moka::sync::Cache::new(FINISHED),
            adapted: moka::sync::Cache::new(ADAPTED),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        });
        engine.recover().await?;
        engine.spawn(engine.clone().dispatch());
        engine.spawn(engine.clone().pass_places(freed));
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
        match self.in_memory(id) {
            Some(job) => Ok(Some(job)),
            None => Ok(self.parts.store.load(id).await?.map(Arc::new)),
        }
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
        let cell = self.lock().get(id).cloned();
        if let Some(cell) = cell {
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
        let cell = self.cell(id).filter(|cell| cell.job().owner == owner);
        if let Some(cell) = cell {
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
        if let Some(cell) = self.cell(id) {
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
        for job in &mut page.jobs {
            if let Some(now) = self.in_memory(&job.id) {
                *job = (*now).clone();
            }
        }
        Ok(page)
    }

    /// What was said to providers for a job.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn exchanges(&self, id: &JobId) -> Result<Vec<Exchange>, StoreError> {
        self.parts.store.exchanges(id).await
    }

    /// The way out, for images that clients name by link.
    pub fn upstream(&self) -> &Upstream {
        &self.parts.upstream
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

    /// Wakes the jobs for which a place came free.
    async fn pass_places(self: Arc<Self>, mut freed: mpsc::UnboundedReceiver<(AccountId, JobId)>) {
        loop {
            let told = tokio::select! {
                told = freed.recv() => told,
                () = self.closing.cancelled() => return,
            };
            let Some((account, job)) = told else { return };
            match self.cell(&job) {
                Some(cell) if !cell.job().shares().is_empty() => {
                    cell.tell(account);
                    self.timer.arm(&job, now_ms());
                    // It may have ended in between, and then nobody listens to it.
                    if self.cell(&job).is_none() {
                        self.pass_on_told(&cell);
                    }
                }
                _ => self.live.pass_on(&account),
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the tracker owns the task and is waited for at the end"
    )]
    fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tasks.spawn(task)
    }

    /// Places a job was told of and can use no more go on to the next in line.
    fn pass_on_told(&self, cell: &Cell) {
        for account in cell.take_told() {
            self.live.pass_on(&account);
        }
    }

    fn in_memory(&self, id: &JobId) -> Option<Arc<Job>> {
        self.cell(id).map(|cell| cell.job()).or_else(|| self.finished.get(id))
    }

    fn cell(&self, id: &JobId) -> Option<Arc<Cell>> {
        self.lock().get(id).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Arc<Cell>>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
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
            if let Some(cell) = self.engine.cell(&self.job) {
                cell.broke();
            }
            tracing::error!(job = %self.job, "A job's driver broke; it is tried again.");
            self.engine.timer.arm(&self.job, now_ms() + AFTER_A_PANIC);
        }
    }
}

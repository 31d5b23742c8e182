//! Forgetting a job: its row, its notes, its key, its images, and what is in memory of it. And what
//! keeps a forgotten job's images for a request that comes with the same ones.

use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::cells::Look;
use crate::id::JobId;
use crate::images::Hold;
use crate::request::EditRequest;
use crate::store::StoreError;

/// How long the driver of a job that has just ended is given to let go of it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// It is gone.
    Gone,
    /// That owner has no such job.
    Unknown,
    /// It is not at its end.
    Unfinished,
    /// It is at its end, but an attempt of it goes on until it is known what became of the money.
    Loose,
}

impl Engine {
    /// Keeps a request's images until its job's row names them, also when its client hangs up.
    pub(super) async fn hold(&self, request: &EditRequest) -> Result<Hold, StoreError> {
        let images = &self.parts.images;
        let hold = images.hold();
        match images.keep(&request.handles()).await {
            Ok(true) => Ok(hold),
            Ok(false) => Err(StoreError::Unavailable("an image of the request is gone".to_owned())),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }

    /// Forgets a job at its end.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn forget(
        self: &Arc<Self>,
        owner: &str,
        id: &JobId,
    ) -> Result<Forgotten, StoreError> {
        // On a task of its own: a client that hangs up now must not leave a job half forgotten.
        let (engine, owner, id) = (self.clone(), owner.to_owned(), *id);
        let forgotten = self.spawn(async move { engine.forget_now(&owner, &id).await });
        forgotten.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    async fn forget_now(&self, owner: &str, id: &JobId) -> Result<Forgotten, StoreError> {
        let Some(job) = self.job(owner, id).await? else { return Ok(Forgotten::Unknown) };
        if !job.record.status.is_terminal() {
            return Ok(Forgotten::Unfinished);
        }
        // A driver remembers the job as ended before it lets go of it. Forgotten after that, nobody
        // remembers it again.
        if job.is_loose() || !self.is_let_go(id).await {
            return Ok(Forgotten::Loose);
        }
        let asked = self.parts.images.ask();
        let Some(images) = self.parts.store.forget(id).await? else {
            // Another was quicker: it is gone, or an operator has said that it goes on.
            self.finished.invalidate(id);
            let is_there = self.job(owner, id).await?.is_some();
            return Ok(if is_there { Forgotten::Loose } else { Forgotten::Unknown });
        };
        self.finished.invalidate(id);
        self.parts.images.discard(images, asked).await;
        tracing::info!(job = %id, "Job forgotten.");
        Ok(Forgotten::Gone)
    }

    /// Forgets what is in memory of jobs that ended: their rows may be gone.
    pub fn forget_ended(&self) {
        self.finished.invalidate_all();
    }

    async fn is_let_go(&self, id: &JobId) -> bool {
        let let_go = async {
            while !matches!(self.cells.look(*id), Look::Gone) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, let_go).await.is_ok()
    }
}

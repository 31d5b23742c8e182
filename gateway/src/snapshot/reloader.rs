//! The handle that everybody has on the catalog's one writer: ask for a reload, ask what a change
//! would come to, see how it stands. One build runs at a time, on a thread that may block.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::{Counts, Publisher, Reloads, Snapshot, Status};
use crate::catalog::{Files, Overlay};
use crate::problem::Problem;

/// The handle.
#[derive(Clone)]
pub struct Reloader {
    publisher: Arc<Mutex<Publisher>>,
    /// Whoever changes files; never waited for with the publisher held.
    edits: Arc<Mutex<()>>,
    current: Arc<ArcSwap<Snapshot>>,
    status: watch::Sender<Arc<Status>>,
    reloads: Arc<Reloads>,
    dir: Arc<Path>,
}

impl Reloader {
    /// Of this writer, which belongs to the handles from now on.
    pub fn new(publisher: Publisher) -> Self {
        let (current, status) = (publisher.current(), watch::Sender::new(publisher.status()));
        let (reloads, dir) = (publisher.reloads(), publisher.dir().into());
        let (publisher, edits) = (Arc::new(Mutex::new(publisher)), Arc::default());
        Self { publisher, edits, current, status, reloads, dir }
    }

    /// The folder the files are in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How reloads went since the start.
    pub fn reloads(&self) -> Counts {
        self.reloads.counts()
    }

    /// Where the running snapshot is read.
    pub fn current(&self) -> Arc<ArcSwap<Snapshot>> {
        self.current.clone()
    }

    /// What the last build came to.
    pub fn status(&self) -> Arc<Status> {
        self.status.borrow().clone()
    }

    /// Where each further status is seen.
    pub fn statuses(&self) -> watch::Receiver<Arc<Status>> {
        self.status.subscribe()
    }

    /// Builds the next snapshot of files and plugins as they are now, and swaps it in if it is good.
    /// It goes on if the caller goes away.
    ///
    /// # Errors
    /// The status with every problem; the running snapshot stays.
    pub async fn reload(&self, why: &'static str) -> Result<Arc<Status>, Arc<Status>> {
        match self.publish(move |publisher| publisher.reload(why)).await {
            Some(outcome) => outcome,
            None => Err(self.status()),
        }
    }

    /// The same; the status if that has published another snapshot, be it of the keys alone.
    pub(super) async fn follow(&self, why: &'static str) -> Option<Arc<Status>> {
        // Within one turn: what others have published meanwhile is theirs.
        let reload = move |publisher: &mut Publisher| {
            let before = publisher.status().revision;
            let (Ok(status) | Err(status)) = publisher.reload(why);
            (status.revision != before).then_some(status)
        };
        self.publish(reload).await.flatten()
    }

    /// Everything wrong with the files as they would be after a change, as `retouch check` says it;
    /// nothing is written. Without an error among them the change would be taken.
    pub async fn check(&self, overlay: Overlay) -> Vec<Problem> {
        self.with(move |publisher| publisher.check(&overlay)).await.unwrap_or_default()
    }

    /// The files as they are now, and everything wrong with them. `None`: they could not be looked at.
    pub async fn look(&self) -> Option<(Files, Vec<Problem>)> {
        self.with(|publisher| publisher.look()).await
    }

    /// A change of the files, one at a time, on a thread that may block. It takes what it needs of the
    /// publisher by [`Reloader::publish_here`], so that while it waits for others the files can still
    /// be taken up. Once begun it goes on if the caller goes away. `None`: as below.
    pub(super) async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let (turn, this) = (self.edits.clone().lock_owned().await, self.clone());
        let work = move || {
            let _turn = turn;
            work(&this)
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.inspect_err(|error| tracing::error!(%error, "The files could not be changed.")).ok()
    }

    /// As [`Reloader::publish`], on this thread, which may block.
    pub(super) fn publish_here<T>(&self, work: impl FnOnce(&mut Publisher) -> T) -> T {
        let mut publisher = self.publisher.blocking_lock();
        let outcome = work(&mut publisher);
        self.status.send_replace(publisher.status());
        outcome
    }

    /// Work that may end in another snapshot. `None`: as below.
    pub(super) async fn publish<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Publisher) -> T + Send + 'static,
    ) -> Option<T> {
        let shown = self.status.clone();
        let told = move |publisher: &mut Publisher| {
            let outcome = work(publisher);
            // Before the next build begins, so that no older status follows a newer one.
            shown.send_replace(publisher.status());
            outcome
        };
        self.with(told).await
    }

    /// `None`: the build broke, or the process ends.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Publisher) -> T + Send + 'static,
    ) -> Option<T> {
        let mut publisher: OwnedMutexGuard<Publisher> = self.publisher.clone().lock_owned().await;
        let done = tokio::task::spawn_blocking(move || work(&mut publisher)).await;
        done.inspect_err(|error| tracing::error!(%error, "The catalog could not be built.")).ok()
    }
}

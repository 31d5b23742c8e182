//! Retention: removes what is old, keeps the images within their size, and leaves the database its
//! room on the disk. A task beside the requests, in small batches with pauses between them.
//!
//! Jobs with something left to do keep everything. A row that names an image goes first and the file
//! after it, so that a crash in between leaves a file too many and never one too few; the walk
//! through the folder finds it. Why no file goes that is about to be named by a row: `images/hold`.

mod policy;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Ms, now_ms};
use crate::images::Images;
use crate::size;
use crate::store::{Store, StoreError};

pub use policy::Policy;
use policy::{is_low, next_batch, reserve};

/// Rows of each kind that go in one write: it holds up the writes of jobs for a moment only.
const BATCH: usize = 100;
/// Between two batches, so that jobs have the disk for most of the time.
const BREATH: Duration = Duration::from_millis(50);
/// Batches of one round; what is left then waits for the next.
const MOST_BATCHES: usize = 5_000;
/// How often there may be nothing to shed before that is believed: what was shed may be shared.
const EMPTY_HANDED: usize = 3;
/// Time between two walks through the folder.
const WALK: Ms = 3_600_000;
/// A file that no row names is no job's when nobody was handed it for so long.
const ORPHAN: Duration = Duration::from_secs(3_600);
/// Pause between rounds while something is to be seen to: files that could not go, or no room.
const SOON: Duration = Duration::from_secs(2);
/// Pause between rounds at least, however many images come.
const GAP: Duration = Duration::from_millis(500);

/// The task's parts.
pub struct Retention {
    store: Arc<dyn Store>,
    images: Arc<Images>,
    policy: Policy,
    /// Called when jobs were removed: whoever remembers some forgets them.
    removed: Box<dyn Fn() + Send + Sync>,
    closing: CancellationToken,
    walked: Option<Ms>,
    /// Where the next walk goes on.
    rest: Option<String>,
    refused: Option<Full>,
}

/// Why inputs are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// The images of unfinished jobs alone are too much.
    Images,
    /// The file system has too little room.
    Disk,
}

/// The process stops.
struct Closing;

impl Retention {
    /// Sees to these until `closing`. `removed` is called when jobs were removed, for whoever may
    /// remember them.
    pub fn new(
        store: Arc<dyn Store>,
        images: Arc<Images>,
        policy: Policy,
        removed: impl Fn() + Send + Sync + 'static,
        closing: CancellationToken,
    ) -> Self {
        images.set_room(policy.size());
        let removed = Box::new(removed);
        Self { store, images, policy, removed, closing, walked: None, rest: None, refused: None }
    }

    /// Runs until the process stops.
    pub async fn run(mut self) {
        let stop = self.closing.clone();
        loop {
            if let Err(Closing) = self.round().await {
                return;
            }
            let busy = self.refused.is_some() || !self.images.binned().is_empty();
            let pause = self.policy.pause().min(if busy { SOON } else { Duration::MAX });
            let stirred = async {
                tokio::time::sleep(GAP).await;
                self.images.stirred().await;
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stirred => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Looks at everything once. Trouble with one part leaves the others their turn.
    async fn round(&mut self) -> Result<(), Closing> {
        let is_time = self.walked.is_none_or(|at| now_ms() >= at.saturating_add(WALK));
        if is_time || self.rest.is_some() {
            self.walk().await?;
        }
        let swept = self.sweep().await;
        self.tell(swept)?;
        let emptied = self.empty_bin().await;
        self.tell(emptied)?;
        let shed = self.shed().await;
        let is_full = self.tell(shed)?.unwrap_or(false);
        self.gate(is_full).await;
        self.breathe().await
    }

    /// Counts the images, and removes those that no row names: of refused requests, and of crashes
    /// between file and row.
    async fn walk(&mut self) -> Result<(), Closing> {
        let from = self.rest.take().unwrap_or_default();
        let found = match self.images.take_stock(ORPHAN, from, &self.closing).await {
            Ok(found) => found,
            Err(_) if self.closing.is_cancelled() => return Err(Closing),
            Err(error) => {
                tracing::warn!(%error, "The folder of images could not be read.");
                return Ok(());
            }
        };
        self.rest = found.rest;
        self.walked = Some(now_ms());
        let mut gone = 0;
        for names in found.old.chunks(BATCH) {
            let cleared = self.clear(names.to_vec()).await;
            gone += self.tell(cleared)?.unwrap_or(0);
            self.breathe().await?;
        }
        if gone > 0 {
            tracing::info!(images = gone, "Images that belong to no job were removed.");
        }
        Ok(())
    }

    /// Removes those of these images that no row needs.
    async fn clear(&self, names: Vec<String>) -> Result<usize, Trouble> {
        let asked = self.images.ask();
        let unneeded = self.store.unneeded(names).await?;
        Ok(self.images.discard(unneeded, asked).await)
    }

    /// Removes what is too old.
    async fn sweep(&self) -> Result<(), Trouble> {
        let (mut jobs, mut images) = (0, 0);
        for _ in 0..MOST_BATCHES {
            let asked = self.images.ask();
            let swept = self.store.sweep(self.policy.cuts(now_ms()), BATCH).await?;
            jobs += swept.jobs;
            images += swept.images.len();
            if swept.jobs > 0 {
                (self.removed)();
            }
            self.images.discard(swept.images, asked).await;
            if !swept.more {
                break;
            }
            self.breathe().await?;
        }
        if jobs > 0 || images > 0 {
            tracing::info!(jobs, images, "What was kept long enough was removed.");
        }
        Ok(())
    }

    /// Tries again what could not go before.
    async fn empty_bin(&self) -> Result<(), Trouble> {
        for names in self.images.binned().chunks(BATCH) {
            let asked = self.images.ask();
            let unneeded = self.store.unneeded(names.to_vec()).await?;
            self.images.unbin(names.iter().filter(|name| !unneeded.contains(name)));
            self.images.discard(unneeded, asked).await;
            self.breathe().await?;
        }
        Ok(())
    }

    /// Drops the images of the jobs that ended first until all are within their size; whether that
    /// is not enough.
    async fn shed(&self) -> Result<bool, Trouble> {
        let Some(before) = self.images.bytes() else { return Ok(false) };
        let (mut bytes, mut excess) = (before, self.policy.excess(before));
        let enough = before - excess;
        let (mut batch, mut empty_handed) = (1, 0);
        while excess > 0 && empty_handed < EMPTY_HANDED {
            let asked = self.images.ask();
            let names = self.store.shed(batch).await?;
            empty_handed = if names.is_empty() { empty_handed + 1 } else { 0 };
            self.images.discard(names, asked).await;
            let left = self.images.bytes().unwrap_or(bytes);
            let freed = bytes.saturating_sub(left);
            (bytes, excess) = (left, left.saturating_sub(enough));
            batch = next_batch(excess, batch, freed);
            self.breathe().await?;
        }
        if bytes < before {
            let (freed, size) = (size::show(before - bytes), size::show(self.policy.size()));
            tracing::warn!(
                freed,
                size,
                "The oldest images were removed: retention.size is reached."
            );
        }
        Ok(bytes > self.policy.size())
    }

    /// Takes inputs, or refuses them, and says so when that changes.
    async fn gate(&mut self, images_are_full: bool) {
        let (free, total) = match self.images.disk().await {
            Ok(disk) => disk,
            Err(error) => {
                tracing::warn!(%error, "The disk's free space is not known.");
                (u64::MAX, 0)
            }
        };
        let is_low = is_low(free, total, self.refused == Some(Full::Disk));
        let refused = match (is_low, images_are_full) {
            (true, _) => Some(Full::Disk),
            (false, true) => Some(Full::Images),
            (false, false) => None,
        };
        self.images.take_inputs(refused.is_none());
        if refused != self.refused {
            self.announce(refused, free, total);
        }
        self.refused = refused;
    }

    fn announce(&self, refused: Option<Full>, free: u64, total: u64) {
        match refused {
            Some(Full::Disk) => {
                let (free, reserve) = (size::show(free), size::show(reserve(total)));
                tracing::error!(
                    free,
                    reserve,
                    "No new images are taken: the disk is nearly full. Free some of it."
                );
            }
            Some(Full::Images) => {
                let held = size::show(self.images.bytes().unwrap_or_default());
                let size = size::show(self.policy.size());
                tracing::error!(
                    held,
                    size,
                    "No new images are taken: unfinished jobs need all of retention.size. Raise it."
                );
            }
            None => tracing::info!("New images are taken again."),
        }
    }

    /// Leaves the disk to others for a moment.
    async fn breathe(&self) -> Result<(), Closing> {
        tokio::select! {
            () = tokio::time::sleep(BREATH) => Ok(()),
            () = self.closing.cancelled() => Err(Closing),
        }
    }

    /// What came of a part of a round; its trouble is told and not passed on.
    fn tell<T>(&self, result: Result<T, Trouble>) -> Result<Option<T>, Closing> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(Trouble::Closing) => Err(Closing),
            Err(Trouble::Store(error)) => {
                tracing::warn!(%error, "What is old could not be removed; it is tried again.");
                Ok(None)
            }
        }
    }
}

/// Why a part of a round ended early.
enum Trouble {
    Closing,
    Store(StoreError),
}

impl From<Closing> for Trouble {
    fn from(Closing: Closing) -> Self {
        Self::Closing
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[cfg(test)]
mod tests;

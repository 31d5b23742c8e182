//! Retention: removes what is old, keeps the images within their size, and leaves the database its
//! room on the disk. A task beside the requests, in small batches with pauses between them.
//!
//! Jobs with something left to do keep everything. A row that names an image goes first and the file
//! after it, so that a crash in between leaves a file too many and never one too few; the walk
//! through the folder finds it. Why no file goes that is about to be named by a row: `images/hold`.

mod policy;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Ms, now_ms};
use crate::images::{Aged, Images};
use crate::size;
use crate::store::{Cuts, Store, StoreError};

pub use policy::Policy;
use policy::{is_low, next_batch, reserve, shortage};

/// Rows of each kind that go in one write: it holds up the writes of jobs for a moment only.
const BATCH: usize = 100;
/// Between two batches, so that jobs have the disk for most of the time.
const BREATH: Duration = Duration::from_millis(50);
/// Batches of one round; what is left then waits for the next.
const MOST_BATCHES: usize = 5_000;
/// How often there may be nothing to shed before that is believed: what was shed may be shared.
const EMPTY_HANDED: usize = 3;
/// Time between two walks through the folder, and between two looks at pins.
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
    /// The way that is left of a walk past what may be no job's.
    rest: Option<Aged>,
    /// When pins were looked at.
    pins: Option<Ms>,
    /// Whether the images of unfinished jobs alone are too much.
    crowded: bool,
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
        Self {
            store,
            images,
            policy,
            removed,
            closing,
            walked: None,
            rest: None,
            pins: None,
            crowded: false,
            refused: None,
        }
    }

    /// Runs until the process stops.
    pub async fn run(mut self) {
        let stop = self.closing.clone();
        loop {
            if let Err(Closing) = self.round().await {
                return;
            }
            let is_left = self.rest.is_some() || !self.images.binned().is_empty();
            let busy = self.refused.is_some() || is_left;
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

    /// Looks at everything once, and at the disk between any two parts: it may fill up meanwhile.
    /// Trouble with one part leaves the others their turn.
    async fn round(&mut self) -> Result<(), Closing> {
        self.gate().await;
        if is_time(self.walked) || self.rest.is_some() {
            self.walk().await?;
        }
        let swept = self.sweep().await;
        self.tell(swept)?;
        let emptied = self.empty_bin().await;
        self.tell(emptied)?;
        let shed = self.shed().await;
        self.crowded = self.tell(shed)?.unwrap_or(false);
        self.gate().await;
        self.breathe().await
    }

    /// Counts the images, and removes those that no row names: of refused requests, and of crashes
    /// between file and row.
    async fn walk(&mut self) -> Result<(), Closing> {
        let old = match self.aged().await {
            Ok(old) => old,
            Err(_) if self.closing.is_cancelled() => return Err(Closing),
            Err(error) => {
                tracing::warn!(%error, "The folder of images could not be read.");
                return Ok(());
            }
        };
        let mut gone = 0;
        for names in old.chunks(BATCH) {
            let cleared = self.clear(names.to_vec()).await;
            gone += self.tell(cleared)?.unwrap_or(0);
            self.gate().await;
            self.breathe().await?;
        }
        if gone > 0 {
            tracing::info!(images = gone, "Images that belong to no job were removed.");
        }
        Ok(())
    }

    /// A part of the images that may be no job's: of the walk under way, or of a new one.
    async fn aged(&mut self) -> io::Result<Vec<String>> {
        let way = match self.rest.take() {
            Some(rest) => rest,
            None => {
                let way = self.images.take_stock(ORPHAN, &self.closing).await?;
                self.walked = Some(now_ms());
                way
            }
        };
        let (names, rest) = way.next().await?;
        self.rest = rest;
        Ok(names)
    }

    /// Removes those of these images that no row needs.
    async fn clear(&self, names: Vec<String>) -> Result<usize, Trouble> {
        let asked = self.images.ask();
        let unneeded = self.store.unneeded(names).await?;
        Ok(self.images.discard(unneeded, asked).await)
    }

    /// Removes what is too old.
    async fn sweep(&mut self) -> Result<(), Trouble> {
        let (mut jobs, mut images) = (0, 0);
        for _ in 0..MOST_BATCHES {
            let (asked, cuts) = (self.images.ask(), self.cuts());
            let swept = self.store.sweep(cuts, BATCH).await?;
            jobs += swept.jobs;
            images += swept.images.len();
            if swept.jobs > 0 {
                (self.removed)();
            }
            self.images.discard(swept.images, asked).await;
            self.gate().await;
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

    /// What is too old now; pins only now and then, for whether they are needed is a long question.
    fn cuts(&mut self) -> Cuts {
        let now = now_ms();
        let cuts = self.policy.cuts(now);
        if !is_time(self.pins) {
            return Cuts { pins: 0, ..cuts };
        }
        self.pins = Some(now);
        cuts
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

    /// Drops the images of the jobs that ended first until all are within their size and a disk that
    /// was low is not any more; whether they are still beyond their size.
    async fn shed(&self) -> Result<bool, Trouble> {
        let Some(before) = self.images.bytes() else { return Ok(false) };
        let short = self.shortage().await.min(before);
        let (mut bytes, mut excess) = (before, self.policy.excess(before).max(short));
        let enough = before - excess;
        let (mut batch, mut empty_handed) = (1, 0);
        while excess > 0 && empty_handed < EMPTY_HANDED {
            let asked = self.images.ask();
            let names = self.store.shed(batch).await?;
            let were_some = !names.is_empty();
            empty_handed = if were_some { 0 } else { empty_handed + 1 };
            self.images.discard(names, asked).await;
            let left = self.images.bytes().unwrap_or(bytes);
            let freed = bytes.saturating_sub(left);
            (bytes, excess) = (left, left.saturating_sub(enough));
            // Files that cannot go: jobs after jobs would lose theirs for nothing.
            if were_some && freed == 0 {
                break;
            }
            batch = next_batch(excess, batch, freed);
            self.breathe().await?;
        }
        if bytes < before {
            let (freed, size) = (size::show(before - bytes), size::show(self.policy.size()));
            if self.policy.excess(before) >= short {
                tracing::warn!(
                    freed,
                    size,
                    "The oldest images were removed: retention.size is reached."
                );
            } else {
                tracing::warn!(freed, "The oldest images were removed: the disk is nearly full.");
            }
        }
        Ok(bytes > self.policy.size())
    }

    /// How many bytes a disk that was found low is short of.
    async fn shortage(&self) -> u64 {
        if self.refused != Some(Full::Disk) {
            return 0;
        }
        self.images.disk().await.map_or(0, |(free, total)| shortage(free, total))
    }

    /// Takes inputs, or refuses them, and says so when that changes.
    async fn gate(&mut self) {
        let (free, total) = match self.images.disk().await {
            Ok(disk) => disk,
            Err(error) => {
                tracing::warn!(%error, "The disk's free space is not known.");
                (u64::MAX, 0)
            }
        };
        let is_low = is_low(free, total, self.refused == Some(Full::Disk));
        let refused = match (is_low, self.crowded) {
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

/// Whether what is done now and then is due, when it was done last at that time.
fn is_time(last: Option<Ms>) -> bool {
    last.is_none_or(|at| now_ms() >= at.saturating_add(WALK))
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

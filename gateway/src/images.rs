//! The image store: one flat folder of files named by their content.
//!
//! An image arrives in chunks through a [`Spool`] and is hashed on the way, so that no image is ever
//! whole in memory. A file has its name only when it is complete, and it is there before any row
//! names it. Inputs are named by BLAKE3, which is also their fingerprint, results by SHA-256, which
//! clients can check. Headers tell type and size; a picture is decoded only to become another one,
//! a few at a time.

mod adapt;
mod anatomy;
mod count;
mod folder;
mod header;
mod hold;
mod kind;
mod picture;
#[cfg(test)]
mod samples;
mod spool;
mod stock;
mod transcode;

use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

pub use adapt::{AdaptError, Measure, Needs};
pub use hold::{Asked, Hold};
pub use kind::{Format, sniff};
pub use spool::{Spool, SpoolError};
pub use stock::Aged;

use folder::{Folder, TEMP};

/// Bytes moved at a time. Larger ones save little; with 32 images under way this is 8 MiB.
pub(crate) const CHUNK: usize = 256 * 1024;
/// Larger than any provider makes them today.
const RESULT: Limits = Limits { max_bytes: 200 << 20, max_pixels: 200_000_000 };
/// Pictures decoded at a time, on however many cores: each may take half a GiB.
const MOST_DECODERS: usize = 4;

/// What an image may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one image.
    pub max_bytes: u64,
    /// Width times height.
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 50_000_000, max_pixels: 50_000_000 }
    }
}

/// What an image is to us; decides how it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client's: named by BLAKE3.
    Input,
    /// A provider's: named by SHA-256.
    Result,
}

/// An image that is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its file's name: the hash of its bytes in hex.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// `image/png`, `image/jpeg` or `image/webp`, by its bytes.
    pub mime: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// SHA-256 in hex, for results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Images {
    folder: Arc<Folder>,
    limits: Limits,
    results: Limits,
    decoders: Arc<Semaphore>,
}

impl Images {
    /// Opens the store at `dir`. Creates the folder, and removes what an earlier process left half
    /// written: only one process may use a folder at a time.
    ///
    /// # Errors
    /// When the folder cannot be made, read or cleaned.
    pub fn open(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMP) {
                std::fs::remove_file(entry.path())?;
            }
        }
        let folder = Folder::open(dir)?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let decoders = Arc::new(Semaphore::new(cores.min(MOST_DECODERS)));
        Ok(Self { folder: Arc::new(folder), limits: Limits::default(), results: RESULT, decoders })
    }

    /// The same store with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same store with other limits for results, which are otherwise only kept from doing harm.
    #[must_use]
    pub fn with_result_limits(mut self, limits: Limits) -> Self {
        self.results = limits;
        self
    }

    /// Begins an image.
    ///
    /// # Errors
    /// `StorageFull` for an input while none is taken. A result always is: it was paid for.
    pub async fn spool(&self, kind: Kind) -> io::Result<Spool> {
        if kind == Kind::Input && self.folder.closed.load(Ordering::Relaxed) {
            let why = "there is no room for more inputs";
            return Err(io::Error::new(io::ErrorKind::StorageFull, why));
        }
        Ok(Spool::new(Arc::clone(&self.folder), kind, self.limits_of(kind)))
    }

    /// What clients send is bounded by the settings. What was paid for is bounded only against harm.
    fn limits_of(&self, kind: Kind) -> Limits {
        match kind {
            Kind::Input => self.limits,
            Kind::Result => self.results,
        }
    }

    /// Opens an image by its [`Stored::name`]; also says how long it is.
    ///
    /// # Errors
    /// `InvalidInput` when the name is none of ours, `NotFound` when the image is gone.
    pub async fn open_read(&self, name: &str) -> io::Result<(tokio::fs::File, u64)> {
        let path = self.folder.named(name)?;
        let file = tokio::fs::File::open(path).await?;
        let bytes = file.metadata().await?.len();
        Ok((file, bytes))
    }

    /// Makes the names given since durable, for those finished without: one sync serves many.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn sync(&self) -> io::Result<()> {
        let folder = Arc::clone(&self.folder);
        spawn_blocking(move || folder.handle.sync_all()).await?
    }
}

#[cfg(test)]
mod tests;

//! An image on its way into the store: hashed and written while it arrives.
//!
//! The file has a temporary name until [`Spool::finish`]; a spool dropped before leaves nothing
//! behind. Disk and hash work runs beside the network, one chunk behind it.

mod blocking;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

use super::folder::Placed;
use super::kind::{ENOUGH, looks_like, sniff};
use super::{CHUNK, Folder, Kind, Limits, Stored, header};

pub(super) use blocking::BlockingSpool;

/// Why an image does not go into the store.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk's trouble.
    #[error("the image cannot be stored: {0}")]
    Io(#[from] io::Error),
    /// More bytes than allowed.
    #[error("the image is larger than {limit} bytes; send a smaller one")]
    TooLarge {
        /// The most that is taken.
        limit: u64,
    },
    /// No picture, or none that is taken.
    #[error("this is {why}; send a PNG, JPEG or WebP image")]
    NotAnImage {
        /// What it looks like.
        why: String,
    },
    /// More pixels than allowed.
    #[error("the image has {width} x {height} pixels, more than {limit}; send a smaller one")]
    TooManyPixels {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The most that is taken.
        limit: u64,
    },
}

/// One image being written.
#[derive(Debug)]
pub struct Spool {
    folder: Arc<Folder>,
    limits: Limits,
    bytes: u64,
    pending: Vec<u8>,
    draft: Work,
}

/// The draft is here, or with the thread that writes to it.
#[derive(Debug)]
enum Work {
    Idle(Box<Draft>),
    Busy(JoinHandle<io::Result<Box<Draft>>>),
    Broken,
}

impl Spool {
    pub(super) fn new(folder: Arc<Folder>, kind: Kind, limits: Limits) -> Self {
        let draft = Work::Idle(Box::new(Draft::new(kind)));
        Self { folder, limits, bytes: 0, pending: Vec::new(), draft }
    }

    /// Adds bytes. What does not fit is refused before it is written.
    ///
    /// # Errors
    /// `TooLarge` or `Io`; the spool is then of no use.
    pub async fn write(&mut self, mut chunk: &[u8]) -> Result<(), SpoolError> {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        if self.bytes > self.limits.max_bytes {
            // Waits for the write under way, so that the file is gone when this returns.
            drop(self.draft().await);
            return Err(SpoolError::TooLarge { limit: self.limits.max_bytes });
        }
        while !chunk.is_empty() {
            let room = CHUNK.saturating_sub(self.pending.len());
            let (now, later) = chunk.split_at(room.min(chunk.len()));
            self.pending.extend_from_slice(now);
            chunk = later;
            if self.pending.len() >= CHUNK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Ends the image: checks its header, gives it its name. `durable` also syncs file and folder,
    /// so that it survives a power cut.
    ///
    /// # Errors
    /// When it is no image, too large in pixels, or cannot be written; nothing is left behind.
    pub async fn finish(mut self, durable: bool) -> Result<Stored, SpoolError> {
        let draft = self.draft().await?;
        let (folder, limits, rest) = (self.folder, self.limits, self.pending);
        let finished = spawn_blocking(move || draft.finish(&folder, limits, &rest, durable)).await;
        finished.map_err(io::Error::other)?
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut draft = self.draft().await?;
        // Two buffers take turns: a new one for each chunk would cost more than hashing it.
        let mut chunk = std::mem::replace(&mut self.pending, std::mem::take(&mut draft.spare));
        let folder = Arc::clone(&self.folder);
        self.draft = Work::Busy(spawn_blocking(move || {
            draft.append(&folder, &chunk)?;
            chunk.clear();
            draft.spare = chunk;
            Ok(draft)
        }));
        Ok(())
    }

    async fn draft(&mut self) -> io::Result<Box<Draft>> {
        match std::mem::replace(&mut self.draft, Work::Broken) {
            Work::Idle(draft) => Ok(draft),
            Work::Busy(writing) => writing.await?,
            Work::Broken => Err(io::Error::other("an earlier write failed")),
        }
    }
}

#[cfg(test)]
impl Spool {
    /// Waits until all that was flushed is on disk.
    pub(super) async fn settle(&mut self) {
        if let Ok(draft) = self.draft().await {
            self.draft = Work::Idle(draft);
        }
    }
}

/// What is written so far. Its file goes when it goes.
#[derive(Debug)]
struct Draft {
    hash: Hash,
    bytes: u64,
    head: Vec<u8>,
    temp: Option<Temp>,
    spare: Vec<u8>,
}

#[derive(Debug)]
enum Hash {
    Blake3(Box<blake3::Hasher>),
    Sha256(Sha256),
}

/// A file that is removed when dropped, unless it was renamed.
#[derive(Debug)]
struct Temp {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Draft {
    fn new(kind: Kind) -> Self {
        let hash = match kind {
            Kind::Input => Hash::Blake3(Box::new(blake3::Hasher::new())),
            Kind::Result => Hash::Sha256(Sha256::new()),
        };
        Self { hash, bytes: 0, head: Vec::new(), temp: None, spare: Vec::new() }
    }

    fn append(&mut self, folder: &Folder, chunk: &[u8]) -> io::Result<()> {
        let wanted = ENOUGH.saturating_sub(self.head.len()).min(chunk.len());
        self.head.extend(chunk.iter().take(wanted));
        self.hash.update(chunk);
        self.bytes += chunk.len() as u64;
        let temp = match &mut self.temp {
            Some(temp) => temp,
            None => self.temp.insert(Temp::new(folder)?),
        };
        temp.file.write_all(chunk)
    }

    fn finish(
        mut self,
        folder: &Folder,
        limits: Limits,
        rest: &[u8],
        durable: bool,
    ) -> Result<Stored, SpoolError> {
        self.append(folder, rest)?;
        let Some(mut temp) = self.temp.take() else {
            return Err(io::Error::other("a draft without a file").into());
        };
        let (mime, width, height) = check(&self.head, &mut temp.file, limits)?;
        let (name, sha256) = self.hash.names();
        if durable {
            temp.file.sync_all()?;
        }
        let first = temp.rename(folder, &name)?;
        if durable {
            first.map_or(Ok(()), |file| file.sync_all())?;
            folder.handle.sync_all()?;
        }
        Ok(Stored { name, bytes: self.bytes, mime: mime.to_owned(), width, height, sha256 })
    }
}

/// Type and size of a complete file, within the limits.
fn check(
    head: &[u8],
    file: &mut File,
    limits: Limits,
) -> Result<(&'static str, u32, u32), SpoolError> {
    let Some(format) = sniff(head) else {
        return Err(SpoolError::NotAnImage { why: looks_like(head).to_owned() });
    };
    file.seek(SeekFrom::Start(0))?;
    let Some((width, height)) = header::size(file) else {
        let why = format!("{} whose header does not say its size", format.mime());
        return Err(SpoolError::NotAnImage { why });
    };
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(SpoolError::TooManyPixels { width, height, limit: limits.max_pixels });
    }
    Ok((format.mime(), width, height))
}

impl Hash {
    fn update(&mut self, chunk: &[u8]) {
        match self {
            Self::Blake3(hasher) => {
                hasher.update(chunk);
            }
            Self::Sha256(hasher) => hasher.update(chunk),
        }
    }

    /// The file's name, and the SHA-256 where that was computed.
    fn names(self) -> (String, Option<String>) {
        match self {
            Self::Blake3(hasher) => (hasher.finalize().to_hex().to_string(), None),
            Self::Sha256(hasher) => {
                let hex = data_encoding::HEXLOWER.encode(&hasher.finalize());
                (hex.clone(), Some(hex))
            }
        }
    }
}

impl Temp {
    fn new(folder: &Folder) -> io::Result<Self> {
        let path = folder.temp();
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Self { file, path, kept: false })
    }

    /// Takes its name, unless the same image has it already: then this goes, and that is answered.
    fn rename(mut self, folder: &Folder, name: &str) -> io::Result<Option<File>> {
        match folder.place(&self.file, &self.path, name)? {
            Placed::Known(first) => Ok(Some(first)),
            Placed::New => {
                self.kept = true;
                Ok(None)
            }
        }
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "an unfinished image stays until the next start");
        }
    }
}

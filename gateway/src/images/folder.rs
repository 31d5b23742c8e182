//! The folder of files: the one place where a file gets its name and where it loses it.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::Notify;

use super::count::Count;
use super::hold::{Asked, Holds};
use crate::clock::Ms;

/// Length of a name: 32 bytes in hex.
pub(super) const NAME: usize = 64;
/// What unfinished files begin with; no hex name does.
pub(super) const TEMP: &str = "tmp-";
/// Locks that names share: few enough to be cheap, so many that two names rarely meet.
const LOCKS: usize = 64;
/// Names remembered for a later removal; beyond, the next walk finds them.
const BIN: usize = 10_000;
/// After so many new bytes somebody should look at the disk again.
const LOOK: u64 = 32_000_000;

/// The folder, with a handle of its own: making a rename durable means syncing the folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) handle: File,
    pub(super) holds: Arc<Holds>,
    names: [Mutex<()>; LOCKS],
    count: Mutex<Count>,
    /// What is to go as soon as it may, with its length.
    bin: Mutex<HashMap<String, u64>>,
    pub(super) room: AtomicU64,
    /// New bytes since the start.
    placed: AtomicU64,
    pub(super) closed: AtomicBool,
    pub(super) stirred: Notify,
    /// Free and total bytes as a test wants them.
    #[cfg(test)]
    pub(super) disk: Mutex<Option<(u64, u64)>>,
}

/// What became of a file that was to get its name.
#[derive(Debug)]
pub(super) enum Placed {
    /// It has it.
    New,
    /// This one with the same content has it already, durably or not; the other is of no use.
    Known(File),
}

/// What became of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// The file is gone.
    Done,
    /// It may just have been handed out, or is being counted.
    Later,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            handle: File::open(path)?,
            holds: Arc::default(),
            names: std::array::from_fn(|_| Mutex::new(())),
            count: Mutex::default(),
            bin: Mutex::default(),
            room: AtomicU64::new(u64::MAX),
            placed: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            stirred: Notify::new(),
            #[cfg(test)]
            disk: Mutex::default(),
        })
    }

    /// The path of a name. Only hex of the right length is a name, so none leads elsewhere.
    pub(super) fn named(&self, name: &str) -> io::Result<PathBuf> {
        if is_name(name) {
            return Ok(self.path.join(name));
        }
        Err(io::Error::new(ErrorKind::InvalidInput, "an image's name is 64 hex digits"))
    }

    pub(super) fn temp(&self) -> PathBuf {
        self.path.join(format!("{TEMP}{}", uuid::Uuid::now_v7().simple()))
    }

    /// Gives a complete file its name. The same image stored twice is one file, the first: that may
    /// be durable and named by a row, where this one is not.
    pub(super) fn place(&self, file: &File, temp: &Path, name: &str) -> io::Result<Placed> {
        let path = self.named(name)?;
        let bytes = file.metadata()?.len();
        let _name = self.name(name);
        let was_there = match opened(&path)? {
            Some((first, length)) if length == bytes => {
                self.stamp(&first)?;
                return Ok(Placed::Known(first));
            }
            other => other.is_some(),
        };
        self.stamp(file)?;
        fs::rename(temp, &path)?;
        if !was_there {
            self.came(name, bytes);
        }
        Ok(Placed::New)
    }

    /// Counts a new file; rings when all are too much, or the disk has got much since it last rang.
    fn came(&self, name: &str, bytes: u64) {
        let mut count = self.count();
        count.added(name, bytes);
        let before = self.placed.fetch_add(bytes, Ordering::Relaxed);
        let is_much = before / LOOK < before.saturating_add(bytes) / LOOK;
        let room = self.room.load(Ordering::Relaxed);
        if is_much || count.bytes().is_some_and(|bytes| bytes > room) {
            self.stirred.notify_one();
        }
    }

    /// Hands out a name that is known from before. Whether its file is still there.
    pub(super) fn keep(&self, name: &str) -> io::Result<bool> {
        let path = self.named(name)?;
        let _name = self.name(name);
        match opened(&path)? {
            Some((file, _)) => self.stamp(&file).map(|()| true),
            None => Ok(false),
        }
    }

    /// Removes a file that no row needed when asked; see [`hold`](super::hold) for why that is safe.
    /// What cannot go now goes into the bin.
    pub(super) fn remove(&self, name: &str, asked: Asked) -> io::Result<Removal> {
        let path = self.named(name)?;
        let _name = self.name(name);
        let file = match fs::metadata(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.bin().remove(name);
                return Ok(Removal::Done);
            }
            Err(error) => return Err(error),
        };
        // Held over the removal, so that no walk begins in between.
        let mut count = self.count();
        let mut bin = self.bin();
        if count.is_walking() || !asked.covers(stamp_of(&file)) {
            if bin.len() < BIN && bin.insert(name.to_owned(), file.len()).is_none() {
                self.stirred.notify_one();
            }
            return Ok(Removal::Later);
        }
        fs::remove_file(&path)?;
        count.removed(file.len());
        bin.remove(name);
        Ok(Removal::Done)
    }

    /// Bytes of everything that has a name and is to stay; `None` before the first walk.
    pub(super) fn bytes(&self) -> Option<u64> {
        let bytes = self.count().bytes()?;
        let going: u64 = self.bin().values().sum();
        Some(bytes.saturating_sub(going))
    }

    /// The names in the bin.
    pub(super) fn binned(&self) -> Vec<String> {
        self.bin().keys().cloned().collect()
    }

    /// Takes names out of the bin: somebody needs them again.
    pub(super) fn unbin<'n>(&self, names: impl IntoIterator<Item = &'n String>) {
        let mut bin = self.bin();
        for name in names {
            bin.remove(name);
        }
    }

    /// Counts one file the walk comes by, unless it is gone by now.
    pub(super) fn visit(&self, name: &str) -> io::Result<()> {
        let path = self.named(name)?;
        let _name = self.name(name);
        match fs::metadata(path) {
            Ok(file) => self.count().found(name, file.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn count(&self) -> MutexGuard<'_, Count> {
        lock(&self.count)
    }

    fn bin(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        lock(&self.bin)
    }

    fn stamp(&self, file: &File) -> io::Result<()> {
        file.set_modified(UNIX_EPOCH + Duration::from_millis(self.holds.stamp()))
    }

    /// The lock of a name, shared with some others. Taken before any other lock.
    fn name(&self, name: &str) -> MutexGuard<'_, ()> {
        let first = name.get(..2).and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let index = first.unwrap_or_default() % LOCKS;
        let [fallback, ..] = &self.names;
        lock(self.names.get(index).unwrap_or(fallback))
    }
}

/// A file and its length, if it is there.
fn opened(path: &Path) -> io::Result<Option<(File, u64)>> {
    match File::open(path) {
        Ok(file) => {
            let bytes = file.metadata()?.len();
            Ok(Some((file, bytes)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a file in the folder is one of ours with its name.
pub(super) fn is_name(name: &str) -> bool {
    name.len() == NAME && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// When a file was handed out or written last.
pub(super) fn stamp_of(file: &Metadata) -> Ms {
    let since = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, crate::duration::ms)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

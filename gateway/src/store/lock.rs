//! The data folder is one process's: two on one database would each think a job theirs. A lock on a
//! file says so, and the file says who holds it. The system drops the lock with the process, however
//! that ends.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{self, Ms, now_ms};

/// Its name in the folder.
const FILE: &str = "lock";
/// How often a lock that is held is tried again.
const AGAIN: Duration = Duration::from_millis(100);
/// More than a holder writes.
const LONGEST: u64 = 1_024;

/// The folder, ours until this is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    holder: Holder,
}

/// Who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since: Ms,
    listen: Option<SocketAddr>,
}

/// Why the folder is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works on it.
    #[error(
        "another retouch uses {}: {}; stop that one, or give this one a folder of its own with --data",
        .dir.display(), .holder
    )]
    Held {
        /// The folder.
        dir: PathBuf,
        /// Who does, as far as is known.
        holder: String,
    },
    /// The lock's file cannot be opened.
    #[error("cannot use {}: {error}; let this user write there", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Lock {
    /// Takes the folder. While another process has it, waits up to `patience` for that one to end: a
    /// supervisor that restarts us may be a little early.
    ///
    /// # Errors
    /// When it is still held then, or the folder cannot be written.
    pub async fn take(dir: &Path, patience: Duration) -> Result<Self, LockError> {
        let path = dir.join(FILE);
        let unusable = |error| LockError::Unusable { path: path.clone(), error };
        let mut file = open(&path).map_err(unusable)?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
                Err(TryLockError::WouldBlock) if waited >= patience => {
                    let holder = told(&mut file);
                    return Err(LockError::Held { dir: dir.to_owned(), holder });
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if waited.is_zero() {
                let (folder, holder) = (dir.display(), told(&mut file));
                tracing::warn!(%folder, holder, "Another retouch uses the data folder; waiting for its end.");
            }
            tokio::time::sleep(AGAIN).await;
            waited += AGAIN;
        }
        let holder = Holder { pid: std::process::id(), since: now_ms(), listen: None };
        let mut lock = Self { file, holder };
        lock.say();
        Ok(lock)
    }

    /// Says where we listen, for whoever comes second.
    pub fn listens(&mut self, addr: SocketAddr) {
        self.holder.listen = Some(addr);
        self.say();
    }

    /// A folder that is full holds the lock as well; it only cannot say who we are.
    fn say(&mut self) {
        if let Err(error) = write(&mut self.file, &self.holder) {
            tracing::warn!(%error, "The lock file cannot be written.");
        }
    }
}

/// Where the gateway listens that has the folder, if one has it and stays.
pub fn gateway(dir: &Path) -> Option<SocketAddr> {
    let mut file = File::open(dir.join(FILE)).ok()?;
    // Shared, so that others may look as well; what nobody holds says nothing of today.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read(&mut file)?.listen,
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(holder)?.as_bytes())
}

fn read(file: &mut File) -> Option<Holder> {
    file.rewind().ok()?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Who holds it, in words.
fn told(file: &mut File) -> String {
    let Some(holder) = read(file) else { return "it did not say who it is".to_owned() };
    let listen = holder.listen.map_or_else(String::new, |addr| format!(", listening on {addr}"));
    format!("process {}, started {}{listen}", holder.pid, utc(holder.since))
}

/// A time as `2026-11-23 09:45:30 UTC`.
fn utc(at: Ms) -> String {
    let seconds = clock::seconds(at);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, in eras of 400 of them (Hinnant, "chrono-compatible low-level date
    // algorithms").
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Lock::take(dir.path(), Duration::ZERO).await.unwrap();
        first.listens(([127, 0, 0, 1], 8_000).into());
        let error = Lock::take(dir.path(), Duration::ZERO).await.unwrap_err().to_string();
        let holder = format!("process {}, started {}", std::process::id(), utc(first.holder.since));
        let folder = dir.path().display().to_string();
        for part in [&*folder, &*holder, "listening on 127.0.0.1:8000", "stop that one", "--data"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        drop(first);
        Lock::take(dir.path(), Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_looks_finds_the_gateway_that_has_the_folder_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(gateway(dir.path()), None);
        let mut lock = Lock::take(dir.path(), Duration::ZERO).await.unwrap();
        assert_eq!(gateway(dir.path()), None, "it does not stay, or does not listen yet");
        let addr = ([127, 0, 0, 1], 8_000).into();
        lock.listens(addr);
        assert_eq!((gateway(dir.path()), gateway(dir.path())), (Some(addr), Some(addr)));
        drop(lock);
        assert_eq!(gateway(dir.path()), None, "it is gone, though the file names it");
    }

    #[tokio::test]
    async fn the_second_gets_the_folder_when_the_first_leaves_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path(), Duration::ZERO).await.unwrap();
        let patience = Duration::from_secs(60);
        let second = Lock::take(dir.path(), patience);
        let leaves = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (second, ()) = tokio::join!(second, leaves);
        assert_eq!(second.unwrap().holder.pid, std::process::id());
    }

    #[tokio::test]
    async fn what_an_earlier_version_left_is_no_hindrance() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lock"), "").unwrap();
        let held = File::options().write(true).open(dir.path().join("lock")).unwrap();
        held.try_lock().unwrap();
        let error = Lock::take(dir.path(), Duration::ZERO).await.unwrap_err().to_string();
        assert!(error.contains("did not say who it is"), "{error}");
    }

    #[test]
    fn times_are_told_by_the_calendar() {
        for (seconds, want) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00:00 UTC"),
            (1_798_761_599, "2026-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds * 1_000), want);
        }
    }
}

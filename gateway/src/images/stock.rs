//! What the store holds in all, and how it gets rid of what nobody needs. The policy is elsewhere:
//! here is only what can be done without losing what is in use.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::folder::{Folder, Removal, TEMP, is_name, stamp_of};
use super::hold::{Asked, Hold, Holds};
use super::{Images, Stored};
use crate::clock::{Ms, now_ms};

/// Images of [`Aged`] at a time: two megabytes of names.
const PART: usize = if cfg!(test) { 3 } else { 20_000 };

/// A way through the folder past the images that nobody was handed for long.
#[derive(Debug)]
pub struct Aged {
    entries: fs::ReadDir,
    before: Ms,
}

impl Aged {
    /// The next of them, and the way on where there may be more. Images may come and go meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn next(mut self) -> io::Result<(Vec<String>, Option<Self>)> {
        spawn_blocking(move || {
            let names = self.part()?;
            let has_more = names.len() == PART;
            Ok((names, has_more.then_some(self)))
        })
        .await?
    }

    fn part(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.entries.by_ref() {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_old = || entry.metadata().is_ok_and(|file| stamp_of(&file) < self.before);
            if is_name(&name) && is_old() {
                names.push(name);
            }
            if names.len() == PART {
                break;
            }
        }
        Ok(names)
    }
}

impl Images {
    /// Keeps everything that is handed out from now on from being removed, until this is dropped.
    /// Whoever takes images to name them in a row has one until the row is written.
    pub fn hold(&self) -> Hold {
        Holds::begin(&self.folder.holds)
    }

    /// Hands out images that are known from before, under a [`Hold`]; whether all are still there.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn keep(&self, images: &[Stored]) -> io::Result<bool> {
        let names: Vec<String> = images.iter().map(|image| image.name.clone()).collect();
        self.apart(move |folder| {
            for name in names {
                if !folder.keep(&name)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    /// To be called before the store is asked which images no row needs.
    pub fn ask(&self) -> Asked {
        self.folder.holds.ask()
    }

    /// Removes images that no row needed when `asked`; answers how many went. Those that may just
    /// have been handed out stay for now, and are in [`Images::binned`]. Whoever reads one reads on.
    pub async fn discard(&self, names: Vec<String>, asked: Asked) -> usize {
        let discarded = self.apart(move |folder| {
            let mut gone = 0;
            for name in names {
                match folder.remove(&name, asked) {
                    Ok(Removal::Done) => gone += 1,
                    Ok(Removal::Later) => {}
                    Err(error) => tracing::warn!(name, %error, "An image could not be removed."),
                }
            }
            Ok(gone)
        });
        discarded.await.unwrap_or_default()
    }

    /// Images to be discarded again, after asking the store again.
    pub fn binned(&self) -> Vec<String> {
        self.folder.binned()
    }

    /// Says that images in the bin are needed again.
    pub fn unbin<'n>(&self, names: impl IntoIterator<Item = &'n String>) {
        self.folder.unbin(names);
    }

    /// Bytes of all images but those in the bin; `None` until they were counted.
    pub fn bytes(&self) -> Option<u64> {
        self.folder.bytes()
    }

    /// Sets how many bytes all images together should have at most: beyond, [`Images::stirred`]
    /// returns.
    pub fn set_room(&self, bytes: u64) {
        self.folder.room.store(bytes, Ordering::Relaxed);
    }

    /// Returns when an image came that was too much, or many bytes have come, so that the disk should
    /// be looked at, or an image is to go that could not go yet.
    pub async fn stirred(&self) {
        self.folder.stirred.notified().await;
    }

    /// Whether inputs are taken. Results always are.
    pub fn take_inputs(&self, taken: bool) {
        self.folder.closed.store(!taken, Ordering::Relaxed);
    }

    /// Free and total bytes of the file system.
    ///
    /// # Errors
    /// What it says.
    pub async fn disk(&self) -> io::Result<(u64, u64)> {
        self.apart(|folder| {
            #[cfg(test)]
            if let Some(disk) = *folder.disk.lock().unwrap() {
                return Ok(disk);
            }
            let disk = rustix::fs::fstatvfs(&folder.handle)?;
            let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            Ok((bytes(disk.f_bavail), bytes(disk.f_blocks)))
        })
        .await
    }

    /// Walks through the folder: counts all images, and removes what was left half written. Then
    /// leads past the images that nobody was handed for `age`: some of them may be no job's.
    ///
    /// # Errors
    /// When the folder cannot be read, or `stop` says that nobody waits for it any more.
    pub async fn take_stock(&self, age: Duration, stop: &CancellationToken) -> io::Result<Aged> {
        let stop = stop.clone();
        let before = now_ms().saturating_sub(crate::duration::ms(age));
        self.apart(move |folder| {
            folder.count().begin();
            let walked = walk(folder, before, &stop);
            match &walked {
                Ok(()) => folder.count().end(),
                Err(_) => folder.count().abandon(),
            }
            walked?;
            Ok(Aged { entries: fs::read_dir(&folder.path)?, before })
        })
        .await
    }

    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let folder = Arc::clone(&self.folder);
        spawn_blocking(move || work(&folder)).await?
    }
}

fn walk(folder: &Folder, before: Ms, stop: &CancellationToken) -> io::Result<()> {
    for entry in fs::read_dir(&folder.path)? {
        let entry = entry?;
        if stop.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with(TEMP) {
            clear(&entry, before);
        } else if is_name(&name) {
            folder.visit(&name)?;
        }
    }
    Ok(())
}

/// Removes a file that was begun and given up. One that is written to is never old.
fn clear(entry: &fs::DirEntry, before: Ms) {
    let before = SystemTime::UNIX_EPOCH + Duration::from_millis(before);
    let is_old = entry.metadata().and_then(|file| file.modified()).is_ok_and(|at| at < before);
    if is_old && let Err(error) = fs::remove_file(entry.path()) {
        tracing::warn!(%error, "A file that was left half written could not be removed.");
    }
}

#[cfg(test)]
impl Images {
    /// Removes an image, whoever may need it.
    pub(crate) async fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.named(name)?)
    }

    /// Whether an image is there.
    pub(crate) fn has(&self, image: &Stored) -> bool {
        self.folder.path.join(&image.name).exists()
    }

    /// Makes the file system look as if it had so many free and total bytes.
    pub(crate) fn set_disk(&self, free: u64, total: u64) {
        *self.folder.disk.lock().unwrap() = Some((free, total));
    }

    /// Lets the time of stamps pass, so that what was handed out before is older than what is asked
    /// from now on.
    pub(crate) fn pass(&self) {
        self.folder.holds.pass();
    }

    /// Makes a file look as if it was handed out at the beginning of time.
    pub(crate) fn age(&self, file: &str) {
        let file = fs::File::options().write(true).open(self.folder.path.join(file)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
}

#[cfg(test)]
mod tests;

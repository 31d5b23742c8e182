//! Writing files of the configuration: each whole or not at all, several of them together or none,
//! whatever happens in between.
//!
//! A new text is first written beside its file, hidden, and synced. Where several files change, a
//! journal then names them all: with it the change is decided, and whoever comes next completes it.
//! Only then the files take their places. A link stays a link; owner, group and mode stay.

mod journal;
mod steps;
mod target;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::files::{FOLDERS, SANDBOX, SANDBOX_FILE, most};
use super::text;
use journal::Journal;
use steps::Save;

/// How everything begins that is here for the time of a write.
const MARK: &str = ".retouch-save";
/// Rights of a new file: its owner's only, as a key may stand in it.
const MODE: u32 = 0o600;
/// Rights of a new folder.
const FOLDER_MODE: u32 = 0o755;

/// How often is asked for the lock, and how long is waited in between: 5 s in all.
const TRIES: u32 = 250;
const PAUSE: Duration = Duration::from_millis(20);

/// Whoever changes the folder at the same time waits, though not for ever: whatever holds the lock may
/// never let go of it. The folder itself is locked, so that no file is left behind; where that cannot
/// be done, replacing files whole still leaves good ones.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when another process holds it all the time.
pub fn lock(dir: &Path) -> io::Result<Option<File>> {
    lock_within(dir, TRIES)
}

fn lock_within(dir: &Path, tries: u32) -> io::Result<Option<File>> {
    let Ok(folder) = File::open(dir) else { return Ok(None) };
    for left in (0..tries).rev() {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(fs::TryLockError::Error(_)) => return Ok(None),
            Err(fs::TryLockError::WouldBlock) if left > 0 => thread::sleep(PAUSE),
            Err(fs::TryLockError::WouldBlock) => {}
        }
    }
    let what = format!(
        "another process holds the lock of {} (flock); try again once it is done",
        dir.display()
    );
    Err(io::Error::new(io::ErrorKind::WouldBlock, what))
}

/// Writes and removes (`None`) files, all or none, named below the configuration's folder or by their
/// whole path. A folder that one of them needs is made. The caller holds the [`lock`].
///
/// # Errors
/// When the folder cannot be written, or when a text is so large that it would not be read back;
/// nothing was changed then.
pub fn write(dir: &Path, changes: &[(PathBuf, Option<String>)]) -> io::Result<()> {
    write_while(dir, changes, || true).map(drop)
}

/// The same, if `is_still` says so once the new texts are safe on the disk: between that and the first
/// file's place there is no more than a rename, and where several change the journal. `false`: it does
/// not hold any more, and nothing was changed.
///
/// # Errors
/// As [`write`].
pub fn write_while(
    dir: &Path,
    changes: &[(PathBuf, Option<String>)],
    is_still: impl FnOnce() -> bool,
) -> io::Result<bool> {
    for (file, text) in changes {
        let fits = text.as_ref().map_or(Ok(()), |text| text::fits(text, most(file)));
        fits.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    }
    complete(dir)?;
    let save = Save::of(dir, changes)?;
    places(dir).chain(save.folders()).for_each(|folder| sweep(&folder));
    save.run(is_still)
}

/// Completes a write that was broken off after it was decided, and removes what one left that was not:
/// keys may stand in it. It waits for whoever writes now.
///
/// # Errors
/// When the folder cannot be written, or another process holds its lock.
pub fn finish(dir: &Path) -> io::Result<()> {
    if !Journal::is_in(dir) && !places(dir).any(|folder| temporaries(&folder).next().is_some()) {
        return Ok(());
    }
    let _lock = lock(dir)?;
    complete(dir)?;
    places(dir).for_each(|folder| sweep(&folder));
    Ok(())
}

/// Whether a write of several files is decided and not complete.
pub fn is_pending(dir: &Path) -> bool {
    Journal::is_in(dir)
}

/// Whether a file is mounted by itself, so that no other can take its place. `false` where the system
/// does not say.
pub fn is_mounted(file: &Path) -> bool {
    target::is_mounted(file)
}

/// As [`finish`], for who holds the lock.
///
/// # Errors
/// As [`finish`].
pub fn complete(dir: &Path) -> io::Result<()> {
    match Journal::read(dir)? {
        Some(journal) => {
            tracing::warn!("A change of several files was broken off. It is completed.");
            journal.carry_out(dir)
        }
        None => Ok(()),
    }
}

/// Replaces one file, or makes it.
///
/// # Errors
/// When it cannot be written; the old one stands then.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Save::of(folder, &[(PathBuf::from(name), Some(text.to_owned()))])?.run(|| true).map(drop)
}

/// Makes the configuration's folder in one step, with the sandbox's provider, which was built in until
/// now: half of one would hide it. One that is there already stays as it is.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(dir: &Path) -> io::Result<()> {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let fresh = tempfile::Builder::new().prefix(".config.").tempdir_in(parent)?;
    let sandbox = fresh.path().join(SANDBOX_FILE);
    fs::create_dir(target::folder(&sandbox))?;
    fs::write(sandbox, SANDBOX)?;
    fs::set_permissions(fresh.path(), fs::Permissions::from_mode(FOLDER_MODE))?;
    match fs::rename(fresh.path(), dir) {
        Ok(()) => drop(fresh.keep()),
        // Somebody else was faster.
        Err(_) if dir.is_dir() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Where files of the catalog lie: its folders, and those that links in them lead to.
fn places(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let own = || [dir.to_owned()].into_iter().chain(FOLDERS.map(|folder| dir.join(folder)));
    let entries = own().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let targets = links.filter_map(|link| target::written(&link.path()).ok());
    let elsewhere: BTreeSet<PathBuf> =
        targets.filter_map(|target| target.parent().map(Path::to_owned)).collect();
    own().chain(elsewhere)
}

/// Removes what a process left that died while it wrote. That it cannot be removed stops nothing.
fn sweep(folder: &Path) {
    for left in temporaries(folder) {
        let _ = fs::remove_file(left);
    }
}

fn temporaries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| target::is_temporary(path))
}

/// Whether a folder or file that belongs to somebody else is why it could not be written; a file that is
/// mounted by itself cannot be replaced either. Trying again does not help.
pub fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), ReadOnlyFilesystem | PermissionDenied | ResourceBusy)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;

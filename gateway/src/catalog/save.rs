//! Writing files of the configuration: each whole or not at all, several of them together or none,
//! whatever happens in between.
//!
//! A new text is first written beside its file, hidden, and synced. Where several files change, a
//! journal then names them all: with it the change is decided, and whoever comes next completes it.
//! Only then the files take their places. A link stays a link; owner, group and mode stay.

mod journal;
mod steps;
mod target;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::files::{FOLDERS, SANDBOX, SANDBOX_FILE};
use journal::Journal;
use steps::Save;

/// How everything begins that is here for the time of a write.
const MARK: &str = ".retouch-save";
/// Rights of a new file: its owner's only, as a key may stand in it.
const MODE: u32 = 0o600;
/// Rights of a new folder.
const FOLDER_MODE: u32 = 0o755;

/// Whoever changes the folder at the same time waits. The folder itself is locked, so that no file
/// is left behind; where that cannot be done, replacing files whole still leaves good ones.
pub fn lock(dir: &Path) -> Option<File> {
    File::open(dir).and_then(|folder| folder.lock().map(|()| folder)).ok()
}

/// Writes and removes (`None`) files, all or none, named below the configuration's folder or by their
/// whole path. A folder that one of them needs is made. The caller holds the [`lock`].
///
/// # Errors
/// When the folder cannot be written; nothing was changed then.
pub fn write(dir: &Path, changes: &[(PathBuf, Option<String>)]) -> io::Result<()> {
    complete(dir)?;
    let save = Save::of(dir, changes)?;
    sweep(dir.to_owned());
    FOLDERS.iter().for_each(|folder| sweep(dir.join(folder)));
    save.folders().into_iter().for_each(sweep);
    save.run()
}

/// Completes a write that was broken off after it was decided. It waits for whoever writes now.
///
/// # Errors
/// When the folder cannot be written.
pub fn finish(dir: &Path) -> io::Result<()> {
    if !Journal::is_in(dir) {
        return Ok(());
    }
    let _lock = lock(dir);
    complete(dir)
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
    Save::of(folder, &[(PathBuf::from(name), Some(text.to_owned()))])?.run()
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

/// Removes what a process left that died while it wrote. That it cannot be removed stops nothing.
fn sweep(folder: PathBuf) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if target::is_temporary(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;

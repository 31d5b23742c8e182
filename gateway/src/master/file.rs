//! The small files beside the database that hold the master key or speak of it: whole or not at all,
//! safe on the disk when written, for their owner alone.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// What is in a file; `None`: there is none.
pub(super) fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path, &error)),
    }
}

/// The same as text.
pub(super) fn text(path: &Path) -> io::Result<Option<String>> {
    Ok(bytes(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Makes a file, unless there is one: of two who do so at once the first has made it.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    match written(path, bytes)?.persist_noclobber(path) {
        Ok(_) => sync_folder(path),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(at(path, &error.error)),
    }
}

/// Puts a file in the place of what is there.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    written(path, bytes)?.persist(path).map_err(|error| at(path, &error.error))?;
    sync_folder(path)
}

/// Gives a file another's name, in whose place it comes.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to).map_err(|error| at(to, &error))?;
    sync_folder(to)
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).map_err(|error| at(path, &error))?;
    sync_folder(path)
}

/// A temporary file, which nobody but its owner may read, beside the place it is meant for.
fn written(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let write = || {
        let mut fresh = tempfile::Builder::new().prefix(".master.").tempfile_in(folder(path))?;
        fresh.write_all(bytes)?;
        fresh.as_file().sync_all()?;
        Ok(fresh)
    };
    write().map_err(|error| at(path, &error))
}

/// A new name is safe once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(|error| at(path, &error))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

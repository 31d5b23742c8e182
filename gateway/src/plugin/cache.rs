//! The private copies that are loaded instead of the files people replace.
//!
//! A file that is overwritten while mapped kills the process, and one that is replaced under the
//! same name is not loaded again; so every content is copied once to a name of its own, its
//! SHA-256, where nobody else writes. The bytes that were judged are the bytes that are loaded.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::Fault;

/// Far above any plugin, far below what would hurt to read.
const MAX_FILE: u64 = 64 << 20;

/// A file's bytes, at most 64 MiB.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    let unreadable =
        |error: io::Error| Fault::new(format!("cannot be read: {error}"), "check its permissions");
    // Not to wait for somebody to write into what is a pipe.
    let mut options = OpenOptions::new();
    let open = options.read(true).custom_flags(libc::O_NONBLOCK).open(file).map_err(unreadable)?;
    let metadata = open.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Fault::new("is no file", "move it away"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or(0));
    open.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        let mend = "strip its debug information, or move it away if it is no plugin";
        return Err(Fault::new("is larger than 64 MiB", mend));
    }
    Ok(bytes)
}

/// The SHA-256 in small hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The private copy of `bytes` in `folder`, made if it is not there yet; an absolute path.
pub(super) fn store(bytes: &[u8], sha256: &str, folder: &Path) -> Result<PathBuf, Fault> {
    let kept = || -> io::Result<PathBuf> {
        let folder = private_folder(folder)?;
        let path = folder.join(format!("{sha256}.so"));
        match fs::read(&path) {
            // Checked again: what matters is what lies there, not what it is called.
            Ok(there) if there == bytes => {}
            Ok(_) => write(bytes, sha256, &folder, &path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write(bytes, sha256, &folder, &path)?;
            }
            Err(error) => return Err(error),
        }
        Ok(path)
    };
    kept().map_err(|error| {
        let what = format!("its copy in {} could not be made: {error}", folder.display());
        Fault::new(what, "make that folder writable, or choose another data_dir")
    })
}

fn private_folder(folder: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Also where it was there before, with more rights.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    folder.canonicalize()
}

/// All of it or nothing: a temporary file, flushed to disk, then renamed.
fn write(bytes: &[u8], sha256: &str, folder: &Path, path: &Path) -> io::Result<()> {
    let temporary = folder.join(format!(".{sha256}.{}", std::process::id()));
    let result = fill(bytes, &temporary).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
        return result;
    }
    File::open(folder)?.sync_all()
}

fn fill(bytes: &[u8], temporary: &Path) -> io::Result<()> {
    // Left by a process of the same number that died while writing.
    let _ = fs::remove_file(temporary);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o500).open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keeps_one_private_copy_named_by_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data/plugins");
        let sha = sha256(b"plugin");
        let path = store(b"plugin", &sha, &folder).unwrap();
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("{sha}.so"));
        assert_eq!((mode(&folder), mode(&path)), (0o700, 0o500));
        assert_eq!(store(b"plugin", &sha, &folder).unwrap(), path);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn replaces_a_copy_whose_bytes_were_changed() {
        let dir = tempfile::tempdir().unwrap();
        let sha = sha256(b"plugin");
        let path = store(b"plugin", &sha, dir.path()).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"other").unwrap();
        store(b"plugin", &sha, dir.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"plugin");
    }

    #[test]
    fn reads_only_files() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap_err().what, "is no file");
        let pipe = dir.path().join("pipe.so");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        assert_eq!(read(&pipe).unwrap_err().what, "is no file");
        let missing = read(&dir.path().join("missing")).unwrap_err();
        assert!(missing.what.starts_with("cannot be read"), "{}", missing.what);
    }

    #[test]
    fn refuses_a_file_that_is_too_large() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.so");
        File::create(&path).unwrap().set_len(MAX_FILE + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().what, "is larger than 64 MiB");
    }
}

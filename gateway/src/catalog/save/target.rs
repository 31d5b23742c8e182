//! One file of a write: where its text really lies, and whom it belongs to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use super::{FOLDER_MODE, MARK, MODE};

/// Whether a path is of a text on its way to its place.
pub(super) fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(MARK).is_some_and(|rest| rest.starts_with('.'))
}

/// What a file that shall be written leads to.
pub(super) fn written(file: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(file) {
        Ok(target) => Ok(target),
        // A link to nowhere: the file is made where it leads.
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(file) {
            Ok(link) => whole(&folder(file).join(link)),
            Err(_) => whole(file),
        },
        Err(error) => Err(error),
    }
}

/// The path itself with its folder followed to where it is: what is removed is the link.
pub(super) fn whole(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(fs::canonicalize(folder(file))?.join(name))
}

/// The folder a file lies in.
pub(super) fn folder(file: &Path) -> &Path {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Makes a folder below another that is there, and gives it to whom that belongs.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))?;
    let owner = fs::metadata(self::folder(folder))?;
    // Only an administrator may; for anybody else it stays their own.
    let _ = chown(folder, Some(owner.uid()), Some(owner.gid()));
    Ok(())
}

/// Writes a text beside the file whose place it will take, safe on the disk.
pub(super) fn fill(temporary: &Path, target: &Path, text: &str) -> io::Result<()> {
    let mut fresh = OpenOptions::new().write(true).create_new(true).mode(MODE).open(temporary)?;
    fresh.write_all(text.as_bytes())?;
    hand_over(&fresh, target)?;
    fresh.sync_all()
}

/// A second name beside a file, under which it stays when another takes its place; `None`: there is
/// no such file.
pub(super) fn keep(target: &Path) -> io::Result<Option<PathBuf>> {
    if target.symlink_metadata().is_err() {
        return Ok(None);
    }
    let kept = temporary(target);
    // Not every file system knows second names.
    fs::hard_link(target, &kept).or_else(|_| {
        fs::copy(target, &kept)?;
        File::open(&kept)?.sync_all()
    })?;
    Ok(Some(kept))
}

/// Whether a file is mounted by itself.
pub(super) fn is_mounted(file: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let seen = statx(CWD, file, AtFlags::empty(), StatxFlags::empty());
    seen.is_ok_and(|seen| seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// A name beside the target that nobody else has.
pub(super) fn temporary(target: &Path) -> PathBuf {
    let id = uuid::Uuid::new_v4().simple();
    folder(target).join(format!("{MARK}.{id}"))
}

/// Gives a new file the rights of the old one, and to whom that, or else the folder, belongs: a server
/// that runs as another user must still read what its administrator writes.
fn hand_over(fresh: &File, target: &Path) -> io::Result<()> {
    let before = fs::metadata(target).ok();
    let mode = before.as_ref().map_or(MODE, |before| before.mode() & 0o777);
    let owner = before.map_or_else(|| fs::metadata(folder(target)), Ok)?;
    let ours = fresh.metadata()?;
    if (owner.uid(), owner.gid()) != (ours.uid(), ours.gid()) {
        // Only an administrator may; anybody else at most names another group of theirs.
        let _ = fchown(fresh, Some(owner.uid()), Some(owner.gid()))
            .or_else(|_| fchown(fresh, None, Some(owner.gid())));
    }
    fresh.set_permissions(fs::Permissions::from_mode(mode))
}

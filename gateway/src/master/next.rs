//! The mark that another master key is about to take the place of the one in use. It is there from
//! before the first secret is sealed anew until after the last, so that a change that was broken off
//! is finished and nothing else is begun meanwhile.

use std::io;
use std::path::{Path, PathBuf};

use super::{FILE, KEY, MasterKey, file, invalid};

/// The mark's file in the data folder.
const MARK: &str = "master.next";

/// The key that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// One that was made. The mark holds it, and becomes the key's file in the end.
    Made(MasterKey),
    /// One that the environment gives; the mark says which, and does not hold it.
    Given {
        /// Its [`MasterKey::check`].
        check: String,
    },
}

impl Next {
    /// The mark, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(data_dir: &Path) -> io::Result<Option<Self>> {
        let path = path(data_dir);
        let Some(bytes) = file::bytes(&path)? else { return Ok(None) };
        if let Ok(key) = <[u8; KEY]>::try_from(bytes.as_slice()) {
            return Ok(Some(Self::Made(MasterKey(key))));
        }
        let check = String::from_utf8(bytes).ok().map(|text| text.trim().to_owned());
        let is_check = |text: &String| text.len() == 2 * KEY && text.is_ascii();
        match check.filter(is_check) {
            Some(check) => Ok(Some(Self::Given { check })),
            None => {
                let path = path.display();
                Err(invalid(format!("{path} is damaged; restore the data folder from a backup")))
            }
        }
    }

    /// Whether that is the key to come.
    pub fn is(&self, key: &MasterKey) -> bool {
        match self {
            Self::Made(made) => made == key,
            Self::Given { check } => *check == key.check(),
        }
    }

    /// Leaves the mark; one that is there stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn mark(&self, data_dir: &Path) -> io::Result<()> {
        match self {
            Self::Made(key) => file::create(&path(data_dir), &key.0),
            Self::Given { check } => file::create(&path(data_dir), check.as_bytes()),
        }
    }

    /// Takes the mark away again: nothing was changed, and the key to come never will.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn withdraw(&self, data_dir: &Path) -> io::Result<()> {
        file::remove(&path(data_dir))
    }

    /// Ends the change: the key that was made becomes the folder's own, and the mark is gone.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn settle(&self, data_dir: &Path) -> io::Result<()> {
        match self {
            Self::Made(_) => file::rename(&path(data_dir), &data_dir.join(FILE)),
            Self::Given { .. } => file::remove(&path(data_dir)),
        }
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(MARK)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_mark_is_read_back_until_the_change_ends() {
        let key = MasterKey::make().unwrap();
        let given = Next::Given { check: key.check() };
        for (next, becomes_key) in [(Next::Made(key.clone()), true), (given, false)] {
            let dir = tempfile::tempdir().unwrap();
            assert_eq!(Next::read(dir.path()).unwrap(), None);
            next.mark(dir.path()).unwrap();
            Next::Made(MasterKey::make().unwrap()).mark(dir.path()).unwrap();
            assert_eq!(Next::read(dir.path()).unwrap(), Some(next.clone()), "the first stays");
            assert!(next.is(&key) && !next.is(&MasterKey::make().unwrap()));
            let mode = fs::metadata(path(dir.path())).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            next.settle(dir.path()).unwrap();
            assert_eq!(Next::read(dir.path()).unwrap(), None);
            let kept = MasterKey::found(None, dir.path()).unwrap();
            assert_eq!(kept, becomes_key.then(|| key.clone()));
        }
    }

    #[test]
    fn a_damaged_mark_is_no_mark_of_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "short", &"x".repeat(65)] {
            fs::write(path(dir.path()), text).unwrap();
            let error = Next::read(dir.path()).unwrap_err().to_string();
            assert!(error.contains("master.next is damaged"), "{error}");
        }
    }
}

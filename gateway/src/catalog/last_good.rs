//! A copy of the catalog that was last found good, for a start at which the files cannot be used.
//! Keys may stand in it as they do in the files, so it is sealed and only its owner may read it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Files;
use crate::master::{MasterKey, Opened, Succession};
use crate::plugin::Registry;
use crate::secret::Secret;

/// Below the data folder.
const FILE: &str = "catalog.last";
/// What it is sealed for.
const PLACE: &str = "last good catalog";

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Version of this layout.
    v: u32,
    /// Each file below the configuration's folder, with its text.
    pub files: Vec<(PathBuf, String)>,
    /// The plugins in use.
    pub plugins: Vec<Kept>,
}

/// A plugin that was in use; its private copy has its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Of its bytes.
    pub sha256: String,
    /// Where it was found.
    pub file: PathBuf,
}

/// The place of the copy.
pub struct LastGood {
    path: PathBuf,
    master: MasterKey,
    kept: Option<Copy>,
}

impl Copy {
    const VERSION: u32 = 1;

    /// Of a catalog that was found good.
    pub fn of(files: &Files, plugins: &Registry) -> Self {
        let files = files.readable().map(|(file, text)| (file.to_owned(), text.to_owned()));
        let kept = plugins.libraries().iter().map(|library| Kept {
            sha256: library.sha256().to_owned(),
            file: library.file().to_owned(),
        });
        Self { v: Self::VERSION, files: files.collect(), plugins: kept.collect() }
    }
}

impl LastGood {
    /// Below the data folder.
    pub fn new(data_dir: &Path, master: MasterKey) -> Self {
        Self { path: data_dir.join(FILE), master, kept: None }
    }

    /// The copy, if there is one that can be read.
    pub fn read(&self) -> Option<Copy> {
        let sealed = match fs::read_to_string(&self.path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return self.unusable(&error),
        };
        let opened = match self.master.unseal(sealed.trim(), PLACE) {
            Ok(opened) => opened,
            Err(error) => return self.unusable(&error),
        };
        match serde_json::from_str(opened.expose()) {
            Ok(copy) => Some(copy),
            // Its words could hold a piece of the text.
            Err(_) => self.unusable(&"it is not of this version"),
        }
    }

    fn unusable(&self, why: &dyn std::fmt::Display) -> Option<Copy> {
        let file = self.path.display();
        tracing::warn!(%file, %why, "The copy of the last good catalog cannot be used.");
        None
    }

    /// Writes the copy, unless it is the one that is there: all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&mut self, copy: &Copy) -> io::Result<()> {
        if self.kept.as_ref() == Some(copy) {
            return Ok(());
        }
        let text = Secret::new(serde_json::to_string(copy)?);
        let sealed = self.master.seal(&text, PLACE).map_err(io::Error::other)?;
        let temporary = self.path.with_extension("last.tmp");
        // Left by a process that died while writing, maybe with other rights.
        let _ = fs::remove_file(&temporary);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(sealed.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.kept = Some(copy.clone());
        Ok(())
    }

    /// Seals the copy with another master key, and in it what `anew` makes of a file; says whether
    /// that was still to be done. A copy that nobody can use stays as it is.
    ///
    /// # Errors
    /// When it can be neither read nor written.
    pub fn reseal(
        data_dir: &Path,
        keys: &Succession,
        anew: impl Fn(&Path, &str) -> Option<String>,
    ) -> io::Result<bool> {
        let sealed = match fs::read_to_string(data_dir.join(FILE)) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let Ok(Opened::Old(text)) = keys.open(sealed.trim(), PLACE) else { return Ok(false) };
        let Ok(mut copy) = serde_json::from_str::<Copy>(text.expose()) else { return Ok(false) };
        for (file, text) in &mut copy.files {
            if let Some(anew) = anew(file, text) {
                *text = anew;
            }
        }
        Self::new(data_dir, keys.new.clone()).keep(&copy)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn copy() -> Copy {
        let text = "name = 'a'\napi_key = 'sk-canary'\n".to_owned();
        Copy { v: 1, files: vec![(PathBuf::from("providers/a.toml"), text)], plugins: Vec::new() }
    }

    fn place(dir: &Path, key: &str) -> LastGood {
        LastGood::new(dir, MasterKey::of(&key.repeat(32)).unwrap())
    }

    #[test]
    fn comes_back_with_its_key_only_and_shows_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(place(dir.path(), "a").read(), None);
        place(dir.path(), "a").keep(&copy()).unwrap();
        assert_eq!(place(dir.path(), "a").read(), Some(copy()));
        assert_eq!(place(dir.path(), "b").read(), None);
        let path = dir.path().join("catalog.last");
        assert!(!fs::read_to_string(&path).unwrap().contains("canary"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn is_written_when_it_differs() {
        let dir = tempfile::tempdir().unwrap();
        let mut last_good = place(dir.path(), "a");
        let bytes = || fs::read(dir.path().join("catalog.last")).unwrap();
        last_good.keep(&copy()).unwrap();
        let first = bytes();
        last_good.keep(&copy()).unwrap();
        assert_eq!(bytes(), first, "sealed anew, it would differ");
        last_good.keep(&Copy::default()).unwrap();
        assert_eq!(place(dir.path(), "a").read(), Some(Copy::default()));
    }

    #[test]
    fn one_that_is_damaged_is_none() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "enc:v1:AAAA", "providers"] {
            fs::write(dir.path().join("catalog.last"), text).unwrap();
            assert_eq!(place(dir.path(), "a").read(), None, "{text}");
        }
    }

    #[test]
    fn another_key_takes_it_over_once() {
        let dir = tempfile::tempdir().unwrap();
        let key = |text: &str| MasterKey::of(&text.repeat(32)).unwrap();
        let keys = Succession { old: key("a"), new: key("b") };
        let reseal = || LastGood::reseal(dir.path(), &keys, |_, text| Some(text.to_uppercase()));
        assert!(!reseal().unwrap());
        place(dir.path(), "a").keep(&copy()).unwrap();
        assert!(reseal().unwrap());
        assert!(!reseal().unwrap());
        let mut want = copy();
        want.files[0].1 = want.files[0].1.to_uppercase();
        assert_eq!(place(dir.path(), "b").read(), Some(want));
        place(dir.path(), "c").keep(&copy()).unwrap();
        assert!(!reseal().unwrap(), "nobody can use it");
        assert_eq!(place(dir.path(), "c").read(), Some(copy()));
    }
}

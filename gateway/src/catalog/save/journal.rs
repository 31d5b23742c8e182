//! The journal of a write of several files. Once it stands the change is decided; it goes when the
//! last file is in its place.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::target::{folder, is_temporary};
use super::{MARK, sync};
use crate::catalog::text;

/// Version of its layout.
const VERSION: u32 = 1;

/// What was decided.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    v: u32,
    moves: Vec<Move>,
}

/// One file. What lies below the configuration's folder is named from there, so that the journal holds
/// where the folder is mounted elsewhere.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Move {
    /// The text on its way; `None`: the file goes.
    pub(super) from: Option<PathBuf>,
    /// The place.
    pub(super) to: PathBuf,
}

impl Journal {
    pub(super) fn of(moves: Vec<Move>) -> Self {
        Self { v: VERSION, moves }
    }

    /// Of its moves the first so many.
    #[cfg(test)]
    pub(super) fn first(mut self, many: usize) -> Self {
        self.moves.truncate(many);
        self
    }

    /// Whether there is one.
    pub(super) fn is_in(dir: &Path) -> bool {
        path(dir).symlink_metadata().is_ok()
    }

    /// The one in the folder. A damaged one is set aside: nothing can be made of it, and it must stop
    /// nobody.
    pub(super) fn read(dir: &Path) -> io::Result<Option<Self>> {
        if !Self::is_in(dir) {
            return Ok(None);
        }
        use io::ErrorKind::{FileTooLarge, InvalidData, InvalidInput};
        let journal = match text::read(&path(dir)) {
            Ok(text) => serde_json::from_str::<Self>(&text).ok().filter(Self::is_sound),
            Err(error) if [FileTooLarge, InvalidData, InvalidInput].contains(&error.kind()) => None,
            Err(error) => return Err(error),
        };
        match journal {
            Some(journal) => Ok(Some(journal)),
            None => set_aside(dir).map(|()| None),
        }
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let mut fresh = tempfile::Builder::new().prefix(&format!("{MARK}.")).tempfile_in(dir)?;
        fresh.write_all(serde_json::to_string(self)?.as_bytes())?;
        fresh.as_file().sync_all()?;
        fresh.persist(path(dir)).map_err(|error| error.error)?;
        sync(dir)
    }

    /// Brings every file to its place that is not there yet, and removes the journal.
    pub(super) fn carry_out(&self, dir: &Path) -> io::Result<()> {
        self.carry(dir)?;
        Self::remove(dir)
    }

    /// Brings every file to its place that is not there yet.
    pub(super) fn carry(&self, dir: &Path) -> io::Result<()> {
        let mut folders = BTreeSet::new();
        for Move { from, to } in &self.moves {
            let to = dir.join(to);
            let done = match from {
                Some(from) => fs::rename(dir.join(from), &to),
                None => fs::remove_file(&to),
            };
            match done {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => drop(folders.insert(folder(&to).to_owned())),
            }
        }
        folders.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| sync(folder))
    }

    /// Removes it: everything is in its place.
    pub(super) fn remove(dir: &Path) -> io::Result<()> {
        fs::remove_file(path(dir))?;
        sync(dir)
    }

    /// Whether it says nothing that is never written here: it must not be a way to move or remove any
    /// other file.
    fn is_sound(&self) -> bool {
        self.v == VERSION && self.moves.iter().all(Move::is_sound)
    }
}

impl Move {
    fn is_sound(&self) -> bool {
        let is_plain = |path: &Path| {
            path.components().all(|part| matches!(part, Component::Normal(_) | Component::RootDir))
        };
        match &self.from {
            Some(from) => {
                is_temporary(from) && from.parent() == self.to.parent() && is_plain(&self.to)
            }
            None => self.to.is_relative() && is_plain(&self.to),
        }
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(MARK)
}

fn set_aside(dir: &Path) -> io::Result<()> {
    let aside = dir.join(format!("{MARK}-damaged"));
    fs::rename(path(dir), &aside)?;
    let file = aside.display();
    tracing::error!(%file, "The journal of a broken-off change is damaged and was set aside. Look through the files of the configuration.");
    Ok(())
}

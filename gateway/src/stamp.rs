//! What tells one state of a file from another without reading it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::clock::Ms;

/// Milliseconds in which a file may change once more without its time telling.
const GRAIN: Ms = 2_000;

/// Size, time, number and rights of a file or folder. Equal ones mean: as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    changed: (i64, i64),
    number: (u64, u64),
    /// Who may read it and whose it is.
    rights: (u32, u32),
}

impl Stamp {
    /// Of what a path leads to, if anything is there.
    pub fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        Some(Self {
            size: data.len(),
            changed: (data.mtime(), data.mtime_nsec()),
            number: (data.dev(), data.ino()),
            rights: (data.mode(), data.uid()),
        })
    }

    /// Without what changes with every entry of a folder: only which folder it is.
    #[must_use]
    pub fn of_place(self) -> Self {
        Self { size: 0, changed: (0, 0), ..self }
    }

    /// Whether the file can hardly have changed within the grain of its time, after it was read then.
    pub fn is_settled(&self, read_at: Ms) -> bool {
        let changed = u64::try_from(self.changed.0).unwrap_or(0).saturating_mul(1_000);
        changed.saturating_add(GRAIN) < read_at
    }

    #[cfg(test)]
    pub(crate) fn sized(size: u64) -> Self {
        Self { size, ..Self::default() }
    }
}

//! Changes that the operator makes through the API: checked as a whole, written, taken up.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Publisher, Reloader, Status};
use crate::catalog::{Files, Overlay, save};
use crate::problem::Problem;

/// A change that is in the files.
#[derive(Debug)]
pub struct Saved<T> {
    /// What the plan made.
    pub made: T,
    /// How the catalog stands now. Refused, where something else was wrong before.
    pub status: Arc<Status>,
}

/// Why the files are as they were.
#[derive(Debug)]
pub enum Unsaved<E> {
    /// The plan said so.
    Plan(E),
    /// The catalog would be wrong in a way it is not now.
    Problems(Vec<Problem>),
    /// The folder cannot be written. What would have to be changed by hand is in `diff`.
    ReadOnly {
        /// In the system's words.
        error: io::Error,
        /// Unified; secrets are not in it.
        diff: String,
    },
    /// The system failed to write, as with a full disk.
    Io(io::Error),
    /// Something else failed; see the log.
    Broken,
}

impl Reloader {
    /// Changes the files as `plan` says of what they are now, unless that would break them. Nobody
    /// else changes them meanwhile. Once begun it goes on if the caller goes away.
    ///
    /// # Errors
    /// See [`Unsaved`].
    pub async fn edit<T, E>(
        &self,
        why: &'static str,
        plan: impl FnOnce(&Files) -> Result<(Overlay, T), E> + Send + 'static,
    ) -> Result<Saved<T>, Unsaved<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let edited = self.publish(move |publisher| publisher.edit(why, plan)).await;
        edited.unwrap_or(Err(Unsaved::Broken))
    }
}

impl Publisher {
    fn edit<T, E>(
        &mut self,
        why: &str,
        plan: impl FnOnce(&Files) -> Result<(Overlay, T), E>,
    ) -> Result<Saved<T>, Unsaved<E>> {
        let lock = save::lock(self.dir());
        if let Err(error) = save::complete(self.dir()) {
            // It is met again where this change is written, and told there.
            tracing::error!(%error, "A change of several files cannot be completed.");
        }
        let files = self.before_change().map_err(|gone| Unsaved::Problems(vec![gone]))?;
        let (overlay, made) = plan(&files).map_err(Unsaved::Plan)?;
        let problems = self.new_problems(&files, &overlay);
        if !problems.is_empty() {
            return Err(Unsaved::Problems(problems));
        }
        self.write(&files, &overlay).map_err(|error| unsaved(error, || overlay.diff(&files)))?;
        drop(lock);
        let (Ok(status) | Err(status)) = self.reload(why);
        Ok(Saved { made, status })
    }

    /// The errors that are there after a change and were not there before. One file can be mended
    /// while another is still broken.
    fn new_problems(&self, files: &Files, overlay: &Overlay) -> Vec<Problem> {
        let mut after = self.wrong_with(&files.clone().overlaid(overlay));
        after.retain(Problem::is_error);
        if !after.is_empty() {
            for known in self.wrong_with(files) {
                // On whichever line it is now.
                let same = |new: &Problem| (&new.file, &new.what) == (&known.file, &known.what);
                if let Some(at) = after.iter().position(same).filter(|_| known.is_error()) {
                    after.remove(at);
                }
            }
        }
        after
    }

    fn write(&self, files: &Files, overlay: &Overlay) -> io::Result<()> {
        let is_new = |file, text: Option<&str>| text.is_none() || files.get(file) != text;
        let changes = overlay.changes().filter(|(file, text)| is_new(file, *text));
        let changes: Vec<(PathBuf, Option<String>)> =
            changes.map(|(file, text)| (file.to_owned(), text.map(str::to_owned))).collect();
        if changes.is_empty() {
            return Ok(());
        }
        if self.dir().is_dir() {
            return save::write(self.dir(), &changes);
        }
        save::make_folder(self.dir())?;
        let _lock = save::lock(self.dir());
        save::write(self.dir(), &changes)
    }
}

/// A folder that belongs to somebody else is told with what is to be done; a file that is mounted by
/// itself cannot be replaced either.
fn unsaved<E>(error: io::Error, diff: impl FnOnce() -> String) -> Unsaved<E> {
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied | ErrorKind::ResourceBusy => {
            Unsaved::ReadOnly { error, diff: diff() }
        }
        _ => {
            tracing::error!(%error, "A change of the catalog could not be written.");
            Unsaved::Io(error)
        }
    }
}

#[cfg(test)]
mod tests;

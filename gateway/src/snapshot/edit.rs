//! Changes that the operator makes through the API: checked as a whole, written, taken up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Publisher, Reloader, Status};
use crate::catalog::{Files, Overlay, save};
use crate::problem::Problem;

/// How often a change is thought out anew that somebody else overtakes.
const TRIES: usize = 3;

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
    /// Another process holds the folder, and has for a while.
    Busy(io::Error),
    /// Somebody else wrote to the same files, again and again.
    Overtaken,
    /// Something else failed; see the log.
    Broken,
}

/// What one try came to.
enum Tried<T> {
    Saved(Saved<T>),
    /// Somebody else wrote to the same files in the meantime.
    Overtaken,
}

impl Reloader {
    /// Changes the files as `plan` says of what they are now, unless that would break them. Nobody
    /// else here changes them meanwhile, nor whoever asks for the same lock; an editor asks for none,
    /// so if a file is another by the time it would be replaced, `plan` is asked again with what it is
    /// now, a few times. Between that look and the new file's place there is only a rename: what an
    /// editor writes in this moment is lost. Once begun it goes on if the caller goes away.
    ///
    /// # Errors
    /// See [`Unsaved`].
    pub async fn edit<T, E>(
        &self,
        why: &'static str,
        plan: impl Fn(&Files) -> Result<(Overlay, T), E> + Send + 'static,
    ) -> Result<Saved<T>, Unsaved<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let edited = self.in_turn(move |this| this.edit_here(why, plan)).await;
        edited.unwrap_or(Err(Unsaved::Broken))
    }

    /// Changes one file that counts by itself, the client keys', by `change`, which is told the text of
    /// it that runs. Nobody else here changes the folder meanwhile, and by the time it is answered the
    /// change has been taken up, as far as it can be. Once begun it goes on if the caller goes away.
    /// `None`: something failed; see the log.
    pub async fn edit_single<T, E>(
        &self,
        why: &'static str,
        file: &'static str,
        change: impl FnOnce(&Path, Option<&str>) -> Result<T, E> + Send + 'static,
    ) -> Option<Result<T, E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let edited = self.in_turn(move |this| {
            let of = |publisher: &mut Publisher| {
                publisher.files().get(Path::new(file)).map(str::to_owned)
            };
            let running = this.publish_here(of);
            let changed = change(this.dir(), running.as_deref());
            if changed.is_ok() {
                // That the rest of the catalog may be refused is told elsewhere.
                drop(this.publish_here(|publisher| publisher.reload(why)));
            }
            changed
        });
        edited.await
    }

    fn edit_here<T, E>(
        &self,
        why: &str,
        plan: impl Fn(&Files) -> Result<(Overlay, T), E>,
    ) -> Result<Saved<T>, Unsaved<E>> {
        // Before the publisher is held: whoever has it may take long, and a key that is revoked by hand
        // must be refused all the same.
        let _lock = save::lock(self.dir()).map_err(Unsaved::Busy)?;
        for _ in 0..TRIES {
            match self.publish_here(|publisher| publisher.edit(why, &plan))? {
                Tried::Saved(saved) => return Ok(saved),
                Tried::Overtaken => {}
            }
        }
        Err(Unsaved::Overtaken)
    }
}

impl Publisher {
    fn edit<T, E>(
        &mut self,
        why: &str,
        plan: impl Fn(&Files) -> Result<(Overlay, T), E>,
    ) -> Result<Tried<T>, Unsaved<E>> {
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
        let written = self.write(&files, &overlay);
        if !written.map_err(|error| unsaved(error, || overlay.diff(&files)))? {
            return Ok(Tried::Overtaken);
        }
        let (Ok(status) | Err(status)) = self.reload(why);
        Ok(Tried::Saved(Saved { made, status }))
    }

    /// The errors that are there after a change and were not there before. One file can be mended
    /// while another is still broken.
    fn new_problems(&self, files: &Files, overlay: &Overlay) -> Vec<Problem> {
        let mut after = self.wrong_with(&files.clone().overlaid(overlay));
        after.retain(Problem::is_error);
        if !after.is_empty() {
            for known in self.wrong_with(files) {
                // On whichever line it is now. What is too large to be read is so by this change.
                let same = |new: &Problem| {
                    (&new.file, &new.what) == (&known.file, &known.what)
                        && !overlay.is_too_large(files.dir(), &new.file)
                };
                if let Some(at) = after.iter().position(same).filter(|_| known.is_error()) {
                    after.remove(at);
                }
            }
        }
        after
    }

    /// `false`: a file is not what it was any more, and nothing was written.
    fn write(&self, files: &Files, overlay: &Overlay) -> io::Result<bool> {
        let is_new = |file, text: Option<&str>| text.is_none() || files.get(file) != text;
        let changes = overlay.changes().filter(|(file, text)| is_new(file, *text));
        let changes: Vec<(PathBuf, Option<String>)> =
            changes.map(|(file, text)| (file.to_owned(), text.map(str::to_owned))).collect();
        if changes.is_empty() {
            return Ok(true);
        }
        let is_still = || changes.iter().all(|(file, _)| files.is_still(file));
        if self.dir().is_dir() {
            return save::write_while(self.dir(), &changes, is_still);
        }
        save::make_folder(self.dir())?;
        let _lock = save::lock(self.dir())?;
        save::write_while(self.dir(), &changes, is_still)
    }
}

/// What cannot be written here is told with what is to be done.
fn unsaved<E>(error: io::Error, diff: impl FnOnce() -> String) -> Unsaved<E> {
    if error.kind() == io::ErrorKind::WouldBlock {
        return Unsaved::Busy(error);
    }
    if save::is_read_only(&error) {
        return Unsaved::ReadOnly { error, diff: diff() };
    }
    tracing::error!(%error, "A change of the catalog could not be written.");
    Unsaved::Io(error)
}

#[cfg(test)]
mod tests;

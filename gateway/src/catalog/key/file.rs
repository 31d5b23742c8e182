//! Changing the keys' file: a key added at its end, changed or marked as revoked where it stands.
//! Everything else in the file stays as it is, byte for byte where it can; it is replaced whole or not
//! at all, and a file that is not in order is left alone.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use toml_edit::Value;

use super::entry::{self, EXPIRES, NewKey};
use super::{FILE, FULL, Key, Keys, MOST, token, when};
use crate::catalog::edit::{self, Change, Changes};
use crate::catalog::{Files, Overlay, save, text};
use crate::clock::Ms;
use crate::problem::Problem;
use crate::secret::Secret;

/// How often is looked at a file that somebody else may be writing.
const LOOKS: usize = 4;

/// The file, held: whoever else changes it the same way waits until this is dropped.
#[derive(Debug)]
pub struct Held {
    file: PathBuf,
    text: String,
    _lock: Option<File>,
}

/// A key that was made.
#[derive(Debug)]
pub struct Created {
    /// The key itself, to be shown once.
    pub secret: Secret,
    /// What is kept of it.
    pub key: Arc<Key>,
    /// Where.
    pub file: PathBuf,
    /// What the file says with it.
    pub text: String,
}

/// A key that was changed.
#[derive(Debug)]
pub struct Changed {
    /// What it was.
    pub before: Arc<Key>,
    /// What it is; the same where there was nothing to change.
    pub after: Arc<Key>,
    /// What the file says now.
    pub text: String,
}

/// Why the file was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not in order.
    #[error("the keys' file is not in order")]
    Problems(Vec<Problem>),
    /// It names no such key.
    #[error("there is no key with that id")]
    Unknown,
    /// Somebody writes it in place.
    #[error("{} is being written by somebody else; try again once it is whole", .0.display())]
    BeingWritten(PathBuf),
    /// There were keys, and now there is none.
    #[error(
        "every key is gone from {}: it is being written, or was emptied; put the keys back (a revoked \
         one counts too), or start anew to go on without any",
        .0.display()
    )]
    Gone(PathBuf),
    /// It belongs to somebody else, or is mounted by itself.
    #[error("{} cannot be written: {error}", .file.display())]
    ReadOnly {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
        /// What to change by hand, unified; none for a new key, which nobody would have.
        diff: Option<String>,
    },
    /// It cannot be read or written.
    #[error("{} cannot be {doing}: {error}", .file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// Why.
        error: io::Error,
    },
}

/// The keys of a configuration's folder; none where there is no file.
///
/// # Errors
/// When it cannot be read. What is wrong in it stands beside the keys.
pub fn list(dir: &Path) -> Result<(Keys, Vec<Problem>), FileError> {
    let file = dir.join(FILE);
    Ok(Keys::parse(&file, &read(&file)?))
}

/// What the file says; nothing where there is none.
///
/// # Errors
/// When it cannot be read.
pub fn read(file: &Path) -> Result<String, FileError> {
    match text::read_within(file, MOST) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(FileError::Io { file: file.to_owned(), doing: "read", error }),
    }
}

/// Makes a key: see [`Held::create`].
///
/// # Errors
/// See [`FileError`]; nothing was written then.
pub fn create(dir: &Path, new: &NewKey, now: Ms) -> Result<Created, FileError> {
    Held::founded(dir)?.create(new, now)
}

/// Revokes a key, named by its id or by itself: whoever finds a leaked key has the key, not its id.
///
/// # Errors
/// See [`FileError`]; nothing was written then.
pub fn revoke(dir: &Path, id: &str, now: Ms) -> Result<Arc<Key>, FileError> {
    let held = Held::of(dir)?;
    let keys = held.keys()?;
    let key = keys.by_id(id).or_else(|| keys.find(id)).ok_or(FileError::Unknown)?;
    held.revoke(&key.id, now).map(|changed| changed.after)
}

impl Held {
    /// The file of a configuration's folder, as it shall be: what was broken off is completed.
    ///
    /// # Errors
    /// When it cannot be read, or what was broken off cannot be completed.
    pub fn of(dir: &Path) -> Result<Self, FileError> {
        let file = dir.join(FILE);
        let lock = save::lock(dir).map_err(|error| unwritten(&file, error, || None))?;
        save::complete(dir).map_err(|error| unwritten(&file, error, || None))?;
        Ok(Self { text: read(&file)?, file, _lock: lock })
    }

    /// The same. A folder that is not there is made, with the sandbox's provider, which stands in for a
    /// missing one.
    ///
    /// # Errors
    /// As [`Held::of`].
    pub fn founded(dir: &Path) -> Result<Self, FileError> {
        if !dir.is_dir() {
            save::make_folder(dir).map_err(|error| unwritten(&dir.join(FILE), error, || None))?;
        }
        Self::of(dir)
    }

    /// The same once it is whole. Somebody may truncate the file and write it in place, and half a
    /// file can be in order; an empty one is. `running` is the text that was last taken up, which is
    /// whole; any other has to be the same twice, with a `pause` before the second look.
    ///
    /// # Errors
    /// When it goes on changing, or when the keys that run are all gone from it.
    pub fn settled(
        mut self,
        running: Option<&str>,
        mut pause: impl FnMut(),
    ) -> Result<Self, FileError> {
        let running = running.unwrap_or_default();
        if self.text == running {
            return Ok(self);
        }
        let had_keys = !Keys::parse(&self.file, running).0.is_empty();
        for _ in 0..LOOKS {
            pause();
            let again = read(&self.file)?;
            let is_same = again == self.text;
            self.text = again;
            if is_same && !(had_keys && self.is_empty()) {
                return Ok(self);
            }
        }
        let is_gone = had_keys && self.is_empty();
        Err(if is_gone { FileError::Gone(self.file) } else { FileError::BeingWritten(self.file) })
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The keys in it.
    ///
    /// # Errors
    /// When a server would not take it.
    pub fn keys(&self) -> Result<Keys, FileError> {
        in_order(&self.file, &self.text)
    }

    /// One of them by its id.
    ///
    /// # Errors
    /// Likewise, and when there is none.
    pub fn key(&self, id: &str) -> Result<Arc<Key>, FileError> {
        self.keys()?.by_id(id).cloned().ok_or(FileError::Unknown)
    }

    /// Makes a key and writes what is kept of it.
    ///
    /// # Errors
    /// See [`FileError`]; nothing was written then.
    pub fn create(self, new: &NewKey, now: Ms) -> Result<Created, FileError> {
        self.keys()?;
        let failed = |error| unwritten(&self.file, error, || None);
        let (secret, id) = token::new().and_then(|key| Ok((key, token::id()?))).map_err(failed)?;
        let entry = entry::entry(&id, &secret, new, now);
        let text = entry::appended(&self.text, entry).map_err(failed)?;
        text::fits(&text, FULL).map_err(|error| full(&self.file, &error))?;
        let keys = self.replace(&text, || None)?;
        let key = keys.by_id(&id).cloned().ok_or(FileError::Unknown)?;
        Ok(Created { secret, key, file: self.file, text })
    }

    /// Changes a key's fields in the manner of RFC 7396: those named in the patch, as the file writes
    /// them; `null` removes one.
    ///
    /// # Errors
    /// See [`FileError`]; nothing was written then.
    pub fn change(self, id: &str, patch: &Map<String, Json>) -> Result<Changed, FileError> {
        let before = self.key(id)?;
        let mut changes = edit::changes(patch).map_err(|unfit| disorder(&self.file, &unfit))?;
        changes.iter_mut().for_each(as_date);
        self.apply(before, &changes)
    }

    /// Marks a key as revoked; one that is already stays as it is.
    ///
    /// # Errors
    /// See [`FileError`]; nothing was written then.
    pub fn revoke(self, id: &str, now: Ms) -> Result<Changed, FileError> {
        let before = self.key(id)?;
        if before.revoked.is_some() {
            return Ok(Changed { after: before.clone(), before, text: self.text });
        }
        let at = when::datetime(now).ok_or(FileError::Unknown)?;
        let changes = vec![("revoked".to_owned(), Change::Set(at.into()))];
        self.apply(before, &changes)
    }

    /// Whether it is in order and holds no key.
    fn is_empty(&self) -> bool {
        self.keys().is_ok_and(|keys| keys.is_empty())
    }

    fn apply(&self, before: Arc<Key>, changes: &Changes) -> Result<Changed, FileError> {
        let text = edit::in_list(&self.text, "keys", &before.id, changes);
        let text = text.map_err(|unfit| disorder(&self.file, &unfit))?;
        let text = text.ok_or(FileError::Unknown)?;
        let overlay = || Overlay::default().with(FILE, text.as_str());
        let keys = self.replace(&text, || Some(overlay().diff(&self.files())))?;
        let after = keys.by_id(&before.id).cloned().ok_or(FileError::Unknown)?;
        Ok(Changed { before, after, text })
    }

    /// Puts the text in the file's place, once it is safe on the disk, and says what it holds.
    fn replace(
        &self,
        text: &str,
        diff: impl FnOnce() -> Option<String>,
    ) -> Result<Keys, FileError> {
        let keys = in_order(&self.file, text)?;
        text::fits(text, MOST).map_err(|large| {
            let what = format!("with this change {large}");
            let mend = "remove revoked keys that nobody needs to be told of any more";
            FileError::Problems(vec![Problem::error(&self.file, None, what, mend)])
        })?;
        let change = (PathBuf::from(FILE), Some(text.to_owned()));
        // An editor knows nothing of the lock.
        let is_still = || read(&self.file).is_ok_and(|now| now == self.text);
        let written = save::write_while(self.dir(), &[change], is_still);
        match written.map_err(|error| unwritten(&self.file, error, diff))? {
            true => Ok(keys),
            false => Err(FileError::BeingWritten(self.file.clone())),
        }
    }

    fn files(&self) -> Files {
        Files::restored(self.dir(), [(PathBuf::from(FILE), self.text.clone())])
    }

    fn dir(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }
}

/// A time is written as one, not as the text that stands for it in JSON.
fn as_date((field, change): &mut (String, Change)) {
    if let Change::Set(Value::String(text)) = change
        && field == EXPIRES
        && let Ok(at) = text.value().parse::<toml_edit::Datetime>()
    {
        *change = Change::Set(at.into());
    }
}

fn disorder(file: &Path, unfit: &edit::Unfit) -> FileError {
    FileError::Problems(vec![Problem::error(
        file,
        None,
        unfit.to_string().trim(),
        unfit.mend.clone(),
    )])
}

fn full(file: &Path, error: &io::Error) -> FileError {
    let what = format!("is full: with one more key {error}");
    let mend = "take out keys that nobody uses any more";
    FileError::Problems(vec![Problem::error(file, None, what, mend)])
}

fn unwritten(file: &Path, error: io::Error, diff: impl FnOnce() -> Option<String>) -> FileError {
    let file = file.to_owned();
    if save::is_read_only(&error) {
        return FileError::ReadOnly { file, error, diff: diff() };
    }
    FileError::Io { file, doing: "written", error }
}

/// The keys of a text that a server would take.
fn in_order(file: &Path, text: &str) -> Result<Keys, FileError> {
    let (keys, problems) = Keys::parse(file, text);
    if problems.iter().any(Problem::is_error) {
        Err(FileError::Problems(problems))
    } else {
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::key::Scope;

    #[test]
    fn what_cannot_be_written_is_told_with_the_change_to_make() {
        let key = format!("[[keys]]\nid = \"a\"\nname = \"a\"\nsha256 = \"{}\"\n", "0".repeat(64));
        // Nobody, root neither, makes a file in the kernel's own folder.
        let file = PathBuf::from("/sys/kernel/keys.toml");
        let held = || Held { file: file.clone(), text: key.clone(), _lock: None };
        let told = held().revoke("a", 1_800_000_000_000).unwrap_err();
        let FileError::ReadOnly { diff: Some(diff), .. } = told else { panic!("{told:?}") };
        let change = "+revoked = 2027-01-15T08:00:00Z\n";
        assert!(diff.starts_with("--- a/keys.toml\n") && diff.ends_with(change), "{diff}");
        // The key that such a change would let in is known to nobody.
        let told = held()
            .create(
                &NewKey { name: "b".to_owned(), scopes: Scope::ALL.into(), ..NewKey::default() },
                0,
            )
            .unwrap_err();
        assert!(matches!(told, FileError::ReadOnly { diff: None, .. }), "{told:?}");
    }
}

//! Changing the keys' file: a key added at its end, changed or marked as revoked where it stands.
//! Everything else in the file stays as it is, byte for byte where it can; it is replaced whole or not
//! at all, and a file that is not in order is left alone.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde_json::{Map, Value as Json};
use toml_edit::{DocumentMut, Item, Table, Value, value};

use super::{Expiry, FILE, Hash, Key, Keys, Limits, Scope, hash, token, when};
use crate::catalog::edit::{self, Change, Changes};
use crate::catalog::{save, text};
use crate::clock::Ms;
use crate::problem::Problem;
use crate::secret::Secret;

/// How a file begins that is made here.
const HEADER: &str = "\
# Client keys. Of each only its SHA-256 is here: a key is shown once, when it is made.
# `retouch key create|list|revoke` edits this file; comments stay.
";
/// The field that says until when a key may be used.
const EXPIRES: &str = "expires";

/// What is asked of a new key.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// How much of it.
    pub limits: Limits,
    /// Until when.
    pub expires: Option<Expiry>,
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
    Ok(Keys::parse(&file, &text(&file)?))
}

/// Makes a key and writes what is kept of it. A folder that is not there is made, with the sandbox's
/// provider, which stands in for a missing one.
///
/// # Errors
/// See [`FileError`]; nothing was written then.
pub fn create(dir: &Path, new: &NewKey, now: Ms) -> Result<Created, FileError> {
    let file = dir.join(FILE);
    let written = |error| FileError::Io { file: file.clone(), doing: "written", error };
    if !dir.is_dir() {
        save::make_folder(dir).map_err(written)?;
    }
    let _lock = held(&file)?;
    let text = in_order(&file)?;
    let (secret, id) = token::new().and_then(|key| Ok((key, token::id()?))).map_err(written)?;
    let entry = entry(&id, &secret, new, now);
    let text = appended(&text, entry).map_err(written)?;
    let keys = replace(&file, &text)?;
    let key = keys.by_id(&id).cloned().ok_or(FileError::Unknown)?;
    Ok(Created { secret, key, file })
}

/// Marks a key as revoked, named by its id or by itself; one that is already stays as it is.
///
/// # Errors
/// See [`FileError`]; nothing was written then.
pub fn revoke(dir: &Path, id: &str, now: Ms) -> Result<Arc<Key>, FileError> {
    let file = dir.join(FILE);
    let _lock = held(&file)?;
    let text = in_order(&file)?;
    let (keys, _) = Keys::parse(&file, &text);
    // Whoever finds a leaked key has the key, not its id.
    let key = keys.by_id(id).or_else(|| keys.find(id)).ok_or(FileError::Unknown)?;
    if key.revoked.is_some() {
        return Ok(key.clone());
    }
    let at = when::datetime(now).ok_or(FileError::Unknown)?;
    apply(&file, &text, &key.id, &vec![("revoked".to_owned(), Change::Set(at.into()))])
}

/// Changes a key's fields in the manner of RFC 7396: those named in the patch, as the file writes
/// them; `null` removes one.
///
/// # Errors
/// See [`FileError`]; nothing was written then.
pub fn change(dir: &Path, id: &str, patch: &Map<String, Json>) -> Result<Arc<Key>, FileError> {
    let file = dir.join(FILE);
    let _lock = held(&file)?;
    let text = in_order(&file)?;
    let mut changes = edit::changes(patch).map_err(|unfit| disorder(&file, &unfit))?;
    changes.iter_mut().for_each(as_date);
    apply(&file, &text, id, &changes)
}

/// The lock on the file's folder, and the file as it shall be: what was broken off is completed.
fn held(file: &Path) -> Result<Option<File>, FileError> {
    let dir = file.parent().unwrap_or(Path::new("."));
    let lock = save::lock(dir);
    let written = |error| FileError::Io { file: file.to_owned(), doing: "written", error };
    save::complete(dir).map_err(written).map(|()| lock)
}

fn apply(file: &Path, text: &str, id: &str, changes: &Changes) -> Result<Arc<Key>, FileError> {
    let text = edit::in_list(text, "keys", id, changes).map_err(|unfit| disorder(file, &unfit))?;
    let keys = replace(file, &text.ok_or(FileError::Unknown)?)?;
    keys.by_id(id).cloned().ok_or(FileError::Unknown)
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

fn text(file: &Path) -> Result<String, FileError> {
    match text::read(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(FileError::Io { file: file.to_owned(), doing: "read", error }),
    }
}

/// The text of a file that a server would take.
fn in_order(file: &Path) -> Result<String, FileError> {
    let text = text(file)?;
    let (_, problems) = Keys::parse(file, &text);
    if problems.iter().any(Problem::is_error) {
        Err(FileError::Problems(problems))
    } else {
        Ok(text)
    }
}

/// A key's record as TOML.
fn entry(id: &str, secret: &Secret, new: &NewKey, now: Ms) -> Table {
    let digest: Hash = hash(secret.expose());
    let mut entry = Table::new();
    entry.insert("id", value(id));
    entry.insert("name", value(new.name.as_str()));
    entry.insert("prefix", value(token::prefix(secret)));
    entry.insert("sha256", value(HEXLOWER.encode(&digest)));
    entry.insert(
        "scopes",
        value(new.scopes.iter().map(|s| s.as_str()).collect::<toml_edit::Array>()),
    );
    let limits = [("per_minute", new.limits.per_minute), ("concurrency", new.limits.concurrency)];
    let limits = limits.into_iter().filter(|(_, limit)| *limit > 0);
    let limits: toml_edit::InlineTable =
        limits.map(|(name, limit)| (name, Value::from(i64::from(limit)))).collect();
    if !limits.is_empty() {
        entry.insert("limits", value(limits));
    }
    if let Some(created) = when::datetime(now) {
        entry.insert("created", value(created));
    }
    if let Some(Expiry(at)) = new.expires {
        entry.insert(EXPIRES, value(at));
    }
    entry
}

/// The text with one more key. `[[keys]]` may always follow at the end, so what is there stays
/// untouched; only a list in brackets has to be opened.
fn appended(text: &str, entry: Table) -> io::Result<String> {
    let mut document: DocumentMut = text.parse().map_err(io::Error::other)?;
    if let Some(list) = document.get_mut("keys").and_then(Item::as_array_mut) {
        list.push(entry.into_inline_table());
        return Ok(document.to_string());
    }
    let before = match text.trim().is_empty() {
        true => HEADER.to_owned(),
        false => format!("{}\n", text.trim_end_matches('\n')),
    };
    Ok(format!("{before}\n[[keys]]\n{entry}"))
}

/// Puts the text in the file's place, once it is safe on the disk, and says what it holds.
fn replace(file: &Path, text: &str) -> Result<Keys, FileError> {
    let (keys, problems) = Keys::parse(file, text);
    if problems.iter().any(Problem::is_error) {
        return Err(FileError::Problems(problems));
    }
    let written = |error| FileError::Io { file: file.to_owned(), doing: "written", error };
    let dir = file.parent().unwrap_or(Path::new("."));
    save::write(dir, &[(PathBuf::from(FILE), Some(text.to_owned()))]).map_err(written)?;
    Ok(keys)
}

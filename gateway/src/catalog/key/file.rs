//! Changing the keys' file: a key added at its end, or marked as revoked where it stands. Everything
//! else in the file stays as it is, byte for byte where it can; it is replaced whole or not at all,
//! and a file that is not in order is left alone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use super::{Expiry, FILE, Hash, Key, Keys, Limits, Scope, hash, token, when};
use crate::catalog::files::SANDBOX;
use crate::clock::Ms;
use crate::problem::Problem;
use crate::secret::Secret;

/// How a file begins that is made here.
const HEADER: &str = "\
# Client keys. Of each only its SHA-256 is here: a key is shown once, when it is made.
# `retouch key create|list|revoke` edits this file; comments stay.
";
/// Rights of a new file: its owner's only.
const MODE: u32 = 0o600;

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
        make_folder(dir).map_err(written)?;
    }
    let _lock = lock(dir);
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
    let _lock = lock(dir);
    let text = in_order(&file)?;
    let (keys, _) = Keys::parse(&file, &text);
    // Whoever finds a leaked key has the key, not its id.
    let key = keys.by_id(id).or_else(|| keys.find(id)).ok_or(FileError::Unknown)?;
    if key.revoked.is_some() {
        return Ok(key.clone());
    }
    let text = marked(&text, &key.id, now).ok_or(FileError::Unknown)?;
    replace(&file, &text)?.by_id(&key.id).cloned().ok_or(FileError::Unknown)
}

/// Whoever changes the file at the same time waits. The folder itself is locked, so that no file is
/// left behind; where that cannot be done, replacing the file whole still leaves a good one.
fn lock(dir: &Path) -> Option<File> {
    File::open(dir).and_then(|folder| folder.lock().map(|()| folder)).ok()
}

fn text(file: &Path) -> Result<String, FileError> {
    match fs::read_to_string(file) {
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
        limits.map(|(name, limit)| (name, toml_edit::Value::from(i64::from(limit)))).collect();
    if !limits.is_empty() {
        entry.insert("limits", value(limits));
    }
    if let Some(created) = when::datetime(now) {
        entry.insert("created", value(created));
    }
    if let Some(Expiry(at)) = new.expires {
        entry.insert("expires", value(at));
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

/// The text with a key revoked.
fn marked(text: &str, id: &str, now: Ms) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let is_meant = |table: &dyn TableLike| table.get("id").and_then(Item::as_str) == Some(id);
    let at = value(when::datetime(now)?);
    match document.get_mut("keys")? {
        Item::ArrayOfTables(tables) => {
            tables.iter_mut().find(|table| is_meant(*table))?.insert("revoked", at);
        }
        Item::Value(toml_edit::Value::Array(list)) => {
            let mut tables = list.iter_mut().filter_map(toml_edit::Value::as_inline_table_mut);
            let table = tables.find(|table| is_meant(*table))?;
            table.insert("revoked", at.into_value().ok()?);
        }
        Item::None | Item::Value(_) | Item::Table(_) => return None,
    }
    Some(document.to_string())
}

/// Puts the text in the file's place, once it is safe on the disk, and says what it holds.
fn replace(file: &Path, text: &str) -> Result<Keys, FileError> {
    let (keys, problems) = Keys::parse(file, text);
    if problems.iter().any(Problem::is_error) {
        return Err(FileError::Problems(problems));
    }
    let written = |error| FileError::Io { file: file.to_owned(), doing: "written", error };
    swap(file, text).map_err(written)?;
    Ok(keys)
}

fn swap(file: &Path, text: &str) -> io::Result<()> {
    // A link stays one: what it leads to is replaced.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let folder = target.parent().unwrap_or(Path::new("."));
    // Hidden, so that nobody takes it for a file of the catalog.
    let mut fresh = tempfile::Builder::new().prefix(".keys.toml.").tempfile_in(folder)?;
    fresh.write_all(text.as_bytes())?;
    hand_over(fresh.as_file(), &target, folder)?;
    fresh.as_file().sync_all()?;
    fresh.persist(&target).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Gives a new file to whom the old one, or else the folder, belongs: a server that runs as another
/// user must still read what its administrator writes. Others lose what rights they had.
fn hand_over(fresh: &File, old: &Path, folder: &Path) -> io::Result<()> {
    let before = fs::metadata(old).ok();
    let group = before.as_ref().map_or(0, |before| before.mode() & 0o060);
    fresh.set_permissions(fs::Permissions::from_mode(MODE | group))?;
    let owner = before.map_or_else(|| fs::metadata(folder), Ok)?;
    let ours = fresh.metadata()?;
    if (owner.uid(), owner.gid()) != (ours.uid(), ours.gid()) {
        // Only an administrator may; for anybody else the file stays their own.
        let _ = fchown(fresh, Some(owner.uid()), Some(owner.gid()));
    }
    Ok(())
}

/// Makes the configuration's folder in one step: half of one would hide the built-in sandbox.
fn make_folder(dir: &Path) -> io::Result<()> {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let fresh = tempfile::Builder::new().prefix(".config.").tempdir_in(parent)?;
    let providers = fresh.path().join("providers");
    fs::create_dir(&providers)?;
    fs::write(providers.join("sandbox.toml"), SANDBOX)?;
    fs::set_permissions(fresh.path(), fs::Permissions::from_mode(0o755))?;
    fs::rename(fresh.path(), dir)?;
    let _ = fresh.keep();
    Ok(())
}

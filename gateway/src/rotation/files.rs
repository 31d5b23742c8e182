//! Sealed keys in the providers' files: found, opened, sealed anew where they stand.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{RotationError, unwritable};
use crate::catalog::edit::{self, Unfit};
use crate::catalog::files::Files;
use crate::catalog::provider::ProviderFile;
use crate::catalog::{reference, save};
use crate::master::Succession;
use crate::plugin::Registry;
use crate::problem::Problem;

/// The files that change, each with its text to be.
///
/// # Errors
/// Every file that cannot be read, and every sealed key that neither key opens.
pub(super) fn resealed(
    files: &Files,
    plugins: &Registry,
    keys: &Succession,
) -> Result<Vec<(PathBuf, String)>, Vec<Problem>> {
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    for (file, text) in files.of_folder("providers") {
        match text {
            Ok(text) => match of(file, text, plugins, keys) {
                Ok(anew) => changes.extend(anew.map(|text| (file.to_owned(), text))),
                Err(found) => problems.extend(found),
            },
            Err(unread) => {
                let what = format!("cannot be read: {}", unread.why);
                problems.push(Problem::error(file, None, what, "check its permissions"));
            }
        }
    }
    if problems.is_empty() { Ok(changes) } else { Err(problems) }
}

/// A file's text with its key sealed anew; `None` where there is none to be.
///
/// # Errors
/// What is in the way of opening it.
pub(super) fn of(
    file: &Path,
    text: &str,
    plugins: &Registry,
    keys: &Succession,
) -> Result<Option<String>, Vec<Problem>> {
    let (provider, mut problems) = ProviderFile::parse(file, text, plugins, Some(&keys.old));
    let Some(provider) = provider else { return Err(problems) };
    let fields = edit::shown(text).map_err(|unfit| vec![problem(file, &unfit)])?;
    let written = fields.get("api_key").and_then(Value::as_str).unwrap_or_default();
    if !reference::is_sealed(written) {
        return Ok(None);
    }
    match keys.reseal(written.trim(), &reference::place(&provider.hosts)) {
        Ok(None) => Ok(None),
        Ok(Some(sealed)) => {
            let patch = Map::from_iter([("api_key".to_owned(), Value::from(sealed))]);
            let merged = edit::merged(text, &patch);
            merged.map(Some).map_err(|unfit| vec![problem(file, &unfit)])
        }
        Err(error) => {
            if problems.is_empty() {
                let (line, what) = (provider.line_of("api_key"), format!("api_key: {error}"));
                problems.push(Problem::error(file, line, what, ""));
            }
            Err(problems)
        }
    }
}

/// Refuses before anything is written what could not be. The journal of several files is in the
/// configuration's folder itself.
pub(super) fn assert_writable(
    config_dir: &Path,
    changes: &[(PathBuf, String)],
) -> Result<(), RotationError> {
    if changes.len() > 1 {
        probe(config_dir)?;
    }
    for (file, _) in changes {
        // What a link leads to is what is replaced.
        let target = fs::canonicalize(file).map_err(|error| unwritable(file, error))?;
        if save::is_mounted(&target) {
            return Err(RotationError::Mounted(file.clone()));
        }
        probe(target.parent().unwrap_or(Path::new("/")))?;
    }
    Ok(())
}

fn probe(folder: &Path) -> Result<(), RotationError> {
    let trial = tempfile::Builder::new().prefix(".retouch-save.").tempfile_in(folder);
    trial.map(drop).map_err(|error| unwritable(folder, error))
}

/// Why they could not be written. The system does not say which of them it refused.
pub(super) fn unwritten(
    config_dir: &Path,
    changes: &[(PathBuf, Option<String>)],
    error: io::Error,
) -> RotationError {
    let mounted = changes.iter().find(|(file, _)| save::is_mounted(file));
    match mounted.filter(|_| error.kind() == io::ErrorKind::ResourceBusy) {
        Some((file, _)) => RotationError::Mounted(file.clone()),
        None => unwritable(config_dir, error),
    }
}

/// Whether no file was sealed anew, and none will be: all are written or none.
pub(super) fn are_as_before(config_dir: &Path, before: &Files) -> bool {
    !save::is_pending(config_dir) && Files::read(config_dir) == *before
}

fn problem(file: &Path, unfit: &Unfit) -> Problem {
    Problem::error(file, None, unfit.to_string(), unfit.mend.clone())
}

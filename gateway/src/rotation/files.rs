//! Sealed keys in the providers' files: found, opened, sealed anew where they stand.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{RotationError, unwritable};
use crate::catalog::edit::{self, Unfit};
use crate::catalog::files::Files;
use crate::catalog::provider::ProviderFile;
use crate::catalog::reference;
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

/// Refuses before anything is written what could not be.
pub(super) fn assert_writable(changes: &[(PathBuf, String)]) -> Result<(), RotationError> {
    for (file, _) in changes {
        // What a link leads to is what is replaced.
        let target = fs::canonicalize(file).map_err(|error| unwritable(file, error))?;
        let folder = target.parent().unwrap_or(Path::new("/"));
        let trial = tempfile::Builder::new().prefix(".rotation.").tempfile_in(folder);
        drop(trial.map_err(|error| unwritable(folder, error))?);
    }
    Ok(())
}

fn problem(file: &Path, unfit: &Unfit) -> Problem {
    Problem::error(file, None, unfit.to_string(), unfit.mend.clone())
}

//! The catalog: every provider's file, read and checked. A broken file never hides another's
//! problems; all are found in one run.

pub mod document;
pub mod provider;
pub mod reference;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::plugin::Registry;
use crate::problem::Problem;
use provider::ProviderFile;

/// Shipped in the binary for a start without any configuration.
const SANDBOX: &str = include_str!("../../config/providers/sandbox.toml");

/// The providers beside everything found wrong.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The providers, by file name; also those with problems, so far as they could be read, so that
    /// what comes after finds the rest in the same run.
    pub providers: Vec<ProviderFile>,
    /// What is wrong; an error among them means the catalog must not be used.
    pub problems: Vec<Problem>,
}

/// Reads `providers/*.toml` below the configuration's folder, or the built-in sandbox where there
/// is no such folder.
pub fn load(config_dir: &Path, plugins: &Registry) -> Catalog {
    let mut catalog = Catalog::default();
    let files = match texts(config_dir) {
        Ok(files) => files,
        Err(error) => {
            catalog.problems.push(unreadable(&config_dir.join("providers"), &error));
            return catalog;
        }
    };
    for (file, text) in files {
        match text {
            Ok(text) => {
                let (provider, problems) = ProviderFile::parse(&file, &text, plugins);
                catalog.providers.extend(provider);
                catalog.problems.extend(problems);
            }
            Err(error) => catalog.problems.push(unreadable(&file, &error)),
        }
    }
    let across = contradictions(&catalog.providers);
    catalog.problems.extend(across);
    catalog
}

fn unreadable(file: &Path, error: &io::Error) -> Problem {
    let mend = match error.kind() {
        io::ErrorKind::InvalidData => "save it as UTF-8",
        _ => "check its permissions",
    };
    Problem::error(file, None, format!("cannot be read: {error}"), mend)
}

/// The files with their texts. One that cannot be read hides none of the others.
fn texts(config_dir: &Path) -> io::Result<Vec<(PathBuf, io::Result<String>)>> {
    if !config_dir.is_dir() {
        let file = PathBuf::from("(built in) providers/sandbox.toml");
        return Ok(vec![(file, Ok(SANDBOX.to_owned()))]);
    }
    let folder = config_dir.join("providers");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|e| e == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path))).collect())
}

/// What is wrong between files, whatever is wrong within them.
fn contradictions(providers: &[ProviderFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names: HashMap<&str, &ProviderFile> = HashMap::new();
    let mut default: Option<&ProviderFile> = None;
    for provider in providers.iter().filter(|provider| provider.line_of("name").is_some()) {
        if let Some(other) = names.insert(&provider.name, provider) {
            let what = format!(
                "the name '{}' is already taken by {}",
                provider.name,
                other.file.display()
            );
            let mend = "give each provider a name of its own";
            let line = provider.line_of("name");
            problems.push(Problem::error(&provider.file, line, what, mend));
        }
    }
    for provider in providers.iter().filter(|provider| provider.default && provider.enabled) {
        if let Some(other) = default.replace(provider) {
            let (one, two) = (&other.name, &provider.name);
            let what =
                format!("'{one}' ({}) and '{two}' are both the default", other.file.display());
            let mend = "keep `default = true` in one of them";
            let line = provider.line_of("default");
            problems.push(Problem::error(&provider.file, line, what, mend));
        }
    }
    problems
}

#[cfg(test)]
mod tests;

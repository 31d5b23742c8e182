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

/// Checked providers beside everything found wrong.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The providers, by file name.
    pub providers: Vec<ProviderFile>,
    /// What is wrong; an error among them means the catalog must not be used.
    pub problems: Vec<Problem>,
}

impl Catalog {
    /// Whether it may become the running one.
    pub fn is_valid(&self) -> bool {
        !self.problems.iter().any(Problem::is_error)
    }
}

/// Reads `providers/*.toml` below the configuration's folder, or the built-in sandbox where there
/// is no such folder.
pub fn load(config_dir: &Path, plugins: &Registry) -> Catalog {
    let mut catalog = Catalog::default();
    let files = match texts(config_dir) {
        Ok(files) => files,
        Err(error) => {
            let file = config_dir.join("providers");
            let what = format!("cannot be read: {error}");
            catalog.problems.push(Problem::error(&file, None, what, "check its permissions"));
            return catalog;
        }
    };
    for (file, text) in files {
        match ProviderFile::parse(&file, &text, plugins) {
            Ok((provider, warnings)) => {
                catalog.providers.push(provider);
                catalog.problems.extend(warnings);
            }
            Err(problems) => catalog.problems.extend(problems),
        }
    }
    let across = contradictions(&catalog.providers);
    catalog.problems.extend(across);
    catalog
}

fn texts(config_dir: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    if !config_dir.is_dir() {
        return Ok(vec![(PathBuf::from("(built in) providers/sandbox.toml"), SANDBOX.to_owned())]);
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
    paths.into_iter().map(|path| Ok((path.clone(), fs::read_to_string(&path)?))).collect()
}

/// What is wrong between files that are each right.
fn contradictions(providers: &[ProviderFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names: HashMap<&str, &ProviderFile> = HashMap::new();
    let mut default: Option<&ProviderFile> = None;
    for provider in providers {
        if let Some(other) = names.insert(&provider.name, provider) {
            problems.push(Problem::error(
                &provider.file,
                provider.line_of("name"),
                format!(
                    "the name '{}' is already taken by {}",
                    provider.name,
                    other.file.display()
                ),
                "give each provider a name of its own",
            ));
        }
        if !(provider.default && provider.enabled) {
            continue;
        }
        if let Some(other) = default.replace(provider) {
            problems.push(Problem::error(
                &provider.file,
                provider.line_of("default"),
                format!("'{}' and '{}' are both the default", other.name, provider.name),
                "keep `default = true` in one of them",
            ));
        }
    }
    problems
}

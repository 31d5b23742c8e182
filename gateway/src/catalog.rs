//! The catalog: every provider's file, read and checked. A broken file never hides another's
//! problems; all are found in one run.

mod diff;
pub mod document;
pub mod edit;
pub mod files;
pub mod key;
pub mod last_good;
pub mod provider;
pub mod reference;
pub mod save;
pub mod style;
pub mod text;
pub mod watch;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use crate::master::MasterKey;
use crate::plugin::Registry;
use crate::problem::Problem;
use files::Unread;
pub use files::{Files, Overlay};
use key::Keys;
use provider::ProviderFile;
use style::StyleFile;

/// The providers beside everything found wrong.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The providers, by file name; also those with problems, so far as they could be read, so that
    /// what comes after finds the rest in the same run.
    pub providers: Vec<ProviderFile>,
    /// The styles, by file name; likewise.
    pub styles: Vec<StyleFile>,
    /// The client keys; likewise.
    pub keys: Keys,
    /// What is wrong; an error among them means the catalog must not be used.
    pub problems: Vec<Problem>,
}

/// Reads what lies below the configuration's folder.
pub fn load(config_dir: &Path, plugins: &Registry, master: Option<&MasterKey>) -> Catalog {
    read(&Files::read(config_dir), plugins, master)
}

/// Reads and checks these files. Without the master key no sealed secret opens.
pub fn read(files: &Files, plugins: &Registry, master: Option<&MasterKey>) -> Catalog {
    let mut catalog = Catalog::default();
    for (file, text) in files.of_folder("providers") {
        match text {
            Ok(text) => {
                let (provider, problems) = ProviderFile::parse(file, text, plugins, master);
                catalog.providers.extend(provider);
                catalog.problems.extend(problems);
            }
            Err(unread) => catalog.problems.push(unreadable(file, unread)),
        }
    }
    for (file, text) in files.of_folder("styles") {
        match text {
            Ok(text) => {
                let (style, problems) = StyleFile::parse(file, text);
                catalog.styles.extend(style);
                catalog.problems.extend(problems);
            }
            Err(unread) => catalog.problems.push(unreadable(file, unread)),
        }
    }
    match files.single(key::FILE) {
        Some((file, Ok(text))) => {
            let (keys, problems) = Keys::parse(file, text);
            catalog.keys = keys;
            catalog.problems.extend(problems);
        }
        Some((file, Err(unread))) => catalog.problems.push(unreadable(file, unread)),
        None => {}
    }
    let across = contradictions(&catalog.providers);
    catalog.problems.extend(across);
    catalog.problems.extend(style::lint::across(&catalog.styles, &catalog.providers));
    catalog
}

fn unreadable(file: &Path, unread: &Unread) -> Problem {
    let mend = match unread.kind {
        io::ErrorKind::InvalidData => "save it as UTF-8",
        io::ErrorKind::InvalidInput => "put a file in its place",
        io::ErrorKind::FileTooLarge => "make it smaller",
        _ => "check its permissions",
    };
    Problem::error(file, None, format!("cannot be read: {}", unread.why), mend)
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

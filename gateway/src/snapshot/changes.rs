//! What is new in a snapshot, in words for the log and the operator. Pure.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Provider, Snapshot};
use crate::catalog::Files;
use crate::plugin::{Library, Registry};

/// Digits of a hash that tell two builds of one version apart.
const SHORT: usize = 8;

/// From one snapshot to the next, with the files each was built from.
pub(super) fn between(before: (&Snapshot, &Files), after: (&Snapshot, &Files)) -> Vec<String> {
    let mut changes = plugins(&before.0.plugins, &after.0.plugins);
    changes.extend(providers(before.0, after.0));
    changes.extend(texts("styles", "style", before.1, after.1));
    let keys = |files: &Files| files.single("keys.toml").map(|(_, text)| text.clone());
    if keys(before.1) != keys(after.1) {
        changes.push("client keys changed".to_owned());
    }
    changes
}

/// A plugin's id, version and build.
pub(super) fn named(library: &Library) -> String {
    let label = library.label();
    format!("{} {} ({})", label.id, label.version, short(library))
}

fn short(library: &Library) -> &str {
    library.sha256().get(..SHORT).unwrap_or_default()
}

fn plugins(before: &Registry, after: &Registry) -> Vec<String> {
    let by_id = |registry: &Registry| -> BTreeMap<String, Arc<Library>> {
        let all = registry.libraries().iter();
        all.map(|library| (library.label().id.clone(), library.clone())).collect()
    };
    pairs(&by_id(before), &by_id(after))
        .filter_map(|(id, pair)| match pair {
            (None, Some(new)) => Some(format!("plugin {} added", named(new))),
            (Some(_), None) => Some(format!("plugin {id} removed")),
            (Some(old), Some(new)) if old.sha256() != new.sha256() => Some(replaced(old, new)),
            _ => None,
        })
        .collect()
}

fn replaced(old: &Library, new: &Library) -> String {
    let (was, is) = (old.label(), new.label());
    let hashes = format!("{} → {}", short(old), short(new));
    format!("plugin {} replaced: {} → {} ({hashes})", is.id, was.version, is.version)
}

fn providers(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let by_id = |snapshot: &Snapshot| -> BTreeMap<String, Arc<Provider>> {
        snapshot.providers.iter().map(|p| (p.file.id.clone(), p.clone())).collect()
    };
    pairs(&by_id(before), &by_id(after))
        .filter_map(|(id, pair)| {
            let what = match pair {
                (None, _) => "added",
                (_, None) => "removed",
                (Some(old), Some(new)) => match (old.file.enabled, new.file.enabled) {
                    (false, true) => "enabled",
                    (true, false) => "disabled",
                    _ if old.is_written_as(new) => return None,
                    _ => "changed",
                },
            };
            Some(format!("provider {id} {what}"))
        })
        .collect()
}

fn texts(folder: &str, noun: &str, before: &Files, after: &Files) -> Vec<String> {
    let by_name = |files: &Files| -> BTreeMap<String, String> {
        let stem =
            |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read =
            files.of_folder(folder).filter_map(|(path, text)| Some((path, text.as_ref().ok()?)));
        read.map(|(path, text)| (stem(path), text.clone())).collect()
    };
    pairs(&by_name(before), &by_name(after))
        .filter_map(|(name, pair)| match pair {
            (None, _) => Some(format!("{noun} {name} added")),
            (_, None) => Some(format!("{noun} {name} removed")),
            (Some(old), Some(new)) => (old != new).then(|| format!("{noun} {name} changed")),
        })
        .collect()
}

/// What stands under each name before and after.
fn pairs<'a, T>(
    before: &'a BTreeMap<String, T>,
    after: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a String, (Option<&'a T>, Option<&'a T>))> {
    let new = after.keys().filter(|name| !before.contains_key(*name));
    before.keys().chain(new).map(|name| (name, (before.get(name), after.get(name))))
}

//! `retouch plugin`: which plugins there are, and what one says of itself.
//!
//! `list` finds and loads them as a start does. `inspect` reads the label only: none of the
//! file's code runs, so it is safe on one that is not trusted. `trust` lists one in the lock.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::plugin::{ApiType, Dirs, Label, Library, Refusal, Registry, Trusted, inspect, trust};

use super::{
    args::{self, Common, Plugin},
    host,
    out::Out,
    stop::Stop,
    table,
};

/// Runs one of the commands.
pub(super) fn run(plugin: &Plugin, common: &Common, out: Out) -> Result<(), Stop> {
    match plugin {
        Plugin::List => list(common, out),
        Plugin::Trust(args::Library { file }) => list_as_trusted(file, common, out),
        Plugin::Inspect(args::Library { file }) => {
            let (label, sha256) = inspect(file).map_err(|why| Stop::Failed(refused(&why)))?;
            if out.json {
                return out.raw(&json!({ "sha256": sha256, "label": label }).to_string());
            }
            out.line(&described(&label, &sha256, out))?;
            if let Err(fault) = label.fit() {
                out.note("plugin.refused", &[("why", &refused(&fault.of(file)))]);
            }
            Ok(())
        }
    }
}

fn list_as_trusted(file: &Path, common: &Common, out: Out) -> Result<(), Stop> {
    let lock = host::settings(common)?.config_dir.join("plugins.lock");
    let Trusted { label, sha256, .. } =
        trust(file, &lock).map_err(|why| Stop::Failed(refused(&why)))?;
    if out.json {
        let all = json!({ "sha256": sha256, "label": label, "lock": lock });
        return out.raw(&all.to_string());
    }
    let (id, version, file) = (&label.id, &label.version, lock.display().to_string());
    let told = &[("id", id as &dyn Display), ("version", version), ("file", &file)];
    out.line(&out.words.say("plugin.trusted", told))
}

fn list(common: &Common, out: Out) -> Result<(), Stop> {
    let loaded = host::settings(common)?;
    let lock = loaded.config_dir.join("plugins.lock");
    let dirs = Dirs::of_executable(loaded.settings.plugin_dirs.clone(), lock);
    let cache = host::plugin_cache(&loaded);
    let registry = Registry::scan(&dirs.map_err(anyhow::Error::new)?, &cache);
    if out.json {
        let plugins: Vec<Value> = registry.libraries().iter().map(|found| record(found)).collect();
        let all = json!({ "plugins": plugins, "refused": registry.refusals() });
        return out.raw(&all.to_string());
    }
    for refusal in registry.refusals() {
        out.note("plugin.refused", &[("why", &refused(refusal))]);
    }
    match registry.libraries() {
        [] => out.note("plugin.none", &[]),
        libraries => out.line(&listed(libraries, out))?,
    }
    Ok(())
}

fn record(library: &Library) -> Value {
    json!({ "file": library.file(), "sha256": library.sha256(), "label": library.label() })
}

fn listed(libraries: &[Arc<Library>], out: Out) -> String {
    let heads = ["head.id", "head.version", "head.vendor", "head.types", "head.file"];
    let heads = heads.map(|key| out.words.say(key, &[]));
    let rows = libraries.iter().map(|library| {
        let label = library.label();
        let types: Vec<&str> = label.types.iter().map(|kind| kind.id.as_str()).collect();
        let file = library.file().display().to_string();
        vec![label.id.clone(), label.version.clone(), label.vendor.clone(), types.join(", "), file]
    });
    table::render(&heads, &rows.collect::<Vec<_>>())
}

/// What a label says: whose it is, where it may call, what it offers.
fn described(label: &Label, sha256: &str, out: Out) -> String {
    let Label { id, version, vendor, .. } = label;
    let name =
        out.words.say("plugin.name", &[("id", id), ("version", version), ("vendor", vendor)]);
    let hosts = out.words.say("plugin.hosts", &[("hosts", &label.hosts.join(", "))]);
    let mut lines = vec![name, format!("sha256: {sha256}"), hosts];
    lines.extend(label.types.iter().map(|kind| offered(kind, out)));
    lines.join("\n")
}

fn offered(kind: &ApiType, out: Out) -> String {
    let name = kind.name.in_language(out.words.say("language", &[]).as_str());
    let mut lines = vec![format!("{} ({name})", kind.id)];
    let models: Vec<&str> = kind.models.iter().map(|model| model.id.as_str()).collect();
    lines.push(out.words.say("plugin.models", &[("models", &models.join(", "))]));
    let caps = can(&serde_json::to_value(&kind.caps).unwrap_or_default());
    lines.push(out.words.say("plugin.caps", &[("caps", &caps)]));
    lines.join("\n")
}

/// The capabilities a label claims, under the names they have in it; what it cannot is left out.
fn can(caps: &Value) -> String {
    let facts = caps.as_object().into_iter().flatten().filter_map(|(name, value)| match value {
        Value::Bool(true) => Some(name.clone()),
        Value::Number(number) => Some(format!("{name} {number}")),
        Value::Array(items) if !items.is_empty() => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Some(format!("{name} {}", items.join(" ")))
        }
        _ => None,
    });
    facts.collect::<Vec<_>>().join(", ")
}

fn refused(refusal: &Refusal) -> String {
    format!("{}: {} — {}", refusal.file.display(), refusal.what, refusal.mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_plugin_can_is_told() {
        let table = [
            (
                json!({"mask": true, "cancel": false, "max_images": 4, "mimes": ["image/png", "image/jpeg"]}),
                "mask, max_images 4, mimes image/png image/jpeg",
            ),
            (json!({"max_bytes": null, "mimes": []}), ""),
            (json!(null), ""),
        ];
        for (caps, expected) in table {
            let told = can(&caps);
            let mut facts: Vec<_> = told.split(", ").collect();
            facts.sort_unstable();
            assert_eq!(facts.join(", "), expected);
        }
    }
}

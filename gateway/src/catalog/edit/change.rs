//! What shall become of a table's fields.

use serde_json::{Map, Value as Json};
use toml_edit::Value;

use super::{Unfit, json};

/// Fields by name, each with what shall become of it.
pub(in crate::catalog) type Changes = Vec<(String, Change)>;

/// What shall become of one field.
#[derive(Clone, Debug)]
pub(in crate::catalog) enum Change {
    /// It goes.
    Remove,
    /// It is that, whatever it was.
    Set(Value),
    /// It is a table, in which these change.
    Merge(Changes),
}

/// As a patch says it; `path` is where it applies.
pub(super) fn of_patch(path: &str, patch: &Map<String, Json>) -> Result<Changes, Unfit> {
    let change = |(key, value): (&String, &Json)| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let change = match value {
            Json::Null => Change::Remove,
            Json::Object(inner) => Change::Merge(of_patch(&path, inner)?),
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                Change::Set(json::to_toml(&path, value)?)
            }
        };
        Ok((key.clone(), change))
    };
    patch.iter().map(change).collect()
}

/// The patch that makes the old fields these.
pub(super) fn to_become(old: &Map<String, Json>, new: &Map<String, Json>) -> Map<String, Json> {
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let mut patch: Map<String, Json> = gone.map(|key| (key.clone(), Json::Null)).collect();
    for (key, value) in new {
        let value = match (old.get(key), value) {
            (Some(Json::Object(old)), Json::Object(new)) => Json::Object(to_become(old, new)),
            (_, value) => value.clone(),
        };
        patch.insert(key.clone(), value);
    }
    patch
}

/// What the fields are afterwards.
pub(super) fn apply(fields: &mut Map<String, Json>, changes: &Changes) {
    for (key, change) in changes {
        match change {
            Change::Remove => drop(fields.remove(key)),
            Change::Set(value) => drop(fields.insert(key.clone(), json::of_value(value))),
            Change::Merge(inner) => {
                let field = fields.entry(key.clone()).or_insert(Json::Null);
                if !field.is_object() {
                    *field = Json::Object(Map::new());
                }
                if let Json::Object(field) = field {
                    apply(field, inner);
                }
            }
        }
    }
}

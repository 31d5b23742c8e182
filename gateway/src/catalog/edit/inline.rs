//! A table within braces, changed where it stands.

use toml_edit::{InlineTable, Value};

use super::change::{Change, Changes};
use super::json;

/// The text of a table after these changes; `None`: it stays as it is.
pub(super) fn merged(text: &str, changes: &Changes) -> Option<String> {
    let mut value: Value = text.parse().ok()?;
    let table = value.as_inline_table_mut()?;
    // One that goes over several lines is laid out by whoever wrote it.
    apply(table, changes, !text.contains('\n')).then(|| value.to_string())
}

/// A new table with what these changes come to; `None`: nothing.
pub(super) fn fresh(changes: &Changes) -> Option<Value> {
    let mut table = InlineTable::new();
    apply(&mut table, changes, true);
    (!table.is_empty()).then_some(Value::InlineTable(table))
}

/// A value as it stands in a line.
pub(super) fn written(value: &Value) -> String {
    let mut value = value.clone();
    value.decor_mut().clear();
    value.to_string()
}

fn apply(table: &mut InlineTable, changes: &Changes, is_one_line: bool) -> bool {
    let count = table.len();
    let mut changed = false;
    for (key, change) in changes {
        changed |= field(table, key, change, is_one_line);
    }
    if table.len() != count && is_one_line {
        table.fmt();
    }
    changed
}

fn field(table: &mut InlineTable, key: &str, change: &Change, is_one_line: bool) -> bool {
    match (table.get_mut(key), change) {
        (None, Change::Remove) => false,
        (None, Change::Set(value)) => table.insert(key, value.clone()).is_none(),
        (None, Change::Merge(inner)) => {
            fresh(inner).is_some_and(|value| table.insert(key, value).is_none())
        }
        (Some(_), Change::Remove) => table.remove(key).is_some(),
        (Some(old), Change::Set(value)) => {
            json::of_value(old) != json::of_value(value) && put(old, value.clone())
        }
        (Some(Value::InlineTable(old)), Change::Merge(inner)) => apply(old, inner, is_one_line),
        (Some(old), Change::Merge(inner)) => {
            put(old, fresh(inner).unwrap_or_else(|| InlineTable::new().into()))
        }
    }
}

fn put(old: &mut Value, mut new: Value) -> bool {
    *new.decor_mut() = old.decor().clone();
    *old = new;
    true
}

//! A catalog file changed field by field: what is not named stays as it stands, comments, order and
//! spacing too.
//!
//! The text is never written anew from what was read of it: single values are replaced in it, single
//! lines added and removed, in the form the file already has (`[limits]`, `limits.concurrency = 3`,
//! `limits = { concurrency = 3 }`). A value that is what it was stays as it is written. With a field go
//! its line and the comment behind it; comments above it stay, and so does the header of a table whose
//! last field goes. A table that would be empty is not begun. What comes out is read again and
//! compared with what was asked for.

mod change;
mod inline;
mod json;
mod lines;
mod splice;
mod tables;

use serde_json::{Map, Value as Json};
use toml_edit::{Document, Item, TableLike, Value};

pub(super) use change::{Change, Changes};
pub(super) use lines::newline;
use tables::Editor;

/// Why a change cannot be written down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {what}")]
pub struct Unfit {
    /// The field, by dotted path; empty: the file as a whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// The mend.
    pub mend: String,
}

/// A file's fields as JSON, as they are written. Dates become text.
///
/// # Errors
/// When the text is not TOML.
pub fn shown(text: &str) -> Result<Map<String, Json>, Unfit> {
    Ok(json::of_table(parsed(text)?.as_table()))
}

/// The text after a change in the manner of RFC 7396: `null` removes, tables merge key by key.
///
/// # Errors
/// When the text is not TOML or a value has no form in it.
pub fn merged(text: &str, patch: &Map<String, Json>) -> Result<String, Unfit> {
    changed(text, &changes(patch)?)
}

/// The text with these fields and no others, but for those in `kept`.
///
/// # Errors
/// As [`merged`].
pub fn replaced(text: &str, fields: &Map<String, Json>, kept: &[&str]) -> Result<String, Unfit> {
    let mut patch = change::to_become(&shown(text)?, fields);
    patch.retain(|key, value| !(value.is_null() && kept.contains(&key.as_str())));
    merged(text, &patch)
}

/// What a patch asks for.
///
/// # Errors
/// When a value has no form in TOML.
pub(super) fn changes(patch: &Map<String, Json>) -> Result<Changes, Unfit> {
    change::of_patch("", patch)
}

/// The text after these changes at its top.
fn changed(text: &str, changes: &Changes) -> Result<String, Unfit> {
    let document = parsed(text)?;
    let mut wanted = json::of_table(document.as_table());
    change::apply(&mut wanted, changes);
    let mut editor = Editor::new(text, &document);
    editor.root(changes);
    verified(editor.finish(), wanted)
}

/// The text after these changes in the table with that id, of a list such as `[[keys]]`; `None`: there
/// is no such table.
///
/// # Errors
/// As [`merged`].
pub(super) fn in_list(
    text: &str,
    list: &str,
    id: &str,
    changes: &Changes,
) -> Result<Option<String>, Unfit> {
    let document = parsed(text)?;
    let mut wanted = json::of_table(document.as_table());
    let all = wanted.get_mut(list).and_then(Json::as_array_mut).into_iter().flatten();
    let mut tables = all.filter_map(Json::as_object_mut);
    let Some(meant) = tables.find(|table| table.get("id").and_then(Json::as_str) == Some(id))
    else {
        return Ok(None);
    };
    change::apply(meant, changes);
    let mut editor = Editor::new(text, &document);
    let is_meant = |table: &dyn TableLike| table.get("id").and_then(Item::as_str) == Some(id);
    match document.get(list) {
        Some(Item::ArrayOfTables(tables)) => {
            if let Some(table) = tables.iter().find(|table| is_meant(*table)) {
                editor.element(list, table, changes);
            }
        }
        Some(Item::Value(Value::Array(items))) => {
            let mut tables = items.iter().filter_map(Value::as_inline_table);
            if let Some(table) = tables.find(|table| is_meant(*table)) {
                editor.inline(table.span(), changes);
            }
        }
        Some(Item::None | Item::Value(_) | Item::Table(_)) | None => {}
    }
    verified(editor.finish(), wanted).map(Some)
}

fn parsed(text: &str) -> Result<Document<&str>, Unfit> {
    Document::parse(text).map_err(|error| {
        let line = error.span().map(|span| lines::number(text, span.start));
        let mend = match line {
            Some(line) => format!("mend the syntax on line {line}"),
            None => "mend the syntax".to_owned(),
        };
        whole(format!("is not TOML: {}", error.message()), mend)
    })
}

/// The text, if it says what was wanted. It always should; a file is too dear to rely on it.
fn verified(text: String, wanted: Map<String, Json>) -> Result<String, Unfit> {
    let found = shown(&text).map(json::without_empty);
    if found.is_ok_and(|found| found == json::without_empty(wanted)) {
        return Ok(text);
    }
    Err(whole("is written in a way that cannot be changed here", "edit it by hand"))
}

fn whole(what: impl Into<String>, mend: impl Into<String>) -> Unfit {
    Unfit { path: String::new(), what: what.into(), mend: mend.into() }
}

#[cfg(test)]
mod tests;

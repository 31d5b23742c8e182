//! What one file of a kind says after a change, as far as that is the same for every kind. Pure: the
//! files as they are in, the change out. Checking, writing and taking it up is for others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::entry::{Entry, Kind, unused};
use super::saved::wrong;
use crate::admin::asker::Asker;
use crate::api::ApiError;
use crate::catalog::edit::{self, Unfit};
use crate::catalog::{Files, Overlay};

/// Fields as JSON.
pub(in crate::admin) type Fields = Map<String, Value>;

/// A change somebody thought out.
#[derive(Debug)]
pub(in crate::admin) struct Plan {
    /// What is written and removed; nothing, where all is so already.
    pub(in crate::admin) overlay: Overlay,
    /// The id of what is changed; empty where it is several.
    pub(in crate::admin) id: String,
}

/// Why nothing is changed.
#[derive(Debug)]
pub(in crate::admin) enum NotDone {
    /// There is another version than the sender has in mind.
    Stale,
    /// Something is wrong with the change, or with us.
    Refused(Box<ApiError>),
}

/// How what was sent relates to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum Manner {
    /// Only what is named changes: RFC 7396.
    Merge,
    /// What is not named goes.
    Replace,
}

/// The id of a copy, and how it differs from its original beside.
pub(in crate::admin) struct CopyOf {
    pub(in crate::admin) id: String,
    pub(in crate::admin) changes: Fields,
}

impl From<ApiError> for NotDone {
    fn from(error: ApiError) -> Self {
        Self::Refused(Box::new(error))
    }
}

impl Plan {
    /// One file that says that.
    pub(in crate::admin) fn of(kind: &Kind, id: &str, before: Option<&str>, text: String) -> Self {
        let overlay = Overlay::default();
        let is_so = before == Some(&text);
        let overlay = if is_so { overlay } else { overlay.with(kind.place(id), text) };
        Self { overlay, id: id.to_owned() }
    }

    /// Without one.
    pub(in crate::admin) fn deletion(
        kind: &Kind,
        files: &Files,
        asker: &Asker,
        id: &str,
    ) -> Result<Self, NotDone> {
        let entry = found(kind, files, asker, id)?;
        // Before the folder is made its files are there as they would be then.
        if fs::symlink_metadata(entry.file).is_err() {
            let message = format!(
                "'{id}' is built in and has no file to delete; disable it, or add a provider of your \
                 own: it then gets only what names it"
            );
            return Err(ApiError::new(StatusCode::CONFLICT, "built_in", message).into());
        }
        Ok(Self { overlay: Overlay::default().without(entry.file), id: id.to_owned() })
    }
}

/// The one that is there, in the version the sender has in mind.
pub(in crate::admin) fn found<'a>(
    kind: &Kind,
    files: &'a Files,
    asker: &Asker,
    id: &str,
) -> Result<Entry<'a>, NotDone> {
    let entry = kind.entry(files, id).ok_or_else(|| kind.missing())?;
    let meant = asker.condition.allows(Some(&entry.version()));
    if meant { Ok(entry) } else { Err(NotDone::Stale) }
}

/// Whether a new one of that id is meant, and only that.
pub(in crate::admin) fn is_for_new(
    kind: &Kind,
    files: &Files,
    asker: &Asker,
    id: &str,
) -> Result<bool, NotDone> {
    if !asker.condition.is_for_new() {
        return Ok(false);
    }
    if kind.entry(files, id).is_some() {
        return Err(NotDone::Stale);
    }
    kind.new_id(files, Some(&json!(id)), "")?;
    Ok(true)
}

/// Refuses a name that another has: the sender's is the one to change.
pub(in crate::admin) fn has_own_name(
    kind: &Kind,
    files: &Files,
    id: &str,
    fields: &Fields,
) -> Result<(), ApiError> {
    let Some(name) = fields.get("name").and_then(Value::as_str) else { return Ok(()) };
    let mut others = kind.entries(files).filter(|other| other.id != id);
    let Some(other) = others.find(|other| name_of(other).as_deref() == Some(name)) else {
        return Ok(());
    };
    let what = format!("the name '{name}' is already taken by {}", other.file.display());
    let mend = format!("give each {} a name of its own", kind.noun);
    Err(wrong(kind, &kind.place(id), "name", &what, &mend))
}

/// The name that stands in a file.
fn name_of(entry: &Entry<'_>) -> Option<String> {
    let fields = edit::shown(entry.text.as_deref().ok()?).ok()?;
    fields.get("name").and_then(Value::as_str).map(str::to_owned)
}

/// What its file says.
pub(in crate::admin) fn text_of<'a>(kind: &Kind, entry: Entry<'a>) -> Result<&'a str, ApiError> {
    entry.text.as_deref().map_err(|unread| {
        let what = format!("cannot be read: {}", unread.why);
        wrong(kind, entry.file, "", &what, "replace it whole (PUT), or mend the file by hand")
    })
}

/// A new file's text: its fields in the order in which people write them.
pub(in crate::admin) fn written(
    kind: &Kind,
    file: &Path,
    fields: &Fields,
) -> Result<String, ApiError> {
    let known = kind.fields.iter().filter_map(|name| fields.get_key_value(*name));
    let given = known.filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| one(name, value.clone())).try_fold(String::new(), |text, field| {
        edit::merged(&text, &field).map_err(|error| unfit(kind, file, &error))
    })
}

/// A file's text after a change; without the fields in `kept`, a replacement leaves them.
pub(in crate::admin) fn changed(
    kind: &Kind,
    entry: Entry<'_>,
    manner: Manner,
    mut fields: Fields,
    kept: &[&str],
) -> Result<String, ApiError> {
    let text = match manner {
        Manner::Merge => edit::merged(text_of(kind, entry)?, &fields),
        Manner::Replace => {
            fields.retain(|_, value| !value.is_null());
            // Of what is no TOML nothing can stay.
            let before = entry.text.as_deref().unwrap_or_default();
            let before = edit::shown(before).map_or("", |_| before);
            edit::replaced(before, &fields, kept)
        }
    };
    text.map_err(|error| unfit(kind, entry.file, &error))
}

/// What makes a copy of one: an id, and a name that no other has.
pub(in crate::admin) fn copy_of(
    kind: &Kind,
    files: &Files,
    entry: Entry<'_>,
    mut sent: Fields,
) -> Result<CopyOf, ApiError> {
    let asked = sent.remove("id");
    let mut changes = kind.fields(sent)?;
    let name = |entry: &Entry<'_>| name_of(entry).unwrap_or_else(|| entry.id.to_owned());
    let taken: BTreeSet<String> = kind.entries(files).map(|entry| name(&entry)).collect();
    let own = name(&entry);
    let new = unused(&own, |name| taken.contains(name), |n| format!("{own} ({n})"));
    let asked_name = changes.get("name").and_then(Value::as_str).unwrap_or(entry.id);
    let id = kind.new_id(files, asked.as_ref(), asked_name)?;
    changes.entry("name").or_insert_with(|| json!(new));
    has_own_name(kind, files, &id, &changes)?;
    Ok(CopyOf { id, changes })
}

/// One field.
pub(in crate::admin) fn one(name: &str, value: Value) -> Fields {
    Fields::from_iter([(name.to_owned(), value)])
}

/// A change that cannot be written down.
pub(in crate::admin) fn unfit(kind: &Kind, file: &Path, unfit: &Unfit) -> ApiError {
    wrong(kind, file, &unfit.path, unfit.to_string().trim(), &unfit.mend)
}

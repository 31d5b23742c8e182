//! A file of one of the catalog's folders as the API names it: by id, with its version. What both
//! providers and styles need to be made, found and told apart. Pure.

use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::admin::version;
use crate::api::ApiError;
use crate::catalog::Files;
use crate::catalog::document::nearest;
use crate::catalog::files::{Text, is_meant};

/// As long as a plugin's id may be; with its ending it is a file name everywhere.
const LONGEST_ID: usize = 64;

/// What lies in one folder.
#[derive(Debug)]
pub(in crate::admin) struct Kind {
    /// The folder.
    pub(in crate::admin) folder: &'static str,
    /// What one is called.
    pub(in crate::admin) noun: &'static str,
    /// The code of an error in one.
    pub(in crate::admin) invalid: &'static str,
    /// The fields of a file, in the order in which people write them.
    pub(in crate::admin) fields: &'static [&'static str],
    /// Those of its tables that are the same for all.
    pub(in crate::admin) tables: &'static [(&'static str, &'static [&'static str])],
    /// What we say of one beside its fields: sent back, it means nothing.
    pub(in crate::admin) said: &'static [&'static str],
    /// What has another meaning in the place of an id.
    pub(in crate::admin) reserved: &'static [&'static str],
    /// What its changes are called where they are noted.
    pub(in crate::admin) actions: Actions,
}

/// The names of changes.
#[derive(Debug)]
pub(in crate::admin) struct Actions {
    pub(in crate::admin) create: &'static str,
    pub(in crate::admin) update: &'static str,
    pub(in crate::admin) duplicate: &'static str,
    pub(in crate::admin) delete: &'static str,
}

/// One file.
#[derive(Clone, Copy, Debug)]
pub(in crate::admin) struct Entry<'a> {
    pub(in crate::admin) id: &'a str,
    pub(in crate::admin) file: &'a Path,
    pub(in crate::admin) text: &'a Text,
}

impl Entry<'_> {
    /// Its version, also of one that cannot be read.
    pub(in crate::admin) fn version(&self) -> String {
        match self.text {
            Ok(text) => version::of(text.as_bytes()),
            Err(unread) => version::of(format!("unread: {}", unread.why).as_bytes()),
        }
    }
}

impl Kind {
    /// All of them, by file name.
    pub(in crate::admin) fn entries<'a>(
        &self,
        files: &'a Files,
    ) -> impl Iterator<Item = Entry<'a>> {
        let all = files.of_folder(self.folder).filter(|(file, _)| is_meant(file));
        all.filter_map(|(file, text)| Some(Entry { id: file.file_stem()?.to_str()?, file, text }))
    }

    /// The one of that id.
    pub(in crate::admin) fn entry<'a>(&self, files: &'a Files, id: &str) -> Option<Entry<'a>> {
        self.entries(files).find(|entry| entry.id == id)
    }

    /// The version of all of them together.
    pub(in crate::admin) fn version(&self, files: &Files) -> String {
        let all: Vec<String> =
            self.entries(files).map(|e| format!("{}:{}", e.id, e.version())).collect();
        version::of(all.join("\n").as_bytes())
    }

    /// Where one of that id is written.
    pub(in crate::admin) fn place(&self, id: &str) -> PathBuf {
        Path::new(self.folder).join(format!("{id}.toml"))
    }

    /// There is none of that id.
    pub(in crate::admin) fn missing(&self) -> ApiError {
        ApiError::not_found(self.noun)
    }

    /// An id for a new one: the one asked for, or made of `name`.
    ///
    /// # Errors
    /// When the one asked for is none or taken.
    pub(in crate::admin) fn new_id(
        &self,
        files: &Files,
        asked: Option<&Value>,
        name: &str,
    ) -> Result<String, ApiError> {
        let is_taken = |id: &str| self.reserved.contains(&id) || self.entry(files, id).is_some();
        let Some(asked) = asked.filter(|asked| !asked.is_null()) else {
            return Ok(free(&proposed(name, self.noun), is_taken));
        };
        let Some(id) = asked.as_str().filter(|id| is_id(id)) else {
            let message = "`id` must be up to 64 small letters, digits and hyphens; left out, one \
                           is made of the name";
            return Err(ApiError::invalid("id", message));
        };
        if is_taken(id) {
            let message = format!("there is already a {} with the id '{id}'", self.noun);
            return Err(ApiError::new(StatusCode::CONFLICT, "already_exists", message).param("id"));
        }
        Ok(id.to_owned())
    }

    /// What was sent, without what only we say. A field that is `null` need not be known: it is to be
    /// removed.
    ///
    /// # Errors
    /// Names a field that no file has.
    pub(in crate::admin) fn fields(
        &self,
        mut sent: Map<String, Value>,
    ) -> Result<Map<String, Value>, ApiError> {
        // Shown as an object; as text it is somebody's key under the wrong name.
        if sent.get("key").is_some_and(|key| !key.is_object() && !key.is_null()) {
            known("", "key", self.fields)?;
        }
        sent.retain(|name, _| !self.said.contains(&name.as_str()));
        let given = |(_, value): &(&String, &Value)| !value.is_null();
        for (name, _) in sent.iter().filter(given) {
            known("", name, self.fields)?;
        }
        for (table, fields) in self.tables {
            let inner = sent.get(*table).and_then(Value::as_object).into_iter().flatten();
            for (name, _) in inner.filter(given) {
                known(&format!("{table}."), name, fields)?;
            }
        }
        Ok(sent)
    }

    /// Likewise for one that is there: it keeps its id.
    ///
    /// # Errors
    /// Likewise, and when another id is given.
    pub(in crate::admin) fn fields_of(
        &self,
        id: &str,
        mut sent: Map<String, Value>,
    ) -> Result<Map<String, Value>, ApiError> {
        match sent.remove("id") {
            Some(Value::String(same)) if same == id => self.fields(sent),
            None | Some(Value::Null) => self.fields(sent),
            Some(_) => {
                let message = "`id` cannot be changed; duplicate it under another id, and delete \
                               this one";
                Err(ApiError::invalid("id", message))
            }
        }
    }
}

/// Whether a file may be called that.
pub(in crate::admin) fn is_id(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(fits)
}

/// A text that none has yet: as it is, or numbered by `numbered`.
pub(in crate::admin) fn unused(
    wish: &str,
    is_taken: impl Fn(&str) -> bool,
    numbered: impl Fn(u64) -> String,
) -> String {
    if !is_taken(wish) {
        return wish.to_owned();
    }
    (2..).map(numbered).find(|text| !is_taken(text)).unwrap_or_default()
}

fn free(wish: &str, is_taken: impl Fn(&str) -> bool) -> String {
    unused(wish, is_taken, |n| format!("{wish}-{n}"))
}

/// The letters and digits of a name, with room for a number; a name without any says nothing.
fn proposed(name: &str, noun: &str) -> String {
    let plain = name.to_ascii_lowercase();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut id = words.collect::<Vec<_>>().join("-");
    id.truncate(LONGEST_ID - 8);
    let id = id.trim_end_matches('-');
    if id.is_empty() { noun.to_owned() } else { id.to_owned() }
}

/// Whether there is a field of that name; if not, says which was probably meant. `table` ends in a dot,
/// or is empty.
///
/// # Errors
/// Names the field.
pub(in crate::admin) fn known(table: &str, name: &str, fields: &[&str]) -> Result<(), ApiError> {
    if fields.contains(&name) {
        return Ok(());
    }
    let path = format!("{table}{name}");
    let message = match nearest(name, fields.iter().copied()) {
        Some(near) => format!("there is no field `{path}`; did you mean `{table}{near}`?"),
        None => format!("there is no field `{path}`; known are: {}", fields.join(", ")),
    };
    Err(ApiError::field("unknown_parameter", &path, message))
}

#[cfg(test)]
mod tests;

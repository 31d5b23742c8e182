//! What a provider's file says after a change. Pure, but that the secrets a file names are looked up.
//!
//! A key goes only to the hosts it was given for: where the origins change, it must be given anew.

use std::path::Path;

use serde_json::{Value, json};

use super::key::{self, FIELD, Given};
use super::scene::Scene;
use super::view::{self, effective};
use super::{KIND, Providers};
use crate::admin::asker::Asker;
use crate::admin::folder::entry::{Entry, Kind};
use crate::admin::folder::plan::{self, CopyOf, Fields, Manner, NotDone, Plan, one, unfit};
use crate::admin::folder::saved::{invalid, path, with_path, wrong};
use crate::admin::folder::{Folder, Seen};
use crate::api::{Api, ApiError};
use crate::catalog::provider::ProviderFile;
use crate::catalog::{Files, edit, reference};
use crate::problem::Problem;

impl Folder for Providers {
    const KIND: &'static Kind = &KIND;

    fn now(api: &Api) -> Self {
        Self { plugins: api.snapshot.load().plugins.clone(), master: api.master.clone() }
    }

    /// With a new one.
    fn created(&self, files: &Files, mut sent: Fields) -> Result<Plan, NotDone> {
        let asked = sent.remove("id");
        let name = sent.get("name").and_then(Value::as_str).unwrap_or_default();
        let id = KIND.new_id(files, asked.as_ref(), name)?;
        let fields = KIND.fields(sent)?;
        plan::has_own_name(&KIND, files, &id, &fields)?;
        Ok(self.new_file(&id, fields)?)
    }

    /// With one changed that is there; a replacement can be a new one, where only that is meant.
    fn changed(
        &self,
        files: &Files,
        asker: &Asker,
        id: &str,
        manner: Manner,
        sent: Fields,
    ) -> Result<Plan, NotDone> {
        let mut fields = KIND.fields_of(id, sent)?;
        let is_new = manner == Manner::Replace && plan::is_for_new(&KIND, files, asker, id)?;
        plan::has_own_name(&KIND, files, id, &fields)?;
        if is_new {
            return Ok(self.new_file(id, fields)?);
        }
        let entry = plan::found(&KIND, files, asker, id)?;
        if manner == Manner::Replace {
            self.leave_out_what_is_so(entry, &mut fields);
        }
        let named: Vec<String> = fields.keys().cloned().collect();
        let given = given(entry, fields.shift_remove(FIELD))?;
        let text = plan::changed(&KIND, entry, manner, fields, &[FIELD])?;
        let before = entry.text.as_deref().ok();
        let text = self.keyed(entry.file, before.unwrap_or_default(), text, given)?;
        self.in_order(entry.file, &text, &named)?;
        Ok(Plan::of(&KIND, id, before, text))
    }

    /// With a copy of one, changed as is said.
    fn copied(
        &self,
        files: &Files,
        asker: &Asker,
        id: &str,
        sent: Fields,
    ) -> Result<Plan, NotDone> {
        let entry = plan::found(&KIND, files, asker, id)?;
        let before = plan::text_of(&KIND, entry)?;
        let CopyOf { id, mut changes } = plan::copy_of(&KIND, files, entry, sent)?;
        // There is one default, and a copy gets no work before somebody has made it what it is to be.
        changes.entry("default").or_insert(Value::Null);
        changes.entry("enabled").or_insert(Value::Bool(false));
        let given = given(entry, changes.shift_remove(FIELD))?;
        let file = KIND.place(&id);
        let text = edit::merged(before, &changes).map_err(|e| unfit(&KIND, &file, &e))?;
        let text = self.keyed(&file, before, text, given)?;
        Ok(Plan::of(&KIND, &id, None, text))
    }

    fn shown(&self, api: &Api, seen: Seen<'_>, entry: Entry<'_>) -> Value {
        Scene::of(self, api, seen).one(entry)
    }

    /// As they are asked, the first one first.
    fn all(&self, api: &Api, seen: Seen<'_>) -> Value {
        Scene::of(self, api, seen).all()
    }

    /// What is open there is finished all the same.
    async fn gone(api: &Api, id: &str) -> Value {
        let open = api.engine.open_at(id).await.ok().map(|open| open.jobs);
        json!({ "object": "provider", "id": id, "deleted": true, "open": open })
    }
}

impl Providers {
    /// What a file says, completed, so far as it can be read.
    pub(super) fn parsed(&self, entry: Entry<'_>) -> Option<ProviderFile> {
        self.read(entry.file, entry.text.as_deref().ok()?).0
    }

    /// Defaults that were shown and come back need not be written: they would stay when what they
    /// follow from is changed.
    fn leave_out_what_is_so(&self, entry: Entry<'_>, fields: &mut Fields) {
        let Some(file) = self.parsed(entry) else { return };
        let written = entry.text.as_deref().map(view::paths).unwrap_or_default();
        let shown = effective(&file);
        let is_news = |path: &str, value: &Value, shown: Option<&Value>| {
            shown != Some(value) || written.iter().any(|written| written == path)
        };
        fields.retain(|name, value| match (value.as_object_mut(), shown.get(name)) {
            (Some(inner), Some(Value::Object(shown))) => {
                inner.retain(|field, value| {
                    is_news(&format!("{name}.{field}"), value, shown.get(field))
                });
                !inner.is_empty() || written.contains(name)
            }
            (_, shown) => is_news(name, value, shown),
        });
    }

    /// What a disabled provider has wrong stops nothing; what is sent has to be right all the same.
    fn in_order(&self, file: &Path, text: &str, named: &[String]) -> Result<(), ApiError> {
        let (provider, problems) =
            ProviderFile::parse_as_enabled(file, text, &self.plugins, Some(&self.master));
        if provider.is_none_or(|provider| provider.enabled) {
            return Ok(()); // The catalog as a whole says so, its plugin too.
        }
        let of_sent = |problem: &Problem| {
            let path = path(problem, &KIND, Some(text))?;
            let field = path.split('.').next().unwrap_or_default();
            let is_meant = problem.is_error() && named.iter().any(|name| name == field);
            is_meant.then(|| with_path(problem, Some(&path)))
        };
        let wrong: Vec<Value> = problems.iter().filter_map(of_sent).collect();
        if wrong.is_empty() { Ok(()) } else { Err(invalid(&KIND, wrong)) }
    }

    fn read(&self, file: &Path, text: &str) -> (Option<ProviderFile>, Vec<Problem>) {
        ProviderFile::parse(file, text, &self.plugins, Some(&self.master))
    }

    fn new_file(&self, id: &str, mut fields: Fields) -> Result<Plan, ApiError> {
        let file = KIND.place(id);
        let named: Vec<String> = fields.keys().cloned().collect();
        let given = Given::of(fields.shift_remove(FIELD), None);
        let given = given.map_err(|wrong| refused(&file, wrong))?;
        let text = plan::written(&KIND, &file, &fields)?;
        if let Some(key) = self.written_key(&file, &text, given)? {
            fields.insert(FIELD.to_owned(), json!(key));
        }
        let text = plan::written(&KIND, &file, &fields)?;
        self.in_order(&file, &text, &named)?;
        Ok(Plan::of(&KIND, id, None, text))
    }

    /// The text with the key it is to have.
    fn keyed(
        &self,
        file: &Path,
        before: &str,
        text: String,
        given: Given,
    ) -> Result<String, ApiError> {
        let key = match given {
            Given::Nothing if self.place(file, before) == self.place(file, &text) => {
                return Ok(text);
            }
            Given::Nothing => match edit::shown(&text) {
                Ok(fields) if fields.contains_key(FIELD) => self.left_behind(file, &text)?,
                _ => return Ok(text),
            },
            given => json!(self.written_key(file, &text, given)?),
        };
        edit::merged(&text, &one(FIELD, key)).map_err(|error| unfit(&KIND, file, &error))
    }

    /// What becomes of a key whose hosts are others now: the sandbox needs none, all others a new one.
    fn left_behind(&self, file: &Path, text: &str) -> Result<Value, ApiError> {
        let (provider, problems) = self.read(file, text);
        if provider.is_some_and(|provider| provider.is_sandbox()) {
            return Ok(Value::Null);
        }
        let of_field = |problem: Problem| {
            let path = path(&problem, &KIND, Some(text)).filter(|path| path != FIELD)?;
            problem.is_error().then(|| with_path(&problem, Some(&path)))
        };
        // What is wrong with the hosts may be why they are others.
        let mut all: Vec<Value> = problems.into_iter().filter_map(of_field).collect();
        let mend = "enter the key again, if these hosts are to have it, or a variable whose name \
                    begins with RETOUCH_SECRET_ (${env:RETOUCH_SECRET_NAME})";
        let again = Problem::error(file, None, "api_key was given for other hosts", mend);
        all.push(with_path(&again, Some(FIELD)));
        Err(invalid(&KIND, all))
    }

    /// As it is written down: a key sealed for the hosts in `text`.
    fn written_key(
        &self,
        file: &Path,
        text: &str,
        given: Given,
    ) -> Result<Option<String>, ApiError> {
        let key = match given {
            Given::Nothing => return Ok(None),
            Given::Reference(reference) => return Ok(Some(reference)),
            Given::Key(key) => key,
        };
        let sealed = self.master.seal(&key, &self.place(file, text).unwrap_or_default());
        let sealed = sealed.map_err(|error| {
            wrong(&KIND, file, FIELD, &format!("api_key cannot be sealed: {error}"), "try again")
        });
        sealed.map(Some)
    }

    /// What a key in that text is for.
    fn place(&self, file: &Path, text: &str) -> Option<String> {
        self.read(file, text).0.map(|provider| reference::place(&provider.hosts))
    }
}

fn given(entry: Entry<'_>, sent: Option<Value>) -> Result<Given, ApiError> {
    let shown = entry.text.as_deref().ok().and_then(|text| edit::shown(text).ok());
    let written = shown.as_ref().and_then(key::written);
    Given::of(sent, written).map_err(|wrong| refused(entry.file, wrong))
}

fn refused(file: &Path, key::Unfit(what, mend): key::Unfit) -> ApiError {
    wrong(&KIND, file, FIELD, what, mend)
}

#[cfg(test)]
mod tests;

//! `/admin/api/styles`: the files of styles, read and written through the API. The files stay the one
//! source of truth: comments in them survive, and a change by hand is seen at once.

use serde_json::{Map, Value, json};

use super::asker::Asker;
use super::folder::entry::{Actions, Entry, Kind};
use super::folder::plan::{self, CopyOf, Fields, Manner, NotDone, Plan, unfit};
use super::folder::saved::named;
use super::folder::{Folder, Seen};
use crate::api::Api;
use crate::catalog::style::StyleFile;
use crate::catalog::{Files, edit};

/// Styles.
pub(super) static KIND: Kind = Kind {
    folder: "styles",
    noun: "style",
    invalid: "invalid_style",
    fields: &[
        "name",
        "description",
        "prompt",
        "negative_prompt",
        "provider",
        "model",
        "resolution",
        "aspect_ratio",
        "output_format",
        "locked",
        "variables",
    ],
    tables: &[],
    said: &["object", "revision", "file", "places", "written", "in_effect", "problems"],
    reserved: &[],
    actions: Actions {
        create: "style.create",
        update: "style.update",
        duplicate: "style.duplicate",
        delete: "style.delete",
    },
};

/// The folder.
pub(super) struct Styles;

impl Folder for Styles {
    const KIND: &'static Kind = &KIND;

    fn now(_: &Api) -> Self {
        Self
    }

    fn created(&self, files: &Files, mut sent: Fields) -> Result<Plan, NotDone> {
        let asked = sent.remove("id");
        let name = sent.get("name").and_then(Value::as_str).unwrap_or_default();
        let id = KIND.new_id(files, asked.as_ref(), name)?;
        let fields = KIND.fields(sent)?;
        plan::has_own_name(&KIND, files, &id, &fields)?;
        let text = plan::written(&KIND, &KIND.place(&id), &fields)?;
        Ok(Plan::of(&KIND, &id, None, text))
    }

    fn changed(
        &self,
        files: &Files,
        asker: &Asker,
        id: &str,
        manner: Manner,
        sent: Fields,
    ) -> Result<Plan, NotDone> {
        let fields = KIND.fields_of(id, sent)?;
        let is_new = manner == Manner::Replace && plan::is_for_new(&KIND, files, asker, id)?;
        plan::has_own_name(&KIND, files, id, &fields)?;
        if is_new {
            let text = plan::written(&KIND, &KIND.place(id), &fields)?;
            return Ok(Plan::of(&KIND, id, None, text));
        }
        let entry = plan::found(&KIND, files, asker, id)?;
        let text = plan::changed(&KIND, entry, manner, fields, &[])?;
        Ok(Plan::of(&KIND, id, entry.text.as_deref().ok(), text))
    }

    fn copied(
        &self,
        files: &Files,
        asker: &Asker,
        id: &str,
        sent: Fields,
    ) -> Result<Plan, NotDone> {
        let entry = plan::found(&KIND, files, asker, id)?;
        let before = plan::text_of(&KIND, entry)?;
        let CopyOf { id, changes } = plan::copy_of(&KIND, files, entry, sent)?;
        let text =
            edit::merged(before, &changes).map_err(|e| unfit(&KIND, &KIND.place(&id), &e))?;
        Ok(Plan::of(&KIND, &id, None, text))
    }

    fn shown(&self, api: &Api, seen: Seen<'_>, entry: Entry<'_>) -> Value {
        shown(api, seen, entry)
    }
}

/// A style as the operator's API shows it: its fields as they are written, those left out too.
fn shown(api: &Api, Seen { files, problems }: Seen<'_>, entry: Entry<'_>) -> Value {
    let text = entry.text.as_deref().ok();
    let parsed = text.and_then(|text| StyleFile::parse(entry.file, text).0);
    let written = text.and_then(|text| edit::shown(text).ok()).unwrap_or_default();
    let own = problems.iter().filter(|problem| problem.file == entry.file);
    let problems: Vec<Value> = own.map(|problem| named(problem, &KIND, Some(files))).collect();
    let running = api.snapshot.load();
    let running = running.styles.iter().find(|style| style.id == entry.id);
    let mut shown = Map::from_iter([
        ("object".to_owned(), json!("style")),
        ("id".to_owned(), json!(entry.id)),
        ("revision".to_owned(), json!(entry.version())),
        ("file".to_owned(), json!(entry.file)),
    ]);
    if parsed.is_some() {
        shown.extend(completed(&written));
    }
    let places = parsed.as_ref().map(|style| style.prompt.places()).unwrap_or_default();
    shown.extend([
        ("places".to_owned(), json!(places)),
        ("written".to_owned(), json!(written.keys().collect::<Vec<_>>())),
        ("in_effect".to_owned(), json!(parsed.is_some() && running == parsed.as_ref())),
        ("problems".to_owned(), Value::Array(problems)),
    ]);
    Value::Object(shown)
}

/// Every field a style can have; what is not written says nothing.
fn completed(written: &Fields) -> Fields {
    let nothing = |name: &str| match name {
        "locked" => json!([]),
        "variables" => json!({}),
        "description" => json!(""),
        _ => Value::Null,
    };
    let value = |name: &str| written.get(name).cloned().unwrap_or_else(|| nothing(name));
    KIND.fields.iter().map(|name| ((*name).to_owned(), value(name))).collect()
}

//! `/admin/api/styles`: the files of styles, read and written through the API. The files stay the one
//! source of truth: comments in them survive, and a change by hand is seen at once.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::asker::Asker;
use super::entry::{Entry, Kind};
use super::plan::{self, CopyOf, Fields, Manner, NotDone, Plan, unfit};
use super::saved::{Done, look, named, save};
use super::version::Condition;
use super::{Operator, answer, body};
use crate::api::{Api, ApiError, Named};
use crate::catalog::style::StyleFile;
use crate::catalog::{Files, edit};
use crate::problem::Problem;

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
    said: &["object", "revision", "file", "places", "written", "in_use", "problems"],
    reserved: &[],
};

/// Its routes.
pub(super) fn router() -> Router<Arc<Api>> {
    Router::new()
        .route("/admin/api/styles", get(list).post(create))
        .route("/admin/api/styles/{id}", get(one).put(put).patch(patch).delete(delete))
        .route("/admin/api/styles/{id}/duplicate", post(duplicate))
}

/// `GET /admin/api/styles`: by file name.
async fn list(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    condition: Condition,
) -> Result<Response, ApiError> {
    let (files, problems) = look(&api).await?;
    let version = KIND.version(&files);
    let all: Vec<Value> =
        KIND.entries(&files).map(|entry| shown(&api, &files, entry, &problems)).collect();
    Ok(answer::unless_known(condition.is_known(Some(&version)), &version, answer::list(all)))
}

/// `GET /admin/api/styles/{id}`
async fn one(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    Named(id): Named<String>,
    condition: Condition,
) -> Result<Response, ApiError> {
    let (files, problems) = look(&api).await?;
    let entry = KIND.entry(&files, &id).ok_or_else(|| KIND.missing())?;
    let version = entry.version();
    let shown = shown(&api, &files, entry, &problems);
    Ok(answer::unless_known(condition.is_known(Some(&version)), &version, shown))
}

/// `POST /admin/api/styles`
async fn create(
    State(api): State<Arc<Api>>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let sent = body::object(sent).await?;
    let plan = move |files: &Files, _: &Asker| created(files, sent);
    let done = save(&api, asker, &KIND, "style.create", plan).await;
    answered(&api, "", StatusCode::CREATED, done).await
}

/// `PATCH /admin/api/styles/{id}`: only what is named changes; `null` removes a field.
async fn patch(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    change(api, id, asker, sent, Manner::Merge).await
}

/// `PUT /admin/api/styles/{id}`: what is not named goes.
async fn put(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    change(api, id, asker, sent, Manner::Replace).await
}

async fn change(
    api: Arc<Api>,
    id: String,
    asker: Asker,
    sent: Body,
    manner: Manner,
) -> Result<Response, ApiError> {
    let sent = body::object(sent).await?;
    let is_new = manner == Manner::Replace && asker.condition.is_for_new();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let action = if is_new { "style.create" } else { "style.update" };
    let whose = id.clone();
    let plan = move |files: &Files, asker: &Asker| changed(files, asker, &id, manner, sent);
    answered(&api, &whose, status, save(&api, asker, &KIND, action, plan).await).await
}

/// `POST /admin/api/styles/{id}/duplicate`: what is sent is changed in the copy.
async fn duplicate(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let (sent, whose) = (body::object(sent).await?, id.clone());
    let plan = move |files: &Files, asker: &Asker| copied(files, asker, &id, sent);
    let done = save(&api, asker, &KIND, "style.duplicate", plan).await;
    answered(&api, &whose, StatusCode::CREATED, done).await
}

/// `DELETE /admin/api/styles/{id}`
async fn delete(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let whose = id.clone();
    let plan = move |files: &Files, asker: &Asker| Plan::deletion(&KIND, files, asker, &id);
    match save(&api, asker, &KIND, "style.delete", plan).await {
        Ok(done) => {
            let gone = json!({ "object": "style", "id": whose, "deleted": true });
            Ok(answer::tagged(StatusCode::OK, &KIND.version(&done.files), gone))
        }
        not_done => answered(&api, &whose, StatusCode::OK, not_done).await,
    }
}

fn created(files: &Files, mut sent: Fields) -> Result<Plan, NotDone> {
    let asked = sent.remove("id");
    let name = sent.get("name").and_then(Value::as_str).unwrap_or_default();
    let id = KIND.new_id(files, asked.as_ref(), name)?;
    let text = plan::written(&KIND, &KIND.place(&id), &KIND.fields(sent)?)?;
    Ok(Plan::of(&KIND, &id, None, text))
}

fn changed(
    files: &Files,
    asker: &Asker,
    id: &str,
    manner: Manner,
    sent: Fields,
) -> Result<Plan, NotDone> {
    let fields = KIND.fields_of(id, sent)?;
    if manner == Manner::Replace && plan::is_for_new(&KIND, files, asker, id)? {
        let text = plan::written(&KIND, &KIND.place(id), &fields)?;
        return Ok(Plan::of(&KIND, id, None, text));
    }
    let entry = plan::found(&KIND, files, asker, id)?;
    let text = plan::changed(&KIND, entry, manner, fields, &[])?;
    Ok(Plan::of(&KIND, id, entry.text.as_deref().ok(), text))
}

fn copied(files: &Files, asker: &Asker, id: &str, sent: Fields) -> Result<Plan, NotDone> {
    let entry = plan::found(&KIND, files, asker, id)?;
    let before = plan::text_of(&KIND, entry)?;
    let CopyOf { id, changes } = plan::copy_of(&KIND, files, entry, sent)?;
    let text = edit::merged(before, &changes).map_err(|e| unfit(&KIND, &KIND.place(&id), &e))?;
    Ok(Plan::of(&KIND, &id, None, text))
}

/// The answer to whoever wanted that style changed.
async fn answered(
    api: &Api,
    id: &str,
    status: StatusCode,
    done: Result<Done, NotDone>,
) -> Result<Response, ApiError> {
    match done {
        Ok(Done { id, files, status: catalog }) => {
            let entry = KIND.entry(&files, &id).ok_or_else(|| KIND.missing())?;
            let shown = shown(api, &files, entry, &catalog.problems);
            Ok(answer::of_change(&KIND, status, entry, shown))
        }
        Err(NotDone::Refused(error)) => Err(*error),
        Err(NotDone::Stale) => {
            let (files, problems) = look(api).await?;
            let now = KIND
                .entry(&files, id)
                .map(|entry| (entry.version(), shown(api, &files, entry, &problems)));
            let (version, current) = now.unzip();
            Ok(answer::stale(KIND.noun, version.as_deref(), json!(current)))
        }
    }
}

/// A style as the operator's API shows it: its fields as they are written, those left out too.
fn shown(api: &Api, files: &Files, entry: Entry<'_>, problems: &[Problem]) -> Value {
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
        ("in_use".to_owned(), json!(parsed.is_some() && running == parsed.as_ref())),
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

//! `/admin/api/providers`: the files of providers, read, written and put in order through the API. The
//! files stay the one source of truth: comments in them survive, and a change by hand is seen at once.

mod change;
mod key;
mod order;
mod scene;
mod switch;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{self, get, post};
use serde_json::json;

use super::asker::Asker;
use super::entry::Kind;
use super::plan::{Manner, NotDone, Plan};
use super::saved::{Done, look, save};
use super::version::Condition;
use super::{Operator, answer, body};
use crate::api::{Api, ApiError, Named};
use crate::catalog::Files;
use change::Editor;
use scene::Scene;
pub(super) use view::effective;

/// Providers.
pub(super) static KIND: Kind = Kind {
    folder: "providers",
    noun: "provider",
    invalid: "invalid_provider",
    fields: &[
        "name",
        "type",
        "api_key",
        "priority",
        "enabled",
        "default",
        "sync",
        "retry",
        "shrink",
        "model",
        "aliases",
        "description",
        "region",
        "on_ambiguous",
        "when_full",
        "price",
        "hosts",
        "endpoints",
        "limits",
        "options",
    ],
    tables: &[
        ("hosts", &["domestic", "overseas"]),
        ("limits", &["concurrency", "polls_per_second", "timeout", "per_day", "cooldown"]),
    ],
    said: &[
        "object", "revision", "file", "built_in", "sandbox", "key", "written", "in_use", "health",
        "problems",
    ],
    reserved: &["order"],
};

/// Its routes.
pub(super) fn router() -> Router<Arc<Api>> {
    Router::new()
        .route("/admin/api/providers", get(list).post(create))
        .route("/admin/api/providers/{id}", get(one).put(put).patch(patch).delete(delete))
        .route("/admin/api/providers/{id}/duplicate", post(duplicate))
        .route("/admin/api/providers/order", routing::put(order))
        .route("/admin/api/providers/{id}/enable", post(enable))
        .route("/admin/api/providers/{id}/disable", post(disable))
        .route("/admin/api/providers/{id}/default", post(default))
}

/// `GET /admin/api/providers`: as they are asked, the first one first.
async fn list(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    condition: Condition,
) -> Result<Response, ApiError> {
    let (files, problems) = look(&api).await?;
    let version = KIND.version(&files);
    let all = Scene::of(&api, &files, &problems).all();
    Ok(answer::unless_known(condition.is_known(Some(&version)), &version, all))
}

/// `GET /admin/api/providers/{id}`
async fn one(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    Named(id): Named<String>,
    condition: Condition,
) -> Result<Response, ApiError> {
    let (files, problems) = look(&api).await?;
    let entry = KIND.entry(&files, &id).ok_or_else(|| KIND.missing())?;
    let version = entry.version();
    let shown = Scene::of(&api, &files, &problems).one(entry);
    Ok(answer::unless_known(condition.is_known(Some(&version)), &version, shown))
}

/// `POST /admin/api/providers`
async fn create(
    State(api): State<Arc<Api>>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let (sent, editor) = (body::object(sent).await?, Editor::of(&api));
    let plan = move |files: &Files, _: &Asker| editor.created(files, sent);
    let done = save(&api, asker, &KIND, "provider.create", plan).await;
    answered(&api, "", StatusCode::CREATED, done).await
}

/// `PATCH /admin/api/providers/{id}`: only what is named changes; `null` removes a field.
async fn patch(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    change(api, id, asker, sent, Manner::Merge).await
}

/// `PUT /admin/api/providers/{id}`: what is not named goes, but for the key.
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
    let (sent, editor) = (body::object(sent).await?, Editor::of(&api));
    let is_new = manner == Manner::Replace && asker.condition.is_for_new();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let action = if is_new { "provider.create" } else { "provider.update" };
    let whose = id.clone();
    let plan = move |files: &Files, asker: &Asker| editor.changed(files, asker, &id, manner, sent);
    answered(&api, &whose, status, save(&api, asker, &KIND, action, plan).await).await
}

/// `POST /admin/api/providers/{id}/duplicate`: what is sent is changed in the copy.
async fn duplicate(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let (sent, editor, whose) = (body::object(sent).await?, Editor::of(&api), id.clone());
    let plan = move |files: &Files, asker: &Asker| editor.copied(files, asker, &id, sent);
    let done = save(&api, asker, &KIND, "provider.duplicate", plan).await;
    answered(&api, &whose, StatusCode::CREATED, done).await
}

/// `DELETE /admin/api/providers/{id}`: what is open there is finished all the same.
async fn delete(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let whose = id.clone();
    let plan = move |files: &Files, asker: &Asker| Plan::deletion(&KIND, files, asker, &id);
    let done = match save(&api, asker, &KIND, "provider.delete", plan).await {
        Ok(done) => done,
        not_done => return answered(&api, &whose, StatusCode::OK, not_done).await,
    };
    let open = api.engine.open_at(&whose).await.ok().map(|open| open.jobs);
    let gone = json!({ "object": "provider", "id": whose, "deleted": true, "open": open });
    Ok(answer::tagged(StatusCode::OK, &KIND.version(&done.files), gone))
}

/// `POST /admin/api/providers/{id}/enable`
async fn enable(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let editor = Editor::of(&api);
    let plan = move |id: &str, files: &Files, asker: &Asker| editor.enabled(files, asker, id, true);
    click(api, id, asker, "provider.enable", plan).await
}

/// `POST /admin/api/providers/{id}/disable`
async fn disable(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let editor = Editor::of(&api);
    let plan =
        move |id: &str, files: &Files, asker: &Asker| editor.enabled(files, asker, id, false);
    click(api, id, asker, "provider.disable", plan).await
}

/// `POST /admin/api/providers/{id}/default`: and no other is.
async fn default(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let editor = Editor::of(&api);
    let plan = move |id: &str, files: &Files, asker: &Asker| editor.defaulted(files, asker, id);
    click(api, id, asker, "provider.default", plan).await
}

async fn click(
    api: Arc<Api>,
    id: String,
    asker: Asker,
    action: &'static str,
    plan: impl FnOnce(&str, &Files, &Asker) -> Result<Plan, NotDone> + Send + 'static,
) -> Result<Response, ApiError> {
    let whose = id.clone();
    let plan = move |files: &Files, asker: &Asker| plan(&id, files, asker);
    answered(&api, &whose, StatusCode::OK, save(&api, asker, &KIND, action, plan).await).await
}

/// `PUT /admin/api/providers/order`: `{"ids": […]}`, the best first. The default one is asked first
/// all the same.
async fn order(
    State(api): State<Arc<Api>>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let (ids, editor) = (order::ids(body::object(sent).await?)?, Editor::of(&api));
    let plan = move |files: &Files, asker: &Asker| editor.ordered(files, asker, &ids);
    match save(&api, asker, &KIND, "provider.order", plan).await {
        Ok(Done { files, status, .. }) => {
            let all = Scene::of(&api, &files, &status.problems).all();
            Ok(answer::tagged(StatusCode::OK, &KIND.version(&files), all))
        }
        Err(NotDone::Refused(error)) => Err(*error),
        Err(NotDone::Stale) => {
            let (files, problems) = look(&api).await?;
            let all = Scene::of(&api, &files, &problems).all();
            Ok(answer::stale("list", Some(&KIND.version(&files)), all))
        }
    }
}

/// The answer to whoever wanted that provider changed.
async fn answered(
    api: &Api,
    id: &str,
    status: StatusCode,
    done: Result<Done, NotDone>,
) -> Result<Response, ApiError> {
    match done {
        Ok(Done { id, files, status: catalog }) => {
            let entry = KIND.entry(&files, &id).ok_or_else(|| KIND.missing())?;
            let shown = Scene::of(api, &files, &catalog.problems).one(entry);
            Ok(answer::of_change(&KIND, status, entry, shown))
        }
        Err(NotDone::Refused(error)) => Err(*error),
        Err(NotDone::Stale) => {
            let (files, problems) = look(api).await?;
            let scene = Scene::of(api, &files, &problems);
            let now = KIND.entry(&files, id).map(|entry| (entry.version(), scene.one(entry)));
            let (version, current) = now.unzip();
            Ok(answer::stale(KIND.noun, version.as_deref(), json!(current)))
        }
    }
}

impl Editor {
    fn of(api: &Api) -> Self {
        Self { plugins: api.snapshot.load().plugins.clone(), master: api.master.clone() }
    }
}

//! `/admin/api/providers`: the files of providers, read, written and put in order through the API. The
//! files stay the one source of truth: comments in them survive, and a change by hand is seen at once.

mod change;
mod key;
mod order;
mod scene;
mod switch;
mod view;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::asker::Asker;
use super::folder::entry::{Actions, Kind};
use super::folder::plan::{NotDone, Plan};
use super::folder::saved::{Done, look, save};
use super::folder::{Folder, Seen, answered};
use super::{answer, body};
use crate::api::{Api, ApiError, Named};
use crate::catalog::Files;
use crate::master::MasterKey;
use crate::plugin::Registry;
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
        "object",
        "revision",
        "file",
        "built_in",
        "sandbox",
        "key",
        "written",
        "in_effect",
        "health",
        "problems",
    ],
    reserved: &["order"],
    actions: Actions {
        create: "provider.create",
        update: "provider.update",
        duplicate: "provider.duplicate",
        delete: "provider.delete",
    },
};

/// The folder, with what it takes to work a change out.
#[derive(Clone)]
pub(super) struct Providers {
    plugins: Arc<Registry>,
    master: MasterKey,
}

/// `POST /admin/api/providers/{id}/enable`
pub(super) async fn enable(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let providers = Providers::now(&api);
    let plan =
        move |id: &str, files: &Files, asker: &Asker| providers.enabled(files, asker, id, true);
    click(api, id, asker, "provider.enable", plan).await
}

/// `POST /admin/api/providers/{id}/disable`
pub(super) async fn disable(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let providers = Providers::now(&api);
    let plan =
        move |id: &str, files: &Files, asker: &Asker| providers.enabled(files, asker, id, false);
    click(api, id, asker, "provider.disable", plan).await
}

/// `POST /admin/api/providers/{id}/default`: and no other is.
pub(super) async fn default(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let providers = Providers::now(&api);
    let plan = move |id: &str, files: &Files, asker: &Asker| providers.defaulted(files, asker, id);
    click(api, id, asker, "provider.default", plan).await
}

async fn click(
    api: Arc<Api>,
    id: String,
    asker: Asker,
    action: &'static str,
    plan: impl Fn(&str, &Files, &Asker) -> Result<Plan, NotDone> + Send + 'static,
) -> Result<Response, ApiError> {
    let whose = id.clone();
    let plan = move |files: &Files, asker: &Asker| plan(&id, files, asker);
    let done = save(&api, asker, &KIND, action, plan).await;
    answered::<Providers>(&api, &whose, StatusCode::OK, done).await
}

/// `PUT /admin/api/providers/order`: `{"ids": […]}`, the best first. The default one is asked first
/// all the same.
pub(super) async fn order(
    State(api): State<Arc<Api>>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let (ids, providers) = (order::ids(body::object(sent).await?)?, Providers::now(&api));
    let plan = move |files: &Files, asker: &Asker| providers.ordered(files, asker, &ids);
    match save(&api, asker, &KIND, "provider.order", plan).await {
        Ok(Done { files, status, .. }) => {
            let seen = Seen { files: &files, problems: &status.problems };
            let all = Providers::now(&api).all(&api, seen);
            Ok(answer::saved(StatusCode::OK, &KIND.version(&files), &status, all))
        }
        Err(NotDone::Refused(error)) => Err(*error),
        Err(NotDone::Stale) => {
            let (files, problems) = look(&api).await?;
            let seen = Seen { files: &files, problems: &problems };
            let all = Providers::now(&api).all(&api, seen);
            Ok(answer::stale("list", Some(&KIND.version(&files)), all))
        }
    }
}

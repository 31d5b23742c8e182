//! A folder of the catalog behind the API: its files read and written, whatever kind they are of. The
//! files stay the one source of truth: comments in them survive, and a change by hand is seen at once.

pub(super) mod entry;
pub(super) mod plan;
pub(super) mod saved;

use std::future::{Future, ready};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::asker::Asker;
use super::version::Condition;
use super::{Operator, answer, body};
use crate::api::{Api, ApiError, Named};
use crate::catalog::Files;
use crate::problem::Problem;
use entry::{Entry, Kind};
use plan::{Fields, Manner, NotDone, Plan};
use saved::{Done, look, save};

/// Files of one kind, with all it takes at this moment to change and to show them.
pub(super) trait Folder: Send + Sync + Sized + 'static {
    /// Of which kind.
    const KIND: &'static Kind;

    /// At this moment.
    fn now(api: &Api) -> Self;

    /// What becomes of the files with a new one.
    ///
    /// # Errors
    /// Why it cannot be.
    fn created(&self, files: &Files, sent: Fields) -> Result<Plan, NotDone>;

    /// With one changed that is there; a replacement can be a new one, where only that is meant.
    ///
    /// # Errors
    /// Likewise.
    fn changed(
        &self,
        files: &Files,
        asker: &Asker,
        id: &str,
        manner: Manner,
        sent: Fields,
    ) -> Result<Plan, NotDone>;

    /// With a copy of one, changed as is said.
    ///
    /// # Errors
    /// Likewise.
    fn copied(&self, files: &Files, asker: &Asker, id: &str, sent: Fields)
    -> Result<Plan, NotDone>;

    /// One of these files, as the API shows it.
    fn shown(&self, api: &Api, seen: Seen<'_>, entry: Entry<'_>) -> Value;

    /// All of them.
    fn all(&self, api: &Api, seen: Seen<'_>) -> Value {
        answer::list(Self::KIND.entries(seen.files).map(|e| self.shown(api, seen, e)).collect())
    }

    /// What else there is to say of one that was deleted.
    fn gone(_api: &Api, id: &str) -> impl Future<Output = Value> + Send {
        ready(json!({ "object": Self::KIND.noun, "id": id, "deleted": true }))
    }
}

/// Files, and everything wrong with them.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) files: &'a Files,
    pub(super) problems: &'a [Problem],
}

/// `GET` of all.
pub(super) async fn list<F: Folder>(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    condition: Condition,
) -> Result<Response, ApiError> {
    let (files, problems) = look(&api).await?;
    let version = F::KIND.version(&files);
    let seen = Seen { files: &files, problems: &problems };
    let all = F::now(&api).all(&api, seen);
    Ok(answer::unless_known(condition.is_known(Some(&version)), &version, all))
}

/// `GET` of one.
pub(super) async fn one<F: Folder>(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    Named(id): Named<String>,
    condition: Condition,
) -> Result<Response, ApiError> {
    let (files, problems) = look(&api).await?;
    let entry = F::KIND.entry(&files, &id).ok_or_else(|| F::KIND.missing())?;
    let version = entry.version();
    let seen = Seen { files: &files, problems: &problems };
    let shown = F::now(&api).shown(&api, seen, entry);
    Ok(answer::unless_known(condition.is_known(Some(&version)), &version, shown))
}

/// `POST`: a new one.
pub(super) async fn create<F: Folder>(
    State(api): State<Arc<Api>>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let (sent, folder) = (body::object(sent).await?, F::now(&api));
    let plan = move |files: &Files, _: &Asker| folder.created(files, sent.clone());
    let done = save(&api, asker, F::KIND, F::KIND.actions.create, plan).await;
    answered::<F>(&api, "", StatusCode::CREATED, done).await
}

/// `PATCH`: only what is named changes; `null` removes a field.
pub(super) async fn patch<F: Folder>(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    change::<F>(api, id, asker, sent, Manner::Merge).await
}

/// `PUT`: what is not named goes.
pub(super) async fn put<F: Folder>(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    change::<F>(api, id, asker, sent, Manner::Replace).await
}

async fn change<F: Folder>(
    api: Arc<Api>,
    id: String,
    asker: Asker,
    sent: Body,
    manner: Manner,
) -> Result<Response, ApiError> {
    let (sent, folder) = (body::object(sent).await?, F::now(&api));
    // What was read, changed and sent back says itself which version it was.
    let asker = asker.with_revision(sent.get("revision").and_then(Value::as_str));
    let actions = &F::KIND.actions;
    let (status, action) = match manner == Manner::Replace && asker.condition.is_for_new() {
        true => (StatusCode::CREATED, actions.create),
        false => (StatusCode::OK, actions.update),
    };
    let whose = id.clone();
    let plan =
        move |files: &Files, asker: &Asker| folder.changed(files, asker, &id, manner, sent.clone());
    let done = save(&api, asker, F::KIND, action, plan).await;
    answered::<F>(&api, &whose, status, done).await
}

/// `POST …/duplicate`: what is sent is changed in the copy.
pub(super) async fn duplicate<F: Folder>(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let (sent, folder, whose) = (body::object(sent).await?, F::now(&api), id.clone());
    let plan = move |files: &Files, asker: &Asker| folder.copied(files, asker, &id, sent.clone());
    let done = save(&api, asker, F::KIND, F::KIND.actions.duplicate, plan).await;
    answered::<F>(&api, &whose, StatusCode::CREATED, done).await
}

/// `DELETE`
pub(super) async fn delete<F: Folder>(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let whose = id.clone();
    let plan = move |files: &Files, asker: &Asker| Plan::deletion(F::KIND, files, asker, &id);
    match save(&api, asker, F::KIND, F::KIND.actions.delete, plan).await {
        Ok(done) => {
            let gone = F::gone(&api, &whose).await;
            let version = F::KIND.version(&done.files);
            Ok(answer::saved(StatusCode::OK, &version, &done.status, gone))
        }
        not_done => answered::<F>(&api, &whose, StatusCode::OK, not_done).await,
    }
}

/// The answer to whoever wanted that one changed.
pub(super) async fn answered<F: Folder>(
    api: &Api,
    id: &str,
    status: StatusCode,
    done: Result<Done, NotDone>,
) -> Result<Response, ApiError> {
    match done {
        Ok(Done { id, files, status: catalog }) => {
            let entry = F::KIND.entry(&files, &id).ok_or_else(|| F::KIND.missing())?;
            let seen = Seen { files: &files, problems: &catalog.problems };
            let shown = F::now(api).shown(api, seen, entry);
            Ok(answer::of_change(F::KIND, status, entry, &catalog, shown))
        }
        Err(NotDone::Refused(error)) => Err(*error),
        Err(NotDone::Stale) => {
            let (files, problems) = look(api).await?;
            let seen = Seen { files: &files, problems: &problems };
            let shown = |entry: Entry<'_>| F::now(api).shown(api, seen, entry);
            let now = F::KIND.entry(&files, id).map(|entry| (entry.version(), shown(entry)));
            let (version, current) = now.unzip();
            Ok(answer::stale(F::KIND.noun, version.as_deref(), json!(current)))
        }
    }
}

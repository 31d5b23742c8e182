//! `/admin/api/keys`: client keys, made, listed, changed and taken back. They are in `keys.toml`, as
//! `retouch key` leaves them; a change counts by the time it is answered, also while the rest of the
//! catalog is refused. A key itself is in one answer, the one that made it.

mod wish;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{self, tagged};
use super::asker::Asker;
use super::version::{self, Condition};
use super::{Operator, body};
use crate::access::Mode;
use crate::api::{Api, ApiError, Named};
use crate::catalog::key::{self, Created, FileError, Key, Keys};
use crate::catalog::text;
use crate::clock::now_ms;
use wish::Wish;

/// The keys as they stand in their file, and which version of it that is.
struct Listed {
    keys: Keys,
    version: String,
}

impl Listed {
    fn records(&self) -> Vec<Value> {
        let now = now_ms();
        self.keys.iter().map(|key| key.record(now)).collect()
    }
}

/// `GET /admin/api/keys`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    condition: Condition,
) -> Result<Response, ApiError> {
    let listed = listed(&api).await?;
    let is_known = condition.is_known(Some(&listed.version));
    let list = answer::list(listed.records());
    Ok(answer::unless_known(is_known, &listed.version, list))
}

/// `GET /admin/api/keys/{id}`
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    Named(id): Named<String>,
) -> Result<Response, ApiError> {
    let Listed { keys, version } = listed(&api).await?;
    let key = keys.by_id(&id).ok_or_else(unknown)?;
    Ok(tagged(StatusCode::OK, &version, key.record(now_ms())))
}

/// `POST /admin/api/keys`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    asker: Asker,
    sent: Body,
) -> Result<Response, ApiError> {
    let now = now_ms();
    let new = Wish::read(body::object(sent).await?, now)?.new_key()?;
    may_be_first(&api)?;
    if let Some(stale) = stale(&api, &asker.condition).await? {
        return Ok(stale);
    }
    let created = blocking(&api, move |dir| key::create(dir, &new, now)).await??;
    let Created { secret, key, .. } = created;
    in_force(&api).await;
    let record = key.record(now);
    note(&api, asker, "key.create", &key.id, record.clone()).await;
    let mut body = record;
    if let Some(fields) = body.as_object_mut() {
        fields.insert("key".to_owned(), json!(secret.expose()));
    }
    let mut response = answered(&api, StatusCode::CREATED, body).await;
    let place = HeaderValue::from_str(&format!("/admin/api/keys/{}", key.id));
    response.headers_mut().extend(place.ok().map(|place| (header::LOCATION, place)));
    Ok(response)
}

/// `PATCH /admin/api/keys/{id}`
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    asker: Asker,
    Named(id): Named<String>,
    sent: Body,
) -> Result<Response, ApiError> {
    let wish = Wish::read(body::object(sent).await?, now_ms())?;
    if let Some(stale) = stale(&api, &asker.condition).await? {
        return Ok(stale);
    }
    let before = known(&api, &id).await?;
    let patch = wish.patch();
    let changed = blocking(&api, move |dir| key::change(dir, &id, &patch)).await??;
    done(&api, asker, "key.update", &before, &changed).await
}

/// `POST /admin/api/keys/{id}/revoke`: one that is revoked already stays as it is.
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    asker: Asker,
    Named(id): Named<String>,
) -> Result<Response, ApiError> {
    if let Some(stale) = stale(&api, &asker.condition).await? {
        return Ok(stale);
    }
    // The file's own verb takes a key itself as well, which has no place in a path.
    let before = known(&api, &id).await?;
    let revoked = blocking(&api, move |dir| key::revoke(dir, &id, now_ms())).await??;
    done(&api, asker, "key.revoke", &before, &revoked).await
}

/// Puts a change in force, notes it if it is one, and shows the key.
async fn done(
    api: &Api,
    asker: Asker,
    action: &'static str,
    before: &Key,
    after: &Key,
) -> Result<Response, ApiError> {
    in_force(api).await;
    let now = now_ms();
    if before != after {
        let detail = json!({ "before": before.record(now), "after": after.record(now) });
        note(api, asker, action, &after.id, detail).await;
    }
    Ok(answered(api, StatusCode::OK, after.record(now)).await)
}

async fn note(api: &Api, asker: Asker, action: &'static str, id: &str, detail: Value) {
    let Asker { by, from, .. } = asker;
    tracing::info!(operator = %by, action, key = id, "An operator changed the client keys.");
    api.audit.note(&by, from, action, id, detail).await;
}

/// Where anybody at this machine is the operator, the first key would lock everybody out for good.
fn may_be_first(api: &Api) -> Result<(), ApiError> {
    let is_first = api.access.mode(&api.snapshot.load().keys) != Mode::Keyed;
    if !is_first || api.operators.can_be_known() {
        return Ok(());
    }
    let message = "the first client key ends open mode, and then nobody could sign in here: set a \
                   password first (PUT /admin/api/password, or `retouch admin set-password`)";
    Err(ApiError::new(StatusCode::CONFLICT, "password_required", message))
}

/// By the time this returns the keys are what their file says. That the rest of the catalog may be
/// refused is told elsewhere: the keys count all the same.
async fn in_force(api: &Api) {
    drop(api.reloader.reload("a client key was changed").await);
}

async fn listed(api: &Api) -> Result<Listed, ApiError> {
    blocking(api, |dir| {
        let file = dir.join(key::FILE);
        let text = match text::read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => {
                text.map_err(|error| FileError::Io { file: file.clone(), doing: "read", error })?
            }
        };
        let (keys, _) = Keys::parse(&file, &text);
        Ok(Listed { keys, version: version::of(text.as_bytes()) })
    })
    .await?
    .map_err(|error: FileError| error.into())
}

/// The answer to a change, with the version the file now has. The change is made, and a new key is
/// shown only here: that the file cannot be read just now must not keep it back.
async fn answered(api: &Api, status: StatusCode, body: Value) -> Response {
    match listed(api).await {
        Ok(listed) => tagged(status, &listed.version, body),
        Err(_) => (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response(),
    }
}

/// A key by its id.
async fn known(api: &Api, id: &str) -> Result<Arc<Key>, ApiError> {
    listed(api).await?.keys.by_id(id).cloned().ok_or_else(unknown)
}

/// The answer to a change that was meant for another version of the file.
async fn stale(api: &Api, condition: &Condition) -> Result<Option<Response>, ApiError> {
    if *condition == Condition::default() {
        return Ok(None);
    }
    let listed = listed(api).await?;
    if condition.allows(Some(&listed.version)) {
        return Ok(None);
    }
    let current = json!(listed.records());
    Ok(Some(answer::stale("list of keys", Some(&listed.version), current)))
}

/// Works on the folder of the configuration.
async fn blocking<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let dir = api.reloader.dir().to_owned();
    let done = tokio::task::spawn_blocking(move || work(&dir)).await;
    done.map_err(|error| {
        tracing::error!(%error, "The client keys could not be worked on.");
        let message = "the keys cannot be worked on just now; see the log of the gateway";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
    })
}

fn unknown() -> ApiError {
    ApiError::not_found("key")
}

impl From<FileError> for ApiError {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::Unknown => unknown(),
            FileError::Problems(problems) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_keys", message)
                    .problems(&problems)
            }
            FileError::Io { doing: "written", error, .. } if is_read_only(&error) => {
                let message = format!("{message}; nothing was changed");
                Self::new(StatusCode::CONFLICT, "read_only", message)
            }
            FileError::Io { .. } => {
                tracing::error!(error = message, "The client keys could not be worked on.");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", message)
                    .retry_after(10)
            }
        }
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

//! `/admin/api/keys`: client keys, made, listed, changed and taken back. They are in `keys.toml`, as
//! `retouch key` leaves them; a change counts by the time it is answered, also while the rest of the
//! catalog is refused. A key itself is in one answer, the one that made it.

mod echo;
mod file;
mod wish;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{self, tagged};
use super::asker::Asker;
use super::version::{self, Condition};
use super::{Operator, body};
use crate::access::Mode;
use crate::api::{Api, ApiError, Named};
use crate::catalog::key::{Changed, Created, Held};
use crate::clock::now_ms;
use echo::Echo;
use file::{Listed, NotDone};
use wish::Wish;

/// `GET /admin/api/keys`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    condition: Condition,
) -> Result<Response, ApiError> {
    let listed = Listed::of(&api).await?;
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
    let Listed { keys, version } = Listed::of(&api).await?;
    let key = keys.by_id(&id).ok_or_else(|| ApiError::not_found("key"))?;
    Ok(tagged(StatusCode::OK, &version, key.record(now_ms())))
}

/// `POST /admin/api/keys`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    asker: Asker,
    sent: Body,
) -> Result<Response, NotDone> {
    let now = now_ms();
    let new = Wish::read(body::object(sent).await?, now)?.new_key()?;
    may_be_first(&api)?;
    let make = move |held: Held| Ok(held.create(&new, now)?);
    let created = file::edit(&api, asker.condition.clone(), Held::founded, make).await?;
    let Created { secret, key, text, .. } = created;
    let mut record = key.record(now);
    note(&api, asker, "key.create", &key.id, record.clone()).await;
    if let Some(fields) = record.as_object_mut() {
        fields.insert("key".to_owned(), json!(secret.expose()));
    }
    let mut response = tagged(StatusCode::CREATED, &version::of(text.as_bytes()), record);
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
) -> Result<Response, NotDone> {
    let now = now_ms();
    let mut fields = body::object(sent).await?;
    let echo = Echo::out_of(&mut fields);
    let patch = Wish::read(fields, now)?.patch();
    let change = move |held: Held| {
        echo.check(&*held.key(&id)?, now)?;
        Ok(held.change(&id, &patch)?)
    };
    let changed = file::edit(&api, asker.condition.clone(), Held::of, change).await?;
    Ok(done(&api, asker, "key.update", &changed).await)
}

/// `POST /admin/api/keys/{id}/revoke`: one that is revoked already stays as it is.
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    asker: Asker,
    Named(id): Named<String>,
) -> Result<Response, NotDone> {
    let change = move |held: Held| Ok(held.revoke(&id, now_ms())?);
    let revoked = file::edit(&api, asker.condition.clone(), Held::of, change).await?;
    Ok(done(&api, asker, "key.revoke", &revoked).await)
}

/// Any other method of one key. That it is not deleted but revoked is no fault of whoever asks: its
/// record stays, as jobs are its own and the log names it.
pub(super) async fn other(method: Method) -> ApiError {
    let message = match method {
        Method::DELETE => {
            "a key is not deleted: its record stays, as jobs and the audit log name it; take it back \
             with POST /admin/api/keys/{id}/revoke"
        }
        _ => "this path has other methods",
    };
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// Notes a change, if it is one, and shows the key.
async fn done(api: &Api, asker: Asker, action: &'static str, changed: &Changed) -> Response {
    let now = now_ms();
    let Changed { before, after, text } = changed;
    if before != after {
        let detail = json!({ "before": before.record(now), "after": after.record(now) });
        note(api, asker, action, &after.id, detail).await;
    }
    tagged(StatusCode::OK, &version::of(text.as_bytes()), after.record(now))
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

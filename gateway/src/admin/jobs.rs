//! `/admin/api/jobs`: everybody's jobs, as `/v1` shows each its own, with whose they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Address, Operator};
use crate::api::jobs::{Look, Page, canceled, exchanges, found, looked_at, named, told};
use crate::api::{Api, ApiError, Asked, Named, forget};
use crate::id::JobId;
use crate::job::Job;

/// Which jobs are asked for.
#[derive(Deserialize)]
pub(super) struct List {
    #[serde(flatten)]
    page: Page,
    /// A client key's id; `operator`: the jobs of no client key.
    key: Option<String>,
}

/// `GET /admin/api/jobs`: newest first.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    headers: HeaderMap,
    Asked(List { page, key }): Asked<List>,
) -> Result<Json<Value>, ApiError> {
    let page = api.engine.list(page.filter(&api, key)?).await?;
    let data: Vec<Value> = page.jobs.iter().map(|job| view(&api, &headers, job)).collect();
    Ok(Json(json!({ "object": "list", "data": data, "has_more": page.has_more })))
}

/// `GET /admin/api/jobs/{id}`: with what was said to providers.
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    Named(id): Named<String>,
    Asked(look): Asked<Look>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (id, owner) = owned(&api, &id).await?;
    let job = found(&api, &owner, &id, look.waits(&api)?).await?;
    let mut body = view(&api, &headers, &job);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("exchanges".to_owned(), exchanges(&api, &id).await?);
    }
    Ok(looked_at(&api, &job, body))
}

/// `POST /admin/api/jobs/{id}/cancel`
pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    operator: Operator,
    Address(from): Address,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (id, owner) = owned(&api, &id).await?;
    let job = canceled(&api, &owner, &id).await?;
    let detail = json!({ "owner": owner, "status": job.record.status });
    api.audit.note(&operator, from, "job.cancel", &id.to_string(), detail).await;
    Ok(shown(&api, &headers, &job))
}

/// `DELETE /admin/api/jobs/{id}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    operator: Operator,
    Address(from): Address,
    Named(id): Named<String>,
) -> Result<StatusCode, ApiError> {
    let (id, owner) = owned(&api, &id).await?;
    let gone = forget::forgotten(&api, &owner, &id).await?;
    api.audit.note(&operator, from, "job.delete", &id.to_string(), json!({ "owner": owner })).await;
    Ok(gone)
}

/// A job as an operator's answer.
pub(super) fn shown(api: &Api, headers: &HeaderMap, job: &Job) -> Response {
    let mut response = Json(view(api, headers, job)).into_response();
    crate::api::about(response.headers_mut(), job);
    response
}

/// A job, whosever it is.
async fn owned(api: &Api, id: &str) -> Result<(JobId, String), ApiError> {
    let id = named(id)?;
    let job = api.engine.signed(&id).await?.ok_or_else(|| ApiError::not_found("job"))?;
    Ok((id, job.owner.clone()))
}

/// As its client reads it, with the owner's id and what people call their key.
fn view(api: &Api, headers: &HeaderMap, job: &Job) -> Value {
    let mut body = told(api, headers, job);
    let keys = &api.snapshot.load().keys;
    if let Some(fields) = body.as_object_mut() {
        fields.insert("owner".to_owned(), json!(job.owner));
        fields.insert("key".to_owned(), json!(keys.by_id(&job.owner).map(|key| &key.name)));
    }
    body
}

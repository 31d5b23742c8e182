//! Jobs out: one, waited for if asked, and the list.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::edits::about;
use super::error::ApiError;
use super::extract::{Asked, Named};
use super::{Api, Caller};
use crate::clock::now_ms;
use crate::engine::NotAdmitted;
use crate::id::JobId;
use crate::job::{Job, Status};
use crate::store::Filter;

#[derive(Deserialize)]
pub(crate) struct Look {
    wait: Option<String>,
    include: Option<String>,
}

/// `GET /v1/jobs/{id}`
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Named(id): Named<String>,
    Asked(look): Asked<Look>,
) -> Result<Response, ApiError> {
    let id = named(&id)?;
    let waits = look.waits(&api)?;
    let job = caller.while_let_in(&api, found(&api, &caller.owner, &id, waits)).await??;
    let mut body = api.view(&caller).job(&job);
    if let Some(list) = look.include {
        include(&api, &id, &list, &mut body).await?;
    }
    Ok(looked_at(&api, &job, body))
}

/// The job that a path names.
pub(crate) fn named(id: &str) -> Result<JobId, ApiError> {
    JobId::parse(id).ok_or_else(|| ApiError::not_found("job"))
}

/// A job of that owner, at once or at its end, at the latest after that time.
pub(crate) async fn found(
    api: &Api,
    owner: &str,
    id: &JobId,
    waits: Option<Duration>,
) -> Result<Arc<Job>, ApiError> {
    let job = match waits {
        Some(limit) => api.engine.wait(owner, id, limit).await?,
        None => api.engine.job(owner, id).await?,
    };
    job.ok_or_else(|| ApiError::not_found("job"))
}

/// The answer to who looks at a job, who may look again after a while.
pub(crate) fn looked_at(api: &Api, job: &Job, body: Value) -> Response {
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    about(headers, job);
    if !job.record.status.is_terminal() {
        headers.insert(header::RETRY_AFTER, api.engine.retry_after(job, now_ms()).into());
    }
    response
}

impl Look {
    /// How long the job's end is waited for, if at all.
    pub(crate) fn waits(&self, api: &Api) -> Result<Option<Duration>, ApiError> {
        wait(self.wait.as_deref(), api.settings.limits.wait.duration)
    }
}

/// `POST /v1/jobs/{id}/cancel`
pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let job = canceled(&api, &caller.owner, &named(&id)?).await?;
    let mut response = Json(told(&api, &headers, &job)).into_response();
    about(response.headers_mut(), &job);
    Ok(response)
}

/// A job of that owner once it is canceled, or as it stands.
pub(crate) async fn canceled(api: &Api, owner: &str, id: &JobId) -> Result<Arc<Job>, ApiError> {
    if api.engine.is_closing() {
        return Err(NotAdmitted::Closing.into());
    }
    api.engine.cancel(owner, id).await?.ok_or_else(|| ApiError::not_found("job"))
}

/// A job as whoever sent these headers reads it.
pub(crate) fn told(api: &Api, headers: &HeaderMap, job: &Job) -> Value {
    api.view_from(&api.base(headers)).job(job)
}

#[derive(Deserialize)]
pub(crate) struct Page {
    limit: Option<String>,
    after: Option<String>,
    status: Option<String>,
    provider: Option<String>,
}

impl Page {
    /// Which jobs are asked for, of those of that owner or of everybody's.
    pub(crate) fn filter(self, api: &Api, owner: Option<String>) -> Result<Filter, ApiError> {
        Ok(Filter {
            owner,
            limit: limit(self.limit.as_deref(), api.settings.limits.page)?,
            after: self.after.as_deref().map(after).transpose()?,
            status: self.status.as_deref().map(status).transpose()?,
            provider: self.provider,
        })
    }
}

/// `GET /v1/jobs`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(page): Asked<Page>,
) -> Result<Json<Value>, ApiError> {
    let page = api.engine.list(page.filter(&api, Some(caller.owner.clone()))?).await?;
    let view = api.view(&caller);
    let data: Vec<Value> = page.jobs.iter().map(|job: &Job| view.job(job)).collect();
    Ok(Json(json!({ "object": "list", "data": data, "has_more": page.has_more })))
}

/// Seconds; more than the bound is the bound.
fn wait(text: Option<&str>, most: Duration) -> Result<Option<Duration>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let seconds = text.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    match seconds {
        Some(wait) => Ok(Some(wait.min(most))),
        None => {
            Err(ApiError::invalid("wait", format!("`wait` is a number of seconds, not '{text}'")))
        }
    }
}

async fn include(api: &Api, id: &JobId, list: &str, body: &mut Value) -> Result<(), ApiError> {
    if list != "exchanges" {
        return Err(ApiError::invalid(
            "include",
            format!("`include` can be exchanges, not '{list}'"),
        ));
    }
    if let Some(fields) = body.as_object_mut() {
        fields.insert("exchanges".to_owned(), exchanges(api, id).await?);
    }
    Ok(())
}

/// What was said to providers for a job, in order.
pub(crate) async fn exchanges(api: &Api, id: &JobId) -> Result<Value, ApiError> {
    let exchanges = api.engine.exchanges(id).await?;
    let numbered = exchanges.iter().enumerate().map(|(index, exchange)| {
        let mut value = json!(exchange);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("seq".to_owned(), json!(index + 1));
            fields.insert("at".to_owned(), json!(crate::clock::seconds(exchange.at)));
        }
        value
    });
    Ok(numbered.collect())
}

/// How many a page has.
pub(crate) fn limit(text: Option<&str>, most: usize) -> Result<usize, ApiError> {
    let Some(text) = text else { return Ok(20.min(most)) };
    match text.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(ApiError::invalid("limit", format!("`limit` is 1 to {most}, not '{text}'"))),
    }
}

fn after(text: &str) -> Result<JobId, ApiError> {
    JobId::parse(text)
        .ok_or_else(|| ApiError::invalid("after", format!("`after` is a job's id, not '{text}'")))
}

fn status(text: &str) -> Result<Status, ApiError> {
    serde_json::from_value(json!(text)).map_err(|_| {
        let message = "`status` is queued, running, succeeded, failed, canceled or expired";
        ApiError::invalid("status", format!("{message}, not '{text}'"))
    })
}

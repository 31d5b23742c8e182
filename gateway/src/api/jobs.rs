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
pub(super) struct Look {
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
    let id = JobId::parse(&id).ok_or_else(|| ApiError::not_found("job"))?;
    let wait = wait(look.wait.as_deref(), api.settings.limits.wait.duration)?;
    let job = match wait {
        Some(limit) => api.engine.wait(&caller.owner, &id, limit).await?,
        None => api.engine.job(&caller.owner, &id).await?,
    };
    let job = job.ok_or_else(|| ApiError::not_found("job"))?;
    let mut body = api.view(&caller).job(&job);
    if let Some(list) = look.include {
        include(&api, &id, &list, &mut body).await?;
    }
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    about(headers, &job);
    if !job.record.status.is_terminal() {
        headers.insert(header::RETRY_AFTER, api.engine.retry_after(&job, now_ms()).into());
    }
    Ok(response)
}

/// `POST /v1/jobs/{id}/cancel`
pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = JobId::parse(&id).ok_or_else(|| ApiError::not_found("job"))?;
    if api.engine.is_closing() {
        return Err(NotAdmitted::Closing.into());
    }
    let job = api.engine.cancel(&caller.owner, &id).await?;
    let job = job.ok_or_else(|| ApiError::not_found("job"))?;
    Ok(shown(&api, &headers, &job))
}

/// A job as the answer to the request with these headers.
pub(crate) fn shown(api: &Api, headers: &HeaderMap, job: &Job) -> Response {
    let body = api.view_from(&api.base(headers)).job(job);
    let mut response = Json(body).into_response();
    about(response.headers_mut(), job);
    response
}

#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<String>,
    after: Option<String>,
    status: Option<String>,
    provider: Option<String>,
}

/// `GET /v1/jobs`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(page): Asked<Page>,
) -> Result<Json<Value>, ApiError> {
    let most = api.settings.limits.page;
    let filter = Filter {
        owner: caller.owner.clone(),
        limit: limit(page.limit.as_deref(), most)?,
        after: page.after.as_deref().map(after).transpose()?,
        status: page.status.as_deref().map(status).transpose()?,
        provider: page.provider,
    };
    let page = api.engine.list(filter).await?;
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
    let exchanges = api.engine.exchanges(id).await?;
    let numbered = exchanges.iter().enumerate().map(|(index, exchange)| {
        let mut value = json!(exchange);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("seq".to_owned(), json!(index + 1));
            fields.insert("at".to_owned(), json!(crate::clock::seconds(exchange.at)));
        }
        value
    });
    if let Some(fields) = body.as_object_mut() {
        fields.insert("exchanges".to_owned(), numbered.collect());
    }
    Ok(())
}

fn limit(text: Option<&str>, most: usize) -> Result<usize, ApiError> {
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

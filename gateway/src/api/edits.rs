//! Edits in: `POST /v1/images/edits` waits and answers as OpenAI does, `POST /v1/jobs` answers at
//! once.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::allowance::Ticket;
use super::error::ApiError;
use super::inbound::Inbound;
use super::intake::Intake;
use super::view::{cost, missing};
use super::{Api, Caller};
use crate::access::Holder;
use crate::catalog::key::{Key, Limits};
use crate::clock::{now_ms, seconds};
use crate::engine::Taken;
use crate::images::Stored;
use crate::job::{Job, Status};
use crate::request::EditRequest;
use crate::store::Claim;
use crate::upstream::out::OutBody;

/// `POST /v1/jobs`
pub(super) async fn job(
    State(api): State<Arc<Api>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let taken = admit(&api, &caller, request, true).await?;
    Ok(marked(accepted(&api, &caller, &taken.job), &taken))
}

/// `POST /v1/images/edits`
pub(super) async fn edit(
    State(api): State<Arc<Api>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let at_once = prefers_async(request.headers());
    let taken = admit(&api, &caller, request, at_once).await?;
    if at_once {
        return Ok(marked(accepted(&api, &caller, &taken.job), &taken));
    }
    let answered = wait(&api, &caller, taken.job.clone()).await;
    Ok(marked(answered.unwrap_or_else(IntoResponse::into_response), &taken))
}

/// Waits for the end and answers as OpenAI does.
async fn wait(api: &Api, caller: &Caller, job: Arc<Job>) -> Result<Response, ApiError> {
    let limit = api.settings.sync_timeout.duration;
    let waited = api.engine.wait(&caller.owner, &job.id, limit).await.map_err(|error| {
        tracing::error!(job = %job.id, %error, "A job could not be read.");
        let message = "the edit goes on, and cannot be read just now";
        ApiError::waiting(&job, StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", message)
    })?;
    let job = waited.unwrap_or(job);
    match job.record.status {
        Status::Succeeded => answer(api, caller, &job).await,
        Status::Queued | Status::Running if api.engine.is_closing() => {
            let message = "the gateway is restarting and the edit goes on";
            Err(ApiError::waiting(&job, StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message))
        }
        Status::Queued | Status::Running => {
            let message = "the edit takes longer than this request may wait, and goes on";
            Err(ApiError::waiting(&job, StatusCode::GATEWAY_TIMEOUT, "wait_timeout", message))
        }
        Status::Failed | Status::Canceled | Status::Expired => Err(ApiError::of_job(&job)),
    }
}

async fn admit(
    api: &Api,
    caller: &Caller,
    request: Request,
    durable: bool,
) -> Result<Taken, ApiError> {
    let claim = claim(request.headers())?;
    // What cannot be a repeat is refused before its pictures are read.
    if claim == Claim::default()
        && let Err(error) = look(api, caller).await
    {
        Inbound::new(request.into_body()).drain().await;
        return Err(error);
    }
    // Nothing says that the images are needed until the job's row does.
    let _hold = api.images.hold();
    let limits = &api.settings.limits;
    let request_id = super::request_id(request.headers());
    let upstream = &api.upstream;
    let draft = Intake { images: &api.images, upstream, limits, durable }.read(request).await?;
    let request = EditRequest { request_id, ..draft.read(limits)? };
    admit_read(api, caller, request, claim).await
}

/// Admits a request that was read and is fine.
async fn admit_read(
    api: &Api,
    caller: &Caller,
    request: EditRequest,
    claim: Claim,
) -> Result<Taken, ApiError> {
    // Of repeats that come together one makes the job, and the others find it.
    let _turn = api.allowance.turn(&caller.owner, &request, &claim).await;
    // A job that was there before costs its key nothing.
    if let Some(taken) = api.engine.standing_for(&caller.owner, &request, &claim).await? {
        return Ok(taken);
    }
    let ticket = match ticket(api, caller, &claim).await {
        Ok(ticket) => ticket,
        // What a retry repeats may have become a job since, and have taken what there was.
        Err(spent) => {
            let standing = api.engine.standing_for(&caller.owner, &request, &claim).await?;
            return standing.ok_or(spent);
        }
    };
    let most = caller.at_once();
    let admitted = api.engine.admit(&caller.owner, request, claim, most).await;
    if !admitted.as_ref().is_ok_and(|taken| !taken.replayed) {
        ticket.into_iter().for_each(Ticket::give_back);
    }
    Ok(admitted?)
}

/// Whether the caller's key allows another job.
async fn look(api: &Api, caller: &Caller) -> Result<(), ApiError> {
    let Holder::Key(key) = &caller.holder else { return Ok(()) };
    Ok(api.allowance.look(key, unfinished(api, key).await?, now_ms())?)
}

/// The right to make one more job, where the caller's key is limited at all.
async fn ticket(api: &Api, caller: &Caller, claim: &Claim) -> Result<Option<Ticket>, ApiError> {
    let Holder::Key(key) = &caller.holder else { return Ok(None) };
    if key.limits == Limits::default() {
        return Ok(None);
    }
    let unfinished = unfinished(api, key).await?;
    // What is on its way may be what this repeats; the store knows.
    let counts_coming = *claim == Claim::default();
    Ok(Some(api.allowance.take(key, unfinished, counts_coming, now_ms())?))
}

/// How many of a key's jobs are not at their end, where that is limited.
async fn unfinished(api: &Api, key: &Key) -> Result<u64, ApiError> {
    match key.limits.concurrency {
        0 => Ok(0),
        _ => Ok(api.engine.unfinished(&key.id).await?),
    }
}

/// How the client says that it may have sent this before.
fn claim(headers: &HeaderMap) -> Result<Claim, ApiError> {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or_default().trim());
    let key = match text("idempotency-key") {
        Some(key) if key.is_empty() || key.len() > 255 => {
            let message = "`Idempotency-Key` is 1 to 255 characters of ASCII";
            return Err(ApiError::invalid("Idempotency-Key", message));
        }
        key => key.map(str::to_owned),
    };
    // Official clients count their own retries and send no key.
    let tries: u32 = text("x-stainless-retry-count").and_then(|n| n.parse().ok()).unwrap_or(0);
    Ok(Claim { key, retry: tries > 0 })
}

/// Says that an answer is about a job that was there before.
fn marked(mut response: Response, taken: &Taken) -> Response {
    if taken.replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

fn accepted(api: &Api, caller: &Caller, job: &Job) -> Response {
    let body = api.view(caller).job(job);
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/jobs/{}", job.id)) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    about(headers, job);
    response
}

/// OpenAI's answer; images as base64 are streamed from the store.
async fn answer(api: &Api, caller: &Caller, job: &Job) -> Result<Response, ApiError> {
    let view = api.view(caller);
    let images: Vec<Stored> = job.images().cloned().collect();
    let first = images.first();
    let data: Vec<Value> = (0..images.len())
        .map(|n| match job.request.links {
            true => json!({ "url": view.image_url(job, n) }),
            false => json!({ "b64_json": { "$image": n, "as": "base64" } }),
        })
        .collect();
    let body = json!({
        "created": seconds(job.record.finished.unwrap_or(job.record.created)),
        "data": data,
        "output_format": first.and_then(|i| i.mime.strip_prefix("image/")),
        "size": first.map(|i| format!("{}x{}", i.width, i.height)),
        "retouch": {
            "job": job.id,
            "provider": job.leading().map(|a| &a.provider),
            "model": job.leading().map(|a| &a.model),
            "cost": cost(job),
            "ignored": job.record.ignored,
            "missing": missing(job),
            "sandbox": job.record.sandbox,
        },
    });
    let body = OutBody::json(&body, &images, &api.images).await.map_err(|error| {
        tracing::error!(job = %job.id, %error, "A result could not be read.");
        ApiError::waiting(job, StatusCode::GONE, "image_expired", "the result is no longer kept")
    })?;
    let length = body.left();
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    about(headers, job);
    Ok(response)
}

/// What every answer about a job says of it.
pub(crate) fn about(headers: &mut HeaderMap, job: &Job) {
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-retouch-job", &job.id.to_string());
    if let Some(attempt) = job.leading() {
        set("x-retouch-provider", &attempt.provider);
    }
    if !job.record.ignored.is_empty() {
        set("x-retouch-ignored", &job.record.ignored.join(", "));
    }
}

fn prefers_async(headers: &HeaderMap) -> bool {
    let prefers = headers.get_all("prefer").iter().filter_map(|v| v.to_str().ok());
    prefers.flat_map(|v| v.split(',')).any(|p| p.trim().eq_ignore_ascii_case("respond-async"))
}

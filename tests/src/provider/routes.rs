//! The service's routes: what comes goes into the ledger, what the script says goes back.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, Path, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Download, EDIT, Poll, QUERY, QUEUE, Query, Shared, Submit, Turn, UPLOAD, UPLOAD_V2, Upload,
    wire,
};
use crate::server::cut;

/// The routes of the v2 protocol, and one for all the rest.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(EDIT, post(submit))
        .route("/", get(async || "a scripted provider"))
        .route(QUERY, post(query))
        .route(QUEUE, get(queue))
        .route(UPLOAD, post(upload))
        .route(UPLOAD_V2, post(upload))
        .route("/files/{name}", get(file))
        .route("/results/{name}", get(result))
        .fallback(stray)
        .layer(middleware::map_response_with_state(Arc::clone(&shared), dated))
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

async fn submit(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let authorization = authorization(&headers);
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let turn = shared.turn(authorization.as_deref());
    let key = authorization.clone().unwrap_or_default();
    let number = shared.ledger.borrow().submits.len() + 1;
    let task = format!("19{:05}{number:012}", shared.port);
    shared.note(|ledger| {
        ledger.submits.push(Submit { authorization, body: body.clone(), turn });
        if turn.is_charged() {
            ledger.charges.push(task.clone());
        }
    });
    shared.make(&task, turn, &body);
    let link = shared.link(&task);
    match turn {
        Turn::Accept | Turn::Hold | Turn::DeadLink(_) | Turn::ModeratedLater => {
            wire::running(&task, "QUEUED")
        }
        Turn::AcceptDone => wire::success(&task, &link),
        Turn::BadKey => wire::error("", "806", "APIKEY_USER_NOT_FOUND"),
        Turn::EchoKey => wire::error("", "806", &format!("unknown key: {key}")),
        Turn::QueueFull => wire::error("", "1520", "concurrency limit reached | 并发数已达上限"),
        Turn::TooMany => wire::too_many(),
        Turn::Moderated => wire::error(&task, "1501", "content audit not passed | 内容审核不通过"),
        Turn::Cut => cut(),
        Turn::Stall => {
            shared.until_released().await;
            cut()
        }
        Turn::Html => wire::html(),
        Turn::NoId => wire::without_id(),
    }
}

async fn query(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    match shared.setup.query {
        Query::Well => {}
        Query::Page => return wire::page(),
        Query::Status(status) => {
            return StatusCode::from_u16(status).unwrap().into_response();
        }
    }
    let task = body["taskId"].as_str().unwrap_or_default().to_owned();
    let status = shared.status(&task);
    let authorization = authorization(&headers);
    if !shared.takes(authorization.as_deref()) {
        return wire::error("", "806", "APIKEY_USER_NOT_FOUND");
    }
    shared.note(|ledger| {
        ledger.polls.push(Poll { authorization, task: task.clone(), answer: status });
    });
    match status {
        "SUCCESS" => wire::success(&task, &shared.link(&task)),
        "FAILED" => wire::error(&task, "1501", "content audit not passed | 内容审核不通过"),
        "" => wire::error("", "807", "APIKEY_TASK_NOT_FOUND"),
        unfinished => wire::running(&task, unfinished),
    }
}

async fn queue(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match shared.takes(authorization(&headers).as_deref()) {
        true => wire::queue(shared.setup.key_kind.unwrap_or("SHARED")),
        false => wire::upload_refused(),
    }
}

/// Lets the service's clock be wrong.
async fn dated(State(shared): State<Arc<Shared>>, mut response: Response) -> Response {
    if let Some(date) = shared.setup.date {
        response.headers_mut().insert(header::DATE, date.parse().unwrap());
    }
    response
}

async fn upload(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    mut form: Multipart,
) -> Response {
    let authorization = authorization(&headers);
    let mut filename = String::new();
    let mut bytes = Bytes::new();
    while let Ok(Some(field)) = form.next_field().await {
        if field.name() == Some("file") {
            filename = field.file_name().unwrap_or_default().to_owned();
            bytes = field.bytes().await.unwrap_or_default();
        }
    }
    // Only now that the body was read: a server that answers early closes the connection after it,
    // and a client that reuses it at once may find it closed.
    if uri.path() == UPLOAD && shared.setup.lacks_guide_upload {
        return StatusCode::NOT_FOUND.into_response();
    }
    let sha256 = hex(&bytes);
    let is_welcome = shared.takes(authorization.as_deref());
    shared.note(|ledger| {
        let (path, sha256) = (uri.path().to_owned(), sha256.clone());
        ledger.uploads.push(Upload { path, authorization, filename, sha256 });
    });
    if !is_welcome {
        return wire::upload_refused();
    }
    if shared.setup.holds_uploads {
        shared.until_released().await;
    }
    let name = format!("{sha256}.png");
    let url = format!("{}/files/{name}", shared.origin);
    let length = bytes.len();
    shared.files.lock().unwrap().insert(name, bytes);
    wire::uploaded(&url, &sha256, length)
}

async fn file(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    match shared.files.lock().unwrap().get(&name) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn result(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let task = name.trim_end_matches(".png");
    let found = shared.fetch(task);
    let status = if found.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (path, authorization) = (uri.path().to_owned(), authorization(&headers));
    shared.note(|ledger| {
        ledger.downloads.push(Download { path, authorization, status: status.as_u16() });
    });
    match found {
        Ok(picture) => ([(header::CONTENT_TYPE, "image/png")], picture).into_response(),
        Err(()) => status.into_response(),
    }
}

async fn stray(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    _read: Bytes,
) -> StatusCode {
    shared.note(|ledger| ledger.strays.push(format!("{method} {uri}")));
    StatusCode::NOT_FOUND
}

fn authorization(headers: &HeaderMap) -> Option<String> {
    headers.get(header::AUTHORIZATION)?.to_str().ok().map(str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

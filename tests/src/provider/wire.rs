//! The answers of the RunningHub v2 protocol, byte for byte as far as they matter.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};

/// A task that is not done.
pub(super) fn running(task: &str, status: &str) -> Response {
    Json(flat(task, status)).into_response()
}

/// A task that is done.
pub(super) fn success(task: &str, url: &str) -> Response {
    let mut answer = flat(task, "SUCCESS");
    answer["results"] = json!([{ "url": url, "outputType": "png", "text": null }]);
    answer["usage"] = json!({
        "consumeMoney": null, "consumeCoins": null,
        "taskCostTime": "0", "thirdPartyConsumeMoney": "0.14",
    });
    Json(answer).into_response()
}

/// A task that failed, or was never made.
pub(super) fn error(task: &str, code: &str, message: &str) -> Response {
    let mut answer = flat(task, if task.is_empty() { "" } else { "FAILED" });
    answer["errorCode"] = json!(code);
    answer["errorMessage"] = json!(message);
    Json(answer).into_response()
}

/// An answer of 2xx that lacks the one thing that matters.
pub(super) fn without_id() -> Response {
    Json(flat("", "QUEUED")).into_response()
}

/// 429 as gateways in front of such services send it.
pub(super) fn too_many() -> Response {
    let headers = [(header::RETRY_AFTER, "2")];
    let body = json!({ "errorCode": "1003", "errorMessage": "Rate limit exceeded" });
    (StatusCode::TOO_MANY_REQUESTS, headers, Json(body)).into_response()
}

/// A crashed server's page.
pub(super) fn html() -> Response {
    let page = "<html><body><h1>500 Internal Server Error</h1></body></html>";
    (StatusCode::INTERNAL_SERVER_ERROR, Html(page)).into_response()
}

/// A proxy's page in front of the service.
pub(super) fn page() -> Response {
    Html("<!doctype html><title>Sign in</title>").into_response()
}

/// How a key's queue stands.
pub(super) fn queue(kind: &str) -> Response {
    Json(json!({ "code": 0, "msg": "success", "data": {
        "apiKeyType": kind, "concurrentLimit": 100, "runningCount": "0", "queuedCount": "0",
        "totalCurrentTasks": "0",
    }}))
    .into_response()
}

/// An upload that was taken.
pub(super) fn uploaded(url: &str, sha256: &str, bytes: usize) -> Response {
    Json(json!({ "code": 0, "message": "success", "data": {
        "type": "image", "download_url": url,
        "fileName": format!("openapi/{sha256}.png"), "size": bytes.to_string(),
    }}))
    .into_response()
}

/// An upload whose key is not known.
pub(super) fn upload_refused() -> Response {
    let message = "ApiKey verification failed, please check the ApiKey";
    Json(json!({ "code": 401, "message": message, "data": null })).into_response()
}

fn flat(task: &str, status: &str) -> Value {
    json!({
        "taskId": task, "status": status, "errorCode": "", "errorMessage": "",
        "results": null, "clientId": "4d2c1a", "promptTips": null, "failedReason": {}, "usage": null,
    })
}

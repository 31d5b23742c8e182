//! Answers about files of the catalog: with the version they are of, and kept by no cache, which
//! would show how a provider stood once.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::folder::entry::{Entry, Kind};
use super::version;
use crate::api::ApiError;
use crate::snapshot::Status;

/// What there is, in that version.
pub(super) fn tagged(status: StatusCode, version: &str, body: Value) -> Response {
    with_tag((status, Json(body)).into_response(), version)
}

/// What there is after a change. Where something else is wrong with the catalog, the change is in the
/// files and nowhere else: 202, and `catalog` says why.
pub(super) fn saved(
    status: StatusCode,
    version: &str,
    catalog: &Status,
    mut body: Value,
) -> Response {
    if !catalog.refused {
        return tagged(status, version, body);
    }
    body.as_object_mut().map(|fields| fields.insert("catalog".to_owned(), catalog.shown()));
    tagged(StatusCode::ACCEPTED, version, body)
}

/// What one is after a change; of a new one also where it is.
pub(super) fn of_change(
    kind: &Kind,
    status: StatusCode,
    entry: Entry<'_>,
    catalog: &Status,
    shown: Value,
) -> Response {
    let mut response = saved(status, &entry.version(), catalog, shown);
    if status == StatusCode::CREATED {
        let place = HeaderValue::from_str(&format!("/admin/api/{}/{}", kind.folder, entry.id));
        response.headers_mut().extend(place.ok().map(|place| (header::LOCATION, place)));
    }
    response
}

/// What there is, unless the sender has it.
pub(super) fn unless_known(is_known: bool, version: &str, body: Value) -> Response {
    match is_known {
        true => with_tag(StatusCode::NOT_MODIFIED.into_response(), version),
        false => tagged(StatusCode::OK, version, body),
    }
}

/// Several.
pub(super) fn list(data: Vec<Value>) -> Value {
    json!({ "object": "list", "data": Value::Array(data), "has_more": false })
}

/// Another version is there than the sender has in mind: this one, or none.
pub(super) fn stale(noun: &str, version: Option<&str>, current: Value) -> Response {
    let message = format!(
        "the {noun} was changed since you read it, and nothing was saved; what it is now is in \
         `current`: look at it and save again"
    );
    let error = ApiError::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", message);
    let response = error.extra("current", current).into_response();
    match version {
        Some(version) => with_tag(response, version),
        None => response,
    }
}

fn with_tag(mut response: Response, version: &str) -> Response {
    let headers = response.headers_mut();
    headers.extend(version::tag(version).map(|tag| (header::ETAG, tag)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

//! `GET /admin/api/reload`: how the running catalog stands to the files. `POST`: read them again now.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Address, Operator};
use crate::api::{Api, ApiError};

/// `GET`
pub(super) async fn show(State(api): State<Arc<Api>>, _operator: Operator) -> Json<Value> {
    Json(api.reloader.status().shown())
}

/// `POST`
pub(super) async fn reload(
    State(api): State<Arc<Api>>,
    operator: Operator,
    Address(from): Address,
) -> Response {
    let outcome = api.reloader.reload("asked for").await;
    let (Ok(status) | Err(status)) = &outcome;
    let detail = json!({ "revision": status.revision, "refused": status.refused });
    api.audit.note(&operator, from, "reload", "catalog", detail).await;
    match outcome {
        Ok(status) => Json(status.shown()).into_response(),
        Err(status) => {
            let message = "the files cannot be used, so that the running catalog stays; mend what is \
                           listed under problems";
            let refused =
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "catalog_refused", message);
            refused.problems(&status.problems).into_response()
        }
    }
}

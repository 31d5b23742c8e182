//! What operators did, and `GET /admin/api/audit`, which tells it.
//!
//! One line of JSON an action, appended and synced before the action is answered. A change that was
//! begun is finished and noted also when whoever asked for it hangs up meanwhile. Secrets are left out
//! by who notes; what looks like one all the same is struck out here. That a line cannot be written
//! stops nothing: it is logged, and the operator's word counts.

mod log;
mod strike;

use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::Instrument;

use super::Operator;
use crate::api::jobs::limit;
use crate::api::{Api, ApiError, Asked};
use crate::clock::{now_ms, seconds};
use log::{Log, Page};
use strike::strike_out;

/// The longest detail that is kept, in bytes of JSON: the difference of any file people write by hand.
const LONGEST: usize = 64 << 10;

/// The log.
#[derive(Debug)]
pub(crate) struct Audit {
    log: Arc<Log>,
}

impl Audit {
    /// Below the data folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        Ok(Self { log: Arc::new(Log::open(data_dir)?) })
    }

    /// Notes one action: an operator's, or what somebody did who is none yet. That it cannot be written
    /// stops nothing.
    pub(crate) async fn note(
        &self,
        by: &(dyn Display + Sync),
        from: Option<IpAddr>,
        action: &'static str,
        target: &str,
        detail: Value,
    ) {
        let record = json!({
            "id": crate::id::action(),
            "at": seconds(now_ms()),
            "by": by.to_string(),
            "from": from.map(|from| from.to_string()),
            "action": action,
            "target": target,
            "detail": bounded(detail),
        });
        let line = strike_out(record).to_string();
        let log = self.log.clone();
        let noted = tokio::task::spawn_blocking(move || log.append(&line)).await;
        if let Err(error) = noted.map_err(io::Error::other).flatten() {
            tracing::error!(%error, action, target, %by, "An action could not be noted in the audit log.");
        }
    }
}

/// Answers what changes something on a task of its own, which the engine waits for at its end: who
/// hangs up early leaves neither half a change nor one that nobody noted.
pub(super) async fn to_the_end(
    State(api): State<Arc<Api>>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    api.engine.spawn(next.run(request).in_current_span()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "An operator's request broke.");
        let message = "the gateway broke off; its log says why";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        ApiError::new(status, "internal_error", message).into_response()
    })
}

/// What a page of the list is asked by.
#[derive(Deserialize)]
pub(super) struct Look {
    limit: Option<String>,
    after: Option<String>,
}

/// `GET /admin/api/audit`: newest first.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    _operator: Operator,
    Asked(look): Asked<Look>,
) -> Result<Json<Value>, ApiError> {
    let limit = limit(look.limit.as_deref(), api.settings.limits.page)?;
    let log = api.audit.log.clone();
    let page = tokio::task::spawn_blocking(move || log.page(look.after.as_deref(), limit)).await;
    let Page { records, has_more } =
        page.map_err(io::Error::other).flatten().map_err(|error| unreadable(&error))?;
    Ok(Json(json!({ "object": "list", "data": records, "has_more": has_more })))
}

fn unreadable(error: &io::Error) -> ApiError {
    tracing::error!(%error, "The audit log could not be read.");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let message = "the audit log cannot be read just now; see the log of the gateway";
    ApiError::new(status, "storage_unavailable", message)
}

/// A detail that is too long is left out, and said to be.
fn bounded(detail: Value) -> Value {
    match detail.to_string().len() {
        length if length > LONGEST => json!({ "left_out": length }),
        _ => detail,
    }
}

#[cfg(test)]
mod tests;

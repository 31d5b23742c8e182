//! `DELETE /v1/jobs/{id}`: forgets a job at its end, and its images.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::error::ApiError;
use super::extract::Named;
use super::jobs::named;
use super::{Api, Caller};
use crate::engine::Forgotten;
use crate::id::JobId;

/// `DELETE /v1/jobs/{id}`
pub(super) async fn forget(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<StatusCode, ApiError> {
    forgotten(&api, &caller.owner, &named(&id)?).await
}

/// Forgets a job of that owner.
pub(crate) async fn forgotten(api: &Api, owner: &str, id: &JobId) -> Result<StatusCode, ApiError> {
    match api.engine.forget(owner, id).await? {
        Forgotten::Gone => Ok(StatusCode::NO_CONTENT),
        Forgotten::Unknown => Err(ApiError::not_found("job")),
        Forgotten::Unfinished => Err(unfinished(format!(
            "the job is not at its end; cancel it first: POST /v1/jobs/{id}/cancel"
        ))),
        Forgotten::Loose => Err(unfinished(
            "the job is at its end, but its provider still works on it and may charge for it; \
             delete it when that is known"
                .to_owned(),
        )),
    }
}

fn unfinished(message: String) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "job_unfinished", message)
}

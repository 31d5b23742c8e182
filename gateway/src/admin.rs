//! The JSON API for the operator, below `/admin/api`: what no client may do. Errors and jobs look as
//! they do under `/v1`. Who may is decided in `access`, before a byte of a body is read.

mod access;
mod check;
mod reload;
mod resolve;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post};

pub(crate) use access::{Guard, Operator};

use crate::api::{Api, ApiError};
use access::Refused;

/// Every route.
pub(crate) fn router() -> Router<Arc<Api>> {
    Router::new()
        .route("/admin/api/jobs/{id}/resolve", post(resolve::resolve))
        .route("/admin/api/providers/{id}/check", post(check::one))
        .route("/admin/api/check", post(check::all))
        .route("/admin/api/reload", get(reload::show).post(reload::reload))
}

impl FromRequestParts<Arc<Api>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        Ok(api.operators.admit(&api.access, &api.snapshot.load().keys, &parts.headers)?)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Token => {
                let message = "this is for the operator: send Authorization: Bearer with the value \
                               of RETOUCH_ADMIN_TOKEN; a client's key does not do";
                Self::new(StatusCode::UNAUTHORIZED, "invalid_admin_token", message)
            }
            Refused::NoToken => {
                let message = "this is for the operator, and the gateway has no way to know them: \
                               set RETOUCH_ADMIN_TOKEN, to something else than the client key, \
                               where it runs, and start it again";
                Self::new(StatusCode::FORBIDDEN, "admin_token_unset", message)
            }
            Refused::Access(refused) => refused.into(),
        }
    }
}

//! Why somebody is not signed in, and why a password stays as it is.

use axum::http::StatusCode;

use super::super::password::Busy;
use super::super::tries::Wait;
use crate::api::ApiError;

impl From<Wait> for ApiError {
    fn from(Wait { seconds }: Wait) -> Self {
        let message = format!("too many wrong tries; wait {seconds} seconds");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", message).retry_after(seconds)
    }
}

impl From<Busy> for ApiError {
    fn from(_: Busy) -> Self {
        let message = "too many passwords are being checked just now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "sign_in_busy", message).retry_after(5)
    }
}

/// The same whether or not there is one. `fixed`: the environment's alone counts.
pub(super) fn wrong(fixed: bool) -> ApiError {
    let message = match fixed {
        true => {
            "the password is wrong; it is the one of RETOUCH_ADMIN_PASSWORD where the gateway runs"
        }
        false => {
            "the password is wrong; where it is lost, set another at the machine with `retouch admin \
             set-password`"
        }
    };
    ApiError::new(StatusCode::UNAUTHORIZED, "wrong_password", message)
}

pub(super) fn broken() -> ApiError {
    let message = "the password's file, admin.toml in the data folder, cannot be used, as the log \
                   says; set the password anew at the machine with `retouch admin set-password`";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "password_unusable", message)
}

pub(super) fn fixed() -> ApiError {
    let message = "RETOUCH_ADMIN_PASSWORD sets the password; change it there, and start the gateway \
                   again";
    ApiError::new(StatusCode::CONFLICT, "password_fixed", message)
}

pub(super) fn unkept(error: &dyn std::fmt::Display) -> ApiError {
    tracing::error!(%error, "The operator's password or session could not be kept.");
    let message = "it could not be kept, as the log says; nothing was changed";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", message).retry_after(10)
}

//! What a handler may ask for: the operator, and where a request came from; and in which words
//! somebody is turned away.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::{Operator, Refused};
use crate::access::Refused::SetUp;
use crate::api::{Api, ApiError};
use crate::clock::now_ms;

/// Where a request came from, as far as that is known: the address of the client, not of a proxy in
/// front of us that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) Option<IpAddr>);

impl FromRequestParts<Arc<Api>> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Infallible> {
        Ok(Self(api.operators.sender(parts)))
    }
}

impl FromRequestParts<Arc<Api>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let admitted = api.operators.admit(&api.access, &api.snapshot.load().keys, parts, now_ms());
        if admitted == Err(Refused::Access(SetUp)) {
            api.operators.tell_link();
        }
        Ok(admitted?)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let new = |status, code, message| Self::new(status, code, message);
        match refused {
            Refused::Token => {
                let message = "this is for the operator: send Authorization: Bearer with the value \
                               of RETOUCH_ADMIN_TOKEN; a client's key does not do";
                new(StatusCode::UNAUTHORIZED, "invalid_admin_token", message)
            }
            Refused::NoToken => {
                let message = "this is for the operator, and the gateway has no way to know them: \
                               set a password with `retouch admin set-password`, or set \
                               RETOUCH_ADMIN_TOKEN, to something else than the client key, where \
                               it runs, and start it again";
                new(StatusCode::FORBIDDEN, "admin_token_unset", message)
            }
            Refused::SignIn => {
                let message = "this is for the operator: sign in with POST /admin/api/session, or \
                               send Authorization: Bearer with the value of RETOUCH_ADMIN_TOKEN";
                new(StatusCode::UNAUTHORIZED, "sign_in_required", message)
            }
            Refused::Host => {
                let message = "the pages do not answer to this host name; list it under hosts in \
                               [admin], or set public_url";
                new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message)
            }
            Refused::Foreign(header) => {
                let message = format!(
                    "{header} does not say that a page of this gateway sent this; a script with a \
                     cookie sends the gateway's own address (-H 'Origin: http://HOST'), or instead \
                     of the cookie Authorization: Bearer with the value of RETOUCH_ADMIN_TOKEN"
                );
                Self::new(StatusCode::FORBIDDEN, "foreign_origin", message)
            }
            Refused::Plain => {
                let message = "a password is not taken over plain http from another machine: use \
                               https and set public_url, or trusted_proxies in [admin]; or open \
                               the gateway at 127.0.0.1, through a tunnel for example; or set \
                               insecure_http = true in [admin], where everybody who can read along \
                               may be the operator";
                new(StatusCode::FORBIDDEN, "insecure_transport", message)
            }
            Refused::Access(refused) => refused.into(),
        }
    }
}

//! Who asks for a change, from where, and what they take for granted.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::version::Condition;
use super::{Address, Operator};
use crate::api::{Api, ApiError};

/// An operator who changes something.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) by: Operator,
    pub(super) from: Option<IpAddr>,
    pub(super) condition: Condition,
}

impl FromRequestParts<Arc<Api>> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let by = Operator::from_request_parts(parts, api).await?;
        let Ok(Address(from)) = Address::from_request_parts(parts, api).await;
        Ok(Self { by, from, condition: Condition::of(&parts.headers) })
    }
}

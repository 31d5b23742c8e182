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

impl Asker {
    /// With the version that what was sent is of, where no header says.
    pub(super) fn with_revision(self, revision: Option<&str>) -> Self {
        Self { condition: self.condition.or_of(revision), ..self }
    }
}

impl FromRequestParts<Arc<Api>> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let by = Operator::from_request_parts(parts, api).await?;
        let Ok(Address(from)) = Address::from_request_parts(parts, api).await;
        let condition = Condition::of(&parts.headers);
        if condition.is_unreadable() {
            let message = "If-Match holds no version; send the ETag as it came, in its quotes";
            return Err(ApiError::invalid("If-Match", message));
        }
        Ok(Self { by, from, condition })
    }
}

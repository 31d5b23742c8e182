//! How long a caller may stay: looking at a job takes as long as they like (`GET /v1/jobs/{id}?wait=`,
//! `/events`), and ends when the key it was asked with is revoked or expires or may not read any more,
//! or open mode is over.
//!
//! A `POST /v1/images/edits` that waits is answered all the same: the edit was asked for with a good
//! key and is paid for, and its answer is the only place where the client was to get it. The next
//! request with that key is refused.

use std::time::Duration;

use super::error::ApiError;
use super::{Api, Caller};
use crate::catalog::key::Scope;
use crate::clock::now_ms;

/// How often is looked whether a key has expired: nothing tells of it.
const LOOK: Duration = Duration::from_secs(5);

impl Caller {
    /// Works for them as long as they may stay.
    ///
    /// # Errors
    /// Why they are sent away.
    pub(super) async fn while_let_in<T>(
        &self,
        api: &Api,
        work: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        tokio::select! {
            biased;
            done = work => self.is_let_in(api).map(|()| done),
            error = self.sent_away(api) => Err(error),
        }
    }

    /// Whether they may stay, by the keys there are now.
    ///
    /// # Errors
    /// Why they are sent away.
    pub(super) fn is_let_in(&self, api: &Api) -> Result<(), ApiError> {
        let holder = api.access.still(&api.snapshot.load().keys, &self.holder, now_ms())?;
        Ok(holder.may(Scope::Read)?)
    }

    /// Returns when they may not stay any longer, and why.
    async fn sent_away(&self, api: &Api) -> ApiError {
        let mut statuses = api.reloader.statuses();
        loop {
            if let Err(error) = self.is_let_in(api) {
                return error;
            }
            // A catalog that is refused tells too; and where nobody tells any more, time does.
            let told = async {
                if statuses.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let _ = tokio::time::timeout(LOOK, told).await;
        }
    }
}

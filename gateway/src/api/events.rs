//! A job as a stream of events: `GET /v1/jobs/{id}/events`, the whole job at each change.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::edits::about;
use super::error::ApiError;
use super::extract::Named;
use super::{Api, Caller};
use crate::id::JobId;
use crate::job::Job;

/// Comments in between, so that proxies keep a quiet stream open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// No more than one event in this time. It is also how often progress is looked at, which changes
/// without a new version.
const PACE: Duration = Duration::from_secs(1);

/// `GET /v1/jobs/{id}/events`. The present state comes first, whatever `Last-Event-ID` says: an event
/// is the whole job, so nothing can be missed. The stream ends after the terminal one.
pub(super) async fn events(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response, ApiError> {
    let id = JobId::parse(&id).ok_or_else(|| ApiError::not_found("job"))?;
    let job =
        api.engine.job(&caller.owner, &id).await?.ok_or_else(|| ApiError::not_found("job"))?;
    let watch = Watch { api, caller, job: job.clone(), said: None, over: false };
    let stream = stream::unfold(watch, |watch| async move { watch.next().await });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("still here");
    let mut response = Sse::new(stream).keep_alive(keep_alive).into_response();
    about(response.headers_mut(), &job);
    Ok(response)
}

/// Ends also when its caller's key does.
struct Watch {
    api: Arc<Api>,
    caller: Caller,
    job: Arc<Job>,
    /// The event sent last.
    said: Option<String>,
    over: bool,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.over || self.api.engine.is_closing() {
            return None;
        }
        loop {
            if self.said.is_some() {
                // A job that was forgotten meanwhile, or a store that fails, ends the stream; so does
                // a key that is good no more.
                self.job = self.caller.while_let_in(&self.api, self.changed()).await.ok()??;
            }
            let data = self.api.view(&self.caller).shown(&self.job).to_string();
            self.over = self.job.record.status.is_terminal();
            if self.said.as_ref() == Some(&data) && !self.over {
                if self.api.engine.is_closing() {
                    return None;
                }
                continue;
            }
            let whole = self.api.view(&self.caller).job(&self.job).to_string();
            let event =
                Event::default().event("job").id(self.job.record.rev.to_string()).data(whole);
            self.said = Some(data);
            return Some((Ok(event), self));
        }
    }

    async fn changed(&self) -> Option<Arc<Job>> {
        tokio::time::sleep(PACE).await;
        let (owner, id, rev) = (&self.caller.owner, &self.job.id, self.job.record.rev);
        self.api.engine.changed(owner, id, rev, PACE).await.ok()?
    }
}

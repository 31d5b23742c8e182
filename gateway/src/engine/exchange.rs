//! One request of an attempt and what comes of it, noted for the job's log.

use std::time::Duration;

use super::Engine;
use super::note;
use crate::attempt::{Attempt, Event, State};
use crate::clock::now_ms;
use crate::job::Job;
use crate::snapshot::Provider;
use crate::upstream::{Call, Reply};

impl Engine {
    /// Sends the attempt's request. Questions to one account are spaced.
    pub(super) async fn exchange(
        &self,
        job: &Job,
        attempt: &Attempt,
        provider: &Provider,
    ) -> Event {
        let Some(effect) = &attempt.effect else { return Event::Interrupted };
        if attempt.state == State::Accepted {
            let now = now_ms();
            let at =
                self.live.poll_at(&provider.account, provider.file.limits.polls_per_second, now);
            tokio::time::sleep(Duration::from_millis(at.saturating_sub(now))).await;
        }
        let at = now_ms();
        let call = Call {
            request: &effect.request,
            inputs: &attempt.inputs,
            origins: &provider.origins,
            hosts: &provider.library.label().hosts,
            key: &provider.key,
            first_blob: u32::try_from(attempt.blobs.len()).unwrap_or(u32::MAX),
        };
        let reply = self.parts.upstream.exchange(call).await;
        self.parts.store.note(note::exchange(job, attempt, provider, &effect.request, &reply, at));
        match reply {
            Reply::Answer(answer) => {
                Event::Reply { head: answer.head, body: answer.body, blobs: answer.blobs }
            }
            Reply::None { sent, class, detail } => {
                Event::NoReply { sent, class: class.to_owned(), detail }
            }
        }
    }
}

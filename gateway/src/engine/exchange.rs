//! One request of an attempt and what comes of it, noted for the job's log.

use super::Engine;
use super::note;
use super::uploads::{Turn, Upload, UploadKey};
use crate::attempt::{Attempt, Event};
use crate::clock::now_ms;
use crate::job::Job;
use crate::snapshot::Provider;
use crate::upstream::{Answer, Call, Reply};

impl Engine {
    /// Sends the attempt's request; an upload that was answered before for the same images is not
    /// sent again. The second part is to be kept for others once the plugin took the answer.
    pub(super) async fn sent_once(
        &self,
        job: &Job,
        attempt: &Attempt,
        provider: &Provider,
    ) -> (Event, Option<Upload>) {
        let request = attempt.effect.as_ref().map(|effect| &effect.request);
        let key = request.and_then(|request| {
            UploadKey::of(&provider.account, request, &attempt.inputs).zip(Some(request))
        });
        let Some((key, request)) = key else {
            return (self.exchange(job, attempt, provider).await, None);
        };
        match self.uploads.turn(key, request).await {
            Turn::Known(answer) => (answered(answer), None),
            Turn::Mine(mut upload) => {
                let event = self.exchange(job, attempt, provider).await;
                if let Event::Reply { head, body, blobs } = &event {
                    let (head, body, blobs) = (head.clone(), body.clone(), blobs.clone());
                    upload.came(&Answer { head, body, blobs });
                }
                (event, Some(upload))
            }
        }
    }

    /// Sends the attempt's request.
    pub(super) async fn exchange(
        &self,
        job: &Job,
        attempt: &Attempt,
        provider: &Provider,
    ) -> Event {
        let Some(effect) = &attempt.effect else { return Event::Interrupted };
        let at = now_ms();
        let call = Call {
            request: &effect.request,
            inputs: &attempt.inputs,
            origins: &provider.origins,
            hosts: &provider.library.label().hosts,
            key: &provider.key,
            first_blob: u32::try_from(attempt.blobs.len()).unwrap_or(u32::MAX),
        };
        let reply = self.parts.line.exchange(call).await;
        self.parts.store.note(note::exchange(job, attempt, provider, &effect.request, &reply, at));
        match reply {
            Reply::Answer(answer) => answered(answer),
            Reply::None { sent, class, detail } => {
                Event::NoReply { sent, class: class.to_owned(), detail }
            }
        }
    }
}

fn answered(answer: Answer) -> Event {
    Event::Reply { head: answer.head, body: answer.body, blobs: answer.blobs }
}

//! Telling a provider that a task is not wanted any more, where its protocol can.

use retouch_sdk::{Kind, Verdict};

use super::Engine;
use super::step::Frame;
use crate::attempt::{Attempt, Call, Event, Planned};
use crate::clock::now_ms;
use crate::job::Job;
use crate::snapshot::Provider;

impl Engine {
    /// Tells it. Whether it stopped, or still finishes and charges, is asked as for any late task.
    pub(super) async fn tell(&self, job: &Job, attempt: &Attempt, provider: &Provider) -> Event {
        let now = now_ms();
        let frame = Frame {
            provider,
            job: &job.id,
            attempt: attempt.number,
            now,
            deadline: attempt.deadline,
        };
        let step = frame.step(&attempt.memo, Call { kind: Kind::Cancel, body: &[] });
        let Some(Verdict::Send(request)) = step.ok().map(|(outcome, _)| outcome.verdict) else {
            return Event::Told;
        };
        let mut attempt = attempt.clone();
        attempt.effect = Some(Planned { request, at: now });
        self.exchange(job, &attempt, provider).await;
        Event::Told
    }
}

//! Cancelling a job that is driven: here at once, and at the provider where its protocol can.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::FuturesUnordered;
use retouch_sdk::{Kind, Verdict};

use super::drive::{Driver, NotOurs};
use super::step::Frame;
use crate::attempt::{Attempt, Call, Planned, State};
use crate::clock::now_ms;

/// How long a cancel waits for the answer to a submit that is under way.
const CANCEL: Duration = Duration::from_secs(5);

impl<'a> Driver<'a> {
    /// Ends the job if the client asked for it. A submit under way is waited for a little: once the
    /// provider has named its task, it can be told.
    pub(super) async fn cancel(&mut self) -> Result<(), NotOurs> {
        if !self.cell.is_canceled() || self.job.record.status.is_terminal() {
            return Ok(());
        }
        let patience = tokio::time::sleep(CANCEL);
        tokio::pin!(patience);
        while self.is_submitting() {
            tokio::select! {
                Some((number, provider, event)) = self.flights.next() => {
                    self.landed(number, &provider, event).await?;
                }
                () = &mut patience => break,
                else => break,
            }
        }
        if self.job.record.status.is_terminal() {
            return Ok(());
        }
        let unsent =
            self.job.record.attempts.iter_mut().filter(|a| !self.flying.contains(&a.number));
        unsent.for_each(Attempt::take_back);
        let told = self.cancels();
        let before = self.job.record.clone();
        self.job.cancel(now_ms());
        if self.job.record == before {
            return Ok(());
        }
        self.commit().await?;
        if self.job.record.status.is_terminal() {
            self.flights = FuturesUnordered::new();
            self.flying.clear();
        }
        join_all(told).await;
        Ok(())
    }

    fn is_submitting(&self) -> bool {
        let in_flight = |a: &Attempt| a.state == State::InFlight && self.flying.contains(&a.number);
        self.job.record.attempts.iter().any(in_flight)
    }

    /// The requests that tell providers, where their protocol can.
    fn cancels(&self) -> Vec<BoxFuture<'a, ()>> {
        let (engine, now) = (self.engine, now_ms());
        let open = self.job.record.attempts.iter().filter(|a| a.state == State::Accepted);
        let able = open.filter(|a| a.task.as_ref().is_some_and(|task| task.cancel));
        let told = able.filter_map(|attempt| {
            let provider = engine.provider(attempt)?;
            let frame = Frame {
                provider: &provider,
                job: &self.job.id,
                attempt: attempt.number,
                now,
                deadline: attempt.deadline,
            };
            let (outcome, _) =
                frame.step(&attempt.memo, Call { kind: Kind::Cancel, body: &[] }).ok()?;
            let Verdict::Send(request) = outcome.verdict else { return None };
            let (job, mut attempt) = (self.cell.job(), attempt.clone());
            attempt.effect = Some(Planned { request, at: now });
            let tell: BoxFuture<'a, ()> = Box::pin(async move {
                engine.exchange(&job, &attempt, &provider).await;
            });
            Some(tell)
        });
        told.collect()
    }
}

//! Driving one job: do what is next, write what came of it, until the next thing lies in the future.

use std::sync::Arc;
use std::time::Duration;

use retouch_sdk::{Effect, Phase};

use super::Engine;
use super::begin::{deadline, release_if_due, settle};
use super::cell::Cell;
use super::note;
use super::step::Frame;
use crate::attempt::{Attempt, Event, State, Todo};
use crate::clock::{Ms, now_ms};
use crate::id::JobId;
use crate::job::{Job, Next};
use crate::route;
use crate::snapshot::Provider;
use crate::store::StoreError;
use crate::upstream::{Call, Reply};

/// When a provider that a job needs is missing from the catalog, it is looked for again so often.
const MISSING: Ms = 10_000;

/// The job is another process's now.
pub(super) struct NotOurs;

impl Engine {
    /// Runs until the job waits for a time, a place or nothing.
    pub(super) async fn drive(&self, id: &JobId) {
        let Some(cell) = self.cell(id) else { return };
        while !self.closing.is_cancelled() {
            match self.turn(&cell).await {
                Ok(None) => {}
                Ok(Some(later)) => return self.timer.arm(id, later),
                Err(NotOurs) => {
                    tracing::error!(job = %id, "Another process changed the job; it is left alone.");
                    self.lock().remove(id);
                    return;
                }
            }
            if cell.job().record.status.is_terminal() {
                return self.retire(id, &cell);
            }
        }
    }

    /// Does the next thing; the answer says when to come back, or none to go on at once.
    async fn turn(&self, cell: &Arc<Cell>) -> Result<Option<Ms>, NotOurs> {
        let job = cell.job();
        let now = now_ms();
        if overdue(&job, now) {
            let mut job = (*job).clone();
            job.expire(now);
            return self.commit(cell, job).await.map(|()| None);
        }
        let todo = match job.next() {
            Next::Ended => return Ok(None),
            Next::Route => return self.route(cell, &job, now).await,
            Next::Attempt(todo) => todo,
        };
        let Some(provider) = self.provider_of(&job) else { return Ok(Some(now + MISSING)) };
        match todo {
            Todo::Send(at) if last_chance(&job, at) > now => {
                return Ok(Some(last_chance(&job, at)));
            }
            Todo::Send(_) => self.send(cell, &job, &provider).await?,
            Todo::Fetch => self.fetch(cell, &job, &provider).await?,
            Todo::Closed => {}
        }
        Ok(None)
    }

    async fn route(&self, cell: &Arc<Cell>, job: &Job, now: Ms) -> Result<Option<Ms>, NotOurs> {
        cell.hold(None);
        let mut job = job.clone();
        let snapshot = self.parts.snapshot.load_full();
        let before = job.record.clone();
        let begun = match route::candidates(&snapshot, &job.request) {
            Ok(candidates) => self.begin(&mut job, &candidates, now),
            Err(_) => {
                job.exhausted(now);
                super::begin::Begun::default()
            }
        };
        for account in &begun.line {
            self.live.wait(account, &job.id);
        }
        cell.hold(begun.place);
        let deadline = job.record.deadline;
        if job.record != before {
            self.commit(cell, job).await?;
        }
        Ok((!begun.line.is_empty()).then_some(deadline))
    }

    async fn send(
        &self,
        cell: &Arc<Cell>,
        job: &Job,
        provider: &Arc<Provider>,
    ) -> Result<(), NotOurs> {
        let mut job = job.clone();
        if self.must_release(&mut job, provider) {
            self.commit(cell, job.clone()).await?;
        }
        self.pace(&job, provider).await;
        let event = self.exchange(&job, provider).await;
        let now = now_ms();
        let before = job.attempt().cloned();
        let id = job.id.clone();
        let job_deadline = job.record.deadline;
        if let Some(attempt) = job.attempt_mut() {
            let frame =
                Frame { provider, job: &id, attempt: attempt.number, now, deadline: job_deadline };
            attempt.advance(event, now, |memo, call| frame.step(memo, call));
            release_if_due(attempt, now);
        }
        if job.attempt().is_some_and(|a| a.submitted.is_some())
            && before.as_ref().is_some_and(|b| b.submitted.is_none())
        {
            job.record.deadline = deadline(&job, provider, now);
        }
        settle(&mut job, provider, now);
        let unchanged =
            before.zip(job.attempt()).is_some_and(|(before, after)| same(&before, after));
        if unchanged && !job.record.status.is_terminal() {
            cell.show(job);
            return Ok(());
        }
        self.commit(cell, job).await
    }

    /// An unsafe request that was planned for later is let go now, and that is written first.
    fn must_release(&self, job: &mut Job, provider: &Provider) -> bool {
        let now = now_ms();
        let Some(attempt) = job.attempt_mut() else { return false };
        if attempt.state != State::Planned {
            return false;
        }
        let unsafe_ = attempt.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Unsafe);
        if unsafe_ {
            attempt.release(now);
            job.record.deadline = deadline(job, provider, now);
        }
        unsafe_
    }

    async fn pace(&self, job: &Job, provider: &Provider) {
        if job.attempt().is_some_and(|a| a.phase() == Phase::Polling) {
            let now = now_ms();
            let at =
                self.live.poll_at(&provider.account, provider.file.limits.polls_per_second, now);
            tokio::time::sleep(Duration::from_millis(at.saturating_sub(now))).await;
        }
    }

    async fn exchange(&self, job: &Job, provider: &Arc<Provider>) -> Event {
        let Some((attempt, effect)) = job.attempt().and_then(|a| Some((a, a.effect.as_ref()?)))
        else {
            return Event::Interrupted;
        };
        let at = now_ms();
        let handles = job.request.handles();
        let reply = self
            .parts
            .upstream
            .exchange(Call {
                request: &effect.request,
                inputs: &handles,
                origins: &provider.origins,
                hosts: &provider.library.label().hosts,
                key: &provider.key,
                first_blob: u32::try_from(attempt.blobs.len()).unwrap_or(u32::MAX),
            })
            .await;
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

    /// Writes a new state, however long the storage takes to come back, and then shows it.
    pub(super) async fn commit(&self, cell: &Cell, mut job: Job) -> Result<(), NotOurs> {
        job.record.rev += 1;
        let mut wait = Duration::from_millis(100);
        loop {
            match self.parts.store.commit(&job).await {
                Ok(()) => break,
                Err(StoreError::Conflict(_)) => return Err(NotOurs),
                Err(error) => {
                    tracing::error!(job = %job.id, %error, "A job's step could not be stored; it is tried again.");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(10));
                }
            }
        }
        cell.show(job);
        Ok(())
    }

    fn provider_of(&self, job: &Job) -> Option<Arc<Provider>> {
        let snapshot = self.parts.snapshot.load();
        snapshot.provider(&job.attempt()?.provider).cloned()
    }

    fn retire(&self, id: &JobId, cell: &Cell) {
        let job = cell.job();
        tracing::info!(job = %id, status = job.record.status.as_str(), "Job ended.");
        self.finished.insert(id.clone(), job);
        self.lock().remove(id);
        cell.hold(None);
    }
}

/// Whether the job's time is over and nothing that was paid for is at stake any more.
fn overdue(job: &Job, now: Ms) -> bool {
    let deadline = job.record.deadline;
    now >= deadline
        && job.attempt().is_none_or(|attempt| match &attempt.state {
            State::Accepted => attempt.last_poll.is_some_and(|poll| poll >= deadline),
            State::InFlight | State::Fetching(_) | State::Stored(_) => false,
            _ => true,
        })
}

/// A request planned beyond the deadline is sent at the deadline: one last look before giving up.
fn last_chance(job: &Job, at: Ms) -> Ms {
    at.min(job.record.deadline)
}

/// Whether nothing changed that has to survive a crash: only counts and times did, or a question
/// was answered whose answer can be had again by asking again.
fn same(before: &Attempt, after: &Attempt) -> bool {
    if matches!((&before.state, &after.state), (State::Accepted, State::Fetching(_))) {
        return after.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Safe);
    }
    let request = |a: &Attempt| {
        a.effect
            .as_ref()
            .map(|e| (e.request.method.clone(), e.request.url.clone(), e.request.body.clone()))
    };
    before.state == after.state
        && before.memo.state == after.memo.state
        && before.task == after.task
        && request(before) == request(after)
}

//! Driving one job: launch what is due, take what comes back, write it, until nothing is under way
//! and the next thing lies in the future. One driver a job, so its record has one writer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use retouch_sdk::Effect;

use super::Engine;
use super::begin::{Begun, deadline, release_if_due, settle};
use super::cell::Cell;
use super::note;
use super::step::Frame;
use crate::attempt::{Attempt, Event, State, Todo};
use crate::clock::{Ms, now_ms};
use crate::id::JobId;
use crate::job::Job;
use crate::route::{self, Candidates};
use crate::snapshot::Provider;
use crate::store::StoreError;

/// When a provider that a job needs is missing from the catalog, it is looked for again so often.
const MISSING: Ms = 10_000;

/// Pause, in milliseconds, after trouble with our own storage.
const TROUBLE: Ms = 1_000;

/// The job is another process's now.
pub(super) struct NotOurs;

/// Something under way for an attempt, and what comes of it.
pub(super) type Flight<'a> = BoxFuture<'a, (u32, Arc<Provider>, Event)>;

/// A job while it is driven.
pub(super) struct Driver<'a> {
    pub(super) engine: &'a Engine,
    pub(super) cell: &'a Cell,
    pub(super) job: Job,
    pub(super) flights: FuturesUnordered<Flight<'a>>,
    pub(super) flying: HashSet<u32>,
    /// When to look again after trouble of our own.
    later: Option<Ms>,
}

impl Engine {
    /// Runs until the job waits for a time, a place or nothing.
    pub(super) async fn drive(&self, id: &JobId) {
        let Some(cell) = self.cell(id) else { return };
        let mut driver = Driver {
            engine: self,
            cell: &cell,
            job: (*cell.job()).clone(),
            flights: FuturesUnordered::new(),
            flying: HashSet::new(),
            later: None,
        };
        match driver.recovered().await {
            Ok(Some(later)) => self.timer.arm(id, later),
            Ok(None) if driver.job.record.status.is_terminal() => {
                self.retire(id, &cell, &driver.job);
            }
            Ok(None) => {}
            Err(NotOurs) => {
                tracing::error!(job = %id, "Another process changed the job; it is left alone.");
                self.lock().remove(id);
                self.pass_on_told(&cell);
            }
        }
    }

    fn retire(&self, id: &JobId, cell: &Cell, job: &Job) {
        tracing::info!(job = %id, status = job.record.status.as_str(), "Job ended.");
        self.finished.insert(id.clone(), Arc::new(job.clone()));
        self.lock().remove(id);
        self.pass_on_told(cell);
    }

    /// The attempt's provider, if it is there and its plugin can read the attempt's state.
    pub(super) fn provider(&self, attempt: &Attempt) -> Option<Arc<Provider>> {
        let provider = self.parts.snapshot.load().provider(&attempt.provider).cloned()?;
        let reads = &provider.library.label().state.reads;
        reads.contains(&attempt.memo.version).then_some(provider)
    }
}

impl<'a> Driver<'a> {
    /// Runs; after a driver that broke, what it had released counts as sent, as after a crash.
    async fn recovered(&mut self) -> Result<Option<Ms>, NotOurs> {
        if self.cell.take_broken() && self.engine.interrupt(&mut self.job) {
            self.commit().await?;
        }
        self.run().await
    }

    /// The answer says when to come back; none: never, or at the next start.
    async fn run(&mut self) -> Result<Option<Ms>, NotOurs> {
        loop {
            let closing = self.engine.closing.is_cancelled();
            if !closing {
                self.cancel().await?;
                self.route().await?;
                self.expire().await?;
            }
            self.launch(closing).await?;
            let over = closing || self.job.record.status.is_terminal();
            let wake = if over { None } else { Some(self.next_time()) };
            if self.flights.is_empty() {
                return Ok(wake);
            }
            let pause = wake.map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
            tokio::select! {
                Some((number, provider, event)) = self.flights.next() => {
                    self.landed(number, &provider, event).await?;
                }
                () = self.cell.nudged() => {}
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
                () = self.engine.closing.cancelled(), if !closing => {}
            }
        }
    }

    /// Finds providers for what has none. Places this job was told of and did not take go on to
    /// the next in line.
    async fn route(&mut self) -> Result<(), NotOurs> {
        let told = self.cell.take_told();
        self.later = None;
        let mut taken = Vec::new();
        let mut line = Vec::new();
        let before = self.job.record.clone();
        // Twice: a place that came free while it was not yet standing in line told nobody.
        for _ in 0..2 {
            let stopped = self.job.record.status.is_terminal() || self.cell.is_canceled();
            if stopped || self.job.shares().is_empty() {
                break;
            }
            let begun = self.begin().await;
            taken.extend(begun.places.iter().map(|(_, place)| place.account().clone()));
            self.cell.hold(begun.places);
            for account in &begun.line {
                self.engine.live.wait(account, &self.job.id);
            }
            line = begun.line;
            if let Some(why) = begun.trouble {
                tracing::error!(job = %self.job.id, why, "Images cannot be read or written; it is tried again.");
                self.later = Some(now_ms() + TROUBLE);
                break;
            }
        }
        for account in told.iter().filter(|a| !taken.contains(a) && !line.contains(a)) {
            self.engine.live.pass_on(account);
        }
        if self.job.record == before { Ok(()) } else { self.commit().await }
    }

    async fn begin(&mut self) -> Begun {
        let snapshot = self.engine.parts.snapshot.load_full();
        let candidates = route::candidates(&snapshot, &self.job.request)
            .unwrap_or_else(|_| Candidates::default());
        self.engine.begin(&mut self.job, &candidates).await
    }

    /// Gives up what has had its time.
    async fn expire(&mut self) -> Result<(), NotOurs> {
        let now = now_ms();
        let attempts = self.job.record.attempts.iter().filter(|a| !self.flying.contains(&a.number));
        let late = attempts.filter(|a| overdue(a, self.engine.provider(a).is_some(), now));
        let late: Vec<u32> = late.map(|a| a.number).collect();
        let waits = now >= self.job.record.deadline && !self.job.shares().is_empty();
        if late.is_empty() && !waits {
            return Ok(());
        }
        for number in late {
            self.job.expire(number, now);
        }
        if waits {
            self.job.expire_waiting(now);
        }
        self.commit().await
    }

    /// Starts everything that is due. What is unsafe is written as released first. At a stop only
    /// what was released before goes out: unsent, it would be taken for sent at the next start.
    async fn launch(&mut self, closing: bool) -> Result<(), NotOurs> {
        let now = now_ms();
        let attempts = self.job.record.attempts.iter().filter(|a| !self.flying.contains(&a.number));
        let due = attempts.filter(|a| due_at(a).is_some_and(|at| at <= now));
        let due = due.filter(|a| !closing || a.state == State::InFlight);
        let due: Vec<u32> = due.map(|a| a.number).collect();
        let mut released = false;
        for number in &due {
            released |= self.release(*number, now);
        }
        if released {
            self.commit().await?;
        }
        for number in due {
            let Some(attempt) = self.job.attempt(number).cloned() else { continue };
            let Some(provider) = self.engine.provider(&attempt) else {
                self.missing(number, &attempt.provider);
                continue;
            };
            self.flying.insert(number);
            let (engine, job) = (self.engine, self.cell.job());
            self.flights.push(Box::pin(async move {
                let event = match attempt.todo() {
                    Todo::Fetch => engine.fetch(&job, &attempt, &provider).await,
                    Todo::Send(_) | Todo::Closed => {
                        engine.exchange(&job, &attempt, &provider).await
                    }
                };
                (number, provider, event)
            }));
        }
        Ok(())
    }

    fn missing(&mut self, number: u32, provider: &str) {
        let trouble = format!(
            "its provider '{provider}' is not in the catalog, or its plugin cannot read the job's state"
        );
        let Some(attempt) = self.job.attempt_mut(number) else { return };
        if attempt.trouble.replace(trouble.clone()) != Some(trouble) {
            tracing::warn!(job = %self.job.id, provider, "A job waits for a provider that is missing.");
            self.cell.show(&self.job);
        }
    }

    fn release(&mut self, number: u32, now: Ms) -> bool {
        let Some(provider) = self.job.attempt(number).and_then(|a| self.engine.provider(a)) else {
            return false;
        };
        let until = deadline(&self.job, &provider, now);
        let Some(attempt) = self.job.attempt_mut(number) else { return false };
        if attempt.state != State::Planned {
            return false;
        }
        release_if_due(attempt, now);
        if attempt.state != State::InFlight {
            return false;
        }
        attempt.deadline = until;
        true
    }

    /// Takes what came of a flight, and writes it if it must survive a crash.
    pub(super) async fn landed(
        &mut self,
        number: u32,
        provider: &Provider,
        event: Event,
    ) -> Result<(), NotOurs> {
        self.flying.remove(&number);
        let now = now_ms();
        let Some(before) = self.job.attempt(number).cloned() else { return Ok(()) };
        let (id, until) = (self.job.id.clone(), deadline(&self.job, provider, now));
        let Some(attempt) = self.job.attempt_mut(number) else { return Ok(()) };
        let frame = Frame { provider, job: &id, attempt: number, now, deadline: attempt.deadline };
        attempt.advance(event, now, |memo, call| frame.step(memo, call));
        if !self.engine.closing.is_cancelled() && !self.cell.is_canceled() {
            release_if_due(attempt, now);
        }
        if before.submitted.is_none() && attempt.submitted.is_some() {
            attempt.deadline = until;
        }
        note::trouble(&id, &before, attempt);
        if same(&before, attempt) {
            self.cell.show(&self.job);
            return Ok(());
        }
        settle(&mut self.job, number, provider, now);
        self.commit().await
    }

    /// When something is due or given up next.
    fn next_time(&self) -> Ms {
        let now = now_ms();
        let attempts = self
            .job
            .record
            .attempts
            .iter()
            .filter(|a| a.is_open() && !self.flying.contains(&a.number));
        let known = attempts.filter_map(|a| match self.engine.provider(a) {
            Some(_) => due_at(a),
            None => Some((now + MISSING).min(a.deadline.max(now + 1))),
        });
        let waits = (!self.job.shares().is_empty()).then_some(self.job.record.deadline);
        known.chain(waits).chain(self.later).min().unwrap_or(now + MISSING)
    }

    /// Writes the job, however long the storage takes to come back, and then shows it.
    pub(super) async fn commit(&mut self) -> Result<(), NotOurs> {
        self.job.record.rev += 1;
        let mut wait = Duration::from_millis(100);
        loop {
            match self.engine.parts.store.commit(&self.job).await {
                Ok(()) => break,
                Err(StoreError::Conflict(_)) => return Err(NotOurs),
                Err(error) => {
                    tracing::error!(job = %self.job.id, %error, "A job's step could not be stored; it is tried again.");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(10));
                }
            }
        }
        self.cell.show(&self.job);
        self.cell.release(&self.job);
        Ok(())
    }
}

/// When an attempt is to be looked after. A question planned beyond the deadline is asked at the
/// deadline: one last look before it is given up.
fn due_at(attempt: &Attempt) -> Option<Ms> {
    match attempt.todo() {
        Todo::Send(at) => Some(at.min(attempt.deadline)),
        Todo::Fetch => Some(0),
        Todo::Closed => None,
    }
}

/// Whether an attempt's time is over and nothing can be learnt of it any more: it was looked after
/// once more at its deadline, or its provider is gone from the catalog.
fn overdue(attempt: &Attempt, has_provider: bool, now: Ms) -> bool {
    now >= attempt.deadline
        && match &attempt.state {
            State::Planned => true,
            State::Accepted => {
                !has_provider || attempt.last_asked.is_some_and(|at| at >= attempt.deadline)
            }
            State::InFlight | State::Fetching(_) => !has_provider,
            _ => false,
        }
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

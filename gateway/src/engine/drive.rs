//! Driving one job: launch what is due, take what comes back, write it, until nothing is under way
//! and the next thing lies in the future. One driver a job, so its record has one writer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::{AbortHandle, JoinHandle};

use super::Engine;
use super::begin::{Begun, deadline, release_if_due};
use super::cell::Cell;
use super::due::{self, due_at};
use super::uploads::Upload;
use crate::attempt::{Attempt, Event, State, Todo};
use crate::clock::{Ms, now_ms};
use crate::id::JobId;
use crate::job::Job;
use crate::live::Place;
use crate::route::{self, Candidates};
use crate::snapshot::Provider;
use crate::store::StoreError;

/// Pause, in milliseconds, after trouble with our own storage.
const TROUBLE: Ms = 1_000;
/// A question whose turn at its account is so near, in milliseconds, is asked at once.
const SOON: Ms = 50;

/// The job is another process's now.
pub(super) struct NotOurs;

/// Something under way for an attempt, and what comes of it.
type Flight = JoinHandle<Landing>;

/// Of which attempt, what came, and an upload that others may use once its plugin took it.
pub(super) type Landing = (u32, Event, Option<Upload>);

/// A job while it is driven.
pub(super) struct Driver<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) cell: &'a Cell,
    pub(super) job: Job,
    /// Of the attempts that go on, each as it was when the attempt began.
    pub(super) providers: HashMap<u32, Arc<Provider>>,
    flights: FuturesUnordered<Flight>,
    pub(super) flying: HashMap<u32, AbortHandle>,
    /// When to look again for a provider, or after trouble of our own.
    later: Option<Ms>,
}

impl Engine {
    /// Runs until the job waits for a time, a place or nothing.
    pub(super) async fn drive(self: &Arc<Self>, id: &JobId) {
        let cell = match self.cell(*id).await {
            Ok(Some(cell)) => cell,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(job = %id, %error, "A job cannot be read; it is tried again.");
                return self.timer.arm(id, now_ms() + TROUBLE);
            }
        };
        // Until it is committed, nothing says that what is made here is needed.
        let _hold = self.parts.images.hold();
        let mut driver = Driver::new(self, &cell);
        match driver.recovered().await {
            Ok(Some(later)) => {
                self.timer.arm(id, later);
                self.cells.park(*id, &cell);
            }
            Ok(None) if !driver.job.is_loose() => self.retire(&cell, driver.job),
            Ok(None) => {}
            Err(NotOurs) => {
                tracing::error!(job = %id, "Another process changed the job; it is left alone.");
                self.cells.remove(*id);
                cell.let_go();
            }
        }
    }

    fn retire(&self, cell: &Cell, job: Job) {
        tracing::info!(job = %job.id, status = job.record.status.as_str(), "Job ended.");
        let id = job.id;
        self.finished.insert(id, Arc::new(job));
        self.cells.remove(id);
        cell.let_go();
    }
}

impl<'a> Driver<'a> {
    fn new(engine: &'a Arc<Engine>, cell: &'a Cell) -> Self {
        Self {
            engine,
            cell,
            job: (*cell.job()).clone(),
            providers: HashMap::new(),
            flights: FuturesUnordered::new(),
            flying: HashMap::new(),
            later: None,
        }
    }

    /// Runs; where no driver knows what was sent, that is put right first.
    async fn recovered(&mut self) -> Result<Option<Ms>, NotOurs> {
        if self.cell.take_adrift() {
            self.attend().await;
            let before = self.job.record.clone();
            for (number, event) in self.engine.put_right(&mut self.job) {
                self.happened(number, event);
            }
            if self.job.record != before {
                self.commit().await?;
            }
        }
        self.run().await
    }

    /// The answer says when to come back; none: never, or at the next start.
    async fn run(&mut self) -> Result<Option<Ms>, NotOurs> {
        loop {
            let closing = self.engine.closing.is_cancelled();
            self.attend().await;
            if !closing {
                self.heed().await?;
                self.cancel().await?;
                // Before anything is begun: nothing is bought when its time is over.
                self.expire().await?;
                self.route().await?;
                // Getting images ready may have taken seconds.
                self.cancel().await?;
                self.attend().await;
            }
            self.launch(closing).await?;
            let over = closing || !self.job.is_loose();
            let wake = if over { None } else { Some(self.next_time()) };
            if self.flights.is_empty() {
                return Ok(wake);
            }
            let pause = wake.map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
            tokio::select! {
                Some(landed) = self.flights.next() => self.landed(landed).await?,
                () = self.cell.nudged() => {}
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
                () = self.engine.closing.cancelled(), if !closing => {}
            }
        }
    }

    /// Finds the providers of the attempts that go on.
    async fn attend(&mut self) {
        for attempt in &self.job.record.attempts {
            if attempt.todo() == Todo::Closed || self.providers.contains_key(&attempt.number) {
                continue;
            }
            let provider = self.engine.pinned_for(attempt).await;
            if let Some(provider) = provider.filter(|provider| reads(provider, attempt)) {
                self.providers.insert(attempt.number, provider);
            }
        }
    }

    /// Finds providers for what has none.
    async fn route(&mut self) -> Result<(), NotOurs> {
        let mut held = self.cell.take_told();
        self.later = None;
        let stopped = self.job.record.status.is_terminal() || self.cell.is_canceled();
        if stopped || self.job.shares().is_empty() {
            return Ok(());
        }
        let before = self.job.record.clone();
        let begun = self.begin(&mut held).await;
        self.cell.hold(begun.places);
        for account in &begun.line {
            self.engine.live.wait(*account, &self.job.owner, self.job.id);
        }
        self.later = begun.until;
        if let Some(why) = begun.trouble {
            tracing::error!(job = %self.job.id, why, "Our own storage fails; it is tried again.");
            self.later = Some(now_ms() + TROUBLE);
        }
        // What it was handed and did not need goes on to the next in line.
        drop(held);
        if self.job.record == before { Ok(()) } else { self.commit().await }
    }

    async fn begin(&mut self, held: &mut Vec<Place>) -> Begun {
        let snapshot = self.engine.parts.snapshot.load_full();
        let candidates = route::candidates(&snapshot, &self.job.request)
            .unwrap_or_else(|_| Candidates::default());
        self.engine.begin(&mut self.job, &candidates, held).await
    }

    /// Ends the job if the client asked for it. What was submitted goes on without it, and its
    /// provider is told.
    async fn cancel(&mut self) -> Result<(), NotOurs> {
        if !self.cell.is_canceled() || self.job.record.status.is_terminal() {
            return Ok(());
        }
        let unsent =
            self.job.record.attempts.iter_mut().filter(|a| !self.flying.contains_key(&a.number));
        unsent.for_each(Attempt::take_back);
        let before = self.job.record.clone();
        self.job.cancel(now_ms());
        if self.job.record == before {
            return Ok(());
        }
        self.commit().await?;
        for attempt in self.job.record.attempts.iter().filter(|a| a.todo() == Todo::Closed) {
            if let Some(flight) = self.flying.get(&attempt.number) {
                flight.abort();
            }
        }
        Ok(())
    }

    /// Takes what persons found out.
    async fn heed(&mut self) -> Result<(), NotOurs> {
        for word in self.cell.take_words() {
            let Some(before) = self.job.attempt(word.attempt).cloned() else { continue };
            if let Some(provider) = self.engine.pinned_for(&before).await {
                self.providers.insert(before.number, provider);
            }
            self.happened(word.attempt, word.event);
            let taken = self.job.attempt(word.attempt) != Some(&before);
            if taken {
                self.commit().await?;
            }
            // Who asked may be gone.
            let _ = word.taken.send(taken);
        }
        Ok(())
    }

    /// Starts everything that is due. What is paid for is written as released first. At a stop only
    /// what was released before goes out: unsent, it would be taken for sent at the next start.
    async fn launch(&mut self, closing: bool) -> Result<(), NotOurs> {
        let now = now_ms();
        let idle = self.job.record.attempts.iter().filter(|a| !self.flying.contains_key(&a.number));
        let due = idle.filter(|a| due_at(a).is_some_and(|at| at <= now));
        let due = due.filter(|a| !closing || a.state == State::InFlight);
        let mut due: Vec<u32> = due.map(|a| a.number).collect();
        due.retain(|number| self.has_its_turn(*number, now));
        let mut released = false;
        for number in &due {
            released |= self.release(*number, now);
        }
        if released {
            self.commit().await?;
        }
        for number in due {
            self.fly(number);
        }
        Ok(())
    }

    /// Whether its provider is there, and a question has its turn in the account's pace.
    fn has_its_turn(&mut self, number: u32, now: Ms) -> bool {
        let Some(attempt) = self.job.attempt_mut(number) else { return false };
        let Some(provider) = self.providers.get(&number) else {
            let provider = attempt.provider.clone();
            self.missing(number, &provider);
            return false;
        };
        if attempt.state != State::Accepted || attempt.paced {
            return true;
        }
        let per_second = provider.file.limits.polls_per_second;
        let turn = self.engine.live.poll_at(provider.account, per_second, now);
        if turn <= now + SOON {
            return true;
        }
        attempt.paced = true;
        if let Some(effect) = &mut attempt.effect {
            effect.at = turn;
        }
        self.cell.show(&self.job);
        false
    }

    fn fly(&mut self, number: u32) {
        let Some(attempt) = self.job.attempt(number).cloned() else { return };
        let Some(provider) = self.providers.get(&number).cloned() else { return };
        let (engine, job) = (self.engine.clone(), self.cell.job());
        // On a task of its own: an answer is read also while this driver waits for our storage.
        let flight = self.engine.spawn(async move {
            let (event, upload) = match attempt.todo() {
                Todo::Fetch(_) => (engine.fetch(&job, &attempt, &provider).await, None),
                Todo::Tell => (engine.tell(&job, &attempt, &provider).await, None),
                Todo::Send(_) | Todo::Closed => engine.sent_once(&job, &attempt, &provider).await,
            };
            (number, event, upload)
        });
        self.flying.insert(number, flight.abort_handle());
        self.flights.push(flight);
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
        let Some(provider) = self.providers.get(&number) else { return false };
        let until = deadline(&self.job, provider, now);
        let Some(attempt) = self.job.attempt_mut(number) else { return false };
        if attempt.state != State::Planned {
            return false;
        }
        release_if_due(attempt, now);
        if attempt.state != State::InFlight {
            return false;
        }
        attempt.deadline = until;
        self.engine.live.submitted(provider.account, now);
        true
    }

    /// When something is due or given up next.
    fn next_time(&self) -> Ms {
        let now = now_ms();
        let next = self.job.record.attempts.iter().filter_map(|a| {
            match self.flying.contains_key(&a.number) {
                true => due::outlives(a).then_some(a.deadline),
                false => due::next(a, self.providers.contains_key(&a.number), now),
            }
        });
        let waits = (!self.job.shares().is_empty()).then_some(self.job.record.deadline);
        next.chain(waits).chain(self.later).min().unwrap_or(now + due::MISSING)
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
        let ends = self.job.record.status.is_terminal();
        if ends && !self.cell.job().record.status.is_terminal() {
            self.engine.unfinished.fetch_sub(1, Ordering::Relaxed);
        }
        self.cell.show(&self.job);
        self.cell.release(&self.job);
        Ok(())
    }
}

/// Whether a provider's plugin can read what the attempt's wrote.
fn reads(provider: &Provider, attempt: &Attempt) -> bool {
    provider.library.label().state.reads.contains(&attempt.memo.version)
}

//! After a start: every job with something left to do waits on disk again and is armed. A crash is no
//! special case but for one: a paid request whose answer was never written.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Engine;
use super::cells::Parked;
use crate::attempt::{Attempt, Event, State};
use crate::clock::{Ms, now_ms};
use crate::id::JobId;
use crate::job::{Job, Outline, Stage, Trace};
use crate::live::AccountId;
use crate::poll;
use crate::snapshot::Provider;
use crate::store::StoreError;

/// Milliseconds of a day.
const DAY: Ms = 86_400_000;

/// A question that waits for its turn: when it was due, of which job, at which account and pace.
type Overdue = (Ms, JobId, Arc<Provider>);

impl Engine {
    /// Takes up what a process before this one left. Only outlines are read here, so that a start
    /// with many jobs is as quick as one with none; each is looked at when it is due.
    pub(super) async fn recover(self: &Arc<Self>) -> Result<(), StoreError> {
        let outlines = self.parts.store.loose_ends().await?;
        if !outlines.is_empty() {
            tracing::info!(jobs = outlines.len(), "Unfinished jobs are taken up.");
        }
        let now = now_ms();
        let mut overdue: Vec<Overdue> = Vec::new();
        let unfinished = outlines.iter().filter(|one| !one.record.status.is_terminal()).count();
        self.unfinished.store(unfinished, Ordering::Relaxed);
        for outline in outlines {
            let asked = self.take_up(&outline, now).await;
            match asked {
                Some((at, provider)) if at <= now => overdue.push((at, outline.id, provider)),
                Some((at, _)) => self.timer.arm(&outline.id, at),
                None => self.timer.arm(&outline.id, now),
            }
        }
        self.spread(overdue, now);
        Ok(())
    }

    /// Knows again how often each account was submitted to today.
    pub(super) async fn restore_day(&self) -> Result<(), StoreError> {
        let now = now_ms();
        let snapshot = self.parts.snapshot.load_full();
        for (provider, count) in self.parts.store.submits(now - now % DAY).await? {
            if let Some(provider) = snapshot.provider(&provider) {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                self.live.restore_day(provider.account, count, now);
            }
        }
        Ok(())
    }

    /// Parks a job. When its next question is due and at whom, if questions are all it waits for.
    async fn take_up(&self, outline: &Outline, now: Ms) -> Option<(Ms, Arc<Provider>)> {
        let mut parked = Parked { rev: outline.record.rev, adrift: true, ..Parked::default() };
        let mut asked = None;
        let mut only_asks = !outline.record.sandbox;
        for trace in outline.record.attempts.iter().filter(|trace| goes_on(trace)) {
            let provider = self.traced(trace).await;
            if let Some(provider) = provider.as_ref().filter(|_| trace.given_up.is_none()) {
                parked.places.push((trace.number, self.live.retake(provider.account)));
            }
            only_asks &= trace.state == Stage::Accepted;
            let at = trace.effect.map_or(now, |due| due.at);
            asked = provider.map(|provider| (at, provider)).or(asked);
        }
        self.cells.put_parked(outline.id, parked);
        asked.filter(|_| only_asks)
    }

    async fn traced(&self, trace: &Trace) -> Option<Arc<Provider>> {
        self.pinned(&trace.provider, trace.pin, None).await
    }

    /// Questions that were due while nobody asked do not all go out at once.
    fn spread(&self, mut overdue: Vec<Overdue>, now: Ms) {
        overdue.sort_by_key(|(at, id, _)| (*at, *id));
        let mut by_account: HashMap<AccountId, Vec<Overdue>> = HashMap::new();
        for one in overdue {
            by_account.entry(one.2.account).or_default().push(one);
        }
        for (account, line) in by_account {
            let per_second = line.first().map_or(1, |(.., p)| p.file.limits.polls_per_second);
            let turns = poll::spread(line.len(), per_second, now, account.0);
            for ((_, id, _), at) in line.iter().zip(turns) {
                self.timer.arm(id, at);
            }
        }
    }

    /// The crash table, for a job of which no driver of this process knows what was sent. Planned:
    /// its request is sent. Accepted: its provider is asked. Fetching: the result is fetched. In
    /// flight: sent again only where the provider knows it for the same, looked up where it can be,
    /// else nobody knows. The sandbox forgets everything at a stop: its attempts begin anew.
    pub(super) fn put_right(&self, job: &mut Job) -> Vec<(u32, Event)> {
        let open = job.record.attempts.iter().any(Attempt::is_open);
        if job.record.sandbox && open && !job.record.status.is_terminal() {
            // Where the sandbox is no sandbox any more, nobody else is to be paid for it.
            let snapshot = self.parts.snapshot.load();
            let leading = job.leading().and_then(|a| snapshot.provider(&a.provider));
            let stays = leading.is_some_and(|provider| provider.sandbox);
            let wait = if stays { self.queue_time(&job.request) } else { 0 };
            job.begin_anew(now_ms() + wait);
            return Vec::new();
        }
        let in_flight = job.record.attempts.iter().filter(|a| a.state == State::InFlight);
        in_flight.map(|a| (a.number, Event::Interrupted)).collect()
    }
}

/// Whether something is left to do for it.
fn goes_on(trace: &Trace) -> bool {
    matches!(trace.state, Stage::Planned | Stage::InFlight | Stage::Accepted | Stage::Fetching(_))
}

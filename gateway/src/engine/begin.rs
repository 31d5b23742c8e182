//! Beginning an attempt: choose a provider, take a place at its account, let its plugin plan the
//! first request. Nothing is sent and nothing is written here.

use std::sync::Arc;

use retouch_sdk::{Billed, Effect, Kind};

use super::Engine;
use super::step::Frame;
use crate::attempt::{Attempt, Call, Memo, State};
use crate::catalog::provider::OnAmbiguous;
use crate::clock::Ms;
use crate::job::Job;
use crate::live::{AccountId, Place};
use crate::route::{self, Candidates, Choice};
use crate::snapshot::Provider;

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// The place taken.
    pub(super) place: Option<Place>,
    /// Or the accounts to stand in line at.
    pub(super) line: Vec<AccountId>,
}

impl Engine {
    /// Opens the next attempt of a job, ends the job when nobody is left, or has it wait.
    pub(super) fn begin(&self, job: &mut Job, candidates: &Candidates, now: Ms) -> Begun {
        job.skip(candidates.skipped.clone());
        loop {
            if job.record.attempts.len() >= self.parts.limits.attempts as usize {
                job.exhausted(now);
                return Begun::default();
            }
            let asked: Vec<String> =
                job.record.attempts.iter().map(|a| a.provider.clone()).collect();
            let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
            let has_room = |p: &Provider| self.live.open(&p.account) < p.file.limits.concurrency;
            let open = |p: &Provider| self.live.open(&p.account);
            let (choice, skips) = route::choose(candidates, &asked, has_room, open);
            let provider = match choice {
                Choice::Take(provider) => provider,
                Choice::Wait(line) => return Begun { place: None, line },
                Choice::Nobody => {
                    job.exhausted(now);
                    return Begun::default();
                }
            };
            let Some(place) = self.live.take(&provider.account, provider.file.limits.concurrency)
            else {
                continue; // somebody was faster; look again
            };
            job.skip(skips);
            self.open(job, &provider, now);
            settle(job, &provider, now);
            match job.next() {
                crate::job::Next::Route => drop(place),
                crate::job::Next::Ended => return Begun::default(),
                crate::job::Next::Attempt(_) => {
                    return Begun { place: Some(place), line: Vec::new() };
                }
            }
        }
    }

    fn open(&self, job: &mut Job, provider: &Arc<Provider>, now: Ms) {
        let model = route::model_for(provider, job.request.model.as_deref());
        let deadline = deadline(job, provider, now);
        let mut attempt = attempt(job, provider, model.clone(), now);
        let frame = Frame { provider, job: &job.id, attempt: attempt.number, now, deadline };
        let start = Call { kind: Kind::Start { job: job.request.for_plugin(model) }, body: &[] };
        attempt.step(start, None, now, |memo, call| frame.step(memo, call));
        release_if_due(&mut attempt, now);
        job.open(attempt, deadline, provider.sandbox);
    }
}

/// Lets the next request go in the same commit that plans it, if it is unsafe and due now.
pub(super) fn release_if_due(attempt: &mut Attempt, now: Ms) {
    let due =
        attempt.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Unsafe && e.at <= now);
    if due && attempt.state == State::Planned {
        attempt.release(now);
    }
}

/// Ends the job if its attempt decides it, under the provider's own policy.
pub(super) fn settle(job: &mut Job, provider: &Provider, now: Ms) {
    let may_pay_twice = provider.file.on_ambiguous == OnAmbiguous::AvailabilityFirst
        && !job.record.attempts.iter().rev().skip(1).any(|a| matches!(a.state, State::Unknown(_)));
    job.settle(provider.file.price.as_ref(), may_pay_twice, now);
}

/// When the job ends at the latest, once this provider has it.
pub(super) fn deadline(job: &Job, provider: &Provider, now: Ms) -> Ms {
    let theirs = now + crate::duration::ms(provider.file.limits.timeout);
    let asked =
        job.request.timeout.map(|seconds| job.record.created + seconds.saturating_mul(1_000));
    asked.map_or(theirs, |asked| asked.min(theirs))
}

fn attempt(job: &Job, provider: &Provider, model: Option<String>, now: Ms) -> Attempt {
    let doubt =
        job.record.attempts.iter().any(|a| a.failure().is_some_and(|f| f.billed != Billed::No));
    Attempt {
        number: u32::try_from(job.record.attempts.len()).unwrap_or(u32::MAX).saturating_add(1),
        slot: 0,
        provider: provider.file.id.clone(),
        model,
        state: State::Planned,
        memo: Memo {
            state: String::new(),
            plugin: provider.library.sha256().to_owned(),
            version: provider.library.label().state.writes,
            step: 0,
            seed: crate::id::seed(),
        },
        effect: None,
        task: None,
        upstream_status: None,
        percent: None,
        blobs: Vec::new(),
        cost: None,
        possible_duplicate_cost: doubt,
        started: now,
        submitted: None,
        finished: None,
        polls: 0,
        last_poll: None,
        tries: 0,
        refetches: 0,
    }
}

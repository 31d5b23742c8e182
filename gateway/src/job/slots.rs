//! The transitions of a job: attempts are opened for slots, what attempts come to is settled, and
//! when every slot is decided the job ends. A job's status changes here and nowhere else.

use retouch_sdk::{Billed, Class, Cost, Failure, Retry};

use super::{Job, JobError, Price, PriceSource, Slot, Status};
use crate::attempt::{Attempt, Fetched, State};
use crate::clock::Ms;
use crate::images::Stored;
use crate::money;

/// What a submit of which nobody knows whether it was taken means for its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// There is no result; whoever wants one decides anew.
    Ends,
    /// Another provider is asked, and both may charge.
    GoesElsewhere,
    /// A person is waited for so long.
    WaitsUntil(Ms),
}

/// Neighbouring slots without an attempt that have the same history: one call may make them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The first of them.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// Providers that were asked for them before.
    pub asked: Vec<String>,
}

impl Job {
    /// What has no attempt, in shares.
    pub fn shares(&self) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        for slot in self.unassigned() {
            let asked = self.asked(slot);
            match shares.last_mut() {
                Some(share) if share.first + share.count == slot && share.asked == asked => {
                    share.count += 1;
                }
                _ => shares.push(Share { first: slot, count: 1, asked }),
            }
        }
        shares
    }

    /// Begins an attempt.
    pub fn open(&mut self, attempt: Attempt, ignored: Vec<String>, sandbox: bool) {
        self.record.status = Status::Running;
        self.record.started.get_or_insert(attempt.started);
        self.record.sandbox = sandbox;
        self.record.ignored = ignored;
        self.record.attempts.push(attempt);
    }

    /// Takes what an attempt has come to that is over or given up. What may fail over stays open; of a
    /// job at its end nothing changes any more but what it cost.
    pub fn settle(&mut self, number: u32, price: Option<&Cost>, doubt: Doubt, now: Ms) {
        let Some(attempt) = self.attempt_mut(number) else { return };
        let slots = attempt.slots();
        let lost = attempt.given_up.as_ref().and_then(|given_up| given_up.failure.clone());
        match (attempt.state.clone(), lost) {
            (State::Stored(images), _) => {
                let made = images.iter().filter(|image| made(image)).count();
                self.charge(number, price, made);
                if !self.record.status.is_terminal() {
                    self.fill(slots, images);
                }
            }
            (State::Accepted | State::Fetching(_), Some(failure)) => {
                self.charge(number, price, slots.len());
                self.fail(slots, &JobError::of(&failure));
            }
            (State::Unknown(failure), _) | (State::InFlight, Some(failure)) => match doubt {
                Doubt::Ends => self.fail(slots, &JobError::of(&failure)),
                Doubt::GoesElsewhere => return,
                Doubt::WaitsUntil(at) => {
                    attempt.held_until.get_or_insert(at);
                    return;
                }
            },
            (State::Refused(failure) | State::Failed(failure, _), _) if ends(&failure) => {
                self.fail(slots, &JobError::of(&failure));
            }
            (State::Abandoned, _) => self.fail(slots, &JobError::expired(true)),
            _ => return,
        }
        self.conclude(now);
    }

    /// Nobody is left for these slots. The last failure says why; without one, nobody was asked.
    pub fn give_up(&mut self, share: &Share, now: Ms) {
        let last = |slot: u32| self.record.attempts.iter().rev().find(|a| a.covers(slot));
        let error = match last(share.first).and_then(Attempt::failure) {
            Some(failure) => JobError::of(failure),
            None => JobError::nobody(&self.record.skipped),
        };
        self.fail(share.first as usize..(share.first + share.count) as usize, &error);
        self.conclude(now);
    }

    /// Waits again for an attempt that is found to be taken after all, unless something was decided or
    /// begun in its place.
    pub fn welcome(&mut self, number: u32, deadline: Ms) {
        let others = |a: &Attempt| a.is_open() && a.number != number;
        let Some(attempt) = self.attempt(number).filter(|a| a.is_late()) else { return };
        let free = |slot: u32| {
            let open = self.record.slots.get(slot as usize) == Some(&Slot::Open);
            open && !self.record.attempts.iter().any(|a| others(a) && a.covers(slot))
        };
        let taken = matches!(attempt.state, State::Accepted | State::Fetching(_));
        let all = (attempt.slot..attempt.slot.saturating_add(attempt.count)).all(free);
        let waits = taken && all && !self.record.status.is_terminal();
        if let Some(attempt) = self.attempt_mut(number).filter(|_| waits) {
            attempt.wait_for_it(deadline);
        }
    }

    /// What an attempt gave back may wait for another provider as long as a new job may, within the
    /// request's own time.
    pub fn waits_anew(&mut self, number: u32, now: Ms, wait: Ms) {
        let Some(attempt) = self.attempt(number) else { return };
        let given_back = self.unassigned().into_iter().any(|slot| attempt.covers(slot));
        let asked = self.request.timeout.map(|seconds| seconds.saturating_mul(1_000));
        let end = asked.map_or(Ms::MAX, |limit| self.record.created.saturating_add(limit));
        let given_up = attempt.given_up.as_ref().map(|given_up| given_up.at);
        if given_back && (attempt.finished == Some(now) || given_up == Some(now)) {
            self.record.deadline = self.record.deadline.max((now + wait).min(end));
        }
    }

    /// Gives up an attempt whose time is over. What its provider has taken is asked after for longer.
    pub fn expire(&mut self, number: u32, is_asked: bool, now: Ms) {
        let Some(attempt) = self.attempt_mut(number) else { return };
        let (slots, submitted) = (attempt.slots(), attempt.submitted.is_some());
        attempt.expire(is_asked, now);
        let error = match &attempt.state {
            State::Unknown(failure) => JobError::of(failure),
            _ => JobError::expired(submitted),
        };
        self.fail(slots, &error);
        self.conclude(now);
    }

    /// Nobody may be asked for these slots, for a reason that waiting does not mend.
    pub fn deny(&mut self, share: &Share, error: &JobError, now: Ms) {
        self.fail(share.first as usize..(share.first + share.count) as usize, error);
        self.conclude(now);
    }

    /// Gives up what still waits for a provider.
    pub fn expire_waiting(&mut self, now: Ms) {
        for slot in self.unassigned() {
            let error = JobError::expired(self.may_have_paid(slot));
            self.fail(slot as usize..slot as usize + 1, &error);
        }
        self.conclude(now);
    }

    /// The client wants it no longer. What is done is kept, and what is only to be fetched is fetched:
    /// it was paid for.
    pub fn cancel(&mut self, now: Ms) {
        let paid = |a: &Attempt| matches!(a.state, State::Fetching(_)) || a.refetches > 0;
        for attempt in self.record.attempts.iter_mut().filter(|a| a.is_open() && !paid(a)) {
            if attempt.held_until.take().is_none() {
                attempt.cancel(now);
            }
        }
        for slot in self.unassigned() {
            // Also where the provider is told: whether it charged by then is its secret.
            let submitted = self.may_have_paid(slot);
            self.fail(slot as usize..slot as usize + 1, &JobError::canceled(submitted));
        }
        self.conclude(now);
    }

    /// The sandbox keeps nothing over a restart and costs nothing: its attempts begin anew.
    pub fn begin_anew(&mut self, deadline: Ms) {
        self.record.attempts.retain(|a| !a.is_open());
        self.record.status = Status::Queued;
        self.record.deadline = deadline;
    }

    fn may_have_paid(&self, slot: u32) -> bool {
        self.record.attempts.iter().any(|a| a.covers(slot) && a.billed() != Billed::No)
    }

    fn unassigned(&self) -> Vec<u32> {
        let open = |slot: u32| self.record.attempts.iter().any(|a| a.is_open() && a.covers(slot));
        let slots = (0u32..).zip(&self.record.slots);
        slots.filter(|(n, slot)| **slot == Slot::Open && !open(*n)).map(|(n, _)| n).collect()
    }

    fn asked(&self, slot: u32) -> Vec<String> {
        self.record.attempts.iter().filter(|a| a.covers(slot)).map(|a| a.provider.clone()).collect()
    }

    /// One image a slot; the last slot takes what is left over, and a slot without one fails.
    fn fill(&mut self, slots: std::ops::Range<usize>, images: Vec<Fetched>) {
        let last = slots.end.saturating_sub(1);
        let mut images = images.into_iter();
        for index in slots {
            let first = images.next().unwrap_or_else(|| {
                Err(Failure::new(Class::NoOutput, "the provider made fewer images than asked for"))
            });
            let more: Vec<Stored> =
                if index == last { images.by_ref().flatten().collect() } else { Vec::new() };
            let Some(slot) = self.record.slots.get_mut(index) else { continue };
            if matches!(slot, Slot::Done(_)) {
                // Two attempts made it; a client may have the first already.
                continue;
            }
            *slot = match first {
                Ok(image) => Slot::Done([vec![image], more].concat()),
                Err(_) if !more.is_empty() => Slot::Done(more),
                Err(failure) => Slot::Failed(JobError::of(&failure)),
            };
        }
    }

    /// What is decided stays as it is.
    fn fail(&mut self, slots: std::ops::Range<usize>, error: &JobError) {
        for index in slots {
            let billed = self.billed(index, error.billed);
            if let Some(slot @ Slot::Open) = self.record.slots.get_mut(index) {
                *slot = Slot::Failed(JobError { billed, ..error.clone() });
            }
        }
    }

    /// The last failure may have been free; an earlier attempt for the same image may not.
    fn billed(&self, slot: usize, last: Billed) -> Billed {
        let covering =
            self.record.attempts.iter().filter(|a| u32::try_from(slot).is_ok_and(|s| a.covers(s)));
        let all = covering.map(Attempt::billed).chain([last]);
        all.max_by_key(|billed| cost_rank(*billed)).unwrap_or(Billed::No)
    }

    /// Adds what an attempt cost: what the provider says, else what its file says an image costs.
    fn charge(&mut self, number: u32, price: Option<&Cost>, images: usize) {
        let Some(attempt) = self.attempt_mut(number) else { return };
        if std::mem::replace(&mut attempt.charged, true) {
            return;
        }
        let said = attempt.cost.clone();
        let cost = match said {
            Some(cost) => Some((cost, PriceSource::Provider)),
            None => price
                .and_then(|p| money::times(p, images))
                .map(|cost| (cost, PriceSource::PriceTable)),
        };
        let Some((cost, source)) = cost else { return };
        let total = match &self.record.cost {
            Some(before) => money::sum(&before.cost, &cost),
            None => Some(cost),
        };
        self.record.cost = total.map(|cost| Price { cost, source });
    }

    fn conclude(&mut self, now: Ms) {
        if self.record.slots.contains(&Slot::Open) || self.record.status.is_terminal() {
            return;
        }
        let any = self.images().next().is_some();
        let some = |code: &str| self.missing().any(|(_, error)| error.code == code);
        let status = match any {
            true => Status::Succeeded,
            false if some("canceled") => Status::Canceled,
            false if some("job_expired") => Status::Expired,
            false => Status::Failed,
        };
        self.record.error = if any { None } else { self.worst() };
        self.record.finished = Some(now);
        self.record.status = status;
        // Where an earlier attempt came to something after all, a later one may still be open.
        self.record
            .attempts
            .iter_mut()
            .filter(|a| a.holds_place())
            .for_each(|a| a.give_up(now, None));
    }

    /// What a client must know first: of the missing images the one that may have cost most, and
    /// among those why it was stopped before why it failed.
    fn worst(&self) -> Option<JobError> {
        let stopped = |error: &JobError| matches!(error.code.as_str(), "canceled" | "job_expired");
        let rank = |error: &JobError| (cost_rank(error.billed), stopped(error));
        let worst = self.missing().map(|(_, error)| error).max_by_key(|error| rank(error))?;
        Some(worst.clone())
    }
}

fn cost_rank(billed: Billed) -> u8 {
    match billed {
        Billed::No => 0,
        Billed::Unknown => 1,
        Billed::Yes => 2,
    }
}

/// Whether a provider made it, fetched or not.
fn made(image: &Fetched) -> bool {
    match image {
        Ok(_) => true,
        Err(failure) => failure.billed == Billed::Yes,
    }
}

/// Whether asking anybody else would be wrong or useless.
fn ends(failure: &Failure) -> bool {
    failure.retry == Retry::Never || failure.class == Class::Moderation
}

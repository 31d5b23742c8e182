//! An attempt its job no longer waits for. It may still come to something, and be charged: it is
//! asked after, ever more seldom, until that is known or nobody can be expected to know.

use retouch_sdk::{Billed, Class, Failure, Kind, Outcome, Retry, Verdict};

use super::{Attempt, Call, GivenUp, Memo, State, Stepped};
use crate::clock::Ms;

/// How long an attempt is asked after that its job no longer waits for: as long as results are kept
/// by default, and longer than any provider is known to keep a task.
const LATE: Ms = 7 * 86_400_000;
/// The least pause.
const SOONEST: Ms = 5_000;
/// The longest.
const SELDOM: Ms = 3_600_000;

impl Attempt {
    /// Lets its job go on without it. One that was not submitted is over.
    pub fn give_up(&mut self, now: Ms, failure: Option<Failure>) {
        match self.state {
            State::InFlight | State::Accepted | State::Fetching(_) => {
                self.given_up = Some(GivenUp { at: now, failure, tell: false });
                self.deadline = now + LATE;
                let again = now + self.patience(now);
                if let Some(effect) = self.effect.as_mut().filter(|_| self.state == State::Accepted)
                {
                    effect.at = again;
                }
            }
            _ => self.close(State::Abandoned, now),
        }
    }

    /// The client wants it no longer: its provider is told, where the protocol can.
    pub fn cancel(&mut self, now: Ms) {
        if self.submitted.is_none() {
            return self.close(State::Canceled, now);
        }
        self.give_up(now, None);
        if let Some(given_up) = &mut self.given_up {
            given_up.tell = true;
        }
        self.tell_if_it_can();
    }

    /// Its time is over. What its provider has taken, or is being asked to take right now, goes on
    /// without its job; an answer that was lost stays lost.
    pub fn expire(&mut self, is_asked: bool, now: Ms) {
        match self.state {
            State::InFlight if is_asked && self.given_up.is_none() => self.give_up(now, None),
            State::InFlight => {
                let failure = Failure::unknown_outcome("the edit was sent and the answer was lost");
                self.close(State::Unknown(failure), now);
            }
            // It was paid for.
            State::Accepted | State::Fetching(_) if self.given_up.is_none() => {
                self.give_up(now, None);
            }
            // A person may still say what became of it.
            State::Unknown(_) => {}
            _ => self.close(State::Abandoned, now),
        }
        self.held_until = None;
    }

    /// Its job waits for it again: nothing else was decided meanwhile.
    pub fn wait_for_it(&mut self, deadline: Ms) {
        (self.given_up, self.held_until, self.deadline) = (None, None, deadline);
    }

    /// What it planned next is not wanted any more.
    pub(super) fn never_mind(&mut self, now: Ms) {
        if self.lost {
            let failure = Failure::unknown_outcome("the edit was sent and the answer was lost");
            return self.close(State::Unknown(failure), now);
        }
        self.close(State::Abandoned, now);
    }

    /// How long to leave it alone at least: a quarter as long again as it has taken.
    pub(super) fn patience(&self, now: Ms) -> Ms {
        let Some(given_up) = &self.given_up else { return 0 };
        let taken = now.saturating_sub(self.submitted.unwrap_or(given_up.at));
        (taken / 4).clamp(SOONEST, SELDOM)
    }

    /// Nobody is told who cannot be, or not before there is something to stop.
    pub(super) fn tell_if_it_can(&mut self) {
        let able = self.task.as_ref().is_none_or(|task| task.cancel);
        if let Some(given_up) = self.given_up.as_mut().filter(|_| !able) {
            given_up.tell = false;
        }
    }

    /// A provider that takes note of it may still finish and charge: how it ended is asked.
    pub(super) fn told(&mut self, now: Ms) {
        if let Some(given_up) = &mut self.given_up {
            given_up.tell = false;
        }
        let again = now + self.patience(now);
        if let Some(effect) = &mut self.effect {
            effect.at = again;
        }
    }

    /// What its job was told of a lost answer is no longer so.
    pub(super) fn is_heard_of(&mut self) {
        if let Some(given_up) = self.given_up.as_mut().filter(|_| self.state != State::Accepted) {
            given_up.failure = None;
        }
    }

    /// A person found the task: it is followed like any other.
    pub(super) fn created(
        &mut self,
        task: String,
        now: Ms,
        step: impl FnOnce(&Memo, Call<'_>) -> Stepped,
    ) {
        let State::Unknown(_) = self.state else { return };
        let Ok((Outcome { verdict: Verdict::Send(request), task: named, .. }, state)) =
            step(&self.memo, Call { kind: Kind::Found { task }, body: &[] })
        else {
            return;
        };
        self.memo.step += 1;
        self.memo.state = state;
        (self.task, self.lost, self.tries, self.finished) = (named, false, 0, None);
        (self.by_word, self.held_until, self.given_up) = (true, None, None);
        self.state = State::Accepted;
        self.give_up(now, None);
        self.effect = Some(super::Planned { request, at: now });
    }

    /// A person found nothing: it was never taken.
    pub(super) fn not_created(&mut self, now: Ms) {
        if let State::Unknown(failure) = &self.state {
            let mut failure = failure.clone().billed(Billed::No).retry(Retry::Elsewhere);
            failure.class = Class::ProviderError;
            "the edit did not reach the provider".clone_into(&mut failure.message);
            self.held_until = None;
            self.close(State::Refused(failure), now);
        }
    }
}

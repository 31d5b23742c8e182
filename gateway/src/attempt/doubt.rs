//! Paid requests that were sent and not answered: what may be done about each, and what must not.

use retouch_sdk::{Effect, Failure, Kind, Sent, TransportError};

use super::advance::{RETRIES, backoff};
use super::{Attempt, Call, Memo, State, Stepped};
use crate::clock::Ms;

impl Attempt {
    /// No answer to a request that is paid for: what may have arrived is sent again only where the
    /// provider knows it for the same, else looked up where it can be, else unknown.
    pub(super) fn unanswered(
        &mut self,
        error: &TransportError,
        passing: bool,
        detail: String,
        now: Ms,
        step: impl FnOnce(&Memo, Call<'_>) -> Stepped,
    ) {
        let same = self.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Idempotent);
        match error.sent {
            Sent::No
                if !self.lost && passing && self.tries < RETRIES && self.given_up.is_none() =>
            {
                self.take_back();
                self.again(now, backoff(self.tries));
            }
            Sent::No if !self.lost && !self.bought => {
                self.close(State::Refused(Failure::transport(error).detail(detail)), now);
            }
            // Nothing is bought for a job that is over.
            _ if same && passing && self.given_up.is_none() => {
                self.lost = true;
                self.again(now, backoff(self.tries));
            }
            _ if self.finds && !self.lost => {
                self.lost = true;
                let kind = Kind::TransportError { error: error.clone() };
                self.step(Call { kind, body: &[] }, None, now, step);
            }
            Sent::No | Sent::Maybe => {
                let failure = Failure::unknown_outcome("the edit was sent and the answer was lost");
                self.close(State::Unknown(failure.detail(detail)), now);
            }
        }
    }

    /// Only a paid request leaves doubt; any other is simply sent again.
    pub(super) fn interrupted(&mut self, now: Ms, step: impl FnOnce(&Memo, Call<'_>) -> Stepped) {
        let Some(effect) = self.effect.as_ref().filter(|_| self.state == State::InFlight) else {
            return;
        };
        match effect.request.effect {
            Effect::Safe => {}
            Effect::Idempotent if self.given_up.is_none() => {
                self.lost = true;
                self.again(now, 0);
            }
            Effect::Unsafe if self.finds => {
                let kind = Kind::Interrupted { effect: effect.request.id.clone() };
                self.lost = true;
                self.step(Call { kind, body: &[] }, None, now, step);
            }
            Effect::Unsafe | Effect::Idempotent => {
                let why = "the gateway stopped before the answer came";
                self.close(State::Unknown(Failure::unknown_outcome(why)), now);
            }
        }
    }
}

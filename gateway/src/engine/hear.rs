//! What an exchange says beyond its attempt: how long such tasks take, whether the provider is well.

use retouch_sdk::{Class, Effect, Phase, Request};

use super::Engine;
use crate::attempt::{Attempt, State};
use crate::clock::Ms;
use crate::poll::{Ask, Key, Seen};
use crate::snapshot::Provider;

/// Whose tasks take alike long.
pub(super) fn key<'a>(attempt: &'a Attempt, provider: &'a Provider) -> Key<'a> {
    Key { api_type: &provider.file.api_type, model: attempt.model.as_deref() }
}

impl Engine {
    /// Learns from what has just happened to an attempt, and plans its next question.
    pub(super) fn learn(
        &self,
        before: &Attempt,
        attempt: &mut Attempt,
        provider: &Provider,
        now: Ms,
    ) {
        self.doubt_uploads(before, attempt, provider);
        let Some(submitted) = attempt.submitted.or(before.submitted) else { return };
        let elapsed = now.saturating_sub(submitted);
        let first = before.given_up.is_none() && before.refetches == 0;
        if first && asks(before) && !asks(attempt) && attempt.failure().is_none() {
            let unfinished = before.last_poll.map(|at| at.saturating_sub(submitted));
            self.pace.learnt(key(attempt, provider), Seen { unfinished, done: elapsed }, now);
        }
        // One that is tried again has its own pause, one nobody waits for too.
        if asks(attempt) && attempt.tries == 0 && attempt.given_up.is_none() {
            self.plan(attempt, provider, elapsed, now);
        }
    }

    /// A submit that fails by what it names may name an upload that is gone.
    fn doubt_uploads(&self, before: &Attempt, attempt: &Attempt, provider: &Provider) {
        let gone = |class: Class| {
            matches!(class, Class::InvalidRequest | Class::NotFound | Class::ProviderError)
        };
        let failed = attempt.failure().filter(|_| before.failure().is_none());
        if failed.is_some_and(|failure| gone(failure.class)) {
            self.uploads.forget(&provider.account, &attempt.inputs);
        }
    }

    fn plan(&self, attempt: &mut Attempt, provider: &Provider, elapsed: Ms, now: Ms) {
        let polls_per_second = provider.file.limits.polls_per_second;
        let in_flight = self.live.open(provider.account);
        let (key, seed) = (key(attempt, provider), attempt.memo.seed);
        let Some(effect) = &attempt.effect else { return };
        let hint = effect.request.after_ms;
        let ask = Ask { elapsed, hint, in_flight, polls_per_second, seed };
        let at = self.pace.plan(key, ask, now);
        if let Some(effect) = &mut attempt.effect {
            effect.at = at;
        }
    }
}

/// Whether its next request asks how a task goes.
fn asks(attempt: &Attempt) -> bool {
    let request = attempt.effect.as_ref().map(|effect| &effect.request);
    let question = |r: &&Request| r.phase == Phase::Polling && r.effect == Effect::Safe;
    attempt.state == State::Accepted && request.filter(question).is_some()
}

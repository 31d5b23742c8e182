//! When to ask a provider next how a task goes. Pure but for one lock around what was learnt.
//!
//! The gateway remembers how long tasks of each API type and model took ([`durations`]) and asks
//! where an answer is likely: rarely while a task can hardly be done, often when most are ([`curve`]).
//! It promises: never before the provider's own hint, never more often than the account's
//! `polls_per_second` allows with so many tasks at once, always in the future, and at the latest after
//! a minute unless one of these two says otherwise. It never decides how a task ended.

mod curve;
mod durations;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Ms;
use curve::Curve;
use durations::Durations;

/// Between two questions about one task; half of it where tasks commonly take less than [`QUICK`].
const LEAST: Ms = 1_000;
/// A second is long for who waits for these.
const QUICK: Ms = 5_000;
/// Between two questions about a task that may be done.
const MOST: Ms = 10_000;
/// Before the first question, however long tasks are known to take: it may have got quicker.
const BLIND: Ms = 60_000;
/// A provider's hint counts up to here; one that asks for more gets trouble of its own.
const LONGEST_HINT: Ms = 300_000;
/// API types and models remembered; the one that was longest without news makes room.
const KEYS: usize = 256;
/// Questions are moved by this share of their spacing either way, so that no two jobs keep step.
const JITTER: f64 = 0.2;

/// Whose durations are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The protocol.
    pub api_type: &'a str,
    /// What runs there.
    pub model: Option<&'a str>,
}

/// What the time of the next question depends on, beside what was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Since the submit.
    pub elapsed: Ms,
    /// The provider's own word how long to wait from now, such as `Retry-After`; 0: none.
    pub hint: Ms,
    /// Tasks under way at the account, this one included.
    pub in_flight: u32,
    /// Questions the account allows.
    pub polls_per_second: u32,
    /// The attempt's randomness; the same at each question.
    pub seed: u64,
}

/// When an accepted task was seen to be done, counted from its submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The last answer before, which said that it was not; `None` when the first said it was.
    pub unfinished: Option<Ms>,
    /// The answer that said so.
    pub done: Ms,
}

/// How long tasks take: so many in a hundred are done by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantiles {
    /// The quick ones.
    pub p10: Ms,
    /// Half of them.
    pub p50: Ms,
    /// All but the slow ones.
    pub p95: Ms,
}

/// What was learnt of every API type and model. Forgotten at a stop: it is soon learnt again.
#[derive(Debug, Default)]
pub struct Pace {
    learnt: Mutex<HashMap<String, Durations>>,
}

impl Pace {
    /// When to ask about a task next.
    pub fn plan(&self, key: Key<'_>, ask: Ask, now: Ms) -> Ms {
        let learnt = self.lock();
        let curve = learnt.get(&key.name()).and_then(Durations::curve);
        now.saturating_add(wait(ask, curve))
    }

    /// Takes note of a task that was seen to be done at `now`.
    pub fn learnt(&self, key: Key<'_>, seen: Seen, now: Ms) {
        let (mut learnt, name) = (self.lock(), key.name());
        if learnt.len() >= KEYS && !learnt.contains_key(&name) {
            let oldest = learnt.iter().min_by_key(|(_, durations)| durations.heard());
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                learnt.remove(&oldest);
            }
        }
        learnt.entry(name).or_default().add(seen, now);
    }

    /// How long such tasks take; `None` before enough were seen.
    pub fn quantiles(&self, key: Key<'_>) -> Option<Quantiles> {
        let learnt = self.lock();
        let curve = learnt.get(&key.name())?.curve()?;
        Some(Quantiles { p10: curve.done(0.1), p50: curve.done(0.5), p95: curve.done(0.95) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Durations>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key<'_> {
    fn name(self) -> String {
        // No API type has a space in its name.
        format!("{} {}", self.api_type, self.model.unwrap_or_default())
    }
}

impl Quantiles {
    /// How much of its way a task has behind it, from 0 to 1 and never quite 1: four fifths when half
    /// of its like are done, and slower from there on.
    pub fn progress(&self, elapsed: Ms) -> f64 {
        let (elapsed, half) = (elapsed as f64, self.p50.max(1) as f64);
        let slow = (self.p95.saturating_sub(self.p50)).max(1) as f64;
        match elapsed - half {
            over if over <= 0.0 => 0.8 * elapsed / half,
            over => 0.8 + 0.2 * over / (over + slow),
        }
    }

    /// When a client may look again, in whole seconds: the less there is to wait, the sooner.
    pub fn retry_after(&self, elapsed: Ms) -> u64 {
        let next = [self.p10, self.p50, self.p95].into_iter().find(|at| *at > elapsed);
        let wait = next.map_or(elapsed / 4, |at| at - elapsed);
        wait.div_ceil(1_000).clamp(1, 10)
    }
}

/// The `Retry-After` of an unfinished job, in seconds, when its like were seen or not.
pub fn retry_after(typical: Option<Quantiles>, elapsed: Ms) -> u64 {
    typical.map_or(1, |typical| typical.retry_after(elapsed))
}

/// Times for the questions to one account that became due while nobody could ask them: spread over
/// at least a second and as long as its `polls_per_second` needs, first come first asked.
pub fn spread(count: usize, polls_per_second: u32, now: Ms, seed: u64) -> impl Iterator<Item = Ms> {
    let width = 1_000.0 / f64::from(polls_per_second.max(1));
    let width = width.max(1_000.0 / count.max(1) as f64);
    (0..count).map(move |place| {
        let place = place as f64 + fraction(seed, place as u64);
        now.saturating_add((place * width) as Ms)
    })
}

/// How long to wait. The hint and the account's budget are bounds from below, met with some to spare
/// so that jobs that share one do not come back together.
fn wait(ask: Ask, curve: Option<&Curve>) -> Ms {
    let chance = fraction(ask.seed, ask.elapsed);
    let wanted = match curve {
        Some(curve) => learnt(curve, ask.elapsed, chance),
        None => unlearnt(ask.elapsed, chance),
    };
    let share = u64::from(ask.in_flight).saturating_mul(1_000);
    let budget = share.div_ceil(u64::from(ask.polls_per_second.max(1)));
    let bound = budget.max(ask.hint.min(LONGEST_HINT));
    wanted.max(bound.saturating_add((bound as f64 * JITTER * chance) as Ms))
}

/// Where nothing is known: a second, and half as much again each time up to [`MOST`].
fn unlearnt(elapsed: Ms, chance: f64) -> Ms {
    let spacing = LEAST.saturating_add(elapsed / 2).min(MOST);
    (spacing as f64 * jitter(chance)) as Ms
}

/// Where the curve says; beyond its end nothing is known again.
fn learnt(curve: &Curve, elapsed: Ms, chance: f64) -> Ms {
    let least = if curve.done(0.5) < QUICK { LEAST / 2 } else { LEAST };
    let least = (least as f64 * jitter(chance)) as Ms;
    let Some(at) = curve.next(elapsed, jitter(chance)) else {
        return unlearnt(elapsed.saturating_sub(curve.end()), chance).max(least);
    };
    let possible = curve.start().saturating_sub(elapsed).min(BLIND - MOST);
    at.saturating_sub(elapsed).min(possible + MOST).max(least)
}

/// 0.8 to 1.2.
fn jitter(chance: f64) -> f64 {
    1.0 - JITTER + 2.0 * JITTER * chance
}

/// From 0 to 1, as if by chance, and always the same for the same two numbers (splitmix64).
fn fraction(seed: u64, step: u64) -> f64 {
    let mut z = seed ^ step.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

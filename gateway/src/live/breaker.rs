//! Whether a provider is asked at all. It opens after too many failures, for longer each time, and
//! then one job of real traffic tries: what comes of it closes the breaker or opens it again. Pure;
//! a provider is never asked for the sake of asking.

use std::num::NonZeroU32;

use super::tally::Tally;
use crate::clock::Ms;

/// The longest it stays open, jitter aside.
const LONGEST: Ms = 300_000;
/// One that opens again so soon after it closed had not recovered.
const RELAPSE: Ms = 60_000;

/// Names the one place that may try.
pub(super) type Probe = NonZeroU32;

/// One provider's.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    /// What was submitted and what came of it.
    work: Tally,
    /// Questions about tasks, which may be answered by what cannot take work, and the reverse.
    questions: Tally,
    open: Option<Open>,
    /// How often it opened without recovering in between.
    times: u32,
    closed: Ms,
    seed: u64,
}

#[derive(Clone, Debug)]
struct Open {
    until: Ms,
    why: String,
    probe: Option<Probe>,
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Everything.
    Closed,
    /// Nothing until then.
    Open(Ms),
    /// The one job that tries.
    Due,
    /// Nothing while that one is under way.
    Probing,
}

/// A change that an operator should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Not asked until then.
    Opened { until: Ms, why: String },
    /// Asked again.
    Closed,
}

impl Breaker {
    /// A closed one. The seed spreads the times at which many of them end.
    pub(super) fn new(seed: u64) -> Self {
        let (work, questions) = (Tally::default(), Tally::default());
        Self { work, questions, open: None, times: 0, closed: 0, seed }
    }

    /// What it lets through.
    pub(super) fn gate(&self, now: Ms) -> Gate {
        match &self.open {
            None => Gate::Closed,
            Some(open) if now < open.until => Gate::Open(open.until),
            Some(Open { probe: None, .. }) => Gate::Due,
            Some(Open { probe: Some(_), .. }) => Gate::Probing,
        }
    }

    /// Why it opened.
    pub(super) fn why(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.why.as_str())
    }

    /// Failures since it last went well.
    pub(super) fn in_a_row(&self) -> u32 {
        self.work.in_a_row().max(self.questions.in_a_row())
    }

    /// A job is about to try.
    pub(super) fn probe(&mut self, probe: Probe) {
        if let Some(open) = &mut self.open {
            open.probe = Some(probe);
        }
    }

    /// That job gave its place back. If nothing was heard of it, the next one tries.
    pub(super) fn forget(&mut self, probe: Probe) {
        if let Some(open) = &mut self.open
            && open.probe == Some(probe)
        {
            open.probe = None;
        }
    }

    /// A submit was taken, or a task came to its end.
    pub(super) fn worked(&mut self, now: Ms) -> Option<Turn> {
        match self.gate(now) {
            Gate::Closed => {
                self.work.good(now);
                None
            }
            // Begun before it opened: says nothing of now.
            Gate::Open(_) => None,
            Gate::Due | Gate::Probing => {
                self.open = None;
                self.closed = now;
                (self.work, self.questions) = (Tally::default(), Tally::default());
                Some(Turn::Closed)
            }
        }
    }

    /// A submit or what leads to it failed. `base` is how long it opens the first time.
    pub(super) fn broke(&mut self, base: Ms, now: Ms) -> Option<Turn> {
        match self.gate(now) {
            Gate::Closed => {
                let why = self.work.bad(now)?;
                Some(self.trip(why, base, now))
            }
            Gate::Open(_) => None,
            Gate::Due | Gate::Probing => {
                Some(self.trip("it failed again when it was tried".to_owned(), base, now))
            }
        }
    }

    /// A question was answered.
    pub(super) fn answered(&mut self, now: Ms) {
        if self.open.is_none() {
            self.questions.good(now);
        }
    }

    /// A question was not. One bad task must not keep its provider from recovering, so an open
    /// breaker hears only of work.
    pub(super) fn silent(&mut self, base: Ms, now: Ms) -> Option<Turn> {
        if self.open.is_some() {
            return None;
        }
        let why = self.questions.bad(now)?;
        Some(self.trip(why, base, now))
    }

    fn trip(&mut self, why: String, base: Ms, now: Ms) -> Turn {
        let relapsed = self.open.is_some() || now < self.closed.saturating_add(RELAPSE);
        self.times = if relapsed { self.times.saturating_add(1) } else { 1 };
        let pause = base.saturating_mul(u64::from(self.times)).min(LONGEST.max(base));
        let until = now.saturating_add(self.jittered(pause));
        self.open = Some(Open { until, why: why.clone(), probe: None });
        Turn::Opened { until, why }
    }

    /// Up to a fifth more or less, another each time.
    fn jittered(&mut self, pause: Ms) -> Ms {
        // A step of SplitMix64.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let fifth = pause / 5;
        let spread = (mixed ^ (mixed >> 31)) % (fifth.saturating_mul(2).saturating_add(1));
        (pause - fifth).saturating_add(spread)
    }
}

#[cfg(test)]
mod tests;

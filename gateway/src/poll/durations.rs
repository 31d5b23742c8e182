//! How long the latest tasks of one kind took. Bounded and forgetful: what changed at the provider is
//! believed after a few dozen jobs. A question only tells that a task ended between two answers, so
//! a duration is a span and not a number: no rhythm of asking can confirm itself.

use std::cell::OnceCell;
use std::collections::VecDeque;

use super::Seen;
use super::curve::Curve;
use crate::clock::Ms;

/// Tasks remembered: enough for a 95th percentile, few enough to follow a change.
const REMEMBERED: usize = 96;
/// Fewer say nothing.
const ENOUGH: usize = 8;
/// A task that the first answer calls done took at least this share of the time until then. Too long
/// a first wait so shrinks from job to job until it is missed now and then.
const FIRST: f64 = 0.75;
/// Nothing lasts longer: a clock that was set says so.
const DAY: Ms = 24 * 60 * 60 * 1_000;

/// A task ended after `from` and at or before `to`, in milliseconds since its submit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
}

/// The latest tasks.
#[derive(Debug, Default)]
pub(super) struct Durations {
    spans: VecDeque<Span>,
    /// Drawn when it is asked for.
    curve: OnceCell<Curve>,
    heard: Ms,
}

impl Durations {
    /// One more.
    pub(super) fn add(&mut self, seen: Seen, now: Ms) {
        if self.spans.len() >= REMEMBERED {
            self.spans.pop_front();
        }
        self.spans.push_back(Span::of(seen));
        self.curve.take();
        self.heard = now;
    }

    /// What they have in common, once there are enough.
    pub(super) fn curve(&self) -> Option<&Curve> {
        let enough = self.spans.len() >= ENOUGH;
        enough.then(|| self.curve.get_or_init(|| Curve::of(self.spans.iter().copied())))
    }

    /// When the last one was seen.
    pub(super) fn heard(&self) -> Ms {
        self.heard
    }
}

impl Span {
    fn of(seen: Seen) -> Self {
        let to = seen.done.clamp(1, DAY) as f64;
        let from = seen.unfinished.map_or(to * FIRST, |ms| ms as f64);
        // Never without width, or its density would have no bound.
        Self { from: from.min(to - 1.0), to }
    }
}

//! The share of tasks that are still at work, over the time since their submit, and where on it to
//! look.
//!
//! Each duration is one part of a whole spread evenly over its span; together they make a curve of
//! straight pieces that falls from 1 to 0. Where to look is a trade of questions against lag. If a
//! question is worth waiting `P` for, and tasks that are still at work end at the rate `h` (the hazard),
//! then looking every `w` costs `P / w` in questions and `h * w / 2` in lag, at each moment of a task that
//! is still at work. The least is at `w = sqrt(2 * P / h)`, so questions lie as densely as
//! `sqrt(h / (2 * P))`: the square-root law of optimal inspection (Keller, 1974). The next question is
//! where that density adds up to one.

use super::durations::Span;
use crate::clock::Ms;

/// What a question is worth, in milliseconds of waiting. Lower asks more and lags less.
pub(super) const PRICE: f64 = 100.0;
/// Straight pieces of a curve.
const PIECES: u32 = 20;

/// The curve.
#[derive(Debug)]
pub(super) struct Curve {
    knots: Vec<Knot>,
}

/// At this time, in milliseconds, this share is still at work.
#[derive(Clone, Copy, Debug)]
struct Knot {
    at: f64,
    left: f64,
}

impl Curve {
    /// Of at least one span. Few spans make a ragged curve; drawn through [`PIECES`] points at equal
    /// steps down it is fine where tasks end often and smooth where they end now and then.
    pub(super) fn of(spans: impl ExactSizeIterator<Item = Span> + Clone) -> Self {
        let ragged = Self { knots: falls(spans) };
        let (first, last) = (ragged.knots.first().copied(), ragged.knots.last().copied());
        let inner = (1..PIECES).map(|step| {
            let share = f64::from(step) / f64::from(PIECES);
            Knot { at: ragged.when(share), left: 1.0 - share }
        });
        Self { knots: first.into_iter().chain(inner).chain(last).collect() }
    }

    /// Before then none was done.
    pub(super) fn start(&self) -> Ms {
        self.knots.first().map_or(0, |knot| knot.at as Ms)
    }

    /// By then all were.
    pub(super) fn end(&self) -> Ms {
        self.knots.last().map_or(0, |knot| knot.at.ceil() as Ms)
    }

    /// When such a share of them was done.
    pub(super) fn done(&self, share: f64) -> Ms {
        self.when(share) as Ms
    }

    /// Where to look after `elapsed`, for questions `1 / sparser` times as dense as the law says;
    /// `None` from the end on.
    pub(super) fn next(&self, elapsed: Ms, sparser: f64) -> Option<Ms> {
        let mut need = sparser;
        for (from, to) in self.pieces() {
            let Some(from) = cut(from, to, elapsed as f64) else { continue };
            let falls = (from.left - to.left) / (to.at - from.at);
            if falls <= 0.0 {
                continue;
            }
            // The integral of sqrt(h / (2 * PRICE)) where h = falls / left and left is a straight line.
            let scale = (2.0 / (PRICE * falls)).sqrt();
            let has = scale * (from.left.sqrt() - to.left.sqrt());
            if has >= need {
                let left = (from.left.sqrt() - need / scale).max(0.0).powi(2);
                return Some((from.at + (from.left - left) / falls).ceil() as Ms);
            }
            need -= has;
        }
        let end = self.end();
        (elapsed < end).then_some(end)
    }

    fn when(&self, share: f64) -> f64 {
        let left = 1.0 - share;
        let piece = self.pieces().find(|(_, to)| to.left <= left);
        piece.map_or(self.end() as f64, |(from, to)| {
            let fall = (from.left - to.left).max(f64::MIN_POSITIVE);
            from.at + (to.at - from.at) * ((from.left - left) / fall).clamp(0.0, 1.0)
        })
    }

    /// All with a width: spans may begin or end together.
    fn pieces(&self) -> impl Iterator<Item = (Knot, Knot)> {
        let next = self.knots.iter().skip(1);
        let pieces = self.knots.iter().zip(next).map(|(from, to)| (*from, *to));
        pieces.filter(|(from, to)| from.at < to.at)
    }
}

/// Every point at which a span begins or ends, and what is left there.
fn falls(spans: impl ExactSizeIterator<Item = Span> + Clone) -> Vec<Knot> {
    let part = 1.0 / spans.len().max(1) as f64;
    let density = |span: Span| part / (span.to - span.from);
    let begins = spans.clone().map(|span| (span.from, density(span)));
    let ends = spans.map(|span| (span.to, -density(span)));
    let mut turns: Vec<(f64, f64)> = begins.chain(ends).collect();
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut falls, mut last) = (0.0, Knot { at: 0.0, left: 1.0 });
    let mut knots = Vec::with_capacity(turns.len());
    for (at, change) in turns {
        // Sums of fractions drift and must not leave the curve.
        let left = (last.left - falls * (at - last.at)).clamp(0.0, last.left);
        last = Knot { at, left };
        falls += change;
        knots.push(last);
    }
    if let Some(end) = knots.last_mut() {
        end.left = 0.0;
    }
    knots
}

/// Where the piece begins that is left of one at `now`; `None` when it is over.
fn cut(from: Knot, to: Knot, now: f64) -> Option<Knot> {
    let at = now.max(from.at);
    let left = from.left - (from.left - to.left) * (at - from.at) / (to.at - from.at);
    (at < to.at).then_some(Knot { at, left })
}

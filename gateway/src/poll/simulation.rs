//! Many tasks in virtual time, and what it costs to learn when they are done: by questions at learnt
//! times, and by questions at a fixed interval. The crate's tests and `examples/polls.rs` share it. Always
//! the same numbers: nothing here waits, and chance comes from a seed.

use super::{Ask, Key, Pace, Seen};

/// Tasks of each shape.
pub(super) const JOBS: u32 = 1_000;
/// Tasks at work at once, at an account that allows [`PER_SECOND`].
const AT_ONCE: u32 = 5;
const PER_SECOND: u32 = 10;
const KEY: Key<'static> = Key { api_type: "acme-edit", model: Some("acme-1") };

/// How long a provider's tasks take.
pub(super) struct Shape {
    /// In words.
    pub(super) name: &'static str,
    /// The duration in seconds of the task of that number.
    draw: fn(&mut Chance, u32) -> f64,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Poller {
    /// At times it learnt.
    Learning,
    /// Every so many milliseconds.
    Fixed(u64),
}

/// What it came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Questions a task.
    pub(super) polls: f64,
    /// Seconds from a task's end to the answer that said so.
    pub(super) lag: f64,
    /// All but one in twenty lag less.
    pub(super) lag_p95: f64,
}

/// What providers were seen to do.
pub(super) const SHAPES: [Shape; 8] = [
    Shape { name: "quick, around 3 s", draw: |c, _| c.lognormal(3.0, 0.35) },
    Shape { name: "usual, around 8 s", draw: |c, _| c.lognormal(8.0, 0.4) },
    Shape { name: "slow, around 30 s", draw: |c, _| c.lognormal(30.0, 0.5) },
    Shape { name: "steady, 20 s ± 1 s", draw: |c, _| 20.0 + c.normal().clamp(-2.0, 2.0) / 2.0 },
    Shape { name: "memoryless, mean 15 s", draw: |c, _| 1.0 - 14.0 * c.open().ln() },
    Shape { name: "cold starts, 6 s or 45 s", draw: |c, _| c.cold_start() },
    Shape { name: "heavy tail, 4K up to 282 s", draw: |c, _| c.lognormal(60.0, 0.6).min(282.0) },
    Shape { name: "changing, 25 s to 6 s to 50 s", draw: Chance::changing },
];

impl Cost {
    /// The mean over several shapes.
    pub(super) fn mean(costs: &[Cost]) -> Cost {
        let mean = |of: fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / costs.len() as f64;
        Cost { polls: mean(|c| c.polls), lag: mean(|c| c.lag), lag_p95: mean(|c| c.lag_p95) }
    }
}

/// Runs every task of a shape.
pub(super) fn run(shape: &Shape, poller: Poller) -> Cost {
    let (mut chance, pace) = (Chance(7), Pace::default());
    let (mut polls, mut lags, mut now) = (0, Vec::new(), 0);
    for number in 0..JOBS {
        let lasts = ((shape.draw)(&mut chance, number) * 1_000.0) as u64;
        let seed = chance.next();
        let (mut asked, mut unfinished) = (0, None);
        loop {
            asked = poller.next(&pace, asked, seed);
            polls += 1;
            if asked >= lasts {
                break;
            }
            unfinished = Some(asked);
        }
        now += asked;
        pace.learnt(KEY, Seen { unfinished, done: asked }, now);
        lags.push((asked - lasts) as f64 / 1_000.0);
    }
    lags.sort_by(f64::total_cmp);
    let jobs = f64::from(JOBS);
    let lag_p95 = lags.iter().copied().nth(lags.len() * 95 / 100).unwrap_or_default();
    Cost { polls: f64::from(polls) / jobs, lag: lags.iter().sum::<f64>() / jobs, lag_p95 }
}

impl Poller {
    /// At a fixed interval that lags as much as that: the best that can be had without learning.
    pub(super) fn as_late_as(cost: Cost) -> Self {
        Self::Fixed((cost.lag * 2_000.0) as u64)
    }

    fn next(self, pace: &Pace, elapsed: u64, seed: u64) -> u64 {
        match self {
            Self::Learning => {
                let (hint, in_flight, polls_per_second) = (0, AT_ONCE, PER_SECOND);
                let ask = Ask { elapsed, hint, in_flight, polls_per_second, seed };
                pace.plan(KEY, ask, elapsed)
            }
            Self::Fixed(interval) => elapsed + interval,
        }
    }
}

/// Repeatable chance (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Above 0 and at most 1.
    fn open(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Around 0, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let far = (-2.0 * self.open().ln()).sqrt();
        far * (std::f64::consts::TAU * self.open()).cos()
    }

    fn lognormal(&mut self, median: f64, width: f64) -> f64 {
        median * (width * self.normal()).exp()
    }

    /// One in five finds no warm machine.
    fn cold_start(&mut self) -> f64 {
        if self.open() < 0.2 { self.lognormal(45.0, 0.15) } else { self.lognormal(6.0, 0.2) }
    }

    fn changing(&mut self, number: u32) -> f64 {
        let median = match number * 3 / JOBS {
            0 => 25.0,
            1 => 6.0,
            _ => 50.0,
        };
        self.lognormal(median, 0.2)
    }
}

//! Chance that comes from the seed alone. What befalls an exchange depends on which one it is and not
//! on when it is asked for, so that a run does not change with the order of tasks.

/// A seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(u64);

/// A run of numbers that belongs to one thing.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The dice of one thing.
    pub(super) fn of(self, what: &str, which: &[u64]) -> Dice {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.0.to_le_bytes()).update(what.as_bytes());
        for part in which {
            hash.update(&part.to_le_bytes());
        }
        let mut first = [0; 8];
        hash.finalize_xof().fill(&mut first);
        Dice(u64::from_le_bytes(first))
    }
}

impl Dice {
    fn roll(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to below `high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.roll() % (high - low).max(1)
    }

    /// True so many times in a thousand.
    pub(super) fn in_1000(&mut self, times: u64) -> bool {
        self.roll() % 1_000 < times
    }

    /// Mostly short, now and then very long: the square of an even choice.
    pub(super) fn skewed(&mut self, low: u64, high: u64) -> u64 {
        let even = self.roll() % 1_000;
        low + (high - low) * even * even / 1_000_000
    }

    /// One of them.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.between(0, of.len() as u64) as usize]
    }
}

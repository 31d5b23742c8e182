//! Submits of a day at an account. A day is UTC's: the one that providers' own limits mostly follow.

use crate::clock::Ms;

pub(super) const DAY: Ms = 86_400_000;

/// What was submitted on which day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Day {
    day: u64,
    submits: u32,
}

impl Day {
    /// Counts some more.
    pub(super) fn count(&mut self, submits: u32, now: Ms) {
        *self = Self { day: now / DAY, submits: self.submits(now).saturating_add(submits) };
    }

    /// How many there were today.
    pub(super) fn submits(&self, now: Ms) -> u32 {
        if now / DAY == self.day { self.submits } else { 0 }
    }

    /// How many of `per_day` are left today; 0 sets no limit.
    pub(super) fn left(&self, per_day: u32, now: Ms) -> u32 {
        if per_day == 0 { u32::MAX } else { per_day.saturating_sub(self.submits(now)) }
    }
}

/// When the next day begins.
pub(super) fn tomorrow(now: Ms) -> Ms {
    (now / DAY + 1).saturating_mul(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_anew_at_midnight() {
        let noon = 20_000 * DAY + DAY / 2;
        let mut day = Day::default();
        assert_eq!((day.left(3, noon), day.left(0, noon)), (3, u32::MAX));
        day.count(2, noon);
        day.count(1, noon + 5);
        assert_eq!((day.left(3, noon + 9), day.left(5, noon + 9), day.left(2, noon)), (0, 2, 0));
        let midnight = tomorrow(noon);
        assert_eq!(midnight, 20_001 * DAY);
        assert_eq!((day.left(3, midnight - 1), day.left(3, midnight)), (0, 3));
        day.count(1, midnight);
        assert_eq!((day.submits(midnight), tomorrow(midnight)), (1, 20_002 * DAY));
    }
}

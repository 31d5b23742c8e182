//! How a provider did lately: failures in a row, and the share of them within a minute.

use crate::clock::Ms;

/// Failures in a row after which it is not asked for a while.
const IN_A_ROW: u32 = 5;
/// Too few to speak of a share.
const AT_LEAST: u32 = 10;
/// The minute, in parts of ten seconds: what is older than one falls out part by part.
const PARTS: usize = 6;
const PART: Ms = 10_000;

/// What was heard within a minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    in_a_row: u32,
    now: u64,
    parts: [Part; PARTS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    good: u32,
    bad: u32,
}

impl Tally {
    /// Something went well.
    pub(super) fn good(&mut self, now: Ms) {
        self.in_a_row = 0;
        let part = self.at(now);
        part.good = part.good.saturating_add(1);
    }

    /// Something went wrong. Says why that is too much, if it is.
    pub(super) fn bad(&mut self, now: Ms) -> Option<String> {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let part = self.at(now);
        part.bad = part.bad.saturating_add(1);
        let bad = self.parts.iter().fold(0u32, |sum, part| sum.saturating_add(part.bad));
        let all = self.parts.iter().fold(bad, |sum, part| sum.saturating_add(part.good));
        if self.in_a_row >= IN_A_ROW {
            Some(format!("it failed {} times in a row", self.in_a_row))
        } else if all >= AT_LEAST && bad >= all - bad {
            Some(format!("it failed {bad} of {all} times within a minute"))
        } else {
            None
        }
    }

    /// Failures since it last went well.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    fn at(&mut self, now: Ms) -> &mut Part {
        let part = now / PART;
        // A clock that was set back is still in the last part.
        let passed = usize::try_from(part.saturating_sub(self.now)).unwrap_or(PARTS).min(PARTS);
        self.now = self.now.max(part);
        self.parts.rotate_right(passed % PARTS);
        for part in self.parts.iter_mut().take(passed) {
            *part = Part::default();
        }
        let [newest, ..] = &mut self.parts;
        newest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn five_in_a_row_are_too_many_and_what_goes_well_between_begins_anew() {
        let mut tally = Tally::default();
        for round in 0..10 {
            // Far apart, so that the share says nothing.
            let now = round * 600_000;
            for _ in 0..4 {
                assert_eq!(tally.bad(now), None);
            }
            tally.good(now);
        }
        let told: Vec<_> = (0..5).filter_map(|_| tally.bad(9_000_000)).collect();
        assert_eq!(told, ["it failed 5 times in a row"]);
        assert_eq!(tally.in_a_row(), 5);
    }

    #[test]
    fn half_of_ten_within_a_minute_are_too_many() {
        for (step, told) in [(1_000, true), (5_000, true), (10_000, false)] {
            let mut tally = Tally::default();
            let mut last = None;
            for n in 0..5 {
                tally.good(n * 2 * step);
                last = tally.bad((n * 2 + 1) * step);
            }
            let want = told.then(|| "it failed 5 of 10 times within a minute".to_owned());
            assert_eq!(last, want, "every {step} ms");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Against every event kept in a list.
        #[test]
        fn counts_what_lies_within_the_minute(
            events in prop::collection::vec((any::<bool>(), 0..30_000u64), 1..80)
        ) {
            let (mut tally, mut all, mut now) = (Tally::default(), Vec::new(), 1_000_000);
            for (bad, pause) in events {
                now += pause;
                all.push((now / PART, bad));
                let told = if bad { tally.bad(now) } else { tally.good(now); None };
                let recent = all.iter().filter(|(part, _)| part + PARTS as u64 > now / PART);
                let recent: Vec<bool> = recent.map(|(_, bad)| *bad).collect();
                let bads = recent.iter().filter(|bad| **bad).count();
                let row = all.iter().rev().take_while(|(_, bad)| *bad).count();
                let share = recent.len() >= 10 && bads * 2 >= recent.len();
                prop_assert_eq!(told.is_some(), bad && (row >= 5 || share));
            }
        }
    }
}

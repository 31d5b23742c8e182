//! How reloads went since the start: counted where they happen, for whoever watches from outside.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Ms;

/// The counts, shared.
#[derive(Debug)]
pub struct Reloads(Mutex<Counts>);

/// How reloads went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Another catalog was published.
    pub published: u64,
    /// The files say what they said before.
    pub unchanged: u64,
    /// The files cannot be used; what ran goes on.
    pub refused: u64,
    /// When the files were last read, the start among it.
    pub tried: Ms,
    /// When they were last found good; 0: never.
    pub found_good: Ms,
}

/// What a reload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Published,
    Unchanged,
    Refused,
}

impl Reloads {
    /// None yet. `good`: whether the start could use the files.
    pub(super) fn started(good: bool, now: Ms) -> Self {
        let found_good = if good { now } else { 0 };
        Self(Mutex::new(Counts { tried: now, found_good, ..Counts::default() }))
    }

    /// Counts one.
    pub(super) fn note(&self, outcome: Outcome, now: Ms) {
        let mut counts = self.lock();
        counts.tried = now;
        match outcome {
            Outcome::Published => counts.published += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Refused => counts.refused += 1,
        }
        if outcome != Outcome::Refused {
            counts.found_good = now;
        }
    }

    /// As they stand.
    pub fn counts(&self) -> Counts {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_outcome_and_remembers_when_the_files_were_good() {
        let reloads = Reloads::started(false, 10);
        assert_eq!(reloads.counts(), Counts { tried: 10, ..Counts::default() });
        reloads.note(Outcome::Published, 20);
        reloads.note(Outcome::Unchanged, 30);
        reloads.note(Outcome::Refused, 40);
        reloads.note(Outcome::Refused, 50);
        let want = Counts { published: 1, unchanged: 1, refused: 2, tried: 50, found_good: 30 };
        assert_eq!(reloads.counts(), want);
        assert_eq!(Reloads::started(true, 10).counts().found_good, 10);
    }
}

//! Who is about to write names into a row, and what may be removed meanwhile.
//!
//! A name is the hash of a content, so a file that no job needs any more may be handed out again at
//! any moment, and the row that names it follows only later. What keeps the file for that row:
//!
//! 1. Whoever takes names to write them into a row has a [`Hold`], from before the first name until
//!    after the commit.
//! 2. Each time a name is handed out its file is stamped: when the file gets its name, and when a
//!    name known from before is used again, which also tells whether the file is gone.
//! 3. Whoever removes has [`Asked`] before asking the store which names no row needs, and a file is
//!    removed, under the lock of its name, only if its stamp is older than every hold that was open
//!    at that time, and than that time.
//!
//! So a file that is removed was handed out last under a hold that was over when the store was asked:
//! had its row been written, the store would have known it. One that is handed out after the removal
//! is a new file, or known to be gone.
//!
//! Stamps never go back, whatever the machine's clock does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::{Ms, now_ms};

/// Keeps every image that is handed out from now on, until it is dropped.
#[derive(Debug)]
#[must_use = "images are kept only as long as this is"]
pub struct Hold {
    since: (Ms, u64),
    book: Arc<Holds>,
}

/// The time before the store was asked what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    before: Ms,
}

/// All holds.
#[derive(Debug, Default)]
pub(super) struct Holds {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last: Ms,
    begun: u64,
    since: BTreeSet<(Ms, u64)>,
}

impl Holds {
    pub(super) fn begin(book: &Arc<Self>) -> Hold {
        let mut open = book.lock();
        open.begun += 1;
        let since = (open.tick(now_ms()), open.begun);
        open.since.insert(since);
        Hold { since, book: Arc::clone(book) }
    }

    pub(super) fn ask(&self) -> Asked {
        let mut open = self.lock();
        let now = open.tick(now_ms());
        let oldest = open.since.first().map_or(now, |(since, _)| *since);
        Asked { before: oldest.min(now) }
    }

    /// For a file that is handed out now.
    pub(super) fn stamp(&self) -> Ms {
        self.lock().tick(now_ms())
    }

    /// Lets the time of stamps pass.
    #[cfg(test)]
    pub(super) fn pass(&self) {
        self.lock().last += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn tick(&mut self, now: Ms) -> Ms {
        self.last = self.last.max(now);
        self.last
    }
}

impl Asked {
    /// Whether a file with that stamp was of no use to anybody then.
    pub(super) fn covers(self, stamp: Ms) -> bool {
        stamp < self.before
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.book.lock().since.remove(&self.since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_out_under_a_hold_is_covered_only_when_asked_after_it() {
        let book = Arc::new(Holds::default());
        let hold = Holds::begin(&book);
        let stamp = book.stamp();
        let during = book.ask();
        let later = Holds::begin(&book);
        drop(hold);
        assert!(!during.covers(stamp), "it was open when asked");
        assert!(!book.ask().covers(later.since.0), "the other is open still");
        drop(later);
        book.pass();
        assert!(book.ask().covers(stamp));
        assert!(!during.covers(stamp), "an answer does not get better with time");
    }

    #[test]
    fn what_is_handed_out_after_the_question_stays() {
        let book = Arc::new(Holds::default());
        let asked = book.ask();
        assert!(!asked.covers(book.stamp()), "also within the same millisecond");
    }

    #[test]
    fn a_clock_that_goes_back_changes_nothing() {
        let mut open = Open::default();
        assert_eq!([open.tick(50), open.tick(40), open.tick(60)], [50, 50, 60]);
    }
}

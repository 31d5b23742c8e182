//! How many bytes the store holds: counted once by a walk through the folder, and then kept.
//!
//! A walk goes on beside the store's work. Files that get their names meanwhile are noted, so that
//! they are counted once; nothing is removed meanwhile.

use std::collections::HashSet;

/// The sum, and the walk that is under way.
#[derive(Debug, Default)]
pub(super) struct Count {
    bytes: u64,
    known: bool,
    walk: Option<Walk>,
}

#[derive(Debug, Default)]
struct Walk {
    found: u64,
    added: u64,
    new: HashSet<String>,
}

impl Count {
    /// The sum, once a walk has ended.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.known.then_some(self.bytes)
    }

    /// Whether nothing may be removed.
    pub(super) fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    /// A file that was not there has its name.
    pub(super) fn added(&mut self, name: &str, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(walk) = &mut self.walk
            && walk.new.insert(name.to_owned())
        {
            walk.added = walk.added.saturating_add(bytes);
        }
    }

    /// A file is gone; never during a walk.
    pub(super) fn removed(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Begins a walk.
    pub(super) fn begin(&mut self) {
        self.walk = Some(Walk::default());
    }

    /// The walk comes by a file.
    pub(super) fn found(&mut self, name: &str, bytes: u64) {
        if let Some(walk) = &mut self.walk
            && !walk.new.contains(name)
        {
            walk.found = walk.found.saturating_add(bytes);
        }
    }

    /// The walk was broken off: what was known before is as good as it gets.
    pub(super) fn abandon(&mut self) {
        self.walk = None;
    }

    /// The walk has seen everything.
    pub(super) fn end(&mut self) {
        if let Some(walk) = self.walk.take() {
            self.bytes = walk.found.saturating_add(walk.added);
            self.known = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_once_whether_it_came_before_or_behind_the_walk() {
        let mut count = Count::default();
        assert_eq!(count.bytes(), None);
        count.begin();
        count.found("old", 100);
        count.added("passed", 10);
        count.added("ahead", 1);
        count.found("ahead", 1);
        assert!(count.is_walking());
        count.end();
        assert_eq!(count.bytes(), Some(111));
        count.removed(100);
        count.added("more", 5);
        assert_eq!(count.bytes(), Some(16));
    }

    #[test]
    fn a_walk_that_was_broken_off_changes_nothing() {
        let mut count = Count::default();
        count.begin();
        count.found("a", 7);
        count.end();
        count.begin();
        count.added("b", 2);
        count.abandon();
        assert_eq!(count.bytes(), Some(9));
    }
}

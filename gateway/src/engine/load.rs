//! How much there is to do, for whoever watches from outside.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::Engine;

/// How many jobs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Not at their end.
    pub unfinished: u64,
    /// Of these, waiting for a place at one or more accounts.
    pub in_line: u64,
}

impl Engine {
    /// How much there is to do now.
    pub fn load(&self) -> Load {
        let in_line: HashSet<_> = self.live.in_line().into_iter().collect();
        let unfinished = self.unfinished.load(Ordering::Relaxed);
        Load { unfinished: unfinished as u64, in_line: in_line.len() as u64 }
    }
}

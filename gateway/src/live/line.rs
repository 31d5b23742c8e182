//! The line at an account: round robin over the client keys that wait, first come first served within
//! one. A job stands in it once. It never grows beyond the jobs that wait.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::id::JobId;

/// Who waits, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Line {
    turns: VecDeque<Arc<str>>,
    jobs: HashMap<Arc<str>, VecDeque<JobId>>,
    standing: HashSet<JobId>,
}

impl Line {
    /// Puts a job at the end of its owner's part. One that stands there keeps its place.
    pub(super) fn join(&mut self, owner: &str, job: JobId) {
        if !self.standing.insert(job) {
            return;
        }
        if let Some(jobs) = self.jobs.get_mut(owner) {
            jobs.push_back(job);
            return;
        }
        let owner: Arc<str> = owner.into();
        self.turns.push_back(owner.clone());
        self.jobs.insert(owner, VecDeque::from([job]));
    }

    /// Takes out the one whose turn it is.
    pub(super) fn next(&mut self) -> Option<JobId> {
        let owner = self.turns.pop_front()?;
        let jobs = self.jobs.get_mut(&owner)?;
        let job = jobs.pop_front()?;
        if jobs.is_empty() {
            self.jobs.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        self.standing.remove(&job);
        Some(job)
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.standing.is_empty()
    }

    /// Everybody who waits.
    pub(super) fn all(&self) -> impl Iterator<Item = JobId> {
        self.standing.iter().copied()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.standing.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_take_turns_and_each_ones_jobs_keep_their_order() {
        let mut line = Line::default();
        let jobs: Vec<JobId> = (0..6).map(|_| JobId::new()).collect();
        for (owner, job) in [("a", 0), ("a", 1), ("a", 2), ("b", 3), ("c", 4), ("b", 5), ("a", 0)] {
            line.join(owner, jobs[job]);
        }
        assert_eq!(line.len(), 6, "a job stands in it once");
        let order: Vec<JobId> = std::iter::from_fn(|| line.next()).collect();
        assert_eq!(order, [0, 3, 4, 1, 5, 2].map(|n| jobs[n]));
        assert!(line.is_empty() && line.jobs.is_empty() && line.turns.is_empty());
    }

    #[test]
    fn whoever_comes_back_goes_to_the_end() {
        let mut line = Line::default();
        let [first, second, again] = [(); 3].map(|()| JobId::new());
        line.join("a", first);
        line.join("b", second);
        assert_eq!(line.next(), Some(first));
        line.join("a", again);
        assert_eq!([line.next(), line.next(), line.next()], [Some(second), Some(again), None]);
    }
}

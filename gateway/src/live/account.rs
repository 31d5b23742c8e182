//! One account: its places, the line for them, its pace, its trouble and its day. Pure: whoever calls
//! hands the places over that it gives away.

use super::day::{DAY, Day};
use super::line::Line;
use super::trouble::Trouble;
use crate::clock::Ms;
use crate::id::JobId;

/// What is known of an account.
#[derive(Debug, Default)]
pub(super) struct Account {
    open: u32,
    /// As it was asked with last: a place that comes free later is given away under it.
    limit: u32,
    next_poll: Ms,
    line: Line,
    /// Why it is not asked.
    pub(super) trouble: Trouble,
    /// What it was asked today.
    pub(super) day: Day,
}

impl Account {
    /// Jobs there now.
    pub(super) fn open(&self) -> u32 {
        self.open
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.line.len()
    }

    /// Sets the limit for whom a place is given to from now on; the one until now.
    pub(super) fn limit(&mut self, limit: u32) -> u32 {
        std::mem::replace(&mut self.limit, limit)
    }

    /// Whether a newcomer gets a place: never before those who wait.
    pub(super) fn has_room(&self) -> bool {
        self.open < self.limit && self.line.is_empty()
    }

    /// Takes a place, whatever the limit.
    pub(super) fn occupy(&mut self) {
        self.open = self.open.saturating_add(1);
    }

    /// Gives a place back.
    pub(super) fn vacate(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Puts a job in line.
    pub(super) fn wait(&mut self, owner: &str, job: JobId) {
        self.line.join(owner, job);
    }

    /// Those in line who get a place now; it is taken for them. While the account cools they stay in
    /// line, and in their order.
    pub(super) fn let_in(&mut self, now: Ms) -> Vec<JobId> {
        let mut jobs = Vec::new();
        // At an account that is shut nobody is waited for: they come to learn that.
        let closed = self.trouble.is_cooling(now).is_some() && self.trouble.is_shut(now).is_none();
        while !closed
            && self.open < self.limit
            && let Some(job) = self.line.next()
        {
            self.occupy();
            jobs.push(job);
        }
        jobs
    }

    /// Everybody in line.
    pub(super) fn in_line(&self) -> impl Iterator<Item = JobId> {
        self.line.all()
    }

    /// Sends everybody in line away.
    pub(super) fn disband(&mut self) {
        self.line = Line::default();
    }

    /// When the next poll may go, so that there are at most `per_second`.
    pub(super) fn poll_at(&mut self, per_second: u32, now: Ms) -> Ms {
        // Further ahead it is of a clock that was set back since.
        let reserved = self.next_poll <= now.saturating_add(DAY);
        let at = if reserved { self.next_poll.max(now) } else { now };
        self.next_poll = at.saturating_add(1_000 / u64::from(per_second.max(1)));
        at
    }
}

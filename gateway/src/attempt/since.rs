//! What questions teach an attempt that is not worth a commit: a crash may forget it.

use std::num::NonZero;

use super::{Attempt, Todo};
use crate::clock::Ms;

/// Small, for there may be many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// Which attempt of its job.
    pub number: u32,
    polls: u32,
    tries: u32,
    refetches: u32,
    percent: Option<u8>,
    paced: bool,
    last_poll: Option<NonZero<Ms>>,
    last_asked: Option<NonZero<Ms>>,
    at: Option<NonZero<Ms>>,
    words: Option<Box<Words>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Words {
    upstream_status: Option<String>,
    trouble: Option<String>,
}

impl Attempt {
    /// Of an attempt that still has something to do.
    pub fn since(&self) -> Option<Since> {
        let words = (self.upstream_status.is_some() || self.trouble.is_some()).then(|| {
            let (upstream_status, trouble) = (self.upstream_status.clone(), self.trouble.clone());
            Box::new(Words { upstream_status, trouble })
        });
        (self.todo() != Todo::Closed).then(|| Since {
            number: self.number,
            polls: self.polls,
            tries: self.tries,
            refetches: self.refetches,
            percent: self.percent,
            paced: self.paced,
            last_poll: self.last_poll.and_then(NonZero::new),
            last_asked: self.last_asked.and_then(NonZero::new),
            at: self.effect.as_ref().and_then(|effect| NonZero::new(effect.at)),
            words,
        })
    }

    /// Knows it again.
    pub fn recall(&mut self, since: &Since) {
        (self.polls, self.tries, self.refetches) = (since.polls, since.tries, since.refetches);
        (self.percent, self.paced) = (since.percent, since.paced);
        self.last_poll = since.last_poll.map(NonZero::get);
        self.last_asked = since.last_asked.map(NonZero::get);
        if let Some(effect) = &mut self.effect {
            effect.at = since.at.map_or(0, NonZero::get);
        }
        if let Some(words) = &since.words {
            self.upstream_status.clone_from(&words.upstream_status);
            self.trouble.clone_from(&words.trouble);
        }
    }
}

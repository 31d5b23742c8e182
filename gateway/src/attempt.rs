//! An attempt: one submission of a job to one provider. It owns the provider's task, the money and
//! the doubt. This file is the whole machine; it decides and never does.
//!
//! ```text
//! Planned ──► InFlight ──► Accepted ──► Fetching ──► Stored
//!    │            │            │            └──────► Failed (no picture came)
//!    ▼            ▼            ▼
//! Refused   Refused/Unknown  Failed/Unknown
//! ```

mod advance;

use retouch_sdk::{
    Cost, Failure, Kind, Outcome, Output, Phase, Request, ResponseHead, Sent, TaskRef,
};
use serde::{Deserialize, Serialize};

use crate::clock::Ms;
use crate::images::Stored;

/// One submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1 within the job.
    pub number: u32,
    /// The first of the images it is for.
    pub slot: u32,
    /// How many it is to make.
    pub count: u32,
    /// The provider's id.
    pub provider: String,
    /// The model asked for.
    pub model: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What the plugin keeps between its steps.
    pub memo: Memo,
    /// The job's images as this API type takes them, by handle; the mask is the last.
    pub inputs: Vec<Stored>,
    /// Whether results must be brought into the format asked for.
    pub converts: bool,
    /// The request to send next, and when.
    pub effect: Option<Planned>,
    /// The provider's id of the work.
    pub task: Option<TaskRef>,
    /// The provider's own word for where it stands.
    pub upstream_status: Option<String>,
    /// The provider's own progress.
    pub percent: Option<u8>,
    /// Images lifted out of answers, by blob number.
    pub blobs: Vec<Stored>,
    /// What it cost.
    pub cost: Option<Cost>,
    /// Whether an earlier attempt of this job may also have been charged.
    pub possible_duplicate_cost: bool,
    /// When it began.
    pub started: Ms,
    /// When its unsafe request was let go; its time-out counts from here.
    pub submitted: Option<Ms>,
    /// When it is given up.
    pub deadline: Ms,
    /// When it ended.
    pub finished: Option<Ms>,
    /// Answers to questions how it goes.
    pub polls: u32,
    /// When the last one came.
    pub last_poll: Option<Ms>,
    /// Why it does not get on although it is not over: its plugin broke, or its provider is gone.
    pub trouble: Option<String>,
    /// When an answer to any request came, or was given up.
    pub last_asked: Option<Ms>,
    /// How often the present request was sent without an answer that counts.
    pub tries: u32,
    /// How often a fresh link to the result was asked for.
    pub refetches: u32,
}

/// The states; each carries what only it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing was sent that could cost money.
    Planned,
    /// An unsafe request was let go and is unanswered.
    InFlight,
    /// The provider took it.
    Accepted,
    /// The provider is done; its results are to be fetched.
    Fetching(Vec<Output>),
    /// The results are ours.
    Stored(Vec<Fetched>),
    /// Definitely not taken.
    Refused(Failure),
    /// Taken, and definitely failed.
    Failed(Failure, Evidence),
    /// Let go, and nobody knows what became of it.
    Unknown(Failure),
    /// Given up while the provider may still be at it.
    Abandoned,
    /// Stopped by the client before anything was submitted, or the provider was told to stop.
    Canceled,
}

/// One of an attempt's results: here, or why it is not.
pub type Fetched = Result<Stored, Failure>;

/// What makes a failure definite: the answer that said so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// HTTP status of that answer.
    pub status: Option<u16>,
    /// When it came.
    pub at: Ms,
}

/// The plugin's state and which plugin wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    /// The bytes, which are JSON.
    pub state: String,
    /// The library's SHA-256.
    pub plugin: String,
    /// The state's version, as its label says.
    pub version: u32,
    /// Which step comes next.
    pub step: u32,
    /// The attempt's randomness.
    pub seed: u64,
}

/// A request to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The request.
    pub request: Request,
    /// Not before then.
    pub at: Ms,
}

/// What happened to an attempt.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its request was answered.
    Reply {
        /// Status, headers and where the body is.
        head: ResponseHead,
        /// The body but for the images in it.
        body: bytes::Bytes,
        /// These.
        blobs: Vec<Stored>,
    },
    /// It was not.
    NoReply {
        /// Whether the provider may have seen it.
        sent: Sent,
        /// In one word.
        class: String,
        /// For the log.
        detail: String,
    },
    /// The process ended while an unsafe request was unanswered.
    Interrupted,
    /// Results are in our own storage.
    Saved(Vec<Fetched>),
    /// No result could be fetched.
    Lost(Failure),
}

/// What a step is called with.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The event.
    pub kind: Kind,
    /// The body beside it.
    pub body: &'a [u8],
}

/// What a step answered: the outcome and the next state.
pub type Stepped = Result<(Outcome, String), Failure>;

/// What is to be done for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo {
    /// Send its request at that time.
    Send(Ms),
    /// Fetch its results.
    Fetch,
    /// Nothing: it is over.
    Closed,
}

impl Attempt {
    /// What is to be done next.
    pub fn todo(&self) -> Todo {
        match &self.state {
            State::Planned | State::InFlight | State::Accepted => {
                self.effect.as_ref().map_or(Todo::Closed, |effect| Todo::Send(effect.at))
            }
            State::Fetching(_) => Todo::Fetch,
            _ => Todo::Closed,
        }
    }

    /// One that has sent nothing.
    pub fn planned(number: u32, provider: String, now: Ms) -> Self {
        Self {
            number,
            slot: 0,
            count: 1,
            provider,
            model: None,
            state: State::Planned,
            memo: Memo { seed: crate::id::seed(), ..Memo::default() },
            inputs: Vec::new(),
            converts: false,
            effect: None,
            task: None,
            upstream_status: None,
            percent: None,
            blobs: Vec::new(),
            cost: None,
            possible_duplicate_cost: false,
            started: now,
            submitted: None,
            deadline: Ms::MAX,
            finished: None,
            polls: 0,
            last_poll: None,
            trouble: None,
            last_asked: None,
            tries: 0,
            refetches: 0,
        }
    }

    /// Whether it is to make that image.
    pub fn covers(&self, slot: u32) -> bool {
        (self.slot..self.slot.saturating_add(self.count)).contains(&slot)
    }

    /// The first of its slots, as an index.
    pub fn first_slot(&self) -> usize {
        self.slot as usize
    }

    /// Whether it still holds a place at its account.
    pub fn is_open(&self) -> bool {
        self.todo() != Todo::Closed
    }

    /// What a person sees of it.
    pub fn phase(&self) -> Phase {
        match (&self.state, &self.effect) {
            (State::Fetching(_) | State::Stored(_), _) => Phase::Downloading,
            (_, Some(effect)) => effect.request.phase,
            (_, None) => Phase::Polling,
        }
    }

    /// The failure it ended in.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.state {
            State::Refused(failure) | State::Failed(failure, _) | State::Unknown(failure) => {
                Some(failure)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

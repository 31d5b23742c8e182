//! An attempt: one submission of a job to one provider. It owns the provider's task, the money and
//! the doubt. This file and those below it are the whole machine; it decides and never does.
//!
//! ```text
//! Planned ──► InFlight ──► Accepted ──► Fetching ──► Stored
//!    │            │            │            └──────► Failed (no picture came)
//!    ▼            ▼            ▼
//! Refused   Refused/Unknown  Failed
//! ```
//!
//! A job may stop waiting for an attempt that is accepted or fetching: it is then *given up* and goes
//! on alone, slowly, until it is known what became of the money.

mod advance;
mod doubt;
mod late;
mod since;

use retouch_sdk::{
    Billed, Cost, Failure, Kind, Outcome, Output, Phase, Request, ResponseHead, Sent, TaskRef,
};
use serde::{Deserialize, Serialize};

use crate::clock::Ms;
use crate::images::Stored;
use crate::pin::PinId;
use crate::plugin::Library;

pub use advance::pays;
pub use since::Since;

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
    /// The provider as it was then. None at the sandbox, which is as it is.
    #[serde(default)]
    pub pin: Option<PinId>,
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
    /// When its results are fetched again.
    #[serde(default)]
    pub fetch_at: Ms,
    /// Whether its provider can say what became of a submit whose answer was lost.
    #[serde(default)]
    pub finds: bool,
    /// Whether a paid request of it may have arrived without an answer, and it is being found out.
    #[serde(default)]
    pub lost: bool,
    /// Whether an earlier request of it that is paid for was answered.
    #[serde(default)]
    pub bought: bool,
    /// Whether it is followed on a person's word, which may name a task that is not there.
    #[serde(default)]
    pub by_word: bool,
    /// A person is waited for so long, who knows what became of it.
    #[serde(default)]
    pub held_until: Option<Ms>,
    /// Since when its job waits for it no longer, although it may still come to something.
    #[serde(default)]
    pub given_up: Option<GivenUp>,
    /// Whether its cost is in the job's.
    #[serde(default)]
    pub charged: bool,
    /// Whether its next request has its place in the account's pace; not worth storing.
    #[serde(skip)]
    pub paced: bool,
}

/// An attempt that goes on without its job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GivenUp {
    /// When the job stopped waiting.
    pub at: Ms,
    /// Why there is no picture, if its job was told so.
    pub failure: Option<Failure>,
    /// Whether its provider is still to be told to stop.
    pub tell: bool,
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

/// What makes a failure definite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Evidence {
    /// The answer that said so.
    Answer {
        /// Its HTTP status.
        status: u16,
        /// When it came.
        at: Ms,
    },
    /// The provider was done, and what it named holds no picture.
    NoPicture {
        /// When that was seen.
        at: Ms,
    },
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

impl Memo {
    /// Says that the state is of that plugin's writing.
    pub fn written_by(&mut self, plugin: &Library) {
        plugin.sha256().clone_into(&mut self.plugin);
        self.version = plugin.label().state.writes;
    }
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
    /// Its provider was told to stop. Whether it did, it is asked.
    Told,
    /// A person looked: the provider has it under this id.
    Created(String),
    /// A person looked: the provider has nothing of it.
    NotCreated,
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
    /// Fetch its results at that time.
    Fetch(Ms),
    /// Tell its provider to stop.
    Tell,
    /// Nothing: it is over.
    Closed,
}

impl Attempt {
    /// What is to be done next.
    pub fn todo(&self) -> Todo {
        let tells = self.given_up.as_ref().is_some_and(|given_up| given_up.tell);
        match (&self.state, &self.effect) {
            (State::Accepted, _) if tells => Todo::Tell,
            (State::Planned | State::InFlight | State::Accepted, Some(effect)) => {
                Todo::Send(effect.at)
            }
            (State::Fetching(_), _) => Todo::Fetch(self.fetch_at),
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
            pin: None,
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
            fetch_at: 0,
            finds: false,
            lost: false,
            bought: false,
            by_word: false,
            held_until: None,
            given_up: None,
            charged: false,
            paced: false,
        }
    }

    /// Whether it is to make that image.
    pub fn covers(&self, slot: u32) -> bool {
        (self.slot..self.slot.saturating_add(self.count)).contains(&slot)
    }

    /// Those slots of its job.
    pub fn slots(&self) -> std::ops::Range<usize> {
        self.slot as usize..(self.slot.saturating_add(self.count)) as usize
    }

    /// Whether its job waits for it.
    pub fn is_open(&self) -> bool {
        self.holds_place() || self.held_until.is_some()
    }

    /// Whether it holds a place at its account.
    pub fn holds_place(&self) -> bool {
        self.todo() != Todo::Closed && self.given_up.is_none()
    }

    /// Whether it goes on without its job.
    pub fn is_late(&self) -> bool {
        self.todo() != Todo::Closed && self.given_up.is_some()
    }

    /// What a person sees of it.
    pub fn phase(&self) -> Phase {
        match (&self.state, &self.effect) {
            (State::Fetching(_) | State::Stored(_), _) => Phase::Downloading,
            (_, Some(effect)) => effect.request.phase,
            (_, None) => Phase::Polling,
        }
    }

    /// Whether its next request only asks.
    pub fn looks(&self) -> bool {
        self.effect.as_ref().is_some_and(|effect| !pays(&effect.request))
    }

    /// Whether money was spent on it, as far as is known.
    pub fn billed(&self) -> Billed {
        let free = self.cost.as_ref().is_some_and(|cost| cost.amount.parse() == Ok(0.0));
        match &self.state {
            State::Stored(_) | State::Fetching(_) if free => Billed::No,
            State::Stored(_) | State::Fetching(_) => Billed::Yes,
            State::Planned => Billed::No,
            State::Refused(failure) | State::Failed(failure, _) | State::Unknown(failure) => {
                failure.billed
            }
            _ if self.submitted.is_none() => Billed::No,
            State::InFlight | State::Accepted | State::Abandoned | State::Canceled => {
                Billed::Unknown
            }
        }
    }

    /// The failure it ended in.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.state {
            State::Refused(failure) | State::Failed(failure, _) | State::Unknown(failure) => {
                Some(failure)
            }
            State::InFlight | State::Accepted | State::Fetching(_) => {
                self.given_up.as_ref()?.failure.as_ref()
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

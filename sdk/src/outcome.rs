//! What a step answers, on the wire.

use serde::{Deserialize, Serialize};

use crate::{Done, Failure, Request};

/// Exactly one of `send`, `done` and `fail`, and beside it what the step learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What to do.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The provider's id of the work, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskRef>,
    /// The provider's own word for where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The provider's own progress, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// The three outcomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Send this, and call again with what comes of it.
    Send(Request),
    /// The work is done.
    Done(Done),
    /// It failed.
    Fail(Failure),
}

/// The provider's task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRef {
    /// Its id, always text.
    pub id: String,
    /// Whether a `cancel` event can stop it.
    #[serde(default)]
    pub cancel: bool,
}

/// What may stand beside any outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Notes {
    pub(crate) task: Option<TaskRef>,
    pub(crate) status: Option<String>,
    pub(crate) percent: Option<u8>,
}

impl Outcome {
    pub(crate) fn new(verdict: Verdict, notes: Notes) -> Self {
        Self { verdict, task: notes.task, status: notes.status, percent: notes.percent }
    }
}

//! What a start needs to know of a job that has something left to do, read without the rest of it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Status;
use crate::clock::Ms;
use crate::id::JobId;
use crate::pin::PinId;

/// A job in outline.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Its id.
    pub id: JobId,
    /// What is read of its record.
    pub record: Sketch,
}

/// A record in outline.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Sketch {
    /// Version of the record's layout.
    pub v: u32,
    /// The record's revision.
    pub rev: u64,
    /// How it stands.
    pub status: Status,
    /// Whether the sandbox makes it.
    pub sandbox: bool,
    /// Its attempts.
    pub attempts: Vec<Trace>,
}

/// An attempt in outline.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Trace {
    /// Counted from 1 within the job.
    pub number: u32,
    /// The provider's id.
    pub provider: String,
    /// The provider as it was.
    pub pin: Option<PinId>,
    /// Where it stands.
    pub state: Stage,
    /// Whether its job waits for it no longer.
    pub given_up: Option<IgnoredAny>,
    /// Its next request.
    pub effect: Option<Due>,
}

/// When a request is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Due {
    /// Not before then.
    pub at: Ms,
}

/// An attempt's state without what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in `attempt::State`")]
pub enum Stage {
    Planned,
    InFlight,
    Accepted,
    Fetching(IgnoredAny),
    Stored(IgnoredAny),
    Refused(IgnoredAny),
    Failed(IgnoredAny, IgnoredAny),
    Unknown(IgnoredAny),
    Abandoned,
    Canceled,
}

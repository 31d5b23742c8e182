//! What happened: the event a step is called with, on the wire and as an author sees it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Class, Failure, Job};

/// The envelope as JSON: `{"v": 1, "cx": {…}, "kind": "…", …}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEvent {
    /// The envelope's version, 1.
    pub v: u32,
    /// Which step of which attempt this is.
    pub cx: Context,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

/// Where a step stands. Everything that could make two runs differ is given here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// The job's id.
    pub job: String,
    /// The attempt's number within the job, from 1.
    pub attempt: u32,
    /// The step's number within the attempt, from 0.
    pub step: u32,
    /// Randomness for this attempt; the same at every step of it.
    pub seed: u64,
    /// `zh` or `en`.
    pub locale: String,
}

/// The kinds of event.
#[expect(clippy::large_enum_variant, reason = "a step makes one event and drops it")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// An attempt begins.
    Start {
        /// What is to be done.
        job: Job,
    },
    /// The request sent last was answered.
    Response {
        /// Status, headers and where the body is.
        response: ResponseHead,
    },
    /// The request sent last was not answered, and sending it again did not help.
    TransportError {
        /// What went wrong, and whether anything was sent.
        error: TransportError,
    },
    /// The gateway stopped while an unsafe request was under way.
    Interrupted {
        /// The id of that request.
        effect: String,
    },
    /// The provider called back; a hint to look now.
    Callback,
    /// The client no longer wants it.
    Cancel,
    /// The answer to the paid request was lost, and a person found the task at the provider.
    Found {
        /// The provider's id of it.
        task: String,
    },
    /// An operator wants to know whether the provider is set up right.
    Check,
    /// One of a check's questions was answered.
    Checked {
        /// The question's step.
        question: String,
        /// Status, headers and where the body is.
        response: ResponseHead,
    },
}

/// An answer but for its body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseHead {
    /// The id of the request that is answered.
    pub effect: String,
    /// HTTP status.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// Where the body is.
    pub body: BodyRef,
    /// Milliseconds from the first byte sent to the last received.
    pub elapsed_ms: u64,
}

/// Where an answer's body is: beside the event as raw bytes, or kept by the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BodyRef {
    /// Attachment number `attach`. In JSON every embedded image stands as `{"$blob": n, "bytes": …}`.
    Attach {
        /// Index into the step's attachments.
        attach: usize,
        /// Its length.
        bytes: u64,
    },
    /// The whole body is an image and stays with the gateway.
    Blob {
        /// The blob's number, for [`crate::Output::blob`].
        blob: u32,
        /// Its type, sniffed from the bytes.
        mime: String,
        /// Its length.
        bytes: u64,
    },
}

impl Default for BodyRef {
    fn default() -> Self {
        Self::Attach { attach: 0, bytes: 0 }
    }
}

/// No answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportError {
    /// The id of the request.
    pub effect: String,
    /// `timeout`, `connect`, `tls`, `reset`, `too_large` or `blocked`.
    pub class: String,
    /// Whether the provider may have seen the request.
    pub sent: Sent,
}

/// Whether a request may have reached its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Certainly not: not one byte of the body was taken.
    No,
    /// It cannot be known.
    Maybe,
}

/// An event as [`crate::ApiType::resume`] gets it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The request sent last was answered.
    Response(Response),
    /// It was not, and retries are used up.
    Transport(TransportError),
    /// The gateway stopped while an unsafe request was under way.
    Interrupted,
    /// The provider called back.
    Callback,
}

impl Event {
    /// The answer, for protocols that treat everything else as a failure.
    ///
    /// # Errors
    /// A transport error or an interruption, as the failure it amounts to.
    pub fn response(&self) -> Result<&Response, Failure> {
        match self {
            Self::Response(response) => Ok(response),
            Self::Transport(error) => Err(Failure::transport(error)),
            Self::Interrupted => {
                Err(Failure::unknown_outcome("the gateway stopped before the answer came"))
            }
            Self::Callback => Err(Failure::plugin_bug("a callback came where none was expected")),
        }
    }
}

/// An answer with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status, headers, timing.
    pub head: ResponseHead,
    /// The body's bytes; empty when the gateway keeps it as a blob.
    pub body: Vec<u8>,
}

impl Response {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The first header of that name; names are in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// `Retry-After`, where the answer gives it in seconds.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        Some(seconds.saturating_mul(1000))
    }

    /// The answer itself when its status is 2xx.
    ///
    /// # Errors
    /// [`Failure::from_status`] otherwise.
    pub fn success(&self) -> Result<&Self, Failure> {
        if (200..300).contains(&self.status()) { Ok(self) } else { Err(Failure::from_status(self)) }
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// Class `provider_error`, with the position but never the body in the message.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The error's own text would quote the answer.
            let (line, column) = (error.line(), error.column());
            Failure::new(Class::ProviderError, "the provider's answer is not what its API promises")
                .detail(format!("{:?} error at line {line} column {column}", error.classify()))
                .status(self.status())
        })
    }
}

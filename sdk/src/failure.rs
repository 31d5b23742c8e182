//! What went wrong, in the four answers the gateway acts on: class, fault, retry, billed. A failure
//! is a claim about somebody's money: what is not certain is said to be unknown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outcome::Notes;
use crate::{Response, Sent, TaskRef, TransportError};

/// A step's failure. Two messages: `message` may be shown to a client, `detail` only to operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct Failure {
    /// What kind it is; decides status and code of the client's error.
    pub class: Class,
    /// Whose it is.
    pub fault: Fault,
    /// What could help.
    pub retry: Retry,
    /// The provider's word on when to come again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether the provider charged for it.
    pub billed: Billed,
    /// For the client: no key, no host, no raw answer.
    pub message: String,
    /// For the log and the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the provider itself said.
    #[serde(default, skip_serializing_if = "Upstream::is_empty")]
    pub upstream: Box<Upstream>,
    #[serde(skip)]
    pub(crate) notes: Box<Notes>,
}

/// The kinds of failure, after the contract's error table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The request cannot be done as asked.
    InvalidRequest,
    /// Refused by a content policy. Another provider is not asked.
    Moderation,
    /// The provider does not accept the key.
    Auth,
    /// A wrong path, model or kind of account.
    Config,
    /// No credit left.
    Quota,
    /// Too many requests in a short time.
    RateLimited,
    /// No capacity now.
    Busy,
    /// The provider broke.
    ProviderError,
    /// It ended without a picture.
    NoOutput,
    /// It took too long at the provider.
    Timeout,
    /// The provider no longer knows the task.
    NotFound,
    /// It was stopped.
    Canceled,
    /// It was sent and nobody knows what became of it.
    UnknownOutcome,
    /// The plugin itself is wrong.
    PluginBug,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// What the client asked for.
    Client,
    /// The provider, or the account there.
    Provider,
    /// Retouch or its network.
    Gateway,
    /// The plugin.
    Plugin,
}

/// What could help. It is a permission, and the gateway uses it only where nothing is paid twice:
///
/// - Before a paid request, or after one that failed with [`Billed::No`], the next provider is
///   asked.
/// - A paid request that failed with anything but [`Billed::No`] becomes an unknown outcome: it is
///   sent neither again nor elsewhere, whatever stands here, unless the operator has allowed it with
///   `on_ambiguous = "availability_first"`.
/// - Once a task is accepted, [`Class::Auth`], [`Class::Config`], [`Class::Quota`],
///   [`Class::RateLimited`] and [`Class::Busy`] say something of the question and nothing of the
///   task: the job is never submitted elsewhere because of them.
///
/// There is no word for "the same provider, later": a request that may be sent again (a question,
/// an upload, one of which nothing was sent) the gateway sends again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Nothing: it would fail again anywhere, or might be paid for twice.
    Never,
    /// Another provider.
    Elsewhere,
}

/// Whether money was spent. [`Billed::No`] after a paid request lets another provider be asked, so
/// say it only where the provider's answer or its price list does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billed {
    /// Certainly not.
    No,
    /// Yes.
    Yes,
    /// It cannot be known.
    Unknown,
}

/// What the provider itself said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Upstream {
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Its own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Upstream {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Class {
    /// Fault, retry and billing that usually go with the class. A refusal is unbilled; what broke
    /// after the provider may have begun is not known to be.
    const fn usual(self) -> (Fault, Retry, Billed) {
        match self {
            Self::InvalidRequest | Self::Moderation => (Fault::Client, Retry::Never, Billed::No),
            Self::Auth | Self::Config | Self::Quota => {
                (Fault::Provider, Retry::Elsewhere, Billed::No)
            }
            Self::RateLimited | Self::Busy => (Fault::Provider, Retry::Elsewhere, Billed::No),
            Self::ProviderError | Self::NoOutput | Self::Timeout => {
                (Fault::Provider, Retry::Elsewhere, Billed::Unknown)
            }
            Self::NotFound | Self::UnknownOutcome => {
                (Fault::Provider, Retry::Never, Billed::Unknown)
            }
            Self::Canceled => (Fault::Client, Retry::Never, Billed::Unknown),
            Self::PluginBug => (Fault::Plugin, Retry::Never, Billed::Unknown),
        }
    }
}

impl Failure {
    /// A failure of that class with its usual fault, retry and billing.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        let (fault, retry, billed) = class.usual();
        Self {
            class,
            fault,
            retry,
            retry_after_ms: None,
            billed,
            message: message.into(),
            detail: None,
            upstream: Box::default(),
            notes: Box::default(),
        }
    }

    /// The request cannot be done as asked; `message` names the field and the mend.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(Class::InvalidRequest, message)
    }

    /// It was submitted and nobody knows what became of it.
    pub fn unknown_outcome(message: impl Into<String>) -> Self {
        Self::new(Class::UnknownOutcome, message)
    }

    /// The plugin met what it should never meet.
    pub fn plugin_bug(message: impl Into<String>) -> Self {
        Self::new(Class::PluginBug, message)
    }

    /// What a transport error amounts to.
    pub fn transport(error: &TransportError) -> Self {
        let failure = match error.sent {
            Sent::No => Self::new(Class::ProviderError, "the provider could not be reached")
                .billed(Billed::No),
            // The safe reading: whoever knows that nothing was paid for says so.
            Sent::Maybe => Self::unknown_outcome("the provider did not answer"),
        };
        failure.detail(error.class.clone())
    }

    /// What an HTTP status means where the protocol says nothing better.
    pub fn from_status(answer: &Response) -> Self {
        let status = answer.status();
        let (class, message) = match status {
            401 => (Class::Auth, "the provider does not accept the key"),
            402 => (Class::Quota, "the provider's account has no credit left"),
            403..=405 => (Class::Config, "the provider refuses this path or account"),
            429 => (Class::RateLimited, "the provider limits its request rate"),
            400 | 413 | 415 | 422 => (Class::InvalidRequest, "the provider refuses the request"),
            _ => (Class::ProviderError, "the provider failed"),
        };
        let mut failure = Self::new(class, message).status(status);
        failure.retry_after_ms = answer.retry_after_ms();
        failure
    }

    /// Adds what operators should know.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the HTTP status.
    pub fn status(mut self, status: u16) -> Self {
        self.upstream.status = Some(status);
        self
    }

    /// Adds the provider's own error code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.upstream.code = Some(code.into());
        self
    }

    /// Says what could help, where it is not the usual.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Says whether it was billed, where it is not the usual.
    pub fn billed(mut self, billed: Billed) -> Self {
        self.billed = billed;
        self
    }

    /// Says under which id the provider knows the work that failed.
    pub fn task(mut self, id: impl Into<String>) -> Self {
        self.notes.task = Some(TaskRef { id: id.into(), cancel: false });
        self
    }

    /// The provider's own word for where its work stands.
    pub fn word(mut self, word: impl Into<String>) -> Self {
        self.notes.status = Some(word.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.upstream.code {
            Some(code) => write!(f, " (code {code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

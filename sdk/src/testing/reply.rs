//! What happens to a request in a test: an answer, or none.

use serde_json::Value;

use crate::{BodyRef, Job, Kind, ResponseHead, Sent, TransportError};

/// What comes of a request, as a provider or the network would have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    Lost { class: String, sent: Sent },
    Interrupted,
}

impl Reply {
    /// An answer in JSON.
    #[expect(clippy::needless_pass_by_value, reason = "as `json!` gives it")]
    pub fn json(status: u16, body: Value) -> Self {
        Self::bytes(status, "application/json", body.to_string().into_bytes())
    }

    /// An answer that is not JSON, such as a proxy's error page.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        let mime = if body.starts_with('<') { "text/html" } else { "text/plain" };
        Self::bytes(status, mime, body.into_bytes())
    }

    /// No answer: `class` as in [`TransportError::class`], and whether the request may have arrived.
    pub fn lost(class: impl Into<String>, sent: Sent) -> Self {
        Self { what: What::Lost { class: class.into(), sent } }
    }

    /// The gateway stopped while the request was under way. Only unsafe requests see this; all
    /// others are simply sent again.
    pub fn interrupted() -> Self {
        Self { what: What::Interrupted }
    }

    /// Adds a header to an answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let What::Answer { headers, .. } = &mut self.what {
            headers.push((name.to_ascii_lowercase(), value.into()));
        }
        self
    }

    fn bytes(status: u16, mime: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type".to_owned(), mime.to_owned())];
        Self { what: What::Answer { status, headers, body } }
    }

    /// The answer's body, where there is an answer.
    pub(super) fn body(&self) -> &[u8] {
        match &self.what {
            What::Answer { body, .. } => body,
            What::Lost { .. } | What::Interrupted => &[],
        }
    }

    /// The answer's body where it is JSON.
    pub(super) fn value(&self) -> Option<Value> {
        serde_json::from_slice(self.body()).ok()
    }

    /// The same answer with another body.
    pub(super) fn with_body(&self, value: &Value) -> Self {
        let mut reply = self.clone();
        if let What::Answer { body, .. } = &mut reply.what {
            *body = value.to_string().into_bytes();
        }
        reply
    }

    /// Whether the provider itself says, by the status alone, that it took nothing.
    pub(super) fn refuses(&self) -> bool {
        match &self.what {
            What::Answer { status, .. } => (400..500).contains(status),
            What::Lost { sent, .. } => *sent == Sent::No,
            What::Interrupted => false,
        }
    }

    pub(super) fn describe(&self) -> String {
        match &self.what {
            What::Answer { status, body, .. } => {
                format!("{status} {}", String::from_utf8_lossy(body))
            }
            What::Lost { class, sent } => format!("no answer: {class}, sent {sent:?}"),
            What::Interrupted => "interrupted".to_owned(),
        }
    }
}

/// What a step is called with: the first step's job, or what came of the request before.
#[derive(Clone, Debug)]
pub(super) enum Happened {
    Start(Box<Job>),
    Came { of: String, reply: Reply },
    Cancel,
}

impl Happened {
    pub(super) fn kind(&self) -> Kind {
        let (of, reply) = match self {
            Self::Start(job) => return Kind::Start { job: job.as_ref().clone() },
            Self::Cancel => return Kind::Cancel,
            Self::Came { of, reply } => (of.clone(), reply),
        };
        match &reply.what {
            What::Answer { status, headers, body } => Kind::Response {
                response: ResponseHead {
                    effect: of,
                    status: *status,
                    headers: headers.clone(),
                    body: BodyRef::Attach { attach: 0, bytes: body.len() as u64 },
                    elapsed_ms: 120,
                },
            },
            What::Lost { class, sent } => Kind::TransportError {
                error: TransportError { effect: of, class: class.clone(), sent: *sent },
            },
            What::Interrupted => Kind::Interrupted { effect: of },
        }
    }

    pub(super) fn attachment(&self) -> &[u8] {
        match self {
            Self::Came { reply, .. } => reply.body(),
            Self::Start(_) | Self::Cancel => &[],
        }
    }
}

//! Why a command ended without doing what it was asked, and the exit code that says so.
//!
//! The texts are written for the person at the terminal and are already in their language. A
//! program that asked for JSON gets the same as the API's error envelope.

use std::process::ExitCode;

use serde_json::{Value, json};

/// The reasons a command stops; each maps to one exit code of the command line's contract.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The arguments cannot be meant: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// No server answers: exit code 3.
    #[error("{0}")]
    Unreachable(String),
    /// Something answers that is no gateway: exit code 3.
    #[error("{0}")]
    NoGateway(String),
    /// The check or the command itself failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The job ended badly: exit code 1. Where JSON is wanted the job itself, with its error, is
    /// on stdout already.
    #[error("{0}")]
    Ended(String),
    /// The server says no, in its own envelope: exit code 1.
    #[error("{text}")]
    Refused { text: String, envelope: Value },
    /// The server answers, but not now; asking again may help: exit code 1.
    #[error("{text}")]
    Busy { text: String, envelope: Option<Value> },
    /// Another process uses the data folder: exit code 1.
    #[error("{0}")]
    InUse(String),
    /// Ctrl-C: what was asked for has not been delivered, though a job goes on: exit code 1.
    #[error("{text}")]
    Interrupted { text: String, job: Option<String> },
    /// As `Failed`, where everything there is to say has been said: exit code 1.
    #[error("stopped")]
    Said,
    /// Whoever read our stdout has read enough, as `head` does: no failure, exit code 0.
    #[error("stdout is closed")]
    Closed,
}

impl Stop {
    /// The process's exit code.
    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Closed => 0,
            Self::Failed(_) | Self::Ended(_) | Self::Refused { .. } | Self::Busy { .. } => 1,
            Self::InUse(_) | Self::Interrupted { .. } | Self::Said => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) | Self::NoGateway(_) => 3,
        })
    }

    /// Whether asking the same again in a moment may go better.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy { .. })
    }

    /// What is still to be told on stderr.
    pub(super) fn message(&self) -> Option<String> {
        match self {
            Self::Said | Self::Closed => None,
            told => Some(told.to_string()),
        }
    }

    /// What is still to be told on stdout where JSON is wanted: the server's own envelope, or one
    /// of the same form.
    pub(super) fn envelope(&self) -> Option<Value> {
        match self {
            Self::Refused { envelope, .. } | Self::Busy { envelope: Some(envelope), .. } => {
                Some(envelope.clone())
            }
            Self::Interrupted { text, job } => {
                let mut envelope = local("interrupted", text);
                envelope["job"] = json!(job);
                Some(envelope)
            }
            Self::Usage(text) => Some(local("usage", text)),
            Self::Unreachable(text) => Some(local("unreachable", text)),
            Self::NoGateway(text) => Some(local("no_gateway", text)),
            Self::Failed(text) => Some(local("failed", text)),
            Self::Busy { text, envelope: None } => Some(local("busy", text)),
            Self::InUse(text) => Some(local("data_in_use", text)),
            Self::Ended(_) | Self::Said | Self::Closed => None,
        }
    }
}

/// An envelope for what no server said.
fn local(code: &str, message: &str) -> Value {
    json!({ "error": { "message": message, "type": "cli_error", "param": null, "code": code } })
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_that_is_told_has_an_envelope() {
        let text = || "why".to_owned();
        let theirs = json!({"error": {"message": "why", "code": "not_found"}, "job": "job_1"});
        let table = [
            (Stop::Usage(text()), Some("usage")),
            (Stop::Unreachable(text()), Some("unreachable")),
            (Stop::NoGateway(text()), Some("no_gateway")),
            (Stop::Failed(text()), Some("failed")),
            (Stop::InUse(text()), Some("data_in_use")),
            (Stop::Busy { text: text(), envelope: None }, Some("busy")),
            (Stop::Busy { text: text(), envelope: Some(theirs.clone()) }, Some("not_found")),
            (Stop::Refused { text: text(), envelope: theirs }, Some("not_found")),
            (
                Stop::Interrupted { text: text(), job: Some("job_1".to_owned()) },
                Some("interrupted"),
            ),
            (Stop::Ended(text()), None),
            (Stop::Said, None),
            (Stop::Closed, None),
        ];
        for (stop, code) in table {
            let envelope = stop.envelope();
            let told = envelope.as_ref().and_then(|told| told["error"]["code"].as_str());
            assert_eq!(told, code, "{stop:?}");
            let message = envelope.as_ref().and_then(|told| told["error"]["message"].as_str());
            assert_eq!(message, code.map(|_| "why"), "{stop:?}");
        }
    }
}

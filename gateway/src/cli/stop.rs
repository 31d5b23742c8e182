//! Why a command ended without doing what it was asked, and the exit code that says so.
//!
//! The texts are written for the person at the terminal and are already in their language.

use std::process::ExitCode;

/// The reasons a command stops; each maps to one exit code of the command line's contract.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The arguments cannot be meant: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// No server answers: exit code 3.
    #[error("{0}")]
    Unreachable(String),
    /// The job, the check or the command itself failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The server answers, but not now; asking again may help: exit code 1.
    #[error("{0}")]
    Busy(String),
    /// As `Failed`, where everything there is to say has been said: exit code 1. Ctrl-C ends
    /// here too: what was asked for has not been delivered, though the job goes on.
    #[error("stopped")]
    Said,
    /// Whoever read our stdout has read enough, as `head` does: no failure, exit code 0.
    #[error("stdout is closed")]
    Closed,
}

impl Stop {
    /// The process's exit code.
    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Closed => ExitCode::SUCCESS,
            Self::Failed(_) | Self::Busy(_) | Self::Said => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
            Self::Unreachable(_) => ExitCode::from(3),
        }
    }

    /// Whether asking the same again in a moment may go better.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_))
    }

    /// What is still to be told on stderr.
    pub(super) fn message(&self) -> Option<&str> {
        match self {
            Self::Usage(text) | Self::Unreachable(text) | Self::Failed(text) | Self::Busy(text) => {
                Some(text)
            }
            Self::Said | Self::Closed => None,
        }
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

//! Something wrong in a file: where, what, and how to mend it.

use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// One finding of `retouch check`, of a start or of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as the operator named it.
    pub file: PathBuf,
    /// Its line, counted from 1.
    pub line: Option<usize>,
    /// What is wrong, naming the field.
    pub what: String,
    /// How to mend it; empty where `what` says so already.
    pub mend: String,
    /// Whether the catalog can be used all the same.
    pub severity: Severity,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// Worth knowing.
    Warning,
}

impl Problem {
    /// An error in `file`.
    pub fn error(
        file: &Path,
        line: Option<usize>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (what, mend) = (what.into(), mend.into());
        Self { file: file.to_owned(), line, what, mend, severity: Severity::Error }
    }

    /// The same problem where it stops nothing.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Whether it stops the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "; {}", self.mend) }
    }
}

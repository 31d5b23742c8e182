//! How the running catalog stands to the files: what it is, since when, what was new in it, and what
//! is wrong with what has been written since.

use serde_json::{Value, json};

use crate::clock::{Ms, seconds};
use crate::problem::{Problem, Severity};

/// What the last build came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Of the running snapshot.
    pub revision: u64,
    /// When it was published.
    pub at: Ms,
    /// What was new in it, in words.
    pub changed: Vec<String>,
    /// Everything wrong with the files as they are now; without an error, all of it is warnings.
    pub problems: Vec<Problem>,
    /// Whether the files are not what runs, because they cannot be used.
    pub refused: bool,
    /// Whether what runs is the last good copy, since the files could not be used at the start.
    pub degraded: bool,
}

impl Status {
    /// Reason codes of `/readyz`.
    pub fn reasons(&self) -> Vec<&'static str> {
        let reasons = [(self.degraded, "degraded"), (self.refused, "catalog_refused")];
        reasons.into_iter().filter(|(is, _)| *is).map(|(_, reason)| reason).collect()
    }

    /// As `/readyz` and the operator's API show it.
    pub fn shown(&self) -> Value {
        json!({
            "revision": self.revision,
            "at": seconds(self.at),
            "changed": self.changed,
            "refused": self.refused,
            "degraded": self.degraded,
            "problems": self.problems.iter().map(shown).collect::<Vec<_>>(),
        })
    }
}

/// A problem as the operator's API shows it.
pub fn shown(problem: &Problem) -> Value {
    json!({
        "file": problem.file,
        "line": problem.line,
        "message": problem.what,
        "mend": problem.mend,
        "severity": match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn says_where_what_and_how_to_mend_it() {
        let file = Path::new("config/providers/acme.toml");
        let status = Status {
            revision: 3,
            at: 7_999,
            changed: vec!["provider acme added".to_owned()],
            problems: vec![Problem::error(
                file,
                Some(4),
                "nmae is unknown",
                "did you mean `name`?",
            )],
            refused: true,
            degraded: false,
        };
        let shown = status.shown();
        assert_eq!((&shown["revision"], &shown["at"]), (&json!(3), &json!(7)));
        let problem = json!({
            "file": "config/providers/acme.toml", "line": 4, "message": "nmae is unknown",
            "mend": "did you mean `name`?", "severity": "error",
        });
        assert_eq!(shown["problems"], json!([problem]));
        assert_eq!(status.reasons(), ["catalog_refused"]);
    }
}

//! The API's error envelope, read for people.

use serde::Deserialize;

#[derive(Deserialize)]
struct Envelope {
    error: Fault,
    job: Option<String>,
}

/// What the envelope and a failed job say went wrong.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    message: String,
    code: Option<String>,
    param: Option<String>,
    job: Option<String>,
    billed: Option<String>,
}

impl Fault {
    /// The message, and in brackets what a program would look at.
    pub(super) fn line(&self) -> String {
        let mut facts: Vec<String> = self.code.iter().cloned().collect();
        facts.extend(self.param.iter().map(|param| format!("param {param}")));
        facts.extend(self.job.clone());
        // "no" is what everyone hopes for; the rest is worth a word.
        facts.extend(self.billed.iter().filter(|b| *b != "no").map(|b| format!("billed: {b}")));
        match (self.message.is_empty(), facts.is_empty()) {
            (_, true) => self.message.clone(),
            (true, false) => facts.join(", "),
            (false, false) => format!("{} ({})", self.message, facts.join(", ")),
        }
    }
}

/// One line for an error answer; `None` when it is not ours.
pub(super) fn line(text: &str) -> Option<String> {
    let Envelope { mut error, job } = serde_json::from_str(text).ok()?;
    error.job = error.job.or(job);
    Some(error.line()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn an_envelope_becomes_one_line() {
        let table = [
            (
                r#"{"error":{"message":"no such model","code":"model_not_found","param":"model"}}"#,
                Some("no such model (model_not_found, param model)"),
            ),
            (
                r#"{"error":{"message":"lost","type":"x","code":"upstream_outcome_unknown","param":null,"billed":"unknown"},"job":"job_1"}"#,
                Some("lost (upstream_outcome_unknown, job_1, billed: unknown)"),
            ),
            (
                r#"{"error":{"message":"busy","code":null,"param":null,"billed":"no"}}"#,
                Some("busy"),
            ),
            (r#"{"error":{"message":"","code":"not_found"}}"#, Some("not_found")),
            (r#"{"error":{}}"#, None),
            (r#"{"error":"text"}"#, None),
            ("<html>", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(line(text).as_deref(), expected, "{text}");
        }
    }
}

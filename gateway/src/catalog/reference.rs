//! How a secret is written in a file: literally, or as a reference to where it is kept.

use std::fs;

use crate::secret::Secret;

/// What is wrong with a written secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The problem, without the secret.
    pub what: String,
    /// The mend.
    pub mend: String,
}

/// The secret that `written` stands for: a literal, `${env:NAME}` or `${file:/path}`.
///
/// # Errors
/// When the reference leads nowhere.
pub fn resolve(written: &str) -> Result<Secret, Unresolved> {
    let Some(inner) = written.strip_prefix("${").and_then(|w| w.strip_suffix('}')) else {
        return literal(written);
    };
    match inner.split_once(':') {
        Some(("env", name)) => from_env(name),
        Some(("file", path)) => from_file(path),
        _ => Err(unresolved(
            "is a reference of an unknown kind",
            "write ${env:NAME} or ${file:/path}",
        )),
    }
}

fn literal(written: &str) -> Result<Secret, Unresolved> {
    let text = written.trim();
    if text.is_empty() {
        return Err(unresolved("is empty", "write the account's key, or ${env:NAME}"));
    }
    if text.starts_with("enc:") {
        return Err(unresolved(
            "is sealed, which this version cannot read",
            "write ${env:NAME} or the key itself",
        ));
    }
    sendable(text)
}

fn from_env(name: &str) -> Result<Secret, Unresolved> {
    #[expect(clippy::disallowed_methods, reason = "the operator names the variable")]
    let value = std::env::var(name).unwrap_or_default();
    if value.trim().is_empty() {
        let what = format!("names the variable {name}, which is not set");
        return Err(unresolved(what, format!("export {name}=… before the start")));
    }
    sendable(value.trim())
}

fn from_file(path: &str) -> Result<Secret, Unresolved> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => sendable(text.trim()),
        Ok(_) => Err(unresolved(
            format!("names the file {path}, which is empty"),
            "write the key into it",
        )),
        Err(error) => {
            let what = format!("names the file {path}, which cannot be read: {error}");
            Err(unresolved(what, "check path and permissions"))
        }
    }
}

/// A key travels in a header, so it must be able to stand in one.
fn sendable(text: &str) -> Result<Secret, Unresolved> {
    if text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Ok(Secret::new(text.to_owned()));
    }
    Err(unresolved("holds a character no key has", "copy it again, without spaces or quotes"))
}

fn unresolved(what: impl Into<String>, mend: impl Into<String>) -> Unresolved {
    Unresolved { what: what.into(), mend: mend.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_literals_and_says_what_is_missing() {
        assert_eq!(resolve("k-1").map(|s| s.expose().to_owned()), Ok("k-1".to_owned()));
        for (written, what) in [
            ("", "is empty"),
            ("${env:RETOUCH_NO_SUCH}", "names the variable RETOUCH_NO_SUCH, which is not set"),
            ("${vault:x}", "is a reference of an unknown kind"),
            ("two words", "holds a character no key has"),
            ("密钥", "holds a character no key has"),
        ] {
            assert_eq!(resolve(written).err().map(|e| e.what), Some(what.to_owned()), "{written}");
        }
    }
}

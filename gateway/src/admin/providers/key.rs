//! A provider's key as the API takes and shows it: never back, never another secret of the host's,
//! and never to hosts it was not meant for.

use serde_json::{Map, Value, json};

use crate::catalog::reference;
use crate::secret::Secret;

/// The variables that may be named through the API. Whoever got hold of a page must not be able to
/// send the rest of the environment to a host of theirs.
const OPEN: &str = "RETOUCH_SECRET_";
/// The field.
pub(super) const FIELD: &str = "api_key";

/// What was sent as the key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Nothing: the one there is stays.
    Nothing,
    /// A variable that may be named.
    Reference(String),
    /// The key itself.
    Key(Secret),
}

/// Why it cannot be a key, and the mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit(pub(super) &'static str, pub(super) &'static str);

impl Given {
    /// Of what was sent; `written` is what stands in the file. Sent back as it is shown, a reference
    /// is nothing new.
    pub(super) fn of(sent: Option<Value>, written: Option<&str>) -> Result<Self, Unfit> {
        let text = match sent {
            None | Some(Value::Null) => return Ok(Self::Nothing),
            Some(Value::String(text)) => text,
            Some(_) => return Err(Unfit("api_key must be text", "write the account's key")),
        };
        match text.trim() {
            "" => Ok(Self::Nothing),
            same if written == Some(same) && is_reference(same) => Ok(Self::Nothing),
            reference if reference.starts_with("${") => named(reference),
            sealed if reference::is_sealed(sealed) => Err(Unfit(
                "api_key is sealed, and a seal is only made here",
                "write the key itself; it is sealed before it is written down",
            )),
            key if key.bytes().all(|b| (0x21..0x7f).contains(&b)) => {
                Ok(Self::Key(Secret::new(key.to_owned())))
            }
            _ => Err(Unfit(
                "api_key holds a character no key has",
                "copy it again, without spaces or quotes",
            )),
        }
    }
}

fn named(reference: &str) -> Result<Given, Unfit> {
    let name = reference.strip_prefix("${env:").and_then(|rest| rest.strip_suffix('}'));
    let rest = name.and_then(|name| name.strip_prefix(OPEN)).unwrap_or_default();
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !rest.is_empty() && rest.bytes().all(fits) {
        return Ok(Given::Reference(reference.to_owned()));
    }
    Err(Unfit(
        "api_key can only name variables that begin with RETOUCH_SECRET_ here",
        "write ${env:RETOUCH_SECRET_NAME}, or the key itself; other references are written into the \
         file by hand",
    ))
}

fn is_reference(text: &str) -> bool {
    text.starts_with("${") && text.ends_with('}')
}

/// What stands in a file's fields as the key.
pub(super) fn written(fields: &Map<String, Value>) -> Option<&str> {
    fields.get(FIELD).and_then(Value::as_str)
}

/// What can be said of the key that stands in a file.
pub(super) fn shown(fields: &Map<String, Value>) -> Value {
    let text = written(fields).map(str::trim);
    let reference = text.filter(|text| is_reference(text));
    let kind = match (text, reference) {
        (_, Some(reference)) if reference.starts_with("${env:") => "env",
        (_, Some(reference)) if reference.starts_with("${file:") => "file",
        (Some(sealed), None) if reference::is_sealed(sealed) => "sealed",
        (None, _) if !fields.contains_key(FIELD) => "none",
        _ => "literal",
    };
    let reference = reference.filter(|_| kind != "literal");
    json!({ "kind": kind, "reference": reference })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_and_references_are_few() {
        let key = |text: &str| Ok(Given::Key(Secret::new(text.to_owned())));
        let reference = |text: &str| Ok(Given::Reference(text.to_owned()));
        for (sent, want) in [
            (json!(null), Ok(Given::Nothing)),
            (json!("  "), Ok(Given::Nothing)),
            (json!(" sk-1 \n"), key("sk-1")),
            (json!("$ecret"), key("$ecret")),
            (json!("a${env:HOME}"), key("a${env:HOME}")),
            (json!("${env:RETOUCH_SECRET_A1}"), reference("${env:RETOUCH_SECRET_A1}")),
            (json!(" ${env:RETOUCH_SECRET_A} "), reference("${env:RETOUCH_SECRET_A}")),
            (json!("${env:MINE}"), Ok(Given::Nothing)),
        ] {
            assert_eq!(Given::of(Some(sent.clone()), Some("${env:MINE}")), want, "{sent}");
        }
        assert_eq!(Given::of(None, None), Ok(Given::Nothing));
    }

    #[test]
    fn what_would_read_the_host_is_refused() {
        for sent in [
            "${env:HOME}",
            "${env:RETOUCH_SECRET_}",
            "${env:RETOUCH_SECRET_A}${env:HOME}",
            "${env:RETOUCH_SECRET_A B}",
            "${env:retouch_secret_a}",
            "${file:/etc/passwd}",
            " ${file:/etc/passwd}",
            "${file:RETOUCH_SECRET_A}",
            "${vault:x}",
            "${",
            "${env:MINE",
            "enc:v1:AAAA",
            " enc:v1:AAAA",
            "enc:",
            "two words",
            "密钥",
            "a\nb",
        ] {
            assert!(Given::of(Some(json!(sent)), Some("${env:MINE}")).is_err(), "{sent}");
        }
        // What is sealed or literal is not known to the sender, so that it is never theirs to repeat.
        assert!(Given::of(Some(json!("enc:v1:AAAA")), Some("enc:v1:AAAA")).is_err());
        for odd in [json!(5), json!(["a"]), json!({"a": 1}), json!(true)] {
            assert!(Given::of(Some(odd), None).is_err());
        }
    }

    #[test]
    fn only_where_a_key_is_kept_is_shown() {
        for (written, kind, reference) in [
            (json!({}), "none", None),
            (json!({"api_key": "sk-canary"}), "literal", None),
            (json!({"api_key": 5}), "literal", None),
            (json!({"api_key": "enc:v1:canary"}), "sealed", None),
            (json!({"api_key": "${env:A}"}), "env", Some("${env:A}")),
            (json!({"api_key": "${file:/a}"}), "file", Some("${file:/a}")),
            (json!({"api_key": "${canary}"}), "literal", None),
        ] {
            let shown = shown(written.as_object().unwrap());
            assert_eq!(shown, json!({ "kind": kind, "reference": reference }), "{written}");
            assert!(!shown.to_string().contains("canary"));
        }
    }
}

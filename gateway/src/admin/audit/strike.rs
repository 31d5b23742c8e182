//! The last look before a record is written: what is certainly a secret does not get into it, whoever
//! forgot to leave it out.

use serde_json::Value;

/// What stands in a secret's place.
const STRUCK: &str = "[secret]";
/// Fields that hold nothing but a secret, at whatever depth.
const FIELDS: [&str; 6] = ["api_key", "password", "current", "key", "token", "secret"];
/// How secrets of our own making begin, and how much of one may be shown: of a client key the
/// characters by which its owner recognises it.
const KINDS: [(&str, usize); 3] = [("enc:v1:", 0), ("rt_live_", 4), ("whsec_", 0)];

/// The record without what is certainly a secret. A reference such as `${env:NAME}` is none.
pub(super) fn strike_out(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without(&text)),
        Value::Array(items) => items.into_iter().map(strike_out).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| field(name, value)).collect()
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

fn field(name: String, value: Value) -> (String, Value) {
    let value = match value {
        Value::String(text) if FIELDS.contains(&name.as_str()) && !is_open(&text) => STRUCK.into(),
        value => strike_out(value),
    };
    (name, value)
}

/// Whether it may be seen although it stands where a secret belongs.
fn is_open(text: &str) -> bool {
    text.is_empty() || text == STRUCK || (text.starts_with("${") && text.ends_with('}'))
}

/// The text with each secret in it struck out.
fn without(text: &str) -> String {
    let mut told = text.to_owned();
    for (start, shown) in KINDS {
        told = without_kind(&told, start, shown);
    }
    told
}

fn without_kind(text: &str, start: &str, shown: usize) -> String {
    let mut told = String::with_capacity(text.len());
    let mut parts = text.split(start);
    told.extend(parts.next());
    for part in parts {
        let is_secret = |c: char| c.is_ascii_alphanumeric() || "_-+/=.:".contains(c);
        let end = part.find(|c| !is_secret(c)).unwrap_or(part.len());
        let (secret, rest) = part.split_at(end);
        if secret.len() <= shown {
            told.extend([start, part]);
        } else {
            told.extend([STRUCK, rest]);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strikes_out_what_is_certainly_a_secret() {
        for (value, want) in [
            (json!("enc:v1:AbC/d+e="), json!("[secret]")),
            (
                json!("-api_key = \"enc:v1:old\"\n+api_key = \"enc:v1:new\"\n name = \"a\""),
                json!("-api_key = \"[secret]\"\n+api_key = \"[secret]\"\n name = \"a\""),
            ),
            (json!(["rt_live_abcdEFGH", "rt_live_abcd"]), json!(["[secret]", "rt_live_abcd"])),
            (
                json!({"was": {"api_key": "sk-canary", "name": "a"}}),
                json!({"was": {"api_key": "[secret]", "name": "a"}}),
            ),
            (json!({"api_key": "${env:ACME_KEY}"}), json!({"api_key": "${env:ACME_KEY}"})),
            (json!({"api_key": null, "password": ""}), json!({"api_key": null, "password": ""})),
            (json!({"key": {"kind": "sealed"}}), json!({"key": {"kind": "sealed"}})),
            (json!("nothing enc: of the kind, 键"), json!("nothing enc: of the kind, 键")),
            (json!("whsec_MfKQ9r8G in 键"), json!("[secret] in 键")),
            (json!({"n": 1, "ok": true}), json!({"n": 1, "ok": true})),
        ] {
            assert_eq!(strike_out(value.clone()), want, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_sealed_key_gets_through(
            before in "[ -~]{0,9}", sealed in "[A-Za-z0-9_-]{8,20}", after in "[ \"\n]?[ -~]{0,9}",
        ) {
            let told = without(&format!("{before}enc:v1:{sealed}{after}"));
            proptest::prop_assert!(!told.contains(&sealed) || before.contains(&sealed)
                || after.contains(&sealed), "{told}");
        }
    }
}

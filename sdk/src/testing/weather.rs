//! Bad weather: every way an answer can be bad, whatever was asked.

use serde_json::{Map, Value, json};

use super::reply::Reply;
use crate::{Effect, Request, Sent};

/// Stands in every bad answer for what a careless provider might echo, such as a key. It must not
/// turn up in a state, an outcome or a message.
pub(super) const CANARY: &str = "canary-2f6b1c";

/// One kind of bad answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Unauthorized,
    TooMany,
    ServerPage,
    Empty,
    Truncated,
    WrongTypes,
    Null,
    Unreachable,
    Timeout,
    Interrupted,
}

impl Weather {
    pub(super) const ALL: [Self; 10] = [
        Self::Unauthorized,
        Self::TooMany,
        Self::ServerPage,
        Self::Empty,
        Self::Truncated,
        Self::WrongTypes,
        Self::Null,
        Self::Unreachable,
        Self::Timeout,
        Self::Interrupted,
    ];

    /// This weather in place of the answer that a scenario has; `None` where it cannot occur.
    pub(super) fn instead_of(self, fair: &Reply, request: &Request) -> Option<Reply> {
        Some(match self {
            Self::Unauthorized => Reply::json(401, json!({ "echo": CANARY })),
            Self::TooMany => Reply::json(429, json!({ "echo": CANARY })).header("retry-after", "7"),
            Self::ServerPage => Reply::text(500, format!("<html><body>{CANARY}</body></html>")),
            Self::Empty => Reply::text(200, ""),
            Self::Truncated => Reply::text(200, first_half(fair.body())),
            Self::WrongTypes => Reply::json(200, twisted(fair.body())),
            Self::Null => Reply::json(200, Value::Null),
            Self::Unreachable => Reply::lost("connect", Sent::No),
            Self::Timeout => Reply::lost("timeout", Sent::Maybe),
            // Only an unsafe request is not simply sent again after a crash.
            Self::Interrupted if request.effect == Effect::Unsafe => Reply::interrupted(),
            Self::Interrupted => return None,
        })
    }
}

/// The beginning of an answer, or of any JSON where it has none worth cutting.
fn first_half(body: &[u8]) -> String {
    let half = String::from_utf8_lossy(&body[..body.len() / 2]).into_owned();
    match half.is_empty() || serde_json::from_str::<Value>(&half).is_ok() {
        true => format!("{{\"{CANARY}\": "),
        false => half,
    }
}

/// The same fields, each of another type, and one more that nobody asked for.
fn twisted(body: &[u8]) -> Value {
    let mut fields: Map<String, Value> = match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    for value in fields.values_mut() {
        *value = match value.take() {
            Value::Array(_) | Value::Object(_) => json!(CANARY),
            plain => json!([plain, CANARY]),
        };
    }
    fields.insert(CANARY.to_owned(), json!(CANARY));
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CANARY, first_half, twisted};

    #[test]
    fn twists_every_field() {
        let got = twisted(br#"{"id": "7", "n": 1, "list": [1], "nothing": null}"#);
        for (field, want) in [
            ("id", json!(["7", CANARY])),
            ("n", json!([1, CANARY])),
            ("list", json!(CANARY)),
            ("nothing", json!([null, CANARY])),
        ] {
            assert_eq!(got[field], want);
        }
    }

    #[test]
    fn truncated_is_never_json() {
        for body in ["", "null", "12", r#"{"a": 1}"#] {
            let half = first_half(body.as_bytes());
            assert!(serde_json::from_str::<serde_json::Value>(&half).is_err(), "{half}");
        }
    }
}

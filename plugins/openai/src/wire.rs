//! OpenAI's JSON, read with tolerance: Azure and services of the same form leave fields out, add
//! others, and write a code as text or number. A field of an unforeseen type counts as absent.

use retouch_sdk::Response;
use serde_json::Value;

/// One picture of an answer, as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Picture {
    /// Base64, or what the gateway put in its place.
    pub(crate) b64_json: Option<Value>,
    /// A link, or a data URI.
    pub(crate) url: Option<Value>,
    /// Azure says at each picture what its filter took away.
    pub(crate) filtered: bool,
}

/// What an answer says went wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Problem {
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    /// Azure's second code, such as `ResponsibleAIPolicyViolation`.
    pub(crate) inner: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) param: Option<String>,
}

/// The pictures; `None` when the answer is not of this API's form.
pub(crate) fn pictures(answer: &Response) -> Option<Vec<Picture>> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let items = body.get("data")?.as_array()?;
    Some(items.iter().map(Picture::read).collect())
}

impl Picture {
    fn read(item: &Value) -> Self {
        let there = |name: &str| {
            let value = item.get(name).filter(|value| value.is_string() || value.is_object());
            value.filter(|value| value.as_str() != Some("")).cloned()
        };
        let filtered = ["content_filter_results", "prompt_filter_results"]
            .into_iter()
            .filter_map(|name| item.get(name)?.as_object())
            .any(|results| results.values().any(|result| result["filtered"] == true));
        Self { b64_json: there("b64_json"), url: there("url"), filtered }
    }
}

impl Problem {
    /// What the answer says; nothing at all when it is no JSON.
    pub(crate) fn read(answer: &Response) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // A gateway before the service answers without the wrapper.
        let error = body.get("error").filter(|error| error.is_object()).unwrap_or(&body);
        let inner = error.get("innererror").or_else(|| error.get("inner_error"));
        Self {
            kind: text(error, "type"),
            code: text(error, "code"),
            inner: inner.and_then(|inner| text(inner, "code")),
            message: text(error, "message"),
            param: text(error, "param"),
        }
    }

    /// Every word it goes by, the most telling first.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        [&self.inner, &self.code, &self.kind].into_iter().flatten().map(String::as_str)
    }
}

fn text(object: &Value, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

//! fal's JSON, read with tolerance: a field of an unforeseen type counts as absent.

use retouch_sdk::Response;
use serde_json::Value;

/// Ids are stored with every step and stand in paths; fal's are UUIDs.
const MAX_ID_BYTES: usize = 128;
const MAX_WORD_BYTES: usize = 32;

/// The answer to a submit that was taken.
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) status_url: Option<String>,
    pub(crate) response_url: Option<String>,
    pub(crate) cancel_url: Option<String>,
}

/// What a status says.
pub(crate) struct Status {
    pub(crate) stage: Stage,
    /// It is completed, and not well.
    pub(crate) failed: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Stage {
    /// In fal's own word.
    Going(String),
    /// Well or not: there is no word for failure.
    Completed,
    Unsaid,
}

/// One picture of a result.
#[derive(Debug, PartialEq)]
pub(crate) struct Picture {
    /// A link, a data URI, or what the gateway put in place of one.
    pub(crate) url: Value,
    /// Blacked out, fal says.
    pub(crate) unsafe_: bool,
}

/// What an answer says went wrong.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Problem {
    /// Of the model's own list of details, or of fal's runners.
    pub(crate) kinds: Vec<String>,
    pub(crate) message: Option<String>,
}

impl Receipt {
    /// Of which no more is known than the id; `None` when it cannot be one.
    pub(crate) fn named(id: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        (id.len() <= MAX_ID_BYTES && id.bytes().all(plain)).then(|| Self {
            id: id.to_owned(),
            status_url: None,
            response_url: None,
            cancel_url: None,
        })
    }

    pub(crate) fn read(answer: &Response) -> Option<Self> {
        let body = body(answer);
        Some(Self {
            status_url: text(&body, "status_url"),
            response_url: text(&body, "response_url"),
            cancel_url: text(&body, "cancel_url"),
            ..Self::named(&text(&body, "request_id")?)?
        })
    }
}

impl Status {
    pub(crate) fn read(answer: &Response) -> Self {
        // A broken server's word is no verdict.
        let body = if answer.status() < 300 { body(answer) } else { Value::Null };
        let word = text(&body, "status").filter(|word| word.len() <= MAX_WORD_BYTES);
        let stage = match word {
            Some(word) if word == "COMPLETED" => Stage::Completed,
            Some(word) => Stage::Going(word),
            None => Stage::Unsaid,
        };
        let failed = ["error", "error_type"].iter().any(|name| text(&body, name).is_some());
        Self { stage, failed }
    }
}

/// The pictures; `None` when the answer is no result, or says what went wrong instead.
pub(crate) fn pictures(answer: &Response) -> Option<Vec<Picture>> {
    let body = body(answer);
    let items = match (body.get("images"), body.get("image")) {
        (Some(Value::Array(items)), _) => items.clone(),
        (_, Some(item @ (Value::Object(_) | Value::String(_)))) => vec![item.clone()],
        // An output without the field is a result too, of a model that makes no pictures.
        _ if body.is_object() && Problem::read(answer).is_none() => Vec::new(),
        _ => return None,
    };
    let flags = body.get("has_nsfw_concepts").and_then(Value::as_array);
    let flagged = |n: usize| flags.and_then(|flags| flags.get(n)) == Some(&Value::Bool(true));
    let url =
        |item: &Value| if item.is_string() { Some(item.clone()) } else { item.get("url").cloned() };
    let pictures = items
        .iter()
        .enumerate()
        .filter_map(|(n, item)| Some(Picture { url: url(item)?, unsafe_: flagged(n) }));
    Some(pictures.collect())
}

impl Problem {
    /// What the answer says; nothing at all when it is not fal's.
    pub(crate) fn read(answer: &Response) -> Self {
        let body = body(answer);
        let mut kinds = Vec::new();
        let mut message = text(&body, "detail").or_else(|| text(&body, "error"));
        for detail in body.get("detail").and_then(Value::as_array).into_iter().flatten() {
            kinds.extend(text(detail, "type"));
            message = message.or_else(|| text(detail, "msg"));
        }
        let header = || answer.header("x-fal-error-type").map(str::to_owned);
        kinds.extend(text(&body, "error_type").or_else(header));
        Self { kinds, message }
    }

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn body(answer: &Response) -> Value {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if body.is_object() { body } else { Value::Null }
}

fn text(object: &Value, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

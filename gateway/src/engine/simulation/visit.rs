//! One request as a provider gets it, and the ways to answer it.

use std::time::Duration;

use retouch_sdk::{Body, BodyRef, ResponseHead, Sent};
use serde_json::{Value, json};

use super::chance::Dice;
use super::ledger::Who;
use crate::clock::{Ms, now_ms};
use crate::upstream::{Answer, Call, Reply};

/// A request as the provider gets it.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) provider: String,
    pub(super) path: String,
    pub(super) effect: String,
    pub(super) body: Value,
    pub(super) key: String,
    pub(super) once: Option<String>,
    pub(super) at: Ms,
}

/// An answer on its way back: status, headers, body.
pub(super) type Said = (u16, Vec<(&'static str, String)>, String);

impl Visit {
    pub(super) fn of(call: &Call<'_>) -> Self {
        let rest = call.request.url.trim_start_matches("https://");
        let (host, path) = rest.split_once('/').unwrap();
        let body = match &call.request.body {
            Body::Json(body) => body.clone(),
            _ => Value::Null,
        };
        Self {
            provider: host.trim_end_matches(".example").to_owned(),
            path: path.to_owned(),
            effect: call.request.id.clone(),
            body,
            key: call.key.expose().to_owned(),
            once: call.request.idempotency_key.clone(),
            at: now_ms(),
        }
    }

    pub(super) fn who(&self) -> Who {
        let text = |field: &str| self.body[field].as_str().unwrap_or_default().to_owned();
        let wish = text("prompt").trim_start_matches("wish ").parse().unwrap_or_default();
        let attempt = self.body["attempt"].as_u64().unwrap_or_default();
        Who { job: text("job"), wish, attempt: u32::try_from(attempt).unwrap() }
    }
}

/// What so many images cost, as a provider says it.
pub(super) fn cost(images: u32) -> String {
    format!("{}.{:02}", images * 25 / 100, images * 25 % 100)
}

pub(super) async fn pause(ms: Ms) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

pub(super) fn none(sent: Sent, class: &'static str) -> Reply {
    Reply::None { sent, class, detail: "as the simulation wants it".to_owned() }
}

pub(super) fn page(status: u16) -> Said {
    (status, Vec::new(), "<html>Something went wrong".to_owned())
}

pub(super) fn full() -> Said {
    (503, Vec::new(), json!({ "error": "full" }).to_string())
}

pub(super) fn policy() -> Said {
    (400, Vec::new(), json!({ "error": "policy" }).to_string())
}

pub(super) fn limited(dice: &mut Dice) -> Said {
    (429, vec![("retry-after", dice.between(1, 600).to_string())], String::new())
}

pub(super) fn answer(visit: &Visit, (status, headers, body): Said) -> Reply {
    let head = ResponseHead {
        effect: visit.effect.clone(),
        status,
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: BodyRef::Attach { attach: 0, bytes: body.len() as u64 },
        elapsed_ms: now_ms().saturating_sub(visit.at),
    };
    Reply::Answer(Answer { head, body: body.into(), blobs: Vec::new() })
}

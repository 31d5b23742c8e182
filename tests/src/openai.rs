//! A scripted service that speaks OpenAI's image edit: one multipart POST, answered with the
//! pictures as base64.
//!
//! Without a script it makes the first picture grey, as many times as `n` says. It keeps the same
//! ledger, and knows the same turns, as the polled [`crate::Provider`]; those that only a polled
//! service can play are played well.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Multipart, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    Ledger, Turn, pictures,
    script::Script,
    server::{Bound, Server, cut},
};

/// Path of an edit.
pub const EDITS: &str = "/v1/images/edits";

/// A running service.
pub struct OpenAi {
    origin: String,
    script: Arc<Script>,
    _server: Server,
}

impl OpenAi {
    /// A service that takes any key and does everything well.
    pub fn start() -> Self {
        Self::scripted([])
    }

    /// A service whose edits go by this script, and well after its end.
    pub fn scripted(turns: impl IntoIterator<Item = Turn>) -> Self {
        let bound = Bound::new();
        let script = Arc::new(Script::new(turns));
        let router = Router::new().route(EDITS, post(edit)).fallback(stray);
        let router = router.layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&script));
        Self { origin: bound.origin(), script, _server: bound.serve(router) }
    }

    /// Its address: `http://127.0.0.1:port`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What came so far; a submit's body has the form's text fields, and `pictures`, their number.
    pub fn ledger(&self) -> Ledger {
        self.script.ledger()
    }

    /// Waits until the ledger is as wanted.
    pub async fn until(&self, what: &str, wanted: impl FnMut(&Ledger) -> bool) -> Ledger {
        self.script.until(what, wanted).await
    }

    /// Lets everything go on that the script held back.
    pub fn release(&self) {
        self.script.release();
    }
}

async fn edit(State(script): State<Arc<Script>>, headers: HeaderMap, form: Multipart) -> Response {
    // What did not arrive whole was never asked for.
    let Some((fields, picture)) = read(form).await else { return cut() };
    let times = fields["n"].as_str().and_then(|n| n.parse().ok()).unwrap_or(1);
    let authorization = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let (turn, _) = script.submitted(authorization.map(str::to_owned), fields);
    match turn {
        Turn::Hold => script.until_released().await,
        Turn::Stall => {
            script.until_released().await;
            return cut();
        }
        _ => {}
    }
    match turn {
        Turn::BadKey | Turn::EchoKey => refused(401, "invalid_request_error", "invalid_api_key"),
        Turn::TooMany => refused(429, "requests", "rate_limit_exceeded"),
        Turn::QueueFull => refused(503, "service_unavailable_error", "server_is_overloaded"),
        Turn::Moderated | Turn::ModeratedLater => {
            refused(400, "image_generation_user_error", "moderation_blocked")
        }
        Turn::Cut | Turn::Stall => cut(),
        Turn::Html => (StatusCode::INTERNAL_SERVER_ERROR, Html("<html>500</html>")).into_response(),
        Turn::NoId => Json(json!({ "created": 1 })).into_response(),
        Turn::Accept | Turn::AcceptDone | Turn::Hold | Turn::DeadLink(_) => made(&picture, times),
    }
}

fn made(picture: &[u8], times: usize) -> Response {
    let image = json!({ "b64_json": STANDARD.encode(pictures::greyed(picture)) });
    Json(json!({ "created": 1, "data": vec![image; times] })).into_response()
}

fn refused(status: u16, kind: &str, code: &str) -> Response {
    let error = json!({ "message": "No.", "type": kind, "param": null, "code": code });
    let status = StatusCode::from_u16(status).unwrap();
    (status, Json(json!({ "error": error }))).into_response()
}

/// The form's text fields, and its first picture; nothing where the form breaks off.
async fn read(mut form: Multipart) -> Option<(Value, Vec<u8>)> {
    let mut fields = Map::new();
    let mut first = None;
    let mut count = 0;
    while let Some(field) = form.next_field().await.ok()? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_picture = field.file_name().is_some();
        let bytes = field.bytes().await.ok()?;
        if is_picture {
            count += 1;
            first.get_or_insert(bytes.to_vec());
        } else {
            fields.insert(name, json!(String::from_utf8_lossy(&bytes)));
        }
    }
    fields.insert("pictures".to_owned(), json!(count));
    Some((Value::Object(fields), first.unwrap_or_else(pictures::png)))
}

async fn stray(State(script): State<Arc<Script>>, request: Request) -> StatusCode {
    script.stray(format!("{} {}", request.method(), request.uri()));
    StatusCode::NOT_FOUND
}

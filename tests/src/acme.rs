//! The scripted service behind the tests' own plugin: one POST, a picture in the answer.
//!
//! Its protocol is as unlike RunningHub's as can be: no upload, no task, no poll, no link.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    pictures,
    server::{Bound, Server},
};

/// The key it takes.
pub const KEY: &str = "acme-key-1";

/// A running service.
pub struct AcmeServer {
    origin: String,
    asked: Asks,
    _server: Server,
}

/// What came with one POST.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The prompt.
    pub prompt: String,
    /// The decoded picture.
    pub picture: Vec<u8>,
}

impl AcmeServer {
    /// A good service.
    pub fn start() -> Self {
        Self::with(post(edit))
    }

    /// A service that takes every edit and then breaks.
    pub fn broken() -> Self {
        Self::with(post(fail))
    }

    fn with(route: MethodRouter<Asks>) -> Self {
        let bound = Bound::new();
        let origin = bound.origin();
        let asked = Arc::new(watch::Sender::new(Vec::new()));
        let router = Router::new().route("/v1/edits", route).with_state(Arc::clone(&asked));
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        Self { origin, asked, _server: bound.serve(router) }
    }

    /// Its address: `http://127.0.0.1:port`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What came so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }
}

/// Everything that came, for the test to look at.
type Asks = Arc<watch::Sender<Vec<Asked>>>;

async fn fail(asked: State<Asks>, headers: HeaderMap, body: Json<Value>) -> StatusCode {
    edit(asked, headers, body).await;
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn edit(State(asked): State<Asks>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let authorization = authorization.map(str::to_owned);
    let is_known = authorization.as_deref() == Some(&format!("Bearer {KEY}"));
    let picture = STANDARD.decode(body["image"].as_str().unwrap_or_default()).unwrap_or_default();
    let prompt = body["prompt"].as_str().unwrap_or_default().to_owned();
    asked.send_modify(|all| all.push(Asked { authorization, prompt, picture: picture.clone() }));
    if !is_known {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "who are you" }))).into_response();
    }
    let image = STANDARD.encode(pictures::greyed(&picture));
    Json(json!({ "image": image, "credits": 3 })).into_response()
}

//! A scripted service that speaks fal.ai's queue: a submit that gives the addresses of the task,
//! a status without a word for failure, and a result of its own.
//!
//! Without a script it makes the first picture grey: the first status says that it runs, the
//! second that it is completed. It keeps the same ledger, and knows the same turns, as the polled
//! [`crate::Provider`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    Ledger, Turn, pictures,
    script::Script,
    server::{Bound, Server, cut},
};

/// The model, which is also the path of a submit.
pub const MODEL: &str = "fal-ai/nano-banana/edit";
/// Under which tasks are asked for: without what follows the application.
const REQUESTS: &str = "/fal-ai/nano-banana/requests";

/// A running service.
pub struct Fal {
    shared: Arc<Shared>,
    _server: Server,
}

struct Shared {
    origin: String,
    script: Script,
    tasks: Mutex<HashMap<String, Task>>,
}

#[derive(Clone)]
struct Task {
    turn: Turn,
    polls: u32,
    result: Vec<u8>,
}

impl Fal {
    /// A service that takes any key and does everything well.
    pub fn start() -> Self {
        Self::scripted([])
    }

    /// A service whose submits go by this script, and well after its end.
    pub fn scripted(turns: impl IntoIterator<Item = Turn>) -> Self {
        let bound = Bound::new();
        let shared = Arc::new(Shared {
            origin: bound.origin(),
            script: Script::new(turns),
            tasks: Mutex::default(),
        });
        let router = Router::new()
            .route(&format!("/{MODEL}"), post(submit))
            .route(&format!("{REQUESTS}/{{task}}/status"), get(status))
            .route(&format!("{REQUESTS}/{{task}}"), get(result))
            .route("/files/{name}", get(file))
            .fallback(stray)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        Self { shared, _server: bound.serve(router) }
    }

    /// Its address: `http://127.0.0.1:port`.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// What came so far.
    pub fn ledger(&self) -> Ledger {
        self.shared.script.ledger()
    }

    /// Waits until the ledger is as wanted.
    pub async fn until(&self, what: &str, wanted: impl FnMut(&Ledger) -> bool) -> Ledger {
        self.shared.script.until(what, wanted).await
    }

    /// Lets everything go on that the script held back.
    pub fn release(&self) {
        self.shared.script.release();
    }
}

async fn submit(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let picture = picture(&body);
    let (turn, task) = shared.script.submitted(authorization(&headers), body);
    let made = Task { turn, polls: 0, result: pictures::greyed(&picture) };
    shared.tasks.lock().unwrap().insert(task.clone(), made);
    match turn {
        Turn::BadKey | Turn::EchoKey => refused(401, "Authentication is required."),
        Turn::TooMany => refused(429, "Too many requests"),
        Turn::QueueFull => refused(429, "Maximum concurrent requests reached"),
        Turn::Moderated => {
            let detail =
                json!([{ "loc": ["body"], "msg": "No.", "type": "content_policy_violation" }]);
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "detail": detail }))).into_response()
        }
        Turn::Cut => cut(),
        Turn::Stall => {
            shared.script.until_released().await;
            cut()
        }
        Turn::Html => (StatusCode::INTERNAL_SERVER_ERROR, Html("<html>500</html>")).into_response(),
        Turn::NoId => Json(json!({ "status": "IN_QUEUE" })).into_response(),
        Turn::Accept | Turn::AcceptDone | Turn::Hold | Turn::DeadLink(_) | Turn::ModeratedLater => {
            Json(receipt(&shared.origin, &task)).into_response()
        }
    }
}

fn receipt(origin: &str, task: &str) -> Value {
    let task_url = format!("{origin}{REQUESTS}/{task}");
    json!({
        "status": "IN_QUEUE", "request_id": task, "queue_position": 0, "response_url": task_url,
        "status_url": format!("{task_url}/status"), "cancel_url": format!("{task_url}/cancel"),
    })
}

async fn status(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(task): Path<String>,
) -> Response {
    let word = match shared.tasks.lock().unwrap().get_mut(&task) {
        None => return StatusCode::NOT_FOUND.into_response(),
        Some(found) => {
            found.polls += 1;
            match found.turn {
                Turn::Hold if !shared.script.is_released() => "IN_PROGRESS",
                Turn::Accept if found.polls == 1 => "IN_PROGRESS",
                _ => "COMPLETED",
            }
        }
    };
    shared.script.polled(authorization(&headers), &task, word);
    let status = if word == "COMPLETED" { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, Json(json!({ "status": word, "request_id": task }))).into_response()
}

async fn result(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(task): Path<String>,
) -> Response {
    shared.script.polled(authorization(&headers), &task, "result");
    let turn = shared.tasks.lock().unwrap().get(&task).map(|task| task.turn);
    match turn {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Turn::ModeratedLater) => {
            let detail =
                json!([{ "loc": ["body"], "msg": "No.", "type": "content_policy_violation" }]);
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "detail": detail }))).into_response()
        }
        Some(_) => {
            let url = format!("{}/files/{task}.png", shared.origin);
            Json(json!({ "images": [{ "url": url, "content_type": "image/png" }] })).into_response()
        }
    }
}

async fn file(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    shared.script.downloaded(authorization(&headers), &format!("/files/{name}"));
    match shared.tasks.lock().unwrap().get(name.trim_end_matches(".png")) {
        Some(task) => ([(header::CONTENT_TYPE, "image/png")], task.result.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn refused(status: u16, detail: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({ "detail": detail }))).into_response()
}

/// The first picture, which comes as a data URI.
fn picture(body: &Value) -> Vec<u8> {
    let uri = body["image_urls"][0].as_str().unwrap_or_default();
    let encoded = uri.split_once(',').map_or("", |(_, encoded)| encoded);
    STANDARD.decode(encoded).ok().filter(|bytes| !bytes.is_empty()).unwrap_or_else(pictures::png)
}

async fn stray(State(shared): State<Arc<Shared>>, request: Request) -> StatusCode {
    shared.script.stray(format!("{} {}", request.method(), request.uri()));
    StatusCode::NOT_FOUND
}

fn authorization(headers: &HeaderMap) -> Option<String> {
    headers.get(header::AUTHORIZATION)?.to_str().ok().map(str::to_owned)
}

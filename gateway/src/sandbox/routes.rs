//! The routes of the RunningHub API that image editing needs, below one path prefix.
//!
//! A key is asked for where the real service asks for one, and any key will do.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Request, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::Semaphore;

use super::connections::Cut;
use super::page;
use super::studio::{Folder, Studio};
use super::task::{State, TaskId};
use super::wire::{self, Answer, Fault, Order, Question};
use super::words::{self, MISBEHAVIOURS, Quirk};

/// What the service takes of one upload.
const MAX_BODY_BYTES: usize = 30 << 20;

/// Images are in memory while they come in: this many requests with images at once, the others
/// wait unread.
const LARGE_BODIES: usize = 8;

/// The studio and where it is to be found.
pub(super) struct Site {
    pub(super) studio: Arc<Studio>,
    /// Empty, or `/` and a name.
    pub(super) prefix: String,
    pub(super) guide_upload: bool,
}

pub(super) fn router(site: Site) -> Router {
    let at = |path: &str| format!("{}{path}", site.prefix);
    let mut router = Router::new()
        .route(&at("/openapi/v2/{model}/edit"), post(submit))
        .route(&at("/openapi/v2/media/upload/binary"), post(upload));
    if site.guide_upload {
        router = router.route(&at("/v1/file/upload"), post(upload));
    }
    let bodies = Arc::new(Semaphore::new(LARGE_BODIES));
    router = router
        .route_layer(from_fn(move |request, next| in_turn(Arc::clone(&bodies), request, next)))
        .route(&at("/"), get(show_page))
        .route(&at("/openapi/v2/query"), post(query))
        .route(&at("/openapi/v2/queue/status"), get(queue_status))
        .route(&at("/task/openapi/outputs"), post(outputs))
        .route(&at("/files/{file}"), get(uploaded_file))
        .route(&at("/results/{file}"), get(result_file));
    if !site.prefix.is_empty() {
        router = router.route(&site.prefix, get(show_page));
    }
    router
        .method_not_allowed_fallback(|| async { Json(Answer::refused(&Fault::METHOD)) })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(site))
}

async fn in_turn(bodies: Arc<Semaphore>, request: Request, next: Next) -> Response {
    // The semaphore is never closed; if it were, the order would not matter any more.
    let _turn = bodies.acquire().await;
    next.run(request).await
}

async fn show_page() -> Response {
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page::html())).into_response()
}

async fn submit(
    Shared(site): Shared<Arc<Site>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let base = site.base(&headers);
    let accepted = ask_for_key(&headers)
        .and_then(|()| Order::parse(&body.map_err(|_| Fault::TOO_LARGE)?))
        .and_then(|order| site.accept(&order, &base));
    match accepted {
        Ok((id, quirks)) => site.answer(id, &quirks, &base).await,
        Err(fault) => refuse(&fault),
    }
}

async fn query(
    Shared(site): Shared<Arc<Site>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let asked = ask_for_key(&headers)
        .and_then(|()| Question::parse(&body.map_err(|_| Fault::TOO_LARGE)?))
        .and_then(|question| TaskId::parse(&question.task_id).ok_or(Fault::NO_TASK));
    match asked {
        Ok(id) => site.tell(id, &site.base(&headers)).await,
        Err(fault) => refuse(&fault),
    }
}

async fn upload(
    Shared(site): Shared<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Json<serde_json::Value> {
    if ask_for_key(&headers).is_err() {
        return Json(wire::upload_refused(401, "ApiKey verification failed"));
    }
    let file = match form {
        Ok(form) => file_field(form).await,
        Err(_) => Err((301, "PARAMS_INVALID: multipart/form-data with a field `file`")),
    };
    let kept = file.and_then(|bytes| {
        site.studio.keep(bytes).ok_or((808, "APIKEY_UPLOAD_FAILED: not a PNG, JPEG or WebP file"))
    });
    Json(match kept {
        Ok(upload) => {
            let path = Folder::Uploads.path(&upload.file);
            wire::uploaded(&upload, &format!("{}/{path}", site.base(&headers)))
        }
        Err((code, message)) => wire::upload_refused(code, message),
    })
}

async fn file_field(mut form: Multipart) -> Result<Bytes, (u16, &'static str)> {
    loop {
        let field = match form.next_field().await {
            Ok(Some(field)) if field.name() == Some("file") => field,
            Ok(Some(_)) => continue,
            Ok(None) => return Err((301, "PARAMS_INVALID: the form has no field `file`")),
            Err(_) => return Err((301, "PARAMS_INVALID: the form cannot be read")),
        };
        return field.bytes().await.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => (809, "APIKEY_FILE_SIZE_EXCEEDED"),
            _ => (808, "APIKEY_UPLOAD_FAILED: the form cannot be read"),
        });
    }
}

async fn outputs(
    Shared(site): Shared<Arc<Site>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Json<serde_json::Value> {
    let Some(question) = body.ok().and_then(|body| Question::parse(&body).ok()) else {
        return Json(wire::legacy(301, "PARAMS_INVALID", &serde_json::Value::Null));
    };
    if ask_for_key(&headers).is_err() && question.api_key.is_none_or(|key| key.is_empty()) {
        return Json(wire::legacy(806, "APIKEY_USER_NOT_FOUND", &serde_json::Value::Null));
    }
    let state = match TaskId::parse(&question.task_id) {
        Some(id) => site.studio.state(id).await,
        None => State::Unknown,
    };
    Json(wire::outputs(state, site.result_link(&site.base(&headers))))
}

async fn queue_status(Shared(site): Shared<Arc<Site>>, headers: HeaderMap) -> Response {
    match ask_for_key(&headers) {
        Ok(()) => Json(wire::queue_status(site.studio.open_tasks())).into_response(),
        Err(_) => Json(wire::upload_refused(401, "ApiKey verification failed")).into_response(),
    }
}

async fn uploaded_file(Shared(site): Shared<Arc<Site>>, Path(file): Path<String>) -> Response {
    site.send(&Folder::Uploads, &file)
}

async fn result_file(Shared(site): Shared<Arc<Site>>, Path(file): Path<String>) -> Response {
    site.send(&Folder::Results, &file)
}

impl Site {
    /// Our address as the caller wrote it, so that links work through a port mapping too.
    fn base(&self, headers: &HeaderMap) -> String {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        format!("http://{}{}", host.unwrap_or("localhost"), self.prefix)
    }

    fn result_link(&self, base: &str) -> impl Fn(&str) -> String {
        move |file| format!("{base}/{}", Folder::Results.path(file))
    }

    /// Creates the task that an order wants, unless its prompt asks for a refusal.
    fn accept(&self, order: &Order, base: &str) -> Result<(TaskId, Vec<Quirk>), Fault> {
        let wish = words::read(&order.prompt);
        let refusals = [
            (Quirk::RateLimit, Fault::RATE),
            (Quirk::Refuse, Fault::QUEUE_FULL),
            (Quirk::BadKey, Fault::UNAUTHORIZED),
        ];
        if let Some(word) = &wish.unknown {
            return Err(unknown_word(word));
        }
        if let Some((_, fault)) = refusals.into_iter().find(|(quirk, _)| wish.has(*quirk)) {
            return Err(fault);
        }
        let quirks = wish.quirks.clone();
        Ok((self.studio.submit(order, wish, base)?, quirks))
    }

    /// The answer to a submit whose task exists.
    async fn answer(&self, id: TaskId, quirks: &[Quirk], base: &str) -> Response {
        let asked = |quirk| quirks.contains(&quirk);
        if asked(Quirk::Lose) {
            let mut response = Response::default();
            response.extensions_mut().insert(Cut);
            response
        } else if asked(Quirk::Html) {
            (StatusCode::INTERNAL_SERVER_ERROR, garbage()).into_response()
        } else if asked(Quirk::NoId) {
            Json(Answer::queued(String::new())).into_response()
        } else if asked(Quirk::Moderate) || asked(Quirk::Instant) {
            self.tell(id, base).await
        } else {
            Json(Answer::queued(id.to_string())).into_response()
        }
    }

    /// The answer to a query.
    async fn tell(&self, id: TaskId, base: &str) -> Response {
        match self.studio.state(id).await {
            State::Garbled => (StatusCode::BAD_GATEWAY, garbage()).into_response(),
            state => {
                Json(Answer::of(id.to_string(), state, self.result_link(base))).into_response()
            }
        }
    }

    fn send(&self, folder: &Folder, file: &str) -> Response {
        let Some(bytes) = self.studio.file(folder, file) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let content_type = match file.rsplit_once('.') {
            Some((_, "jpg")) => "image/jpeg",
            Some((_, "webp")) => "image/webp",
            _ => "image/png",
        };
        let headers =
            [(header::CONTENT_TYPE, content_type), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
        (headers, bytes).into_response()
    }
}

fn ask_for_key(headers: &HeaderMap) -> Result<(), Fault> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if key.trim().is_empty() { Err(Fault::NO_USER) } else { Ok(()) }
}

/// Every refusal is HTTP 200, but for the rate limit that the network in front enforces.
fn refuse(fault: &Fault) -> Response {
    let limited = *fault == Fault::RATE;
    let status = if limited { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
    (status, Json(Answer::refused(fault))).into_response()
}

fn unknown_word(word: &str) -> Fault {
    let known: Vec<_> = MISBEHAVIOURS.iter().map(|known| known.word).collect();
    Fault::parameter(format!("the sandbox has no word `{word}`, only {}", known.join(", ")))
}

/// What a broken proxy in front of a provider typically sends.
fn garbage() -> Html<&'static str> {
    Html("<html><head><title>Error</title></head><body><h1>Error</h1></body></html>")
}

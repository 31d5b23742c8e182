//! The HTTP API for apps: the table of routes, and what all of them share.

mod allowance;
mod draft;
mod edits;
mod error;
mod events;
mod extract;
pub(crate) mod forget;
mod images;
mod inbound;
mod intake;
pub(crate) mod jobs;
mod stay;
mod view;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tracing::Instrument;

use crate::access::{Access, Holder, Mode, Refused};
use crate::admin;
use crate::catalog::key::Scope;
use crate::clock::now_ms;
use crate::engine::Engine;
use crate::images::Images;
use crate::link::Links;
use crate::master::MasterKey;
use crate::retention::Policy;
use crate::route;
use crate::settings::Settings;
use crate::snapshot::{Reloader, Snapshot};
use crate::upstream::Upstream;
pub(crate) use allowance::Allowance;
pub(crate) use edits::about;
pub(crate) use error::ApiError;
pub(crate) use extract::{Asked, Named};
use view::View;

/// What handlers work with.
pub struct Api {
    pub(crate) engine: Arc<Engine>,
    pub(crate) images: Arc<Images>,
    pub(crate) upstream: Upstream,
    pub(crate) settings: Settings,
    pub(crate) snapshot: Arc<arc_swap::ArcSwap<Snapshot>>,
    pub(crate) reloader: Reloader,
    pub(crate) access: Access,
    pub(crate) allowance: Arc<Allowance>,
    pub(crate) operators: admin::Guard,
    pub(crate) audit: Arc<admin::Audit>,
    pub(crate) master: MasterKey,
    pub(crate) links: Arc<Links>,
}

/// Whoever sent a request, once they may.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) owner: String,
    holder: Holder,
    base: String,
}

/// Every route.
pub fn router(api: Arc<Api>) -> Router {
    let most = usize::try_from(api.settings.limits.request_bytes).unwrap_or(usize::MAX);
    Router::new()
        .route("/v1/images/edits", post(edits::edit))
        .route("/v1/images/{*rest}", axum::routing::any(unsupported))
        .route("/v1/jobs", post(edits::job).get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::one).delete(forget::forget))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/jobs/{id}/events", get(events::events))
        .route("/v1/jobs/{id}/images/{n}", get(images::image))
        .route("/v1/models", get(models))
        .route("/io/in/{token}", get(images::input))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .merge(admin::router(&api))
        .fallback(nowhere)
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path has other methods",
            )
        })
        .layer(DefaultBodyLimit::max(most))
        .layer(middleware::from_fn(identify))
        .with_state(api)
}

impl Api {
    fn view<'a>(&'a self, caller: &'a Caller) -> View<'a> {
        self.view_from(&caller.base)
    }

    fn view_from<'a>(&'a self, base: &'a str) -> View<'a> {
        let policy = Policy::of(&self.settings.retention);
        View { engine: &self.engine, links: &self.links, base, policy, now: now_ms() }
    }

    /// How the API is guarded at this moment. While it is being set up the password's file is looked at.
    fn mode(&self) -> Mode {
        let keys = &self.snapshot.load().keys;
        let mode = self.access.mode(keys);
        if mode == Mode::SetUp && self.operators.has_password(now_ms()) {
            return self.access.mode(keys);
        }
        mode
    }

    /// How a client reached us, without a slash at the end.
    fn base(&self, headers: &HeaderMap) -> String {
        let public = self.settings.public_url.trim_end_matches('/');
        let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("127.0.0.1");
        if public.is_empty() { format!("http://{host}") } else { public.to_owned() }
    }
}

impl Caller {
    /// Checks who is asking, by the keys there are now, and whether they may.
    fn of(api: &Api, headers: &HeaderMap, scope: Scope) -> Result<Self, ApiError> {
        let holder = api.access.holder(&api.snapshot.load().keys, headers, now_ms());
        // A password that was set at the machine meanwhile ends the set-up.
        let holder = match holder {
            Err(Refused::SetUp) if api.mode() != Mode::SetUp => Err(Refused::Key),
            holder => holder,
        }?;
        holder.may(scope)?;
        Ok(Self { owner: holder.owner().to_owned(), holder, base: api.base(headers) })
    }

    /// How many unfinished jobs they may have; 0: any number.
    fn at_once(&self) -> u32 {
        match &self.holder {
            Holder::Key(key) => key.limits.concurrency,
            Holder::Operator => 0,
        }
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        Self::of(api, &parts.headers, scope(&parts.method, parts.uri.path()))
    }
}

/// What a request needs its key to be for. Whatever does more than look needs to be for edits, so
/// that a route added later is not open to a key that only reads.
fn scope(method: &Method, path: &str) -> Scope {
    match (method, path) {
        (&Method::GET | &Method::HEAD, "/v1/models") => Scope::Models,
        (&Method::GET | &Method::HEAD, _) => Scope::Read,
        _ => Scope::Edit,
    }
}

/// `GET /v1/models`
async fn models(State(api): State<Arc<Api>>, _caller: Caller) -> Json<Value> {
    let names = route::model_names(&api.snapshot.load());
    let model =
        |id: &String| json!({ "id": id, "object": "model", "created": 0, "owned_by": "retouch" });
    Json(json!({ "object": "list", "data": names.iter().map(model).collect::<Vec<_>>() }))
}

/// `GET /readyz`
/// What is wrong in which file is for the operator: it names providers, and words that somebody may
/// have put into the wrong place.
async fn ready(State(api): State<Arc<Api>>, parts: Parts) -> Response {
    let catalog = api.reloader.status();
    let operator =
        api.operators.admit(&api.access, &api.snapshot.load().keys, &parts, now_ms()).is_ok();
    let body = |status: &str, reasons: &[&str]| {
        let mut body = json!({ "status": status, "reasons": reasons });
        if operator {
            body["catalog"] = catalog.shown();
        }
        Json(body)
    };
    let unready =
        |reason| (StatusCode::SERVICE_UNAVAILABLE, body("not_ready", &[reason])).into_response();
    if api.engine.is_closing() {
        return unready("shutting_down");
    }
    if api.mode() == Mode::SetUp {
        return unready("setup_required");
    }
    let status = if catalog.degraded { "degraded" } else { "ready" };
    body(status, &catalog.reasons()).into_response()
}

/// Any other path.
async fn nowhere(State(api): State<Arc<Api>>) -> ApiError {
    if api.mode() == Mode::SetUp {
        return Refused::SetUp.into();
    }
    let message = "there is no such page; the API is below /v1";
    ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
}

async fn unsupported() -> ApiError {
    let message = "this endpoint of the images API is not offered; use /v1/images/edits";
    ApiError::new(StatusCode::NOT_FOUND, "unsupported_endpoint", message)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each request an id, the client's if it is a plain one, and its log lines and job too.
async fn identify(mut request: Request, next: Next) -> Response {
    let plain = |id: &str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let given = request_id(request.headers());
    let id = if plain(&given) { given } else { crate::id::request() };
    // HTTP/2 names the host in the URI.
    let authority = request.uri().authority().and_then(|a| HeaderValue::from_str(a.as_str()).ok());
    if let Some(host) = authority {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    let span = tracing::info_span!("request", id = %id, method = %request.method(), path = request.uri().path());
    let value = HeaderValue::from_str(&id).ok();
    if let Some(value) = value.clone() {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let mut response = next.run(request).instrument(span).await;
    if let Some(value) = value {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The id a request came with or was given.
fn request_id(headers: &HeaderMap) -> String {
    headers.get(REQUEST_ID).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

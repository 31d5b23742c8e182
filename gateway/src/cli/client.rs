//! The HTTP client of the command line: one server, one key.
//!
//! Knows nothing of proxies, redirects or the environment, so that the key goes to the server
//! that was named and nowhere else. Turns the API's error envelope into one readable line. Never
//! sends a POST twice.

mod sign_in;

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header, header::HeaderValue};
use serde_json::Value;
use url::Url;

use super::{envelope, form::Form, job::Ours, out::Out, stop::Stop};

/// A server that does not take a connection for so long is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take on top of the time it was asked to wait.
const ANSWER: Duration = Duration::from_secs(30);
/// How long an upload with its answer may take: 100 MB over a slow line.
const UPLOAD: Duration = Duration::from_secs(30 * 60);
/// The longest JSON answer that is read: a job with all its exchanges is far smaller.
const LONGEST: usize = 32 * 1024 * 1024;
/// The header a gateway puts on every answer.
const REQUEST_ID: &str = "x-request-id";

/// A way to one server.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<String>,
    /// The cookie of who has signed in.
    session: Option<HeaderValue>,
    out: Out,
}

/// A JSON answer: the server's own text, and what we read in it.
pub(super) struct Answer<T> {
    /// The body as it came, for `--json`.
    pub(super) text: String,
    /// The same, parsed.
    pub(super) value: T,
}

/// Who listens at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A gateway.
    Gateway,
    /// Something that does not answer as a gateway does.
    Other,
    /// Nothing.
    Nobody,
}

impl Client {
    /// A client of the server at `base`, an `http` or `https` address.
    pub(super) fn new(base: Url, key: Option<String>, out: Out) -> Result<Self, Stop> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("retouch-cli/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Stop::Failed(causes(&error)))?;
        Ok(Self { http, base, key, session: None, out })
    }

    /// The server's address as a person writes it.
    pub(super) fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Reads JSON; `wait` is how long the server was asked to hold its answer.
    pub(super) async fn get<T: Ours>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        wait: Duration,
    ) -> Result<Answer<T>, Stop> {
        let request = self.request(Method::GET, path, query)?.timeout(wait + ANSWER);
        self.json(self.send(request).await?).await
    }

    /// Posts nothing but the wish; may be sent again.
    pub(super) async fn ask<T: Ours>(&self, path: &str) -> Result<Answer<T>, Stop> {
        let request = self.request(Method::POST, path, &[])?.timeout(ANSWER);
        self.json(self.send(request).await?).await
    }

    /// Posts JSON that does no harm when it comes twice.
    pub(super) async fn tell<T: Ours>(&self, path: &str, body: &Value) -> Result<Answer<T>, Stop> {
        let request = self.request(Method::POST, path, &[])?.timeout(ANSWER);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.json(self.send(request.body(body.to_string())).await?).await
    }

    /// Posts a form once. After a lost answer nobody knows whether the server took it.
    pub(super) async fn post<T: Ours>(&self, path: &str, form: Form) -> Result<Answer<T>, Stop> {
        let request = self
            .request(Method::POST, path, &[])?
            .timeout(UPLOAD)
            .header(header::CONTENT_TYPE, form.content_type())
            .header(header::CONTENT_LENGTH, form.length())
            .body(reqwest::Body::wrap_stream(form.into_stream()));
        let sent = request.send().await.map_err(|error| match error.is_connect() {
            true => self.unreachable(&error),
            false => self.lost("client.post_lost", &error),
        });
        let answer = self.accepted(sent?).await?;
        self.json(answer).await
    }

    /// Begins to read a file; the body is the caller's to stream.
    pub(super) async fn open(&self, path: &str) -> Result<Response, Stop> {
        self.send(self.request(Method::GET, path, &[])?.timeout(UPLOAD)).await
    }

    /// The next bytes of such a body.
    pub(super) async fn piece(&self, body: &mut Response) -> Result<Option<Bytes>, Stop> {
        body.chunk().await.map_err(|error| self.unreachable(&error))
    }

    /// What answers here within `patience`.
    pub(super) async fn probe(&self, patience: Duration) -> Found {
        let Ok(request) = self.request(Method::GET, "healthz", &[]) else { return Found::Nobody };
        let response = match request.timeout(patience).send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Found::Nobody,
            Err(_) => return Found::Other,
        };
        // Others may have such a page, but none that gives each request an id of ours.
        let is_ours = response.status().is_success() && response.headers().contains_key(REQUEST_ID);
        if is_ours { Found::Gateway } else { Found::Other }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, Stop> {
        let mut url = self.base.clone();
        {
            let mut segments = url.path_segments_mut().map_err(|()| {
                Stop::Usage(self.out.words.say("client.bad_server", &[("server", &self.base)]))
            })?;
            segments.pop_if_empty().extend(path.split('/'));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        Ok(match (&self.session, &self.key) {
            (Some(cookie), _) => {
                // As a page of the server's own does: a cookie alone does not tell who uses it.
                let origin = self.base.origin().ascii_serialization();
                request.header(header::COOKIE, cookie).header(header::ORIGIN, origin)
            }
            (None, Some(key)) => request.bearer_auth(key),
            (None, None) => request,
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Stop> {
        let sent = request.send().await.map_err(|error| self.unreachable(&error));
        self.accepted(sent?).await
    }

    /// The answer if it is a good one, else what the server says is wrong.
    async fn accepted(&self, response: Response) -> Result<Response, Stop> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = self.text(response).await.unwrap_or_default();
        let Some(mut line) = envelope::line(&text) else { return Err(self.unlike_us(status)) };
        let envelope: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = envelope.pointer("/error/code").and_then(Value::as_str);
        let hint = match (status, code) {
            (StatusCode::UNAUTHORIZED, Some("invalid_admin_token" | "sign_in_required")) => {
                Some("client.operator")
            }
            (StatusCode::UNAUTHORIZED, Some("wrong_password")) => Some("client.password"),
            (StatusCode::UNAUTHORIZED, _) => Some("client.key"),
            _ => None,
        };
        if let Some(hint) = hint {
            line = format!("{line}\n{}", self.out.words.say(hint, &[]));
        }
        Err(match is_passing(status) {
            true => Stop::Busy { text: line, envelope: Some(envelope) },
            false => Stop::Refused { text: line, envelope },
        })
    }

    /// What an error without our envelope means. A proxy in between may refuse in its own words;
    /// that the route is not there only another server says.
    fn unlike_us(&self, status: StatusCode) -> Stop {
        let text = self.out.words.say("client.status", &[("status", &status)]);
        match status {
            status if is_passing(status) => Stop::Busy { text, envelope: None },
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => self.no_gateway(),
            status if status.is_redirection() => self.no_gateway(),
            _ => Stop::Failed(text),
        }
    }

    fn no_gateway(&self) -> Stop {
        Stop::NoGateway(self.out.words.say("client.no_gateway", &[("server", &self.server())]))
    }

    async fn json<T: Ours>(&self, response: Response) -> Result<Answer<T>, Stop> {
        let text = self.text(response).await?;
        let value = serde_json::from_str::<T>(&text).ok().filter(Ours::is_ours);
        let value = value.ok_or_else(|| self.no_gateway())?;
        Ok(Answer { text, value })
    }

    async fn text(&self, mut response: Response) -> Result<String, Stop> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece(&mut response).await? {
            if body.len() + piece.len() > LONGEST {
                return Err(Stop::Failed(self.out.words.say("client.too_long", &[])));
            }
            body.extend_from_slice(&piece);
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn unreachable(&self, error: &reqwest::Error) -> Stop {
        self.lost("client.unreachable", error)
    }

    fn lost(&self, key: &str, error: &reqwest::Error) -> Stop {
        let why = causes(error);
        Stop::Unreachable(self.out.words.say(key, &[("server", &self.server()), ("why", &why)]))
    }
}

/// Whether a server that answers so may answer better in a moment.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The last cause of an error: reqwest's own text names the address, which we have said already.
fn causes(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

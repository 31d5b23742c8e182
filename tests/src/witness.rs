//! Stands between clients and a gateway: passes every request on as it came, and keeps what was asked
//! and how it was answered.

use std::sync::Arc;

use axum::{Router, body::Body, extract::Request, extract::State, response::Response};
use reqwest::redirect::Policy;
use tokio::sync::watch;

use crate::{
    server::{Bound, Server},
    wait,
};

/// One request and the answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
}

/// The server between.
pub struct Witness {
    port: u16,
    seen: Arc<watch::Sender<Vec<Seen>>>,
    _server: Server,
}

#[derive(Clone)]
struct Between {
    http: reqwest::Client,
    gateway: String,
    seen: Arc<watch::Sender<Vec<Seen>>>,
}

impl Witness {
    /// In front of the gateway at this address.
    pub fn of(gateway: &str) -> Self {
        let seen = Arc::new(watch::Sender::default());
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none());
        let http = http.build().unwrap();
        let between = Between { http, gateway: gateway.to_owned(), seen: seen.clone() };
        let bound = Bound::new();
        let port = bound.port();
        let server = bound.serve(Router::new().fallback(pass).with_state(between));
        Self { port, seen, _server: server }
    }

    /// Its address under a name that leads to this machine.
    pub fn at(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// Waits until what was answered is as wanted, and returns it.
    pub async fn until(&self, what: &str, wanted: impl FnMut(&Vec<Seen>) -> bool) -> Vec<Seen> {
        wait::seen(what, self.seen.subscribe(), wanted).await
    }

    /// Forgets what it has seen.
    pub fn forget(&self) {
        self.seen.send_replace(Vec::new());
    }
}

async fn pass(State(between): State<Between>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let onward = between.http.request(head.method.clone(), format!("{}{path}", between.gateway));
    let onward = onward.headers(head.headers);
    let onward = onward.body(reqwest::Body::wrap_stream(body.into_data_stream()));
    // A browser that leaves a page takes its half-sent requests with it.
    let Ok(answer) = onward.send().await else { return crate::server::cut() };
    let seen = Seen { method: head.method.to_string(), path, status: answer.status().as_u16() };
    between.seen.send_modify(|all| all.push(seen));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    response
}

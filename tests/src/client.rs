//! A small client of the gateway's API: typed where tests look often, plain JSON elsewhere.

mod edit;
mod form;
mod job;

use std::time::Instant;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use edit::Edit;
pub use form::Form;
pub use job::{Attempt, Cost, Exchange, Image, Job, Missing, Problem, Progress, Skipped};

use crate::wait::PATIENCE;

/// A client of one gateway, without a key unless it was given one.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    origin: String,
    key: Option<String>,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Client {
    /// A client of the gateway at `origin`.
    pub fn new(origin: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, origin: origin.to_owned(), key: None }
    }

    /// The same with a key on every request.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// The same at another address: a gateway that was started again.
    #[must_use]
    pub fn at(self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self }
    }

    /// Any request; `path` may be an absolute URL that an answer gave.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let is_absolute = path.starts_with("http://");
        let url = if is_absolute { path.to_owned() } else { format!("{}{path}", self.origin) };
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// Posts an edit as official SDKs do.
    pub fn post(&self, path: &str, edit: &Edit) -> RequestBuilder {
        let (content_type, body) = edit.multipart();
        self.request(Method::POST, path).header("content-type", content_type).body(body)
    }

    /// Posts a form.
    pub fn post_form(&self, path: &str, form: Form) -> RequestBuilder {
        let (content_type, body) = form.finish();
        self.request(Method::POST, path).header("content-type", content_type).body(body)
    }

    /// Posts JSON.
    pub fn post_json(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        request.body(body.to_string())
    }

    /// Asks for an edit and waits for it on the same request.
    pub async fn edit(&self, edit: &Edit) -> Answer {
        Answer::to(self.post("/v1/images/edits", edit)).await
    }

    /// Asks for an edit as a job.
    pub async fn submit(&self, edit: &Edit) -> Job {
        Answer::to(self.post("/v1/jobs", edit)).await.expect(202).json()
    }

    /// A job as it stands, with its exchanges.
    pub async fn job(&self, id: &str) -> Job {
        self.get(&format!("/v1/jobs/{id}?include=exchanges")).await.expect(200).json()
    }

    /// A job once it has ended.
    pub async fn finished(&self, id: &str) -> Job {
        let begin = Instant::now();
        loop {
            let path = format!("/v1/jobs/{id}?wait=20&include=exchanges");
            let job: Job = self.get(&path).await.expect(200).json();
            if job.is_terminal() {
                return job;
            }
            assert!(begin.elapsed() < PATIENCE, "the job does not end: {job:#?}");
        }
    }

    /// Asks for an edit as a job and waits until it has ended.
    pub async fn done(&self, edit: &Edit) -> Job {
        let job = self.submit(edit).await;
        self.finished(&job.id).await
    }

    /// A job's first image.
    pub async fn picture(&self, job: &Job) -> Vec<u8> {
        assert_eq!(job.status, "succeeded", "{job:#?}");
        self.get(&job.images[0].url).await.expect(200).body.into()
    }
}

impl Answer {
    /// The answer to a request.
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.unwrap();
        Self { status, headers, body }
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text());
        self
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {}", self.text()),
        }
    }

    /// The error in the body, if the answer has this status and this code.
    #[track_caller]
    pub fn error(self, status: u16, code: &str) -> Problem {
        let answer = self.expect(status);
        let body: Value = answer.json();
        assert_eq!(body["error"]["code"], code, "{body}");
        for field in ["message", "type"] {
            assert!(body["error"][field].is_string(), "no {field}: {body}");
        }
        assert!(body["error"].as_object().unwrap().contains_key("param"), "no param: {body}");
        assert!(answer.header("x-request-id").is_some(), "{:?}", answer.headers);
        serde_json::from_value(body["error"].clone()).unwrap()
    }
}

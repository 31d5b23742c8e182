//! The operator's side of a gateway's API.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::{Answer, Client, Gateway};

/// An operator at the same machine.
#[derive(Clone, Debug)]
pub struct Admin(Client);

impl Admin {
    /// At that gateway, in open mode.
    pub fn of(gateway: &Gateway) -> Self {
        Self(gateway.client())
    }

    /// Any request; `path` is below `/admin/api/`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.0.request(method, &format!("/admin/api/{path}"))
    }

    /// Any request with a body.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        Answer::to(with_body(self.request(method, path), body)).await
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// Posts to a path.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    /// Changes what is named in the body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, body).await
    }

    /// Changes it, if it still is that version.
    pub async fn patch_at(&self, path: &str, version: &str, body: &Value) -> Answer {
        let request = self.request(Method::PATCH, path).header("if-match", version);
        Answer::to(with_body(request, body)).await
    }

    /// Replaces what is there.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    /// Deletes it.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }
}

fn with_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

//! One request of a plugin, sent once.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Response};
use retouch_sdk::{BodyRef, Request, ResponseHead};
use tokio::time::{Instant, timeout};
use url::Url;

use super::egress::{Origin, Route};
use super::fill::{Filler, asks};
use super::intake::{Incoming, Taken};
use super::lost::Lost;
use super::out::{Plan, Wire};
use super::{Answer, Call, Reply, Upstream};
use crate::secret::Secret;

/// What belongs to the connection or is ours to say.
const OURS: [&str; 12] = [
    "host",
    "accept-encoding",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-connection",
];
/// Answers' headers that plugins have no use for, and logs should not have.
const HIDDEN: [&str; 2] = ["set-cookie", "set-cookie2"];

/// Shorter keys are not looked for in answers: no real one is, and they would be found in words.
const TELLING: usize = 16;

/// A request ready to go, but for its body.
struct Outgoing {
    method: Method,
    url: Url,
    route: Route,
    headers: HeaderMap,
    plan: Plan,
}

impl Upstream {
    /// Sends a request and takes its answer in. Once: nothing here tries again. To drop the future
    /// is to hang up.
    pub async fn exchange(&self, call: Call<'_>) -> Reply {
        let wire = Wire::default();
        let limit = Duration::from_millis(call.request.timeout_ms).min(self.limits.exchange);
        let lost = match timeout(limit, Box::pin(self.once(&call, &wire))).await {
            Ok(Ok(answer)) => return Reply::Answer(answer),
            Ok(Err(lost)) => lost,
            Err(_) => {
                let detail = format!("no complete answer within {} ms", limit.as_millis());
                Lost { class: "timeout", detail, unsent: false }
            }
        };
        let sent = if lost.unsent { retouch_sdk::Sent::No } else { wire.sent() };
        let detail = conceal(lost.detail, call.key);
        Reply::None { sent, class: lost.class, detail }
    }

    async fn once(&self, call: &Call<'_>, wire: &Wire) -> Result<Answer, Lost> {
        let outgoing = self.prepare(call)?;
        let begun = Instant::now();
        let route = outgoing.route;
        let response = self.send(outgoing, call, wire).await?;
        if !self.dialer.confirms(route, response.remote_addr()) {
            return Err(Lost::blocked(&"the connection went to an address that is not public"));
        }
        self.receive(response, call, begun).await
    }

    /// Everything that can be refused before anything is sent.
    fn prepare(&self, call: &Call<'_>) -> Result<Outgoing, Lost> {
        let request = call.request;
        let blocked = |why: &dyn std::fmt::Display| Lost::blocked(&why.to_string());
        let pass =
            self.dialer.judge(&request.url, call.origins, call.hosts).map_err(|e| blocked(&e))?;
        let filler = Filler(pass.key.then_some(call.key));
        let url = filled_url(request, filler, &pass.url)?;
        let plan = Plan::of(&request.body, call.inputs, filler, self.links.as_deref())
            .map_err(|e| blocked(&e))?;
        let headers = headers(request, filler, &plan)?;
        let method = method(&request.method)?;
        Ok(Outgoing { method, url, route: pass.route, headers, plan })
    }

    async fn send(&self, out: Outgoing, call: &Call<'_>, wire: &Wire) -> Result<Response, Lost> {
        let Some(client) = self.dialer.client(out.route) else {
            return Err(Lost::blocked(&"nothing opens this port"));
        };
        let mut request = reqwest::Request::new(out.method, out.url);
        *request.headers_mut() = out.headers;
        if out.plan.is_empty() {
            // Without a body nothing tells when the head leaves; only a refused connection does.
            wire.touch();
        } else {
            let body = out.plan.open(&self.images, call.inputs, wire.clone()).await;
            *request.body_mut() = Some(Body::wrap(body.map_err(|error| Lost::blocked(&error))?));
        }
        client.execute(request).await.map_err(Lost::transport)
    }

    async fn receive(
        &self,
        mut response: Response,
        call: &Call<'_>,
        begun: Instant,
    ) -> Result<Answer, Lost> {
        let status = response.status().as_u16();
        let headers = answered(response.headers(), call.key);
        let taken = self.take_in(&mut response, call).await?;
        let (reference, body, blobs) = match taken {
            Taken::Image(stored) => {
                let (mime, bytes) = (stored.mime.clone(), stored.bytes);
                (BodyRef::Blob { blob: call.first_blob, mime, bytes }, Vec::new(), vec![stored])
            }
            Taken::Body(rest, blobs) => {
                let rest = conceal_bytes(rest, call.key);
                (BodyRef::Attach { attach: 0, bytes: rest.len() as u64 }, rest, blobs)
            }
        };
        let effect = call.request.id.clone();
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let head = ResponseHead { effect, status, headers, body: reference, elapsed_ms };
        Ok(Answer { head, body: body.into(), blobs })
    }

    async fn take_in(&self, response: &mut Response, call: &Call<'_>) -> Result<Taken, Lost> {
        let limit = usize::try_from(call.request.max_response_bytes)
            .unwrap_or(usize::MAX)
            .min(self.limits.answer_bytes);
        let mut incoming = Incoming::new(&self.images, limit, call.first_blob);
        while let Some(chunk) = response.chunk().await.map_err(Lost::transport)? {
            incoming.push(&chunk).await.map_err(|error| Lost::intake(&error))?;
        }
        incoming.finish().await.map_err(|error| Lost::intake(&error))
    }
}

fn method(name: &str) -> Result<Method, Lost> {
    match name {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "DELETE" => Ok(Method::DELETE),
        _ => Err(Lost::blocked(&"the method is none of GET, POST, PUT and DELETE")),
    }
}

/// The URL with the key in it, which must not have led it elsewhere.
fn filled_url(request: &Request, filler: Filler<'_>, judged: &Url) -> Result<Url, Lost> {
    if !asks(&request.url) {
        return Ok(judged.clone());
    }
    let filled = filler.fill_url(&request.url).map_err(|error| Lost::blocked(&error))?;
    let mut url =
        Url::parse(&filled).map_err(|_| Lost::blocked(&"the key does not fit into the URL"))?;
    url.set_fragment(None);
    if Origin::of(&url) == Origin::of(judged) {
        return Ok(url);
    }
    Err(Lost::blocked(&"the key would change the URL's host"))
}

fn headers(request: &Request, filler: Filler<'_>, plan: &Plan) -> Result<HeaderMap, Lost> {
    let mut headers = HeaderMap::new();
    headers.insert("accept-encoding", HeaderValue::from_static("identity"));
    if plan.is_empty() && request.method != "GET" {
        // Some servers refuse a POST that does not say it is empty.
        headers.insert("content-length", HeaderValue::from_static("0"));
    }
    for (name, value) in &request.headers {
        let bad = || Lost::blocked(&format!("the header {name} cannot be sent"));
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let multipart = matches!(request.body, retouch_sdk::Body::Multipart(_));
        if OURS.contains(&known.as_str()) || (multipart && known == "content-type") {
            return Err(Lost::blocked(&format!("the header {known} is the gateway's to set")));
        }
        let filled = filler.fill(value).map_err(|error| Lost::blocked(&error))?;
        let mut filled = HeaderValue::from_str(&filled).map_err(|_| bad())?;
        filled.set_sensitive(asks(value));
        headers.append(known, filled);
    }
    if let Some(mime) = plan.content_type().filter(|_| !headers.contains_key("content-type")) {
        let mime = HeaderValue::from_str(mime).map_err(|error| Lost::blocked(&error))?;
        headers.insert("content-type", mime);
    }
    if let Some(key) = &request.idempotency_key {
        let key = HeaderValue::from_str(key).map_err(|error| Lost::blocked(&error))?;
        headers.insert("idempotency-key", key);
    }
    Ok(headers)
}

/// An answer's headers as plugins see them.
fn answered(headers: &HeaderMap, key: &Secret) -> Vec<(String, String)> {
    let shown = headers.iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str()));
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    shown.map(|(name, value)| (name.as_str().to_owned(), conceal(text(value), key))).collect()
}

/// Takes the key out of what came back: a provider may echo it, and plugins must never see it.
fn conceal(text: String, key: &Secret) -> String {
    if key.expose().len() < TELLING || !text.contains(key.expose()) {
        return text;
    }
    text.replace(key.expose(), &format!("{key:?}"))
}

fn conceal_bytes(bytes: Vec<u8>, key: &Secret) -> Vec<u8> {
    if key.expose().len() < TELLING
        || memchr::memmem::find(&bytes, key.expose().as_bytes()).is_none()
    {
        return bytes;
    }
    conceal(String::from_utf8_lossy(&bytes).into_owned(), key).into_bytes()
}

//! Who somebody is, as `GET /admin/api/session` and a sign-in tell it.

use axum::Json;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::Operator;
use super::super::cookie;
use super::super::session::Begun;
use super::super::site::Arrival;
use crate::access::Mode;
use crate::api::Api;
use crate::clock::{now_ms, seconds};

/// Who the sender is, and what they could be; after a sign-in, with its cookie.
pub(super) fn answer(api: &Api, parts: &Parts, begun: Option<(Begun, &Arrival)>) -> Response {
    let cookie = begun.as_ref().and_then(|(begun, a)| cookie::set(&begun.token, a.is_https));
    let found = begun.map(|(begun, _)| begun.found);
    let who = match found {
        Some(found) => (Some("session"), Some(found.expires)),
        None => who(api, parts),
    };
    let mut response = Json(shown(api, parts, who)).into_response();
    keep(&mut response, cookie);
    response
}

/// Looking does not count as use: a page that asks by itself would hold its session for ever.
fn who(api: &Api, parts: &Parts) -> (Option<&'static str>, Option<u64>) {
    let (guard, now) = (&api.operators, now_ms());
    let arrival = guard.site.arrival(parts);
    if let Some(brought) = guard.brought(&arrival, parts, now) {
        let may = guard.may_use_cookie(&arrival, parts).is_ok();
        return (may.then_some("session"), may.then_some(brought.found.expires));
    }
    let kind = match guard.admit(&api.access, &api.snapshot.load().keys, parts, now) {
        Ok(Operator::Local) => Some("local"),
        Ok(Operator::Token) => Some("token"),
        Ok(Operator::Session(_)) => Some("session"),
        Err(_) => None,
    };
    (kind, None)
}

fn shown(api: &Api, parts: &Parts, (operator, expires): (Option<&str>, Option<u64>)) -> Value {
    let guard = &api.operators;
    // First what is known of the password, which the mode goes by.
    let can_be_known = guard.can_be_known();
    let mode = match api.access.mode(&api.snapshot.load().keys) {
        Mode::SetUp => "set_up",
        Mode::Open if !can_be_known => "open",
        Mode::Open | Mode::Keyed => "password",
    };
    let arrival = guard.site.arrival(parts);
    json!({
        "mode": mode,
        "operator": operator,
        "password": guard.has_password(now_ms()),
        "token": !guard.is_without_token(),
        "expires_at": expires.map(seconds),
        "insecure": !arrival.is_https && !arrival.is_near,
    })
}

/// Adds a line that has the browser keep or forget a session, and nobody keep the answer.
pub(in crate::admin) fn keep(response: &mut Response, cookie: Option<HeaderValue>) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

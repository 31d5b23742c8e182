//! `/admin/api/session`: `POST` signs in with the password, `GET` says who one is and never fails,
//! `DELETE` signs out. `PUT /admin/api/password` sets the password, which ends every session.

mod refusal;
mod who;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::password::{Hashed, Known};
use super::session::Begun;
use super::{Brought, Operator, Refused};
use super::{cookie, setup};
use crate::access::Refused as Closed;
use crate::admin::body;
use crate::api::{Api, ApiError};
use crate::clock::now_ms;
use crate::secret::Secret;
use refusal::{broken, fixed, unkept, wrong};
use who::answer;
pub(super) use who::keep;

/// `GET /admin/api/session`
pub(in crate::admin) async fn show(State(api): State<Arc<Api>>, parts: Parts) -> Response {
    answer(&api, &parts, None)
}

/// `POST /admin/api/session`
pub(in crate::admin) async fn sign_in(
    State(api): State<Arc<Api>>,
    parts: Parts,
    sent: Body,
) -> Result<Response, ApiError> {
    let guard = &api.operators;
    let arrival = guard.site.arrival(&parts);
    if setup::is_open(&api) {
        guard.tell_link();
        return Err(Refused::Access(Closed::SetUp).into());
    }
    guard.may_sign_in(&arrival, &parts)?;
    // Before a byte of the body is read.
    guard.tries.look(arrival.from, now_ms())?;
    let [password] = texts(body::short_object(sent).await?, ["password"])?;
    let password = password.ok_or_else(|| ApiError::invalid("password", "send the password"))?;
    let hashed = verified(&api, arrival.from, password, "session.refused").await?;
    // The one before is of no use any more, and its token may be known to others.
    if let Some(old) = cookie::token(&parts.headers, arrival.is_https) {
        guard.sessions.end(&old);
    }
    let begun = begin(&api, &hashed)?;
    let operator = Operator::Session(begun.found.id.clone());
    tracing::info!(%operator, from = arrival.from.map(display), "An operator signed in.");
    api.audit.note(&operator, arrival.from, "session.create", &begun.found.id, json!({})).await;
    Ok(answer(&api, &parts, Some((begun, &arrival))))
}

/// `DELETE /admin/api/session`
pub(in crate::admin) async fn sign_out(
    State(api): State<Arc<Api>>,
    parts: Parts,
) -> Result<Response, ApiError> {
    let guard = &api.operators;
    let arrival = guard.site.arrival(&parts);
    if let Some(Brought { token, found }) = guard.brought(&arrival, &parts, now_ms()) {
        guard.may_use_cookie(&arrival, &parts)?;
        guard.sessions.end(&token);
        let operator = Operator::Session(found.id.clone());
        api.audit.note(&operator, arrival.from, "session.end", &found.id, json!({})).await;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    keep(&mut response, cookie::clear(arrival.is_https));
    Ok(response)
}

/// `PUT /admin/api/password`
pub(in crate::admin) async fn change(
    State(api): State<Arc<Api>>,
    parts: Parts,
    operator: Operator,
    sent: Body,
) -> Result<Response, ApiError> {
    let guard = &api.operators;
    let arrival = guard.site.arrival(&parts);
    if guard.password.is_fixed() {
        return Err(fixed());
    }
    let [password, current] = texts(body::short_object(sent).await?, ["password", "current"])?;
    let password =
        password.ok_or_else(|| ApiError::invalid("password", "send the new password"))?;
    let _turn = guard.changing.lock().await;
    may_change(&api, &operator, arrival.from, current).await?;
    let hashed = hashed(&api, password).await?;
    replace(&api, &hashed).await?;
    tracing::info!(%operator, from = arrival.from.map(display), "The operator's password was set.");
    api.audit.note(&operator, arrival.from, "password.change", "password", json!({})).await;
    let begun = match operator {
        Operator::Token => None,
        Operator::Local | Operator::Session(_) => Some((begin(&api, &hashed)?, &arrival)),
    };
    Ok(answer(&api, &parts, begun))
}

async fn may_change(
    api: &Api,
    operator: &Operator,
    from: Option<IpAddr>,
    current: Option<Secret>,
) -> Result<(), ApiError> {
    match operator {
        // Whoever finds a page open must not be able to keep its operator out.
        Operator::Session(_) => {
            let missing = || ApiError::invalid("current", "send the current password too");
            let current = current.ok_or_else(missing)?;
            verified(api, from, current, "password.refused").await.map(drop)
        }
        // Somebody may have set one while this one was waited for.
        Operator::Local if api.operators.can_be_known() => Err(Refused::SignIn.into()),
        Operator::Local | Operator::Token => Ok(()),
    }
}

/// Works out the string of a new password.
async fn hashed(api: &Api, password: Secret) -> Result<Hashed, ApiError> {
    match api.operators.turns.hash(password).await? {
        Ok(hashed) => Ok(hashed),
        Err(unfit) if unfit.is_the_callers() => {
            Err(ApiError::invalid("password", unfit.to_string()))
        }
        Err(unfit) => Err(unkept(&unfit)),
    }
}

/// Writes it and takes it up.
pub(super) async fn replace(api: &Api, hashed: &Hashed) -> Result<(), ApiError> {
    let replaced = api.operators.password.replace(hashed.clone(), now_ms()).await;
    replaced.map_err(|error| unkept(&error))
}

/// Begins a session of whoever knows that password.
pub(super) fn begin(api: &Api, hashed: &Hashed) -> Result<Begun, ApiError> {
    let begun = api.operators.sessions.begin(hashed.fingerprint(), now_ms());
    begun.map_err(|error| unkept(&error))
}

/// The password's string, if that is the password. Wrong ones count, and so do those that are left
/// undecided.
async fn verified(
    api: &Api,
    from: Option<IpAddr>,
    password: Secret,
    refused: &'static str,
) -> Result<Hashed, ApiError> {
    let guard = &api.operators;
    if let Known::Set(hashed) = guard.password.known(now_ms()) {
        guard.tries.are_at(hashed.fingerprint());
    }
    guard.tries.begin(from, now_ms())?;
    let known = match guard.password.known(now_ms()) {
        Known::Broken(_) => return Err(broken()),
        Known::Set(hashed) => Some(hashed),
        Known::Unset => None,
    };
    let is_right = guard.turns.compare(known.clone(), password).await?;
    if let Some(hashed) = known.filter(|_| is_right) {
        guard.tries.succeeded(from);
        return Ok(hashed);
    }
    tracing::warn!(from = from.map(display), "A wrong password was tried.");
    if let Some(tries) = guard.tries.worth_noting(now_ms()) {
        api.audit.note(&"nobody", from, refused, "password", json!({ "tries": tries })).await;
    }
    Err(wrong(guard.password.is_fixed()))
}

/// These fields of an object, which are texts, and no others.
fn texts<const N: usize>(
    mut fields: Map<String, Value>,
    names: [&str; N],
) -> Result<[Option<Secret>; N], ApiError> {
    let mut found = [const { None }; N];
    for (place, name) in found.iter_mut().zip(names) {
        *place = match fields.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(Secret::new(text)),
            Some(_) => return Err(ApiError::invalid(name, format!("`{name}` must be a text"))),
        };
    }
    match fields.keys().next() {
        None => Ok(found),
        Some(other) => {
            let known = names.join(", ");
            let message = format!("there is no `{other}`; known are: {known}");
            Err(ApiError::field("unknown_parameter", other, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_texts_that_are_known_are_taken() {
        let names = ["password", "current"];
        let [password, current] = texts(object(&json!({"password": "a"})), names).unwrap();
        assert_eq!((password.unwrap().expose(), current), ("a", None));
        for (sent, want) in [
            (json!({"password": 12_345_678}), ("invalid_value", Some("password"))),
            (json!({"current": ["a"]}), ("invalid_value", Some("current"))),
            (json!({"password": "a", "user": "b"}), ("unknown_parameter", Some("user"))),
        ] {
            let error = texts(object(&sent), names).unwrap_err();
            assert_eq!(error.names(), want, "{sent}");
        }
    }
}

//! `/admin/setup`: while there is neither key nor password and others can connect, whoever has the
//! link from the log sets the password here, once. No script is needed, none would run.

mod page;
mod said;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::json;
use url::form_urlencoded;

use super::password::{Busy, Unfit};
use super::session::{hash, random};
use super::site::Arrival;
use super::{Guard, Operator};
use super::{cookie, sign_in};
use crate::access::Mode;
use crate::admin::body;
use crate::api::{Api, ApiError};
use crate::clock::now_ms;
use crate::secret::Secret;
use said::{Language, Said, Wrong};

/// The token of the link; none before it is told, and none once it was used.
#[derive(Debug, Default)]
pub(super) struct Link(Mutex<Option<Secret>>);

impl Link {
    /// A new token, unless one was told already.
    fn make(&self) -> std::io::Result<Option<Secret>> {
        let mut token = self.lock();
        if token.is_some() {
            return Ok(None);
        }
        let made = random()?;
        *token = Some(made.clone());
        Ok(Some(made))
    }

    /// Whether that is it. Hashes are compared, whose timing tells nothing.
    fn is(&self, given: &Secret) -> bool {
        self.lock().as_ref().map(hash) == Some(hash(given))
    }

    fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Secret>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    /// Says in the log how the gateway is set up. Once: who finds it later reads the log.
    pub(crate) fn tell_link(&self) {
        match self.link.make() {
            Ok(Some(token)) => {
                let link = format!("{}/admin/setup?token={}", self.site.address(), token.expose());
                let (is_everywhere, has_token) = (self.site.is_everywhere(), self.token.is_some());
                tracing::warn!(%link, "{}", told(is_everywhere, has_token));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "There is no link to set the gateway up with."),
        }
    }
}

/// `GET /admin/setup`
pub(in crate::admin) async fn show(State(api): State<Arc<Api>>, parts: Parts) -> Response {
    let language = Language::of(&parts.headers);
    let arrival = api.operators.site.arrival(&parts);
    let token = field(parts.uri.query().unwrap_or_default().as_bytes(), "token");
    // The link may be followed from anywhere; nothing happens by that.
    let allowed = api.operators.may_get_cookie(&arrival);
    match allowed.map_err(Said::of).and_then(|()| admitted(&api, &arrival, &token)) {
        Ok(()) => page::form(language, &token, None),
        Err(said) => page::refusal(language, said),
    }
}

/// `POST /admin/setup`
pub(in crate::admin) async fn set(
    State(api): State<Arc<Api>>,
    parts: Parts,
    sent: Body,
) -> Response {
    let language = Language::of(&parts.headers);
    let arrival = api.operators.site.arrival(&parts);
    let Ok(bytes) = body::short(sent).await else {
        return page::refusal(language, Said::Malformed);
    };
    let [token, password, again] = ["token", "password", "again"].map(|name| field(&bytes, name));
    let allowed = api.operators.may_sign_in(&arrival, &parts);
    if let Err(said) = allowed.map_err(Said::of).and_then(|()| admitted(&api, &arrival, &token)) {
        return page::refusal(language, said);
    }
    if password != again {
        return page::form(language, &token, Some(Wrong::Differ));
    }
    let finished = finish(&api, &arrival, &token, password).await;
    finished.map_or_else(
        |why| why.shown(language, &token),
        |cookie| {
            let mut response = page::done(language, &api.operators.site.base(&arrival));
            sign_in::keep(&mut response, cookie);
            response
        },
    )
}

/// Why the password is not set.
enum Unfinished {
    /// Somebody was faster.
    Over,
    /// It may not be one.
    Password(Unfit),
    /// It could not be kept; the log says why.
    Failed,
}

impl Unfinished {
    fn shown(self, language: Language, token: &Secret) -> Response {
        match self {
            Self::Over => page::refusal(language, Said::Over),
            Self::Password(unfit) => page::form(language, token, Some(Wrong::of(unfit))),
            Self::Failed => page::refusal(language, Said::Failed),
        }
    }
}

/// Sets the password and begins a session. The link is dead after that.
async fn finish(
    api: &Api,
    arrival: &Arrival,
    token: &Secret,
    password: Secret,
) -> Result<Option<HeaderValue>, Unfinished> {
    let guard = &api.operators;
    let failed = |_: ApiError| Unfinished::Failed;
    let hashed = match guard.turns.hash(password).await {
        Ok(Ok(hashed)) => hashed,
        Ok(Err(unfit)) if unfit.is_the_callers() => return Err(Unfinished::Password(unfit)),
        Ok(Err(_)) | Err(Busy) => return Err(Unfinished::Failed),
    };
    let _turn = guard.changing.lock().await;
    if !is_open(api) || !guard.link.is(token) {
        return Err(Unfinished::Over);
    }
    sign_in::replace(api, &hashed).await.map_err(failed)?;
    guard.link.forget();
    let begun = sign_in::begin(api, &hashed).map_err(failed)?;
    let operator = Operator::Session(begun.found.id);
    tracing::info!(%operator, from = arrival.from.map(display), "The gateway was set up.");
    api.audit.note(&operator, arrival.from, "set_up.finish", "password", json!({})).await;
    Ok(cookie::set(&begun.token, arrival.is_https))
}

/// Whether whoever has the link may go on. Who has it is never made to wait.
fn admitted(api: &Api, arrival: &Arrival, token: &Secret) -> Result<(), Said> {
    let guard = &api.operators;
    if !is_open(api) {
        return Err(Said::Over);
    }
    guard.tell_link();
    if guard.link.is(token) {
        return Ok(());
    }
    match guard.tries.begin(arrival.from, now_ms()) {
        Ok(()) => {
            tracing::warn!(
                from = arrival.from.map(display),
                "The set-up page was opened with a wrong link."
            );
            Err(Said::Wrong)
        }
        Err(wait) => Err(Said::Wait(wait)),
    }
}

/// Whether the gateway still has to be set up.
pub(super) fn is_open(api: &Api) -> bool {
    // A password set meanwhile at the machine is found by looking for it.
    !api.operators.has_password(now_ms())
        && api.access.mode(&api.snapshot.load().keys) == Mode::SetUp
}

/// How the gateway is set up, as the log has it.
fn told(is_everywhere: bool, has_token: bool) -> String {
    let mut text =
        "Others can reach this address, and there is neither a client key nor a password: \
                    nothing is answered. Open the link once to set the password. "
            .to_owned();
    if is_everywhere {
        text.push_str(
            "From another machine, write this one's name or address in place of 127.0.0.1; that takes \
             https, or a tunnel. ",
        );
    }
    text.push_str(
        "RETOUCH_ADMIN_PASSWORD or RETOUCH_CLIENT_KEY at the start, or `retouch key create NAME`, do \
         without the link.",
    );
    if has_token {
        text.push_str(" The token of RETOUCH_ADMIN_TOKEN works for /admin/api already.");
    }
    text
}

/// A field of a form or a query; empty where it is not there.
fn field(form: &[u8], name: &str) -> Secret {
    let mut fields: HashMap<_, _> = form_urlencoded::parse(form).collect();
    Secret::new(fields.remove(name).unwrap_or_default().into_owned())
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn the_log_says_every_way_in() {
        for (is_everywhere, has_token) in [(false, false), (true, false), (false, true)] {
            let text = told(is_everywhere, has_token);
            for always in ["the link once", "RETOUCH_ADMIN_PASSWORD", "RETOUCH_CLIENT_KEY"] {
                assert!(text.contains(always), "{text}");
            }
            assert_eq!(text.contains("in place of 127.0.0.1"), is_everywhere, "{text}");
            assert_eq!(text.contains("RETOUCH_ADMIN_TOKEN"), has_token, "{text}");
            assert!(!text.contains("  "), "{text}");
        }
    }
}

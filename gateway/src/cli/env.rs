//! The environment variables the command line itself reads: the language, the keys and the
//! operator's password.
//!
//! Settings from the environment (`RETOUCH_LISTEN` …) belong to `settings`, `RETOUCH_SERVER` to
//! the flag of that name. Nothing here is ever written back to the environment.

/// A variable's text; `None` when it is unset, empty or no text.
pub(super) fn text(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "what only the command line reads is no setting")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The key of an app at the gateway, from `RETOUCH_KEY`. It is no flag: a command line can be
/// read by every user of the machine.
pub(super) fn client_key() -> Option<String> {
    text("RETOUCH_KEY").map(|key| key.trim().to_owned())
}

/// What its operator signs in with, from `RETOUCH_ADMIN_PASSWORD`. Blanks are part of it.
pub(super) fn admin_password() -> Option<String> {
    text("RETOUCH_ADMIN_PASSWORD")
}

/// What proves to the gateway that this is its operator, from `RETOUCH_ADMIN_TOKEN`.
pub(super) fn admin_token() -> Option<String> {
    text("RETOUCH_ADMIN_TOKEN").map(|token| token.trim().to_owned())
}

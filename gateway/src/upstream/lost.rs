//! Why there is no answer, in the six classes that plugins know.

use std::error::Error;
use std::io;

use super::egress::Refused;
use super::intake::IntakeError;
use super::lift::LiftError;
use crate::images::SpoolError;

/// An answer that never came or cannot be used.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) class: &'static str,
    pub(super) detail: String,
    /// The request was certainly never on the wire.
    pub(super) unsent: bool,
}

impl Lost {
    /// What our own rules forbid.
    pub(super) fn blocked(why: &impl ToString) -> Self {
        Self { class: "blocked", detail: why.to_string(), unsent: false }
    }

    /// The client's error, without the URL, which may hold the key.
    pub(super) fn transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let unsent = error.is_connect();
        Self { class: class(&error), detail: chain(&error), unsent }
    }

    /// An answer that was not taken in.
    pub(super) fn intake(error: &IntakeError) -> Self {
        let class = match error {
            IntakeError::Lift(LiftError::TooLarge { .. } | LiftError::TooManyImages { .. })
            | IntakeError::Image { why: SpoolError::TooLarge { .. }, .. }
            | IntakeError::Image { why: SpoolError::TooManyPixels { .. }, .. } => "too_large",
            IntakeError::Lift(LiftError::Cut(_)) => "reset",
            IntakeError::Lift(LiftError::Reserved(_) | LiftError::Base64(_))
            | IntakeError::Image { .. } => "blocked",
        };
        Self { class, detail: error.to_string(), unsent: false }
    }
}

fn class(error: &reqwest::Error) -> &'static str {
    if causes(error)
        .any(|cause| cause.downcast_ref().is_some_and(|refused: &Refused| refused.is_rule()))
    {
        return "blocked";
    }
    match error.is_connect() {
        true if is_tls(error) => "tls",
        true => "connect",
        false if error.is_timeout() => "timeout",
        false => "reset",
    }
}

/// rustls reports through `io::Error`: what it does not accept as invalid data, a peer that hangs up
/// during the handshake as an unexpected end. Between it and us one is wrapped in another.
fn is_tls(error: &reqwest::Error) -> bool {
    let mut inner = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    while let Some(error) = inner {
        if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) {
            return true;
        }
        inner = error.get_ref().and_then(|within| within.downcast_ref());
    }
    false
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

/// The error with what caused it, once each.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::dialer::Dialer;
    use crate::upstream::egress::{Egress, Route};

    #[tokio::test]
    async fn a_name_that_leads_inside_is_blocked_and_unsent() {
        let dialer = Dialer::new(Egress::default()).unwrap();
        let client = dialer.client(Route::Gated(80)).unwrap();
        let lost = Lost::transport(client.get("http://localhost/?key=1").send().await.unwrap_err());
        assert_eq!((lost.class, lost.unsent), ("blocked", true));
        assert!(
            lost.detail.ends_with("the name leads to an address that is not public"),
            "{}",
            lost.detail
        );
        assert!(!lost.detail.contains("key="), "{}", lost.detail);
    }
}

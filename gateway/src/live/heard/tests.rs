//! Which exchange says what of its provider.

use retouch_sdk::{Billed, Effect};

use super::*;
use crate::attempt::{Evidence, Planned};

const SUBMIT: (Effect, Phase) = (Effect::Unsafe, Phase::Submitting);
const UPLOAD: (Effect, Phase) = (Effect::Safe, Phase::Uploading);
const POLL: (Effect, Phase) = (Effect::Safe, Phase::Polling);

fn asking((effect, phase): (Effect, Phase)) -> Attempt {
    let mut attempt = Attempt::planned(1, "a".to_owned(), 0);
    let request = serde_json::json!({
        "id": "1", "method": "POST", "url": "https://a.example/", "effect": effect, "phase": phase,
        "timeout_ms": 1, "max_response_bytes": 1,
    });
    let request = serde_json::from_value(request).unwrap();
    attempt.effect = Some(Planned { request, at: 0 });
    attempt
}

fn answer(status: u16) -> Seen {
    Seen::Answer { status, retry_after_ms: None }
}

#[test]
fn a_failure_says_what_its_class_says() {
    let cool = Heard::Cool { for_ms: Some(3_000) };
    let shut = |class| Heard::Shut { class, for_ms: Some(3_000) };
    for (class, submit, poll) in [
        (Class::InvalidRequest, Heard::Worked, Heard::Answered),
        (Class::Moderation, Heard::Worked, Heard::Answered),
        (Class::Config, Heard::Worked, Heard::Answered),
        (Class::NoOutput, Heard::Worked, Heard::Answered),
        (Class::NotFound, Heard::Worked, Heard::Answered),
        (Class::Canceled, Heard::Worked, Heard::Answered),
        (Class::Auth, shut(Class::Auth), shut(Class::Auth)),
        (Class::Quota, shut(Class::Quota), shut(Class::Quota)),
        (Class::RateLimited, cool, cool),
        (Class::Busy, cool, cool),
        (Class::ProviderError, Heard::Broke, Heard::Broke),
        (Class::Timeout, Heard::Broke, Heard::Broke),
        (Class::UnknownOutcome, Heard::Broke, Heard::Broke),
        (Class::PluginBug, Heard::Broke, Heard::Broke),
    ] {
        for (request, want) in [(SUBMIT, submit), (POLL, poll)] {
            let (before, mut after) = (asking(request), asking(request));
            let mut failure = Failure::new(class, "no").billed(Billed::No);
            failure.retry_after_ms = Some(3_000);
            after.state = State::Failed(failure, Evidence::Answer { status: 500, at: 0 });
            assert_eq!(Heard::of(&before, answer(500), &after), want, "{class:?} {request:?}");
        }
    }
}

#[test]
fn an_answer_without_a_failure_says_what_it_was_to() {
    for (request, state, want) in [
        (SUBMIT, State::Accepted, Heard::Worked),
        (SUBMIT, State::Fetching(Vec::new()), Heard::Worked),
        (POLL, State::Accepted, Heard::Answered),
        (POLL, State::Fetching(Vec::new()), Heard::Worked),
        (UPLOAD, State::Planned, Heard::Nothing),
    ] {
        let (before, mut after) = (asking(request), asking(request));
        after.state = state;
        assert_eq!(Heard::of(&before, answer(200), &after), want, "{request:?}");
        // Its plugin broke over it.
        after.trouble = Some("panic".to_owned());
        let want = if request == POLL { Heard::Silent } else { Heard::Broke };
        assert_eq!(Heard::of(&before, answer(200), &after), want, "{request:?}");
    }
}

#[test]
fn what_is_asked_again_without_its_plugin_counts_too() {
    let later = Seen::Answer { status: 503, retry_after_ms: Some(2_000) };
    for (request, seen, tries, want) in [
        (POLL, answer(429), 1, Heard::Cool { for_ms: None }),
        (POLL, later, 1, Heard::Cool { for_ms: Some(2_000) }),
        (POLL, answer(503), 2, Heard::Silent),
        (POLL, answer(503), 3, Heard::Nothing),
        (POLL, Seen::NoAnswer, 1, Heard::Silent),
        (POLL, Seen::NoAnswer, 3, Heard::Nothing),
        (UPLOAD, answer(500), 3, Heard::Broke),
        (UPLOAD, Seen::NoAnswer, 1, Heard::Broke),
        (SUBMIT, Seen::NoAnswer, 3, Heard::Broke),
        (SUBMIT, Seen::Nothing, 1, Heard::Nothing),
    ] {
        let (before, mut after) = (asking(request), asking(request));
        after.tries = tries;
        assert_eq!(Heard::of(&before, seen, &after), want, "{request:?} {seen:?} {tries}");
    }
}

#[test]
fn a_submit_that_has_to_be_looked_for_was_not_taken_well() {
    let (before, mut after) = (asking(SUBMIT), asking(POLL));
    after.state = State::InFlight;
    after.lost = true;
    assert_eq!(Heard::of(&before, answer(200), &after), Heard::Broke);
    // What is asked about it afterwards is a question like any other.
    assert_eq!(Heard::of(&after, answer(200), &after), Heard::Answered);
}

#[test]
fn our_own_rules_are_nobodys_fault() {
    let event = |class: &str| Event::NoReply {
        sent: retouch_sdk::Sent::Maybe,
        class: class.to_owned(),
        detail: String::new(),
    };
    assert_eq!(Seen::of(&event("blocked")), Seen::Nothing);
    for class in ["timeout", "connect", "tls", "reset", "too_large"] {
        assert_eq!(Seen::of(&event(class)), Seen::NoAnswer);
    }
    assert_eq!(Seen::of(&Event::Interrupted), Seen::Nothing);
}

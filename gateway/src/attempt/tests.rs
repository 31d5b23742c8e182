use retouch_sdk::{Billed, Class, Effect, Retry};

use super::advance::RETRIES;
use super::*;
use proptest::prelude::*;
use serde_json::json;

mod laws;

fn planned(effect: &str) -> Attempt {
    let request = json!({
        "id": "e0", "method": "POST", "url": "https://p.example/x", "effect": effect,
        "phase": if effect == "safe" { "polling" } else { "submitting" },
        "timeout_ms": 1_000, "max_response_bytes": 1_000,
    });
    let mut attempt = Attempt::planned(1, "p".to_owned(), 0);
    attempt.effect = Some(Planned { request: serde_json::from_value(request).unwrap(), at: 0 });
    attempt
}

fn in_flight() -> Attempt {
    let mut attempt = planned("unsafe");
    attempt.release(1);
    attempt
}

fn accepted() -> Attempt {
    let mut attempt = planned("safe");
    attempt.state = State::Accepted;
    attempt.task = Some(TaskRef { id: "1".to_owned(), cancel: false });
    attempt.submitted = Some(1);
    attempt
}

fn reply(status: u16) -> Event {
    let head = ResponseHead { status, ..ResponseHead::default() };
    Event::Reply { head, body: bytes::Bytes::new(), blobs: Vec::new() }
}

fn lost(sent: Sent) -> Event {
    Event::NoReply { sent, class: "reset".to_owned(), detail: String::new() }
}

fn says(verdict: serde_json::Value) -> impl FnOnce(&Memo, Call<'_>) -> Stepped {
    move |_, _| Ok((serde_json::from_value(verdict).unwrap(), "{}".to_owned()))
}

fn fail(class: &str) -> serde_json::Value {
    let fields =
        serde_json::to_value(Failure::new(serde_json::from_value(json!(class)).unwrap(), "no"))
            .unwrap();
    json!({ "fail": fields })
}

fn never(_: &Memo, _: Call<'_>) -> Stepped {
    panic!("the plugin must not be asked")
}

#[test]
fn a_submit_whose_answer_is_lost_is_unknown_and_never_sent_again() {
    for event in [lost(Sent::Maybe), Event::Interrupted] {
        let mut attempt = in_flight();
        attempt.advance(event, 5, never);
        assert!(matches!(attempt.state, State::Unknown(_)), "{:?}", attempt.state);
        assert_eq!(attempt.todo(), Todo::Closed);
        assert_eq!(attempt.failure().map(|f| f.billed), Some(Billed::Unknown));
    }
}

#[test]
fn a_submit_that_was_not_sent_is_sent_again_and_then_refused() {
    let mut attempt = in_flight();
    for _ in 0..RETRIES {
        attempt.advance(lost(Sent::No), 5, never);
        assert_eq!(attempt.state, State::Planned);
        attempt.release(5);
    }
    attempt.advance(lost(Sent::No), 5, never);
    assert!(matches!(attempt.state, State::Refused(_)));
    assert_eq!(attempt.failure().map(|f| f.billed), Some(Billed::No));
}

#[test]
fn a_poll_without_an_answer_is_no_verdict() {
    let mut attempt = accepted();
    for round in 0..50 {
        let event = match round % 3 {
            0 => lost(Sent::Maybe),
            1 => lost(Sent::No),
            _ => reply(503),
        };
        attempt.advance(event, 5, never);
        assert_eq!(attempt.state, State::Accepted, "round {round}");
        assert!(matches!(attempt.todo(), Todo::Send(at) if at > 5 && at <= 30_005));
    }
}

#[test]
fn a_failure_is_refused_before_acceptance_and_failed_with_evidence_after() {
    let mut attempt = in_flight();
    attempt.advance(reply(200), 5, says(fail("auth")));
    assert!(matches!(attempt.state, State::Refused(_)));
    let mut attempt = accepted();
    attempt.advance(reply(200), 5, says(fail("provider_error")));
    assert!(matches!(&attempt.state, State::Failed(_, Evidence::Answer { status: 200, at: 5 })));
    let mut attempt = in_flight();
    attempt.advance(reply(200), 5, says(fail("unknown_outcome")));
    assert!(matches!(attempt.state, State::Unknown(_)));
}

#[test]
fn a_plugin_that_breaks_on_a_submits_answer_leaves_it_unknown() {
    let mut attempt = in_flight();
    attempt.advance(reply(200), 5, |_, _| Err(Failure::plugin_bug("boom").billed(Billed::No)));
    assert!(matches!(attempt.state, State::Unknown(_)));
    assert_eq!(attempt.failure().map(|f| f.billed), Some(Billed::Unknown));
}

#[test]
fn a_lost_link_is_asked_for_again_before_it_is_given_up() {
    let mut attempt = accepted();
    let done = || says(json!({ "done": { "outputs": [{ "url": "https://p.example/1.png" }] } }));
    for _ in 0..RETRIES {
        attempt.advance(reply(200), 5, done());
        assert_eq!(attempt.todo(), Todo::Fetch(5));
        attempt.advance(Event::Lost(Failure::new(Class::ProviderError, "403")), 5, never);
        assert_eq!(attempt.state, State::Accepted);
    }
    attempt.advance(reply(200), 5, done());
    attempt.advance(Event::Lost(Failure::new(Class::ProviderError, "403")), 5, never);
    assert!(!attempt.is_open() && attempt.failure().is_some(), "its job is told");
    assert!(attempt.is_late(), "and it is tried again now and then: it was paid for");
    assert!(matches!(attempt.todo(), Todo::Send(at) if at > 1_000));
    attempt.advance(reply(200), 70_000, done());
    attempt.advance(Event::Saved(Vec::new()), 70_000, never);
    assert_eq!(attempt.todo(), Todo::Closed);
}

fn any_event() -> impl Strategy<Value = (Event, serde_json::Value)> {
    let event = prop_oneof![
        prop::sample::select(vec![200u16, 400, 401, 429, 500, 503]).prop_map(reply),
        Just(lost(Sent::No)),
        Just(lost(Sent::Maybe)),
        Just(Event::Interrupted),
    ];
    let send = |effect: &str, task: bool| {
        let mut outcome = json!({ "send": planned(effect).effect.unwrap().request });
        if task {
            outcome["task"] = json!({ "id": "1" });
        }
        outcome
    };
    let verdict = prop::sample::select(vec![
        send("idempotent", false),
        send("unsafe", false),
        send("safe", true),
        fail("auth"),
        fail("provider_error"),
        fail("unknown_outcome"),
        json!({ "done": { "outputs": [] } }),
    ]);
    (event, verdict)
}

proptest! {
    /// Whatever happens in whatever order: what was let go and not answered is never sent again,
    /// what is over stays over, and nothing fails after acceptance without its evidence.
    #[test]
    fn nothing_is_paid_twice(events in prop::collection::vec(any_event(), 1..20)) {
        let mut attempt = planned("unsafe");
        let mut doubtful = false;
        for (now, (event, verdict)) in (1u64..).zip(events) {
            if attempt.todo() == Todo::Closed {
                let before = attempt.clone();
                attempt.advance(event, now, |_, _| panic!("it is over"));
                prop_assert_eq!(before, attempt.clone());
                continue;
            }
            let is_unsafe = attempt.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Unsafe);
            if is_unsafe && attempt.state == State::Planned {
                prop_assert!(!doubtful, "a second submit after a doubtful one");
                attempt.release(now);
            }
            let was = attempt.state.clone();
            let unanswered = matches!(event, Event::Interrupted) || matches!(event, Event::NoReply { sent: Sent::Maybe, .. });
            attempt.advance(event, now, says(verdict));
            doubtful |= was == State::InFlight && unanswered && attempt.state != State::Planned;
            if doubtful {
                prop_assert_eq!(attempt.todo(), Todo::Closed);
            }
        }
    }
}

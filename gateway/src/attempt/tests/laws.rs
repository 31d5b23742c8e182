//! Laws that hold for an attempt whatever happens to it, in whatever order: answers of every kind,
//! crashes, reloads, cancels, a job that goes on without it, a person who looks.

use super::*;

/// Something that befalls an attempt.
#[derive(Clone, Debug)]
enum Blow {
    /// Its request is answered, and its plugin says that.
    Reply(u16, serde_json::Value),
    /// Its request is answered, and its plugin breaks.
    Breaks(u16),
    NoReply(Sent, &'static str),
    /// The process ends; the row is read back and taken up.
    Crash,
    /// The row is read back, and what was learnt since is remembered.
    Parked,
    Cancel,
    GiveUp,
    Expire,
    Saved,
    Lost(Class),
    Told,
    Created,
    NotCreated,
}

fn outcome(effect: &str, task: Option<bool>) -> serde_json::Value {
    let request = serde_json::to_value(planned(effect).effect.unwrap().request).unwrap();
    let mut outcome = json!({ "send": request });
    if let Some(cancel) = task {
        outcome["task"] = json!({ "id": "1", "cancel": cancel });
    }
    outcome
}

fn failing(class: Class, billed: Billed, retry: Retry) -> serde_json::Value {
    let failure = Failure::new(class, "no").billed(billed).retry(retry);
    json!({ "fail": serde_json::to_value(failure).unwrap() })
}

fn any_failure() -> impl Strategy<Value = serde_json::Value> {
    let class = prop::sample::select(vec![
        Class::Auth,
        Class::RateLimited,
        Class::Busy,
        Class::Moderation,
        Class::ProviderError,
        Class::NoOutput,
        Class::UnknownOutcome,
    ]);
    let billed = prop::sample::select(vec![Billed::No, Billed::Yes, Billed::Unknown]);
    let retry = prop::sample::select(vec![Retry::Never, Retry::Elsewhere]);
    (class, billed, retry).prop_map(|(class, billed, retry)| failing(class, billed, retry))
}

fn any_outcome() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        1 => Just(outcome("idempotent", None)),
        1 => Just(outcome("unsafe", None)),
        1 => Just(outcome("safe", None)),
        4 => Just(outcome("safe", Some(true))),
        4 => Just(outcome("safe", Some(false))),
        4 => any_failure(),
        4 => Just(json!({ "done": { "outputs": [{ "url": "https://p.example/1.png" }] } })),
        1 => Just(json!({ "done": { "outputs": [] } })),
    ]
}

fn any_blow() -> impl Strategy<Value = Blow> {
    let status = || prop::sample::select(vec![200u16, 400, 401, 404, 429, 500, 503]);
    let sent = prop::sample::select(vec![Sent::No, Sent::Maybe]);
    let word = prop::sample::select(vec!["connect", "timeout", "blocked"]);
    prop_oneof![
        8 => (status(), any_outcome()).prop_map(|(status, says)| Blow::Reply(status, says)),
        1 => status().prop_map(Blow::Breaks),
        4 => (sent, word).prop_map(|(sent, word)| Blow::NoReply(sent, word)),
        3 => Just(Blow::Crash),
        2 => Just(Blow::Parked),
        1 => Just(Blow::Cancel),
        1 => Just(Blow::GiveUp),
        1 => Just(Blow::Expire),
        2 => Just(Blow::Saved),
        2 => prop::sample::select(vec![Class::ProviderError, Class::NoOutput]).prop_map(Blow::Lost),
        1 => Just(Blow::Told),
        1 => Just(Blow::Created),
        1 => Just(Blow::NotCreated),
    ]
}

/// As a row on disk.
fn read_back(attempt: &Attempt) -> Attempt {
    serde_json::from_str(&serde_json::to_string(attempt).unwrap()).unwrap()
}

fn befalls(attempt: &mut Attempt, blow: Blow, now: Ms) {
    let event = match blow {
        Blow::Reply(status, verdict) => return attempt.advance(reply(status), now, says(verdict)),
        Blow::Breaks(status) => {
            let breaks = |_: &Memo, _: Call<'_>| Err(Failure::plugin_bug("boom"));
            return attempt.advance(reply(status), now, breaks);
        }
        Blow::Crash => {
            *attempt = read_back(attempt);
            Event::Interrupted
        }
        Blow::Parked => {
            let since = attempt.since();
            *attempt = read_back(attempt);
            if let Some(since) = since {
                attempt.recall(&since);
            }
            return;
        }
        Blow::Cancel if attempt.is_open() => return attempt.cancel(now),
        Blow::GiveUp if attempt.is_open() => return attempt.give_up(now, None),
        Blow::Expire if attempt.todo() != Todo::Closed => return attempt.expire(false, now),
        Blow::Cancel | Blow::GiveUp | Blow::Expire => return,
        Blow::NoReply(sent, class) => {
            Event::NoReply { sent, class: class.to_owned(), detail: String::new() }
        }
        Blow::Saved => Event::Saved(Vec::new()),
        Blow::Lost(class) => Event::Lost(Failure::new(class, "403").status(403)),
        Blow::Told => Event::Told,
        Blow::Created => Event::Created("1".to_owned()),
        Blow::NotCreated => Event::NotCreated,
    };
    // Questions that lead nowhere: what a lost submit or a found task is followed by.
    attempt.advance(event, now, says(outcome("safe", Some(false))));
}

/// The arrows of the diagram, and staying where it is.
fn is_legal(from: &State, to: &State, blow: &Blow) -> bool {
    match (from, to) {
        (State::Planned, State::Planned | State::Refused(_) | State::Canceled) => true,
        // A request that is free may already name a task, and an answer may be the result.
        (State::Planned, State::Accepted | State::Fetching(_) | State::Abandoned) => true,
        (State::Planned, State::Unknown(_) | State::Failed(..)) => matches!(blow, Blow::Reply(..)),
        (State::InFlight, State::Failed(..)) => matches!(blow, Blow::Reply(..)),
        (State::InFlight, _) => true,
        (State::Accepted, to) => !matches!(to, State::InFlight | State::Refused(_)),
        (State::Fetching(_), to) => matches!(
            to,
            State::Fetching(_)
                | State::Accepted
                | State::Stored(_)
                | State::Failed(..)
                | State::Abandoned
        ),
        (State::Unknown(_), State::Accepted) => matches!(blow, Blow::Created),
        (State::Unknown(_), State::Refused(_)) => matches!(blow, Blow::NotCreated),
        (from, to) => from == to,
    }
}

fn paid_and_planned(attempt: &Attempt) -> bool {
    let pays = attempt.effect.as_ref().is_some_and(|e| pays(&e.request));
    pays && attempt.state == State::Planned
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Total, along the diagram, and what is over stays over but for a person's word.
    #[test]
    fn an_attempt_moves_along_its_diagram(
        finds in any::<bool>(),
        blows in prop::collection::vec(any_blow(), 1..30),
    ) {
        let mut attempt = planned("unsafe");
        attempt.finds = finds;
        for (now, blow) in (1u64..).zip(blows) {
            if paid_and_planned(&attempt) {
                attempt.release(now);
            }
            let before = attempt.clone();
            befalls(&mut attempt, blow.clone(), now);
            let legal = is_legal(&before.state, &attempt.state, &blow);
            prop_assert!(legal, "{:?} became {:?} by {blow:?}", before.state, attempt.state);
            let a_person_looked = matches!(blow, Blow::Created | Blow::NotCreated);
            if before.todo() == Todo::Closed && !a_person_looked {
                prop_assert_eq!(&before.state, &attempt.state, "it was over, and {:?}", blow);
            }
            if attempt.todo() == Todo::Closed {
                prop_assert!(attempt.effect.is_none() && attempt.finished.is_some());
            }
            prop_assert_eq!(&read_back(&attempt).state, &attempt.state);
        }
    }

    /// Once a paid request may have arrived without an answer, nothing is paid for again, and nobody
    /// says that it cost nothing but who can know.
    #[test]
    fn a_lost_submit_is_never_followed_by_another(
        finds in any::<bool>(),
        blows in prop::collection::vec(any_blow(), 1..30),
    ) {
        let mut attempt = planned("unsafe");
        attempt.finds = finds;
        let mut lost = false;
        for (now, blow) in (1u64..).zip(blows) {
            if paid_and_planned(&attempt) {
                prop_assert!(!lost, "a submit after one whose answer was lost");
                attempt.release(now);
            }
            let in_flight = unsafe_in_flight(&attempt);
            befalls(&mut attempt, blow.clone(), now);
            lost |= in_flight && matches!(blow, Blow::NoReply(Sent::Maybe, _) | Blow::Crash);
            lost &= !matches!(blow, Blow::NotCreated);
            // An answer with the task's id ends the doubt.
            lost &= attempt.task.is_none();
            if lost && let State::Refused(failure) = &attempt.state {
                prop_assert!(
                    matches!(blow, Blow::Reply(..)), "{:?} after a lost submit by {blow:?}", failure
                );
            }
        }
    }

    /// Nothing has failed but by an answer that says so.
    #[test]
    fn nothing_fails_without_evidence(blows in prop::collection::vec(any_blow(), 1..30)) {
        let mut attempt = planned("unsafe");
        for (now, blow) in (1u64..).zip(blows) {
            if paid_and_planned(&attempt) {
                attempt.release(now);
            }
            let had_failed = matches!(attempt.state, State::Failed(..));
            befalls(&mut attempt, blow.clone(), now);
            if let State::Failed(_, evidence) = &attempt.state {
                let said = matches!(blow, Blow::Reply(..) | Blow::Lost(Class::NoOutput));
                prop_assert!(had_failed || said, "{blow:?}");
                let answered = matches!(evidence, Evidence::Answer { .. });
                prop_assert!(had_failed || answered == matches!(blow, Blow::Reply(..)), "{blow:?}");
            }
        }
    }

    /// Trouble with the key, the rate or the line says nothing of a task that was taken: it is never a
    /// reason to submit it elsewhere.
    #[test]
    fn what_was_taken_goes_elsewhere_only_by_a_verdict(
        blows in prop::collection::vec(any_blow(), 1..30),
    ) {
        let mut attempt = accepted();
        for (now, blow) in (2u64..).zip(blows) {
            befalls(&mut attempt, blow.clone(), now);
            let Some(failure) = attempt.failure() else { continue };
            let of_the_question =
                matches!(failure.class, Class::Auth | Class::RateLimited | Class::Busy);
            if of_the_question || failure.billed == Billed::Yes {
                prop_assert_eq!(failure.retry, Retry::Never, "{:?}", blow);
            }
            prop_assert!(!(of_the_question && failure.billed == Billed::No), "{blow:?}");
        }
    }
}

fn unsafe_in_flight(attempt: &Attempt) -> bool {
    let pays = attempt.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Unsafe);
    pays && attempt.state == State::InFlight
}

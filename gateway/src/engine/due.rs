//! When an attempt is to be looked after, when its time is over, and which changes are worth a
//! commit. Pure.

use retouch_sdk::Effect;

use crate::attempt::{Attempt, State, Todo};
use crate::clock::Ms;

/// When a provider that an attempt needs is missing, it is looked for again so often.
pub(super) const MISSING: Ms = 10_000;
/// The same for an attempt nobody waits for.
const MISSING_LATE: Ms = 3_600_000;

/// When an attempt is to be looked after. A question planned beyond the deadline is asked at the
/// deadline: one last look before it is given up.
pub(super) fn due_at(attempt: &Attempt) -> Option<Ms> {
    match attempt.todo() {
        Todo::Send(at) | Todo::Fetch(at) => Some(at.min(attempt.deadline)),
        Todo::Tell => Some(0),
        Todo::Closed => None,
    }
}

/// The same, for one whose provider may be missing, and for one that a person is waited for.
pub(super) fn next(attempt: &Attempt, has_provider: bool, now: Ms) -> Option<Ms> {
    let held = attempt.held_until.filter(|_| attempt.state != State::InFlight);
    match (held, due_at(attempt)) {
        (Some(until), _) => Some(until),
        (None, Some(_)) if !has_provider => {
            let pause = if attempt.is_late() { MISSING_LATE } else { MISSING };
            Some((now + pause).min(attempt.deadline.max(now + 1)))
        }
        (None, due) => due,
    }
}

/// Whether an attempt's time is over and nothing can be learnt of it any more: it was looked after
/// once more at its deadline, or its provider is missing.
pub(super) fn overdue(attempt: &Attempt, has_provider: bool, now: Ms) -> bool {
    let over = now >= attempt.deadline;
    let asked = attempt.last_asked.is_some_and(|at| at >= attempt.deadline);
    match &attempt.state {
        State::Planned => over,
        State::Accepted => over && (!has_provider || asked),
        // Not under way, and its job is over: it is sent no more.
        State::InFlight if attempt.given_up.is_some() && !attempt.looks() => true,
        // Nor is it sent again when its time is over.
        State::InFlight if attempt.lost && !attempt.looks() => over,
        State::InFlight => over && (!has_provider || (attempt.lost && asked)),
        State::Fetching(_) => over && (!has_provider || attempt.is_late()),
        State::Unknown(_) => attempt.held_until.is_some_and(|until| now >= until),
        State::Stored(_)
        | State::Refused(_)
        | State::Failed(..)
        | State::Abandoned
        | State::Canceled => false,
    }
}

/// Whether an attempt that is being submitted right now is not waited for beyond its deadline.
pub(super) fn outlives(attempt: &Attempt) -> bool {
    attempt.state == State::InFlight && attempt.given_up.is_none()
}

/// Whether nothing changed that has to survive a crash: only counts and times did, or a question
/// was answered whose answer can be had again by asking again.
pub(super) fn same(before: &Attempt, after: &Attempt) -> bool {
    let kept = |a: &Attempt| (a.given_up.clone(), a.held_until, a.lost, a.charged);
    // An image that came with an answer is needed by its row from then on.
    if kept(before) != kept(after) || before.blobs != after.blobs {
        return false;
    }
    if matches!((&before.state, &after.state), (State::Accepted, State::Fetching(_))) {
        return after.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Safe);
    }
    let request = |a: &Attempt| {
        a.effect
            .as_ref()
            .map(|e| (e.request.method.clone(), e.request.url.clone(), e.request.body.clone()))
    };
    before.state == after.state
        && before.memo.state == after.memo.state
        && before.task == after.task
        && request(before) == request(after)
}

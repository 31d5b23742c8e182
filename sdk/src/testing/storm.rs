//! From one point of a scenario on, nothing but bad answers, and what a plugin may then decide.

use serde_json::Value;

use super::change::Change;
use super::point::{Point, read, request};
use super::reply::{Happened, Reply};
use super::rig::{self, Rig, text};
use super::weather::{CANARY, Weather};
use crate::{Billed, Effect, Outcome, Request, Retry, Verdict};

/// A plugin that polls on in bad weather does so until its deadline; eight turns show the habit.
const TURNS: u32 = 8;
/// What a changed answer left behind in the state shows in the step after.
const TURNS_CHANGED: u32 = 2;

/// What is bad, and what may come of it for that reason.
struct Storm {
    name: String,
    turns: u32,
    /// The answer is good but for one thing, so it may do.
    may_do: bool,
    /// The unchanged answer said for certain that nothing was charged.
    free: bool,
    /// The scenario itself goes on with one more paid request.
    pays_on: bool,
}

/// Every weather and every change, at this point.
pub(super) fn all(rig: &Rig, point: &Point, name: &str) {
    let nothing = Reply::json(200, Value::Null);
    let fair = point.fair.as_ref().unwrap_or(&nothing);
    for weather in Weather::ALL {
        let storm = Storm::of_weather(format!("{name}, {weather:?}"));
        storm.blow(rig, point, |request| weather.instead_of(fair, request));
    }
    let Some(body) = point.fair.as_ref().and_then(Reply::value) else { return };
    for change in Change::all(&body) {
        let storm = Storm::of_change(format!("{name}, {change}"), point);
        let changed = fair.with_body(&change.made_to(&body));
        storm.blow(rig, point, |_| Some(changed.clone()));
    }
}

impl Storm {
    const fn of_weather(name: String) -> Self {
        Self { name, turns: TURNS, may_do: false, free: false, pays_on: false }
    }

    fn of_change(name: String, point: &Point) -> Self {
        let after = point.after.as_ref().map(|answer| read(answer, &name).verdict);
        let free = matches!(&after, Some(Verdict::Fail(f)) if f.billed == Billed::No);
        let pays_on = matches!(&after, Some(Verdict::Send(r)) if r.effect == Effect::Unsafe);
        Self { name, turns: TURNS_CHANGED, may_do: true, free, pays_on }
    }

    fn blow(&self, rig: &Rig, point: &Point, bad: impl Fn(&Request) -> Option<Reply>) {
        let name = &self.name;
        let driver = rig.make();
        let (mut answer, mut taken) = (point.answer.clone(), point.taken);
        for turn in 1..=self.turns {
            let Some(request) = request(&read(&answer, name)) else { return };
            let Some(reply) = bad(&request) else { return };
            let gamble = request.effect == Effect::Unsafe && !reply.refuses();
            taken |= gamble;
            let happened = Happened::Came { of: request.id, reply };
            let heard = rig::heard(driver.as_ref(), point.number + turn, &happened, &answer.state);
            let log = match heard {
                Ok((next, log)) => {
                    answer = next;
                    log
                }
                Err(why) => panic!("{name}: {why}"),
            };
            self.judge(&read(&answer, name), taken, gamble);
            let (outcome, state) = (text(&answer.outcome), text(&answer.state));
            for (place, found) in [("outcome", outcome), ("state", state), ("log", log)] {
                assert!(
                    !found.contains(CANARY),
                    "{name}: the raw answer is in the {place}: {found}"
                );
            }
        }
    }

    /// `taken`: something paid for may be under way. `gamble`: that is what was just answered so.
    fn judge(&self, outcome: &Outcome, taken: bool, gamble: bool) {
        let name = &self.name;
        match &outcome.verdict {
            Verdict::Done(done) if !self.may_do => {
                panic!("{name}: done, though no answer had a result: {done:?}")
            }
            Verdict::Done(done) if done.outputs.is_empty() => {
                panic!("{name}: done without an output; fail with Class::NoOutput instead")
            }
            Verdict::Send(request)
                if taken && request.effect == Effect::Unsafe && !self.pays_on =>
            {
                panic!("{name}: sends what may be paid for already once more: {request:?}")
            }
            Verdict::Fail(failure) if taken && failure.billed == Billed::No && !self.free => {
                panic!("{name}: says it was not billed, which nobody knows: {failure:?}")
            }
            // Where the answer named a task and its end, there is no doubt left.
            Verdict::Fail(_) if self.may_do && outcome.task.is_some() => {}
            Verdict::Fail(failure) if gamble && failure.retry != Retry::Never && !self.free => {
                panic!("{name}: asks for another try of what may be paid for: {failure:?}")
            }
            Verdict::Done(_) | Verdict::Send(_) | Verdict::Fail(_) => {}
        }
    }
}

//! The points of a scenario: where the plugin decided, and on what.

use super::fixture::Fixture;
use super::reply::{Happened, Reply};
use super::rig::{self, text};
use crate::drive::{Answer, Driver};
use crate::{Effect, Outcome, Request, Verdict};

/// What led to a decision, and the decision.
pub(super) struct Point {
    pub(super) number: u32,
    happened: Happened,
    before: Vec<u8>,
    pub(super) answer: Answer,
    /// Whether a provider may by now have taken what is paid for.
    pub(super) taken: bool,
    /// What comes next in the scenario.
    pub(super) fair: Option<Reply>,
    /// What is decided then.
    pub(super) after: Option<Answer>,
}

impl Point {
    /// Runs the step once more.
    pub(super) fn again(&self, driver: &dyn Driver, name: &str) -> Answer {
        self.heard(driver, name).0
    }

    /// The same, with what the plugin logged meanwhile.
    pub(super) fn heard(&self, driver: &dyn Driver, name: &str) -> (Answer, String) {
        match rig::heard(driver, self.number, &self.happened, &self.before) {
            Ok(heard) => heard,
            Err(why) => panic!("{name}: {why}"),
        }
    }
}

/// Goes through a scenario, asking `driver` for the instance that takes the next step.
pub(super) fn walk<'a>(
    fixture: &Fixture,
    mut driver: impl FnMut() -> &'a Box<dyn Driver>,
) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    let mut happened = Happened::Start(Box::new(fixture.job.clone()));
    let (mut before, mut taken) = (Vec::new(), false);
    let mut replies = fixture.exchanges.iter().map(|exchange| exchange.reply());
    for number in 0.. {
        let name = format!("{}, step {number}", fixture.title());
        let answer = match rig::step(driver().as_ref(), number, &happened, &before) {
            Ok(answer) => answer,
            Err(why) => panic!("{name}: {why}"),
        };
        if let Some(last) = points.last_mut() {
            last.after = Some(answer.clone());
        }
        let request = request(&read(&answer, &name));
        let fair = request.is_some().then(|| replies.next()).flatten();
        let state = answer.state.clone();
        let (next, after) = (fair.clone(), None);
        points.push(Point { number, happened, before, answer, taken, fair, after });
        let (Some(request), Some(reply)) = (request, next) else { break };
        taken |= request.effect == Effect::Unsafe && !reply.refuses();
        happened = Happened::Came { of: request.id, reply };
        before = state;
    }
    points
}

/// What a step decided.
pub(super) fn read(answer: &Answer, name: &str) -> Outcome {
    match rig::outcome(answer) {
        Ok(outcome) => outcome,
        Err(why) => panic!("{name}: {why}\n  {}", text(&answer.outcome)),
    }
}

/// The request it wants sent, if it is not over.
pub(super) fn request(outcome: &Outcome) -> Option<Request> {
    match &outcome.verdict {
        Verdict::Send(request) => Some(request.clone()),
        Verdict::Done(_) | Verdict::Fail(_) => None,
    }
}

//! The questions every plugin is asked, along the way of its own scenarios.

use std::path::Path;

use serde_json::Value;

use super::fixture::{self, Fixture, defaults};
use super::reply::{Happened, Reply};
use super::rig::{self, Rig, text};
use super::weather::{CANARY, Weather};
use crate::drive::{Answer, Driver};
use crate::{ApiType, Billed, Effect, Outcome, Request, Retry, SECRET, Verdict};

/// A state is stored with every step of every job, so it has a bound.
const MAX_STATE_BYTES: usize = 64 * 1024;
/// A plugin that polls on in bad weather does so until its deadline; eight turns show the habit.
const STORM_TURNS: u32 = 8;

/// The conformance suite of one API type: its scenarios, and the questions asked at each of their
/// points. [`conformance!`](crate::conformance) makes a test of each question.
pub struct Suite {
    scenarios: Vec<(Fixture, Rig)>,
}

/// A point of a scenario: what led to it and what was decided there.
struct Point {
    number: u32,
    happened: Happened,
    before: Vec<u8>,
    answer: Answer,
    /// Whether a provider may by now have taken what is paid for.
    taken: bool,
    /// What comes next in the scenario.
    fair: Option<Reply>,
}

impl Suite {
    /// The suite over these scenarios.
    pub fn new<T: ApiType>(fixtures: Vec<Fixture>) -> Self {
        let own = fixtures.into_iter().filter(|fixture| fixture.is_for(T::ID));
        let scenarios: Vec<_> = own.map(|fixture| (fixture.clone(), fixture.rig::<T>())).collect();
        assert!(!scenarios.is_empty(), "there is no scenario for {}", T::ID);
        Self { scenarios }
    }

    /// The suite over `fixtures/*.json` of a crate, with the defaults of its `label.json`.
    pub fn of_crate<T: ApiType>(manifest_dir: &str) -> Self {
        let folder = Path::new(manifest_dir);
        let defaults = defaults::<T>(&fixture::read(&folder.join("label.json")));
        Self::new::<T>(Fixture::read_dir(&folder.join("fixtures"), &defaults))
    }

    /// Asks everything.
    pub fn all(&self) {
        self.follows_its_fixtures();
        self.answers_the_same_twice();
        self.stores_its_state();
        self.resumes_at_every_point();
        self.endures_bad_weather();
        self.keeps_secrets();
    }

    /// Each scenario goes as written and ends as written.
    pub fn follows_its_fixtures(&self) {
        for (fixture, rig) in &self.scenarios {
            fixture.play(rig);
        }
    }

    /// Each step, run again by the same instance and by a new one, writes the same bytes.
    pub fn answers_the_same_twice(&self) {
        self.at_every_point(|rig, point, name| {
            let same = rig.make();
            for driver in [&same, &same, &rig.make()] {
                let again = point.again(driver.as_ref(), name);
                assert_eq!(again, point.answer, "{name}: the step depends on more than its input");
            }
        });
    }

    /// Each state fits its bound, and reading and writing it changes nothing.
    pub fn stores_its_state(&self) {
        self.at_every_point(|rig, point, name| {
            let state = &point.answer.state;
            let len = state.len();
            assert!(len <= MAX_STATE_BYTES, "{name}: a state of {len} bytes, at most 65536 fit");
            if !state.is_empty() {
                let again = text(&rig.recode(state));
                assert_eq!(again, text(state), "{name}: the state changes when it is read back");
            }
        });
    }

    /// A gateway that restarts between any two steps comes to the same end.
    pub fn resumes_at_every_point(&self) {
        for (fixture, rig) in &self.scenarios {
            let kept = rig.make();
            let whole = walk(fixture, || &kept);
            let instances: Vec<_> = whole.iter().map(|_| rig.make()).collect();
            let mut next = instances.iter();
            let broken = walk(fixture, || next.next().unwrap_or(&kept));
            let steps = whole.iter().zip(&broken);
            let same = steps.filter(|(one, other)| one.answer == other.answer).count();
            assert_eq!(same, whole.len(), "{}: goes another way after a restart", fixture.name);
        }
    }

    /// Bad answers in every place: never a panic, always an outcome, nothing paid for twice and
    /// nothing called free that may have cost.
    pub fn endures_bad_weather(&self) {
        self.at_every_point(|rig, point, name| {
            for weather in Weather::ALL {
                storm(rig, point, weather, &format!("{name}, {weather:?}"));
            }
            if !point.answer.state.is_empty() {
                let cancel =
                    rig::step(rig.make().as_ref(), 99, &Happened::Cancel, &point.answer.state);
                let read = cancel.and_then(|answer| rig::outcome(&answer));
                assert!(read.is_ok(), "{name}, cancel: {read:?}");
            }
        });
    }

    /// The key's placeholder stands in headers and bodies only: not in a state, a URL, a message or
    /// the log.
    pub fn keeps_secrets(&self) {
        self.at_every_point(|rig, point, name| {
            let (_, log) = point.heard(rig.make().as_ref(), name);
            let shown = match read(&point.answer, name).verdict {
                Verdict::Send(request) => request.url,
                Verdict::Done(_) | Verdict::Fail(_) => text(&point.answer.outcome),
            };
            let state = text(&point.answer.state);
            for (place, found) in [("the state", state), ("what is shown", shown), ("the log", log)]
            {
                assert!(!found.contains(SECRET), "{name}: the key's place is in {place}: {found}");
            }
        });
    }

    fn at_every_point(&self, ask: impl Fn(&Rig, &Point, &str)) {
        for (fixture, rig) in &self.scenarios {
            let driver = rig.make();
            for point in walk(fixture, || &driver) {
                ask(rig, &point, &format!("{:?}, step {}", fixture.name, point.number));
            }
        }
    }
}

impl Point {
    fn again(&self, driver: &dyn Driver, name: &str) -> Answer {
        self.heard(driver, name).0
    }

    fn heard(&self, driver: &dyn Driver, name: &str) -> (Answer, String) {
        match rig::heard(driver, self.number, &self.happened, &self.before) {
            Ok(heard) => heard,
            Err(why) => panic!("{name}: {why}"),
        }
    }
}

/// Goes through a scenario, asking `driver` for the instance that takes the next step.
fn walk<'a>(fixture: &Fixture, mut driver: impl FnMut() -> &'a Box<dyn Driver>) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    let mut happened = Happened::Start(Box::new(fixture.job.clone()));
    let (mut before, mut taken) = (Vec::new(), false);
    let mut replies = fixture.exchanges.iter().map(|exchange| exchange.reply());
    for number in 0.. {
        let name = format!("{:?}, step {number}", fixture.name);
        let answer = match rig::step(driver().as_ref(), number, &happened, &before) {
            Ok(answer) => answer,
            Err(why) => panic!("{name}: {why}"),
        };
        let request = request(&read(&answer, &name));
        let fair = replies.next();
        let state = answer.state.clone();
        points.push(Point { number, happened, before, answer, taken, fair: fair.clone() });
        let (Some(request), Some(reply)) = (request, fair) else { break };
        taken |= request.effect == Effect::Unsafe && !reply.refuses();
        happened = Happened::Came { of: request.id, reply };
        before = state;
    }
    points
}

/// From one point on, nothing but this weather.
fn storm(rig: &Rig, point: &Point, weather: Weather, name: &str) {
    let driver = rig.make();
    let nothing = Reply::json(200, Value::Null);
    let fair = point.fair.as_ref().unwrap_or(&nothing);
    let (mut answer, mut taken) = (point.answer.clone(), point.taken);
    for turn in 1..=STORM_TURNS {
        let Some(request) = request(&read(&answer, name)) else { return };
        let Some(reply) = weather.instead_of(fair, &request) else { return };
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
        judge(&read(&answer, name), taken, gamble, name);
        let (outcome, state) = (text(&answer.outcome), text(&answer.state));
        for (place, found) in [("outcome", outcome), ("state", state), ("log", log)] {
            assert!(!found.contains(CANARY), "{name}: the raw answer is in the {place}: {found}");
        }
    }
}

/// `taken`: something paid for may be under way. `gamble`: that is what was just answered so.
fn judge(outcome: &Outcome, taken: bool, gamble: bool, name: &str) {
    match &outcome.verdict {
        Verdict::Done(done) => panic!("{name}: done, though no answer had a result: {done:?}"),
        Verdict::Send(request) if taken && request.effect == Effect::Unsafe => {
            panic!("{name}: sends what may be paid for already once more: {request:?}")
        }
        Verdict::Fail(failure) if taken && failure.billed == Billed::No => {
            panic!("{name}: says it was not billed, which nobody knows: {failure:?}")
        }
        Verdict::Fail(failure) if gamble && failure.retry != Retry::Never => {
            panic!("{name}: asks for another try of what may be paid for: {failure:?}")
        }
        Verdict::Send(_) | Verdict::Fail(_) => {}
    }
}

fn read(answer: &Answer, name: &str) -> Outcome {
    match rig::outcome(answer) {
        Ok(outcome) => outcome,
        Err(why) => panic!("{name}: {why}\n  {}", text(&answer.outcome)),
    }
}

fn request(outcome: &Outcome) -> Option<Request> {
    match &outcome.verdict {
        Verdict::Send(request) => Some(request.clone()),
        Verdict::Done(_) | Verdict::Fail(_) => None,
    }
}

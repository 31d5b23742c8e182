//! The questions every plugin is asked, along the way of its own scenarios.

use std::path::Path;

use super::fixture::{self, Fixture, defaults};
use super::point::{Point, read, walk};
use super::reply::Happened;
use super::rig::{self, Rig, text};
use super::storm;
use crate::{ApiType, SECRET, Verdict};

/// A state is stored with every step of every job, so it has a bound.
const MAX_STATE_BYTES: usize = 64 * 1024;

/// The conformance suite of one API type: its scenarios, and the questions asked at each of their
/// points. [`conformance!`](crate::conformance) makes a test of each question.
pub struct Suite {
    scenarios: Vec<(Fixture, Rig)>,
}

impl Suite {
    /// The suite over these scenarios.
    pub fn new<T: ApiType>(fixtures: Vec<Fixture>) -> Self {
        let own = fixtures.into_iter().filter(|fixture| fixture.is_for(T::ID));
        let scenarios: Vec<_> = own.map(|fixture| (fixture.clone(), fixture.rig::<T>())).collect();
        assert!(
            !scenarios.is_empty(),
            "no scenario is for the API type {id}: write one whose `config` has no `type`, or has \
             \"type\": \"{id}\"",
            id = T::ID
        );
        for (fixture, rig) in &scenarios {
            if let Some(why) = rig.refusal() {
                panic!(
                    "{}: its `config` is refused: {}: {}",
                    fixture.title(),
                    why.field,
                    why.message
                );
            }
        }
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
            assert_eq!(same, whole.len(), "{}: goes another way after a restart", fixture.title());
        }
    }

    /// Bad answers in every place, and good ones with one thing wrong: never a panic, always an
    /// outcome, nothing paid for twice and nothing called free that may have cost.
    pub fn endures_bad_weather(&self) {
        self.at_every_point(|rig, point, name| {
            storm::all(rig, point, name);
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
                ask(rig, &point, &format!("{}, step {}", fixture.title(), point.number));
            }
        }
    }
}

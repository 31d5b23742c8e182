//! A conversation with a provider as a test writes it: a line an exchange.

use std::marker::PhantomData;

use serde_json::Value;

use super::matching::lacks;
use super::reply::{Happened, Reply};
use super::rig::{self, Rig, text};
use crate::drive::Driver;
use crate::{ApiType, Body, Done, Effect, Failure, Job, Outcome, Phase, Request, Verdict};

/// An API type with its configuration, ready for a conversation.
pub struct Script<T> {
    rig: Rig,
    api_type: PhantomData<fn() -> T>,
}

impl<T: ApiType> Script<T> {
    /// Configures the API type as a provider's file would; `type` may be left out.
    pub fn new(config: Value) -> Self {
        Self { rig: Rig::of::<T>(config), api_type: PhantomData }
    }

    /// Begins an attempt.
    pub fn start(&self, job: Job) -> Talk {
        Talk::start(self.rig.make(), job)
    }
}

/// A conversation, at a point where the plugin has just decided. The state it wrote is kept as
/// bytes and read again at the next step, as the gateway does.
///
/// Every method fails the test with the whole conversation so far when it is not as expected.
#[must_use = "a conversation ends with `done` or `fails`"]
pub struct Talk {
    driver: Box<dyn Driver>,
    number: u32,
    state: Vec<u8>,
    outcome: Outcome,
    heard: Vec<String>,
}

/// A request the plugin made, before it is answered. Check what you care about, then answer.
#[must_use = "a request wants a reply"]
pub struct Asked {
    talk: Talk,
    request: Box<Request>,
}

impl Talk {
    pub(super) fn start(driver: Box<dyn Driver>, job: Job) -> Self {
        let happened = Happened::Start(Box::new(job));
        Self::step(driver, 0, &happened, &[], vec!["start".to_owned()])
    }

    /// Expects a `GET` of that path.
    pub fn expect_get(self, path: &str) -> Asked {
        self.expect("GET", path)
    }

    /// Expects a `POST` to that path.
    pub fn expect_post(self, path: &str) -> Asked {
        self.expect("POST", path)
    }

    /// Expects a request. `path` is what follows the host, query included, or a whole URL.
    pub fn expect(self, method: &str, path: &str) -> Asked {
        let Verdict::Send(request) = self.outcome.verdict.clone() else {
            self.fail(&format!("expected {method} {path}, but it is over"));
        };
        let there = if path.contains("://") { request.url.as_str() } else { path_of(&request.url) };
        if request.method != method || there != path {
            self.fail(&format!("expected {method} {path}, got {} {there}", request.method));
        }
        Asked { talk: self, request: Box::new(request) }
    }

    /// Expects the plugin to have named the provider's task.
    pub fn has_task(self, id: &str) -> Self {
        match &self.outcome.task {
            Some(task) if task.id == id => self,
            other => self.fail(&format!("expected task {id}, got {other:?}")),
        }
    }

    /// The client no longer wants it: the plugin is asked to stop.
    pub fn cancel(self) -> Self {
        let mut heard = self.heard;
        heard.push("cancel".to_owned());
        Self::step(self.driver, self.number, &Happened::Cancel, &self.state, heard)
    }

    /// The state as it would be stored now.
    pub fn state(&self) -> &[u8] {
        &self.state
    }

    /// What was decided last.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The end, which is a success.
    pub fn done(self) -> Done {
        match &self.outcome.verdict {
            Verdict::Done(done) => done.clone(),
            Verdict::Send(_) | Verdict::Fail(_) => self.fail("expected it to be done"),
        }
    }

    /// The end, which is a failure.
    pub fn fails(self) -> Failure {
        match &self.outcome.verdict {
            Verdict::Fail(failure) => failure.clone(),
            Verdict::Send(_) | Verdict::Done(_) => self.fail("expected it to fail"),
        }
    }

    /// Names the conversation in what a failure prints.
    pub(super) fn about(mut self, name: &str) -> Self {
        self.heard.insert(0, name.to_owned());
        self
    }

    /// Expects the outcome's JSON to have all that `wanted` has.
    pub(super) fn ends(self, wanted: &Value) {
        let found = serde_json::to_value(&self.outcome).unwrap_or_default();
        if let Some(lack) = lacks(&found, wanted) {
            self.fail(&format!("the end is another: {lack}"));
        }
    }

    fn step(
        driver: Box<dyn Driver>,
        number: u32,
        happened: &Happened,
        state: &[u8],
        mut heard: Vec<String>,
    ) -> Self {
        let answer = rig::step(driver.as_ref(), number, happened, state);
        let read = answer.and_then(|answer| Ok((rig::outcome(&answer)?, answer)));
        let (outcome, answer) = match read {
            Ok(both) => both,
            Err(why) => panic!("{why}\n{}", heard.join("\n")),
        };
        heard.push(format!("  decides {}", text(&answer.outcome)));
        heard.push(format!("  stores  {}", text(&answer.state)));
        Self { driver, number: number + 1, state: answer.state, outcome, heard }
    }

    fn fail(&self, why: &str) -> ! {
        panic!("{why}\nthe conversation so far:\n{}", self.heard.join("\n"))
    }
}

impl Asked {
    /// Expects the JSON body to hold `value` at a JSON pointer, such as `/imageUrls/0`. `null`
    /// stands for "not there".
    pub fn body_has(self, pointer: &str, value: impl Into<Value>) -> Self {
        let body = body_of(&self.request);
        let found = body.pointer(pointer).unwrap_or(&Value::Null);
        match lacks(found, &value.into()) {
            Some(lack) => self.talk.fail(&format!("at {pointer} of the body: {lack}")),
            None => self,
        }
    }

    /// Expects a body with at least this. JSON is compared as it is sent, everything else in the
    /// form of the envelope, such as `{"multipart": [{"name": "file", "image": 0}]}`.
    pub fn body(self, wanted: &Value) -> Self {
        match lacks(&body_of(&self.request), wanted) {
            Some(lack) => self.talk.fail(&format!("in the body: {lack}")),
            None => self,
        }
    }

    /// Expects a header with exactly this value.
    pub fn header(self, name: &str, value: &str) -> Self {
        let same = |(n, v): &(String, String)| n.eq_ignore_ascii_case(name) && v == value;
        if !self.request.headers.iter().any(same) {
            self.talk.fail(&format!("the header {name}: {value} is not sent"));
        }
        self
    }

    /// Expects this effect.
    pub fn effect(self, effect: Effect) -> Self {
        let found = self.request.effect;
        self.same("effect", found, effect)
    }

    /// Expects this phase.
    pub fn phase(self, phase: Phase) -> Self {
        let found = self.request.phase;
        self.same("phase", found, phase)
    }

    /// Expects it to be sent after that long.
    pub fn after_ms(self, ms: u64) -> Self {
        let found = self.request.after_ms;
        self.same("after_ms", found, ms)
    }

    /// The request, for whatever else there is to check.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Answers with JSON.
    pub fn reply(self, status: u16, body: Value) -> Talk {
        self.with(Reply::json(status, body))
    }

    /// Answers with text that is not JSON.
    pub fn reply_text(self, status: u16, body: &str) -> Talk {
        self.with(Reply::text(status, body))
    }

    /// Answers, or fails to, in any way.
    pub fn with(self, reply: Reply) -> Talk {
        let Self { talk, request } = self;
        let mut heard = talk.heard;
        heard.push(format!("{} {}\n  comes   {}", request.method, request.url, reply.describe()));
        let happened = Happened::Came { of: request.id, reply };
        Talk::step(talk.driver, talk.number, &happened, &talk.state, heard)
    }

    fn same<V: Copy + PartialEq + std::fmt::Debug>(self, what: &str, found: V, wanted: V) -> Self {
        if found != wanted {
            self.talk.fail(&format!("{what} is {found:?}, expected {wanted:?}"));
        }
        self
    }
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |slash| &rest[slash..])
}

fn body_of(request: &Request) -> Value {
    match &request.body {
        Body::Json(value) => value.clone(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

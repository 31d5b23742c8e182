//! The kit finds what it is there to find: a plugin with one vice fails the question about it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Fixture, Script, Suite, job, refused};
use crate::{
    ApiType, Billed, Class, ConfigError, Cx, Done, Event, Failure, Job, Output, Response, Retry,
    SECRET, Step,
};

/// A plugin with one vice, or none.
struct Naughty {
    vice: String,
    steps: AtomicU32,
}

#[derive(Deserialize)]
struct Config {
    vice: String,
}

#[derive(Serialize, Deserialize)]
enum State {
    Submitted(String),
    Polling(String),
}

#[derive(Deserialize)]
struct Ticket {
    id: String,
    url: Option<String>,
}

impl Naughty {
    fn has(&self, vice: &str) -> bool {
        self.vice == vice
    }

    fn submit(&self, cx: &Cx, kept: String) -> Step<State> {
        let mut path = "/v1/edits".to_owned();
        if self.has("key in the url") {
            path = format!("{path}?key={SECRET}");
        }
        let submit = cx.post("https://naughty.example", &path).bearer().json(&json!({}));
        Ok(submit.then(State::Submitted(kept)))
    }

    fn poll(&self, cx: &Cx, id: String) -> Step<State> {
        let steps = self.steps.load(Ordering::Relaxed);
        let wait = if self.has("memory of its own") { u64::from(steps) } else { 1_000 };
        let poll = cx.get("https://naughty.example", "/v1/edits/7").bearer().after_ms(wait);
        Ok(poll.then(State::Polling(id.clone())).task(id))
    }

    fn lost(&self, cx: &Cx, failure: Failure) -> Step<State> {
        let failure = Failure { class: Class::UnknownOutcome, retry: Retry::Never, ..failure };
        match self.vice.as_str() {
            "submits twice" => self.submit(cx, String::new()),
            "calls it free" => Err(failure.billed(Billed::No)),
            "goes elsewhere" => Err(failure.retry(Retry::Elsewhere)),
            _ => Err(failure),
        }
    }

    fn read(&self, answer: &Response) -> Result<Ticket, Failure> {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        if self.has("logs answers") {
            tracing::info!(body, "answered");
        }
        assert!(!self.has("panics at null") || body != "null", "a null");
        if self.has("trusts a member") && body.contains(r#""time":{"#) {
            let found: Value = answer.json()?;
            assert!(found["time"]["taken"].is_u64(), "no time");
        }
        let failed = |failure: Failure| match self.has("quotes answers") {
            true => failure.detail(body),
            false => failure,
        };
        answer.json().map_err(failed)
    }
}

impl ApiType for Naughty {
    const ID: &'static str = "naughty";
    type Config = Config;
    type State = State;

    fn new(config: Config) -> Result<Self, ConfigError> {
        if config.vice.is_empty() {
            return Err(ConfigError::new("vice", "empty; name one"));
        }
        Ok(Self { vice: config.vice, steps: AtomicU32::new(0) })
    }

    fn start(&self, cx: &Cx, _job: &Job) -> Step<State> {
        let kept = match self.vice.as_str() {
            "hoards" => "x".repeat(70_000),
            "key in the state" => SECRET.to_owned(),
            _ => String::new(),
        };
        self.submit(cx, kept)
    }

    fn resume(&self, cx: &Cx, state: State, event: &Event) -> Step<State> {
        self.steps.fetch_add(1, Ordering::Relaxed);
        match state {
            State::Submitted(_) => {
                let answer = match event.response() {
                    Ok(answer) if (400..500).contains(&answer.status()) => answer.success()?,
                    Ok(answer) => answer,
                    Err(failure) if failure.billed == Billed::No => return Err(failure),
                    Err(failure) => return self.lost(cx, failure),
                };
                match self.read(answer) {
                    Ok(ticket) => self.poll(cx, ticket.id),
                    Err(failure) => self.lost(cx, failure),
                }
            }
            State::Polling(id) => match event.response().and_then(|answer| self.read(answer)) {
                Ok(Ticket { url: Some(url), .. }) => Ok(Done::new([Output::url(url)]).into()),
                Ok(_) => self.poll(cx, id),
                Err(_) if !self.has("trusts a bad poll") => self.poll(cx, id),
                Err(failure) => Err(failure.billed(Billed::No)),
            },
        }
    }
}

fn suite(vice: &str) -> Suite {
    let url = "https://naughty.example/7.png";
    let scenario = json!({
        "name": "done", "job": job("make it grey"),
        "exchanges": [
            { "expect": { "method": "POST", "path": "/v1/edits" },
              "reply": { "status": 200, "body": { "id": "7" } } },
            { "expect": { "method": "GET", "path": "/v1/edits/7" },
              "reply": { "status": 200, "body": { "id": "7" } } },
            { "expect": { "method": "GET", "path": "/v1/edits/7" },
              "reply": { "status": 200, "body": { "id": "7", "url": url, "time": { "taken": 3 } } } }
        ],
        "end": { "done": { "outputs": [{ "url": url }] } }
    });
    let fixture = Fixture::parse(&scenario.to_string(), &json!({ "vice": vice }));
    Suite::new::<Naughty>(vec![fixture])
}

/// What a question complains of; empty when it does not.
pub(super) fn complaint(question: impl FnOnce()) -> String {
    match catch_unwind(AssertUnwindSafe(question)) {
        Ok(()) => String::new(),
        Err(panic) => panic.downcast::<String>().map_or("a panic".to_owned(), |why| *why),
    }
}

#[test]
fn passes_a_plugin_without_vice() {
    suite("none").all();
}

#[test]
fn finds_each_vice() {
    type Question = fn(&Suite);
    let vices: [(&str, Question, &str); 14] = [
        ("memory of its own", Suite::answers_the_same_twice, "depends on more than its input"),
        ("memory of its own", Suite::resumes_at_every_point, "another way after a restart"),
        ("hoards", Suite::stores_its_state, "a state of 70"),
        ("submits twice", Suite::endures_bad_weather, "once more"),
        ("calls it free", Suite::endures_bad_weather, "says it was not billed"),
        ("goes elsewhere", Suite::endures_bad_weather, "asks for another try"),
        ("trusts a bad poll", Suite::endures_bad_weather, "says it was not billed"),
        ("panics at null", Suite::endures_bad_weather, "Null: the step panics"),
        ("trusts a member", Suite::endures_bad_weather, "step 2, answered without /time/taken: "),
        ("trusts a member", Suite::endures_bad_weather, "panics at sdk/src/testing/tests.rs:"),
        ("quotes answers", Suite::endures_bad_weather, "in the outcome"),
        ("logs answers", Suite::endures_bad_weather, "in the log"),
        ("key in the url", Suite::keeps_secrets, "in what is shown"),
        ("key in the state", Suite::keeps_secrets, "in the state"),
    ];
    for (vice, question, words) in vices {
        let suite = suite(vice);
        let complaint = complaint(|| question(&suite));
        assert!(complaint.contains(words), "{vice}: {complaint:?}");
    }
}

#[test]
fn fails_a_conversation_that_goes_another_way() {
    let script = Script::<Naughty>::new(json!({ "vice": "none" }));
    let start = || script.start(job("make it grey"));
    let wrong: [(&str, &dyn Fn()); 4] = [
        ("expected GET /v1/edits, got POST", &|| drop(start().expect_get("/v1/edits"))),
        ("got POST /v1/edits", &|| drop(start().expect_post("/v1/other"))),
        ("at /prompt of the body", &|| {
            drop(start().expect_post("/v1/edits").body_has("/prompt", "x"));
        }),
        ("expected it to be done", &|| drop(start().done())),
    ];
    for (words, talk) in wrong {
        let complaint = complaint(talk);
        assert!(complaint.contains(words), "{words}: {complaint:?}");
        assert!(complaint.contains("the conversation so far"), "{complaint}");
    }
    assert_eq!(refused::<Naughty>(&json!({ "vice": "" })).field, "vice");
}

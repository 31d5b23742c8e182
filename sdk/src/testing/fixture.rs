//! A scenario in a file: configuration, job, what is exchanged, and how it ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::Reply;
use super::rig::Rig;
use super::script::Talk;
use crate::{ApiType, Effect, Job, Phase, Sent};

/// One scenario, as `fixtures/*.json` has it:
///
/// ```json
/// { "name": "a done edit",
///   "config": { "host": "https://api.acme.example" },
///   "job": { "prompt": "make it grey", "inputs": [ { "mime": "image/png", "bytes": 9, "width": 1, "height": 1 } ] },
///   "exchanges": [
///     { "expect": { "method": "POST", "path": "/v1/edits", "effect": "unsafe", "body": { "prompt": "make it grey" } },
///       "reply": { "status": 200, "headers": { "x-request-id": "r1" }, "body": { "id": "7" } } },
///     { "expect": { "method": "GET", "path": "/v1/edits/7" },
///       "lost": { "class": "timeout", "sent": "maybe" } } ],
///   "end": { "fail": { "class": "unknown_outcome" } } }
/// ```
///
/// `config` is laid over the defaults in `label.json`, so most scenarios need none. An exchange has
/// one of `reply` (with `body` in JSON, or else `text`), `lost` and `interrupted: true`. What is
/// expected may be less than what is there, see [`Asked::body`](super::Asked::body); `end` is so
/// compared with the whole outcome: `{"done": …, "task": {"id": …}}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    pub(super) name: String,
    #[serde(default)]
    config: Value,
    pub(super) job: Job,
    pub(super) exchanges: Vec<Exchange>,
    end: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    expect: Expect,
    reply: Option<Answer>,
    lost: Option<Lost>,
    #[serde(default)]
    interrupted: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    method: String,
    path: String,
    body: Option<Value>,
    effect: Option<Effect>,
    phase: Option<Phase>,
    after_ms: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    text: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lost {
    class: String,
    sent: Sent,
}

impl Fixture {
    /// Reads a scenario; `defaults` is the configuration its own is laid over.
    pub fn parse(json: &str, defaults: &Value) -> Self {
        let mut fixture: Self = match serde_json::from_str(json) {
            Ok(fixture) => fixture,
            Err(error) => panic!("the fixture cannot be read: {error}\n{json}"),
        };
        fixture.config = overlaid(defaults.clone(), &fixture.config);
        fixture
    }

    /// All `*.json` of a folder, in the order of their names.
    pub fn read_dir(folder: &Path, defaults: &Value) -> Vec<Self> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => panic!("{} cannot be read: {error}", folder.display()),
        };
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "json"));
        files.sort();
        files.iter().map(|file| Self::parse(&read(file), defaults)).collect()
    }

    /// Plays the scenario, and fails the test where it goes another way.
    pub fn run<T: ApiType>(&self) {
        self.play(&self.rig::<T>());
    }

    pub(super) fn rig<T: ApiType>(&self) -> Rig {
        Rig::of::<T>(self.config.clone())
    }

    pub(super) fn play(&self, rig: &Rig) {
        let start = Talk::start(rig.make(), self.job.clone()).about(&self.name);
        self.exchanges.iter().fold(start, |talk, exchange| exchange.play(talk)).ends(&self.end);
    }

    /// Whether the scenario is for this API type; one that names none is.
    pub(super) fn is_for(&self, api_type: &str) -> bool {
        self.config.get("type").is_none_or(|named| named == api_type)
    }
}

impl Exchange {
    fn play(&self, talk: Talk) -> Talk {
        let wanted = &self.expect;
        let mut asked = talk.expect(&wanted.method, &wanted.path);
        if let Some(body) = &wanted.body {
            asked = asked.body(body);
        }
        if let Some(effect) = wanted.effect {
            asked = asked.effect(effect);
        }
        if let Some(phase) = wanted.phase {
            asked = asked.phase(phase);
        }
        if let Some(ms) = wanted.after_ms {
            asked = asked.after_ms(ms);
        }
        asked.with(self.reply())
    }

    pub(super) fn reply(&self) -> Reply {
        match (&self.reply, &self.lost, self.interrupted) {
            (Some(answer), None, false) => answer.reply(),
            (None, Some(lost), false) => Reply::lost(lost.class.clone(), lost.sent),
            (None, None, true) => Reply::interrupted(),
            _ => panic!("an exchange has exactly one of reply, lost and interrupted: {self:?}"),
        }
    }
}

impl Answer {
    fn reply(&self) -> Reply {
        let bare = match (&self.body, &self.text) {
            (Some(body), None) => Reply::json(self.status, body.clone()),
            (None, text) => Reply::text(self.status, text.clone().unwrap_or_default()),
            (Some(_), Some(_)) => panic!("a reply has body or text, not both: {self:?}"),
        };
        self.headers.iter().fold(bare, |reply, (name, value)| reply.header(name, value))
    }
}

/// The configuration that the defaults of an API type in a `label.json` make, as the gateway hands
/// it to the plugin when a provider's file says nothing else.
pub fn defaults<T: ApiType>(label: &str) -> Value {
    let label: Value = serde_json::from_str(label).unwrap_or_else(|e| panic!("label.json: {e}"));
    let types = label["types"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(named) = types.iter().find(|named| named["id"] == T::ID) else {
        panic!("label.json offers no API type {}", T::ID);
    };
    let defaults = &named["defaults"];
    let or = |field: &str, none: Value| defaults.get(field).cloned().unwrap_or(none);
    json!({
        "type": T::ID,
        "host": defaults["hosts"]["domestic"],
        "endpoints": or("endpoints", json!({})),
        "model": or("model", Value::Null),
        "sync": or("sync", json!(false)),
        "options": or("options", json!({})),
    })
}

fn overlaid(below: Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Object(mut below), Value::Object(above)) => {
            for (key, value) in above {
                let under = below.remove(key).unwrap_or_default();
                below.insert(key.clone(), overlaid(under, value));
            }
            Value::Object(below)
        }
        (below, Value::Null) => below,
        (_, above) => above.clone(),
    }
}

pub(super) fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{} cannot be read: {e}", file.display()))
}

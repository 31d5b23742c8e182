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
/// Write the first from the provider's documentation and the others from what it really answered,
/// without keys and personal data: at least an edit that is done, and one for each error you handle.
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
    /// Where it was read, for what a failure prints.
    #[serde(skip)]
    file: Option<String>,
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
        match Self::read(json, defaults) {
            Ok(fixture) => fixture,
            Err(why) => panic!("the fixture cannot be used: {why}\n{json}"),
        }
    }

    /// All `*.json` of a folder, in the order of their names.
    pub fn read_dir(folder: &Path, defaults: &Value) -> Vec<Self> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "json"));
        files.sort();
        assert!(!files.is_empty(), "there is no scenario yet: {}", what_to_put(folder));
        files.iter().map(|file| Self::of_file(file, defaults)).collect()
    }

    fn of_file(file: &Path, defaults: &Value) -> Self {
        let shown = file.file_name().unwrap_or_default().to_string_lossy();
        let shown = format!("fixtures/{shown}");
        match Self::read(&read(file), defaults) {
            Ok(fixture) => Self { file: Some(shown), ..fixture },
            Err(why) => panic!("{shown} cannot be used: {why}"),
        }
    }

    fn read(json: &str, defaults: &Value) -> Result<Self, String> {
        let mut fixture: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if fixture.job.prompt.is_empty() {
            return Err("`job.prompt` is empty; a job always has one".to_owned());
        }
        for (n, exchange) in fixture.exchanges.iter().enumerate() {
            exchange.check().map_err(|why| format!("`exchanges[{n}]` {why}"))?;
        }
        fixture.config = overlaid(defaults.clone(), &fixture.config);
        Ok(fixture)
    }

    /// Its name and its file, as a failure prints them.
    pub(super) fn title(&self) -> String {
        match &self.file {
            Some(file) => format!("{file} ({:?})", self.name),
            None => format!("{:?}", self.name),
        }
    }

    /// Plays the scenario, and fails the test where it goes another way.
    pub fn run<T: ApiType>(&self) {
        self.play(&self.rig::<T>());
    }

    pub(super) fn rig<T: ApiType>(&self) -> Rig {
        Rig::of::<T>(self.config.clone())
    }

    pub(super) fn play(&self, rig: &Rig) {
        let start = Talk::start(rig.make(), self.job.clone()).about(&self.title());
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

    fn check(&self) -> Result<(), &'static str> {
        let given = [self.reply.is_some(), self.lost.is_some(), self.interrupted];
        if given.into_iter().filter(|one| *one).count() != 1 {
            return Err("must have exactly one of `reply`, `lost` and `interrupted: true`");
        }
        match &self.reply {
            Some(Answer { body: Some(_), text: Some(_), .. }) => {
                Err("has a reply with both `body` and `text`; leave one out")
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn reply(&self) -> Reply {
        match (&self.reply, &self.lost) {
            (Some(answer), _) => answer.reply(),
            (None, Some(lost)) => Reply::lost(lost.class.clone(), lost.sent),
            (None, None) => Reply::interrupted(),
        }
    }
}

impl Answer {
    fn reply(&self) -> Reply {
        let bare = match (&self.body, &self.text) {
            (Some(body), _) => Reply::json(self.status, body.clone()),
            (None, text) => Reply::text(self.status, text.clone().unwrap_or_default()),
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

fn what_to_put(folder: &Path) -> String {
    format!(
        "put one JSON file for each conversation with the provider into {}, at least an edit that \
         is done and one that is refused; the documentation of retouch_sdk::testing::Fixture has \
         one to copy",
        folder.display()
    )
}

pub(super) fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{} cannot be read: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::Fixture;
    use crate::testing::tests::complaint;

    #[test]
    fn says_what_is_wrong_with_a_scenario() {
        let good = json!({
            "name": "done", "job": { "prompt": "make it grey" },
            "exchanges": [{ "expect": { "method": "GET", "path": "/" }, "reply": { "status": 200 } }],
            "end": {}
        });
        let read = |fixture: &Value| Fixture::read(&fixture.to_string(), &Value::Null);
        assert!(read(&good).is_ok());
        for (pointer, value, words) in [
            ("/job/prompt", json!(""), "`job.prompt` is empty"),
            ("/exchanges/0/reply", Value::Null, "`exchanges[0]` must have exactly one of"),
            ("/exchanges/0/reply/status", json!("ok"), "expected u16"),
            ("/exchanges/0/reply", json!({ "status": 200, "body": 1, "text": "1" }), "both `body`"),
            ("/exchanges/0", json!({ "expects": {} }), "unknown field `expects`"),
        ] {
            let mut wrong = good.clone();
            *wrong.pointer_mut(pointer).unwrap() = value;
            let why = read(&wrong).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn names_the_file_and_says_what_to_put_into_an_empty_folder() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let broken =
            complaint(|| drop(Fixture::of_file(&package.join("Cargo.toml"), &Value::Null)));
        assert!(broken.starts_with("fixtures/Cargo.toml cannot be used: expected"), "{broken}");
        for folder in ["src", "not/there"] {
            let folder = package.join(folder);
            let empty = complaint(|| drop(Fixture::read_dir(&folder, &Value::Null)));
            let words = format!(
                "put one JSON file for each conversation with the provider into {}",
                folder.display()
            );
            assert!(empty.contains(&words), "{empty}");
        }
    }
}

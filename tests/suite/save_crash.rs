//! A gateway that is killed while it saves what an operator changed through the API: each file is the
//! old one or the new one, several that change together are all old or all new at the next start, and
//! what was answered is there.

#![expect(clippy::print_stdout, reason = "a failure has to say what was covered")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use reqwest::Method;
use retouch_tests::{
    Client, Home, OpenAi, Plugin, ProviderFile,
    crashes::{Mortal, Point, Stopper},
    gateway::files_below,
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

/// Runs at once.
const AT_ONCE: usize = 8;
/// How everything begins that is there for the time of a save.
const MARK: &str = ".retouch-save";

/// Names and bytes of the providers' files.
type Files = BTreeMap<String, String>;

/// What the operator wants.
#[derive(Clone)]
struct Change {
    method: Method,
    path: &'static str,
    body: Value,
}

/// A change, and what the files are without it and with it.
struct Saving {
    stopper: Stopper,
    service: OpenAi,
    change: Change,
    before: Files,
    after: Files,
}

/// What the runs came to.
#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    deaths: usize,
    old: usize,
    new: usize,
}

impl Change {
    /// Asks for it; whether that was answered well. Whoever dies meanwhile answers nothing.
    async fn ask(&self, client: &Client) -> bool {
        let request = client.request(self.method.clone(), self.path);
        let request = match &self.body {
            Value::Null => request,
            body => request.header("content-type", "application/json").body(body.to_string()),
        };
        let Ok(answer) = request.send().await else { return false };
        let status = answer.status();
        let Ok(text) = answer.text().await else { return false };
        assert!(status.is_success(), "{} {}: {status}: {text}", self.method, self.path);
        true
    }
}

impl Saving {
    /// Watches the change being saved once; the places where that can be broken off.
    async fn watched(change: Change) -> (Self, Vec<Point>) {
        let (stopper, service) = (Stopper::compiled(), OpenAi::start());
        let mut mortal = mortal(&service);
        let before = files(mortal.home());
        let Some(client) = mortal.start_armed(&stopper, &[], None).await else {
            panic!("it does not start:\n{}", mortal.log());
        };
        let start = mortal.trace();
        assert!(change.ask(&client).await, "{}", mortal.log());
        let points = since(&start, &mortal.trace());
        let after = files(mortal.home());
        assert_ne!(before, after, "nothing was changed");
        mortal.kill().await;
        (Self { stopper, service, change, before, after }, points)
    }

    /// One run that is broken off there, and the one that follows.
    async fn broken_off(&self, point: &Point) -> Tally {
        let mut mortal = mortal(&self.service);
        let client = mortal.start_armed(&self.stopper, &[], Some(point)).await;
        let is_answered = match &client {
            Some(client) => self.change.ask(client).await,
            None => false,
        };
        if !is_answered {
            mortal.dead().await;
        }
        mortal.kill().await;
        let deaths = usize::from(mortal.dead().await.signal == Some(9));
        self.assert_each_whole(&files(mortal.home()));

        let client = mortal.start_safe().await;
        let found = files(mortal.home());
        let is_new = found == self.after;
        assert!(is_new || found == self.before, "neither old nor new: {found:#?}");
        assert!(is_new || !is_answered, "it was answered and is lost: {found:#?}");
        assert_eq!(ids(&client).await, stems(&found));
        self.assert_goes_on(&client, mortal.home()).await;
        mortal.kill().await;
        Tally { runs: 1, deaths, old: usize::from(!is_new), new: usize::from(is_new) }
    }

    /// Every file is the old or the new one, to the byte.
    fn assert_each_whole(&self, found: &Files) {
        let names = self.before.keys().chain(self.after.keys()).chain(found.keys());
        for name in names {
            let now = found.get(name);
            let is_whole = now == self.before.get(name) || now == self.after.get(name);
            assert!(is_whole, "{name} is neither old nor new: {now:#?}");
        }
    }

    /// The next change is saved, and nothing of the one that was broken off is left behind.
    async fn assert_goes_on(&self, client: &Client, home: &Home) {
        let path = "/admin/api/providers/two";
        let next = Change { method: Method::PATCH, path, body: json!({ "description": "next" }) };
        assert!(next.ask(client).await);
        let left = files_below(&home.path("config"));
        let left: Vec<_> = left.iter().map(|(path, _)| path.display().to_string()).collect();
        assert!(!left.iter().any(|path| path.contains(MARK)), "{left:#?}");
    }
}

/// A gateway with three providers whose files have comments.
fn mortal(service: &OpenAi) -> Mortal {
    let file = |(id, priority)| {
        let file = ProviderFile::openai(id, service).priority(priority);
        file.line("# Ask Tom before you change this.").line("description = \"ours\"  # and theirs")
    };
    let home = Home::with([("one", 3), ("two", 2), ("three", 1)].map(file)).plugin(Plugin::OpenAi);
    Mortal::of(home.env("RETOUCH_SECRET_NEW", "a-key-of-another-account"))
}

/// What a gateway takes for providers' files.
fn files(home: &Home) -> Files {
    let all = files_below(&home.path("config/providers")).into_iter();
    let named = all.map(|(path, bytes)| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, String::from_utf8(bytes).unwrap())
    });
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

fn stems(files: &Files) -> BTreeSet<String> {
    files.keys().map(|name| name.trim_end_matches(".toml").to_owned()).collect()
}

async fn ids(client: &Client) -> BTreeSet<String> {
    let list: Value = client.get("/admin/api/providers").await.expect(200).json();
    let list = list["data"].as_array().unwrap().iter();
    list.map(|provider| provider["id"].as_str().unwrap().to_owned()).collect()
}

/// The places of a trace that come after its beginning.
fn since(start: &[String], trace: &[String]) -> Vec<Point> {
    let before = |call: &str| start.iter().filter(|seen| *seen == call).count();
    let mut points = Point::all(trace);
    points.retain(|point| point.number > before(&point.call));
    points
}

/// Saves the change with a death at every place there is.
async fn at_every_point(method: Method, path: &'static str, body: Value) {
    let (saving, points) = Saving::watched(Change { method, path, body }).await;
    let is_synced = points.iter().any(|point| point.call == "sync:config");
    assert!(is_synced, "no place in the configuration's folder: {points:?}");
    let (saving, room) = (Arc::new(saving), Arc::new(Semaphore::new(AT_ONCE)));
    let mut runs = JoinSet::new();
    for point in points {
        let (saving, room) = (saving.clone(), room.clone());
        runs.spawn(async move {
            let _room = room.acquire().await;
            println!("{point}");
            saving.broken_off(&point).await
        });
    }
    let mut all = Tally::default();
    while let Some(run) = runs.join_next().await {
        let Tally { runs, deaths, old, new } = run.unwrap();
        all.runs += runs;
        all.deaths += deaths;
        all.old += old;
        all.new += new;
    }
    println!("{all:?}");
    assert!(all.old > 0 && all.new > 0, "{all:?}");
}

#[tokio::test]
async fn a_crash_while_a_provider_is_saved_leaves_the_old_or_the_new_file() {
    let body = json!({ "priority": 9, "description": "changed", "limits": { "concurrency": 7 } });
    at_every_point(Method::PATCH, "/admin/api/providers/one", body).await;
}

#[tokio::test]
async fn a_crash_while_providers_are_put_in_order_leaves_the_old_or_the_new_order() {
    let body = json!({ "ids": ["three", "two", "one"] });
    at_every_point(Method::PUT, "/admin/api/providers/order", body).await;
}

#[tokio::test]
async fn a_crash_while_a_provider_is_added_leaves_it_whole_or_not_there() {
    let body = json!({
        "id": "new", "name": "New", "type": "openai-images-edit",
        "api_key": "${env:RETOUCH_SECRET_NEW}", "hosts": { "domestic": "http://127.0.0.1:9" },
    });
    at_every_point(Method::POST, "/admin/api/providers", body).await;
}

#[tokio::test]
async fn a_crash_while_a_provider_is_removed_leaves_it_whole_or_not_there() {
    at_every_point(Method::DELETE, "/admin/api/providers/one", Value::Null).await;
}

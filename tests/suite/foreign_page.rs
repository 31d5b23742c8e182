//! A page of somebody else in a real browser, on the machine where a gateway runs that nobody has set
//! up: whatever it tries, it starts no edit, changes nothing and learns nothing.

use axum::{Router, response::Html};
use base64::{Engine, engine::general_purpose::STANDARD};
use retouch_tests::{
    Browser, Edit, Gateway, Home, Ledger, OpenAi, Plugin, ProviderFile, Turn,
    browser::Setup,
    gateway::files_below,
    pictures,
    server::{Bound, Server},
    witness::{Seen, Witness},
};
use serde_json::{Value, json};

/// What the page tries, see there.
const TRIES: &str = include_str!("foreign_page/tries.js");

/// Which try arrives as which request. What is not simple is only asked about by the browser.
const ARRIVE: &[(&str, &[&str])] = &[
    (
        "GET",
        &[
            "read",
            "read-blind",
            "read-one",
            "read-providers",
            "read-metrics",
            "img",
            "img-cors",
            "script",
            "module",
            "style",
            "frame",
            "object",
            "events",
            "socket",
            "window",
        ],
    ),
    (
        "POST",
        &[
            "text",
            "fetch-form",
            "forbidden",
            "no-referrer",
            "job",
            "form",
            "urlencoded",
            "plain",
            "sandboxed",
            "nameless",
            "beacon",
            "beacon-text",
            "cancel",
            "cancel-form",
            "resolve",
            "reload",
            "check",
            "check-form",
            "create",
            "key",
            "disable",
            "duplicate",
            "sign-in",
            "set-up",
        ],
    ),
    ("OPTIONS", &["json", "forged", "forget", "change", "replace", "remove", "password"]),
];

/// Where a name leads that a page's owner has pointed at this machine.
const REBOUND: &str = "evil.test";

/// A gateway with one job that is done and one that runs, behind a witness.
struct Scene {
    provider: OpenAi,
    gateway: Gateway,
    witness: Witness,
    done: String,
    running: String,
}

/// All that a page could have changed.
#[derive(Debug, PartialEq)]
struct State {
    /// Uploads, submits and charges.
    paid: [usize; 3],
    jobs: Value,
    config: Vec<(std::path::PathBuf, Vec<u8>)>,
}

impl Scene {
    async fn set() -> Self {
        let provider = OpenAi::scripted([Turn::Accept, Turn::Hold]);
        let file = ProviderFile::openai("only", &provider).line("limits.concurrency = 64");
        let gateway = Home::with([file]).plugin(Plugin::OpenAi).serve().await;
        let client = gateway.client();
        let done = client.done(&Edit::new("grey")).await.succeeded().id;
        let running = client.submit(&Edit::new("blur")).await.id;
        provider.until("the second", |ledger| ledger.submits.len() == 2).await;
        let witness = Witness::of(gateway.origin());
        Self { provider, gateway, witness, done, running }
    }

    /// Tries everything against `target` from the page that the browser is at; what it learns.
    async fn tried(&self, browser: &Browser, target: &str) -> Vec<String> {
        self.witness.forget();
        // Small, for a beacon carries little.
        let picture = pictures::png_of(16, 16);
        let edit = Edit::without_picture("grey").picture(picture.clone()).json().to_string();
        let picture = STANDARD.encode(picture);
        let given = json!([target, edit, picture, self.done, self.running, "only"]);
        serde_json::from_value(browser.run(TRIES, given).await).unwrap()
    }

    /// Waits until every try has been answered, and returns how.
    async fn answers(&self, wanted: &[(&str, &[&str])]) -> Vec<Seen> {
        let all =
            wanted.iter().flat_map(|(method, tries)| tries.iter().map(move |by| (*method, *by)));
        let all: Vec<_> = all.collect();
        let missing = |seen: &[Seen]| -> Vec<_> {
            let is_there = |(method, by): &&(&str, &str)| !seen.iter().any(|s| is(s, method, by));
            all.iter().filter(is_there).copied().collect()
        };
        let what = format!("an answer to each of {all:?}");
        self.witness.until(&what, |seen| missing(seen).is_empty()).await
    }

    async fn state(&self) -> State {
        let client = self.gateway.client();
        let jobs: Value = client.get("/v1/jobs").await.expect(200).json();
        let jobs = jobs["data"].as_array().unwrap().iter();
        let jobs = jobs.map(|job| json!([job["id"], job["status"], job["cancel_requested"]]));
        let Ledger { uploads, submits, charges, .. } = self.provider.ledger();
        let paid = [uploads.len(), submits.len(), charges.len()];
        let config = files_below(&self.gateway.home().path("config"));
        State { paid, jobs: jobs.collect(), config }
    }
}

/// Whether it is the request of this try.
fn is(seen: &Seen, method: &str, by: &str) -> bool {
    seen.method == method && seen.path.ends_with(&format!("?by={by}"))
}

/// A server with nothing but an empty page.
fn page() -> (u16, Server) {
    let bound = Bound::new();
    let port = bound.port();
    let shown = Html("<!doctype html><title>Nothing to see here</title>");
    (port, bound.serve(Router::new().fallback(async move || shown)))
}

async fn browser() -> Browser {
    Browser::with(Setup { hosts: &["*.test"], ..Setup::default() }).await
}

#[track_caller]
fn assert_refused(answers: &[Seen], from: &str) {
    let welcome: Vec<_> = answers.iter().filter(|seen| seen.status < 400).collect();
    assert!(welcome.is_empty(), "to a page at {from}: {welcome:#?}");
}

#[tokio::test]
async fn a_foreign_page_starts_changes_and_learns_nothing() {
    let scene = Scene::set().await;
    let before = scene.state().await;
    let (port, _server) = page();
    // Another site, another name of this machine, and the same name with another port.
    for (host, target) in [
        ("foreign.test", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
    ] {
        let from = format!("http://{host}:{port}/");
        // The last one's page has opened a window over itself.
        let browser = browser().await;
        browser.goto(&from).await;
        let learnt = scene.tried(&browser, &scene.witness.at(target)).await;
        let answers = scene.answers(ARRIVE).await;
        assert_eq!(learnt, Vec::<String>::new(), "learnt by a page at {from}");
        assert_refused(&answers, &from);
        assert_eq!(scene.state().await, before, "after a page at {from}");
    }
}

#[tokio::test]
async fn a_page_whose_name_was_pointed_here_is_foreign() {
    let scene = Scene::set().await;
    let before = scene.state().await;
    let browser = browser().await;
    let origin = scene.witness.at(REBOUND);
    browser.goto(&format!("{origin}/healthz")).await;
    let learnt = scene.tried(&browser, &origin).await;
    // To the browser all of it is one server, so that it asks for nothing beforehand.
    let asked_for = ["json", "forged"];
    let answers = scene.answers(&[ARRIVE[0], ARRIVE[1], ("POST", &asked_for)]).await;
    assert_eq!(learnt, Vec::<String>::new());
    assert_refused(&answers, &origin);
    assert_eq!(scene.state().await, before);
}

/// What shows that the others can fail.
#[tokio::test]
async fn the_same_page_may_do_all_of_it_where_it_is_the_gateways_own() {
    let scene = Scene::set().await;
    let charges = scene.provider.ledger().charges.len();
    let browser = browser().await;
    let origin = scene.witness.at("127.0.0.1");
    browser.goto(&format!("{origin}/healthz")).await;
    let learnt = scene.tried(&browser, &origin).await;
    let has_learnt = |by: &str, what: &str| {
        learnt.iter().any(|it| it.starts_with(&format!("{by}: ")) && it.contains(what))
    };
    for (by, what) in [("read", scene.running.as_str()), ("img", "120"), ("events", "open")] {
        assert!(has_learnt(by, what), "{by} has not brought {what}: {learnt:#?}");
    }
    let works: &[&str] = &["json", "fetch-form", "form", "job", "beacon", "reload", "cancel"];
    let answers = scene.answers(&[("POST", works)]).await;
    for by in works {
        let its = answers.iter().find(|seen| is(seen, "POST", by)).unwrap();
        assert!(its.status < 400, "{its:?}");
    }
    scene.provider.until("charges", |ledger| ledger.charges.len() >= charges + 3).await;
}

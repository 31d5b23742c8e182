//! Keys that a gateway has sealed into providers' files: what opens them, what does not, and another
//! master key in the place of the one that sealed them.

#![expect(clippy::print_stdout, reason = "a failure has to say where it was broken off")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::Method;
use retouch_tests::{
    Answer, Edit, Ended, Gateway, Home, Provider, ProviderFile, Turn,
    config::KEY,
    crashes::{Mortal, Point, Stopper},
    gateway::files_below,
    hot,
    relabel::put,
    wait::answered,
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

/// The command under test.
const ROTATE: [&str; 2] = ["key", "rotate-master"];
/// How a start of the gateway is tried that is to fail.
const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];
/// Master keys for the environment.
const OLD: &str = "the-old-master-key-0123456789abcdef";
const NEW: &str = "the-new-master-key-0123456789abcdef";
/// Homes at once.
const AT_ONCE: usize = 6;

/// A provider's file, before its key was given.
fn keyless(id: &str, provider: &Provider) -> ProviderFile {
    let file = ProviderFile::runninghub(id, provider).key("not-the-key");
    file.line("# Ask Tom before you change this.")
}

/// A gateway whose one provider has got its key through the API, which seals it.
async fn sealed(home: Home) -> Gateway {
    let gateway = home.serve().await;
    seal(&gateway, "only").await;
    gateway
}

async fn seal(gateway: &Gateway, id: &str) {
    let path = format!("/admin/api/providers/{id}");
    let request = gateway.client().request(Method::PATCH, &path);
    let body = json!({ "api_key": KEY }).to_string();
    let request = request.header("content-type", "application/json").body(body);
    let saved = Answer::to(request).await.expect(200);
    assert!(!saved.text().contains(KEY));
    let text = text(gateway.home());
    assert!(text.contains("api_key = \"enc:v1:") && !text.contains(KEY), "{text}");
    assert!(text.contains("# Ask Tom before you change this."), "{text}");
}

fn file(home: &Home, id: &str) -> PathBuf {
    home.path(&format!("config/providers/{id}.toml"))
}

fn text(home: &Home) -> String {
    fs::read_to_string(file(home, "only")).unwrap()
}

/// The line that the key stands on.
fn line(text: &str) -> usize {
    text.lines().position(|line| line.starts_with("api_key")).unwrap() + 1
}

async fn until(gateway: &Gateway, what: &str) -> Value {
    let told = async || Some(hot::status(gateway).await).filter(|s| s.to_string().contains(what));
    answered(what, told).await
}

fn assert_key_is_nowhere(home: &Home) {
    for folder in ["data", "config"] {
        for (path, bytes) in files_below(&home.path(folder)) {
            let is_there = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
            assert!(!is_there, "the key is in {}", path.display());
        }
    }
}

/// A start that is refused, and says this.
async fn refused(home: &Home, what: &str) {
    let said = home.run(&SERVE).await.with(1);
    assert!(said.stderr.contains(what), "{said:?}");
}

/// A rotation that ends well and shows no key.
async fn rotated(home: &Home) -> Ended {
    let said = home.run(&ROTATE).await.with(0);
    for key in [KEY, OLD, NEW] {
        assert!(!said.said().contains(key), "{said:?}");
    }
    said
}

#[tokio::test]
async fn a_key_that_was_given_is_sealed_where_it_stands_and_works() {
    let provider = Provider::start();
    let mut gateway = sealed(Home::with([keyless("only", &provider)])).await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    gateway.kill9().await;
    gateway.restart().await;
    gateway.client().done(&Edit::new("blur")).await.succeeded();
    provider.ledger().assert_paid(2, 2);
    provider.ledger().assert_proper(KEY);
    assert_key_is_nowhere(gateway.home());
    gateway.home().run(&["check"]).await.with(0);
}

#[tokio::test]
async fn a_sealed_key_is_for_the_hosts_it_was_given_for() {
    let provider = Provider::start();
    let gateway = sealed(Home::with([keyless("only", &provider)])).await;
    let good = text(gateway.home());
    let stolen = good.replace("[hosts]", "[hosts]\noverseas = \"https://evil.example\"");
    put(&file(gateway.home(), "only"), &stolen);
    let status = until(&gateway, "api_key was sealed for other hosts").await;
    assert_eq!(status["refused"], true, "{status}");
    assert_eq!(status["problems"][0]["line"], line(&stolen), "{status}");
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    let said = gateway.home().run(&["check"]).await.with(1).said();
    let place = format!("only.toml:{}: api_key was sealed for other hosts", line(&stolen));
    assert!(said.contains(&place) && said.contains("write the key anew"), "{said}");
    put(&file(gateway.home(), "only"), &good);
    until(&gateway, "\"refused\":false").await;
}

#[tokio::test]
async fn a_copied_file_brings_its_key_along() {
    let provider = Provider::start();
    let gateway = sealed(Home::with([keyless("only", &provider)])).await;
    let copy = text(gateway.home()).replace("RunningHub only", "RunningHub copy");
    put(&file(gateway.home(), "copy"), copy);
    until(&gateway, "provider copy added").await;
    gateway.client().done(&Edit::new("grey").field("provider", "copy")).await.succeeded();
    provider.ledger().assert_proper(KEY);
}

#[tokio::test]
async fn without_the_master_key_a_check_says_so_and_makes_none() {
    let provider = Provider::start();
    let gateway = sealed(Home::with([keyless("only", &provider)])).await;
    gateway.sigterm().await;
    let home = gateway.home();
    let read = |file: &str| fs::read(home.path(file)).unwrap();
    let (key, check) = (read("data/master.key"), read("data/master.check"));
    fs::remove_file(home.path("data/master.key")).unwrap();
    let said = home.run(&["check"]).await.with(1).said();
    assert!(said.contains("used with another master key"), "{said}");
    refused(home, "used with another master key").await;
    fs::remove_file(home.path("data/master.check")).unwrap();
    let said = home.run(&["check"]).await.with(1).said();
    let place = format!("only.toml:{}: api_key is sealed", line(&text(home)));
    for part in [place.as_str(), "RETOUCH_MASTER_KEY", "master.key", "--data"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for file in ["data/master.key", "data/master.check"] {
        assert!(!home.path(file).exists(), "a check made {file}");
    }
    home.write("data/master.key", key);
    home.write("data/master.check", check);
    home.run(&["check"]).await.with(0);
}

#[tokio::test]
async fn everything_works_with_another_master_key_and_nothing_with_the_old_one() {
    let provider = Provider::scripted([Turn::Hold]);
    let mut gateway = sealed(Home::with([keyless("only", &provider)])).await;
    let held = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;

    let running = gateway.home().run(&ROTATE).await.with(1);
    for part in ["another retouch uses", &gateway.pid().to_string(), "listening on"] {
        assert!(running.stderr.contains(part), "{part}: {running:?}");
    }
    assert_eq!(gateway.sigterm().await.code, Some(0));
    let home = gateway.home();
    let (before, old) = (text(home), fs::read(home.path("data/master.key")).unwrap());
    let said = home.run(&[&ROTATE[..], &["--json"]].concat()).await.with(0);
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&told["resumed"], &told["pins"]), (&json!(false), &json!(1)), "{told}");
    assert!(told["files"][0].as_str().unwrap().ends_with("only.toml"), "{told}");
    assert!(!said.said().contains("enc:v1:"), "{said:?}");
    let new = fs::read(home.path("data/master.key")).unwrap();
    assert_ne!(new, old);
    let but_the_key = |text: &str| text.lines().filter(|l| !l.starts_with("api_key")).count();
    assert_ne!(before, text(home));
    assert_eq!(but_the_key(&before), but_the_key(&text(home)));

    home.write("data/master.key", old);
    refused(home, "another master key").await;
    home.write("data/master.key", new);
    gateway.restart().await;
    provider.release();
    gateway.client().finished(&held).await.succeeded();
    gateway.client().done(&Edit::new("blur")).await.succeeded();
    provider.ledger().assert_paid(2, 2);
    provider.ledger().assert_proper(KEY);
}

#[tokio::test]
async fn a_master_key_of_the_environment_is_replaced_by_one_of_the_environment() {
    let provider = Provider::start();
    let home = Home::with([keyless("only", &provider)]).env("RETOUCH_MASTER_KEY", OLD);
    let mut gateway = sealed(home).await;
    gateway.sigterm().await;
    let said = gateway.home().run(&ROTATE).await.with(1);
    assert!(said.stderr.contains("RETOUCH_NEW_MASTER_KEY"), "{said:?}");
    gateway.env("RETOUCH_NEW_MASTER_KEY", NEW);
    gateway.env("LANG", "zh_CN.UTF-8");
    let said = rotated(gateway.home()).await;
    assert!(said.stderr.contains("主密钥已更换"), "{said:?}");
    assert!(said.stderr.contains("RETOUCH_MASTER_KEY"), "{said:?}");
    refused(gateway.home(), "another master key").await;
    gateway.env("RETOUCH_MASTER_KEY", NEW);
    gateway.env("RETOUCH_NEW_MASTER_KEY", "");
    gateway.restart().await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    provider.ledger().assert_proper(KEY);
    for (path, bytes) in files_below(&gateway.data()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(OLD) && !text.contains(NEW), "{}", path.display());
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_opened_stops_a_rotation_before_it_begins() {
    let provider = Provider::start();
    let gateway = sealed(Home::with([keyless("only", &provider)])).await;
    gateway.sigterm().await;
    let home = gateway.home();
    let moved = text(home).replace("http://127.0.0.1", "http://localhost");
    home.write("config/providers/only.toml", &moved);
    let key = fs::read(home.path("data/master.key")).unwrap();
    let said = home.run(&ROTATE).await.with(1);
    let place = format!("only.toml:{}: api_key was sealed for other hosts", line(&moved));
    assert!(said.stderr.contains(&place), "{said:?}");
    assert_eq!((text(home), fs::read(home.path("data/master.key")).unwrap()), (moved, key));
    assert!(!home.path("data/master.next").exists());
}

/// An installation at rest, with a job under way.
struct Rest {
    home: Home,
    provider: Provider,
    job: String,
}

impl Rest {
    async fn new() -> Self {
        let provider = Provider::scripted([Turn::Hold]);
        let gateway = sealed(Home::with([keyless("only", &provider)])).await;
        let job = gateway.client().submit(&Edit::new("grey")).await.id;
        provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
        assert_eq!(gateway.sigterm().await.code, Some(0));
        let home = Home::with([]);
        copy(gateway.home(), &home);
        Self { home, provider, job }
    }

    /// The places where a rotation of it can be broken off.
    async fn points(&self, stopper: &Stopper) -> Vec<Point> {
        let mut home = Home::with([]);
        copy(&self.home, &home);
        stopper.arm(&mut home, &[], None);
        rotated(&home).await;
        Point::all(&Stopper::trace(&home))
    }

    /// A copy of it whose rotation is broken off there, and finished. Whether it was begun.
    async fn broken_off(&self, stopper: &Stopper, point: &Point) -> bool {
        let mut home = Home::with([]);
        copy(&self.home, &home);
        stopper.arm(&mut home, &[], Some(point));
        let died = home.run(&ROTATE).await;
        assert!(died.signal == Some(9) || died.code == Some(0), "{died:?}");
        Stopper::disarm(&mut home);
        let is_marked = home.path("data/master.next").exists();
        if is_marked {
            refused(&home, "retouch key rotate-master").await;
        } else {
            home.run(&["check"]).await.with(0);
        }
        let finished = rotated(&home).await;
        assert_eq!(finished.stderr.contains("broken off"), is_marked, "{finished:?}");
        assert_key_is_nowhere(&home);
        let mut mortal = Mortal::of(home);
        let client = mortal.start_safe().await;
        client.finished(&self.job).await.succeeded();
        is_marked
    }
}

/// The configuration and the data of another home, but for the copies of plugins.
fn copy(from: &Home, to: &Home) {
    let root = from.path("");
    for folder in ["config", "data"] {
        for (path, bytes) in files_below(&from.path(folder)) {
            let name = path.strip_prefix(&root).unwrap();
            if !name.starts_with(Path::new("data/plugins")) {
                to.write(name.to_str().unwrap(), bytes);
            }
        }
    }
}

#[tokio::test]
async fn a_rotation_killed_at_any_place_is_finished_by_the_next_one() {
    let (rest, stopper) = (Arc::new(Rest::new().await), Arc::new(Stopper::compiled()));
    let points = rest.points(&stopper).await;
    assert!(points.len() > 10, "{points:?}");
    rest.provider.release();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut runs = JoinSet::new();
    for point in points {
        let (rest, stopper, room) = (rest.clone(), stopper.clone(), room.clone());
        runs.spawn(async move {
            let _room = room.acquire().await;
            println!("{point}");
            rest.broken_off(&stopper, &point).await
        });
    }
    let mut marked = 0;
    while let Some(run) = runs.join_next().await {
        marked += usize::from(run.unwrap());
    }
    assert!(marked > 0, "none was broken off in the middle");
    rest.provider.ledger().assert_paid(1, 1);
    rest.provider.ledger().assert_proper(KEY);
}

//! Client keys: made, listed and revoked from the shell while the gateway runs; what each may do, and
//! that none learns anything of another's jobs.

use std::{fs, os::unix::fs::PermissionsExt};

use reqwest::Method;
use retouch_tests::{
    Answer, Client, Edit, Gateway, Home, Provider, ProviderFile, Turn, gateway::files_below,
    wait::answered,
};
use serde_json::{Value, json};

use super::routes::{For, requests};

/// A key as `retouch key create --json` shows it.
struct Key {
    id: String,
    key: String,
}

/// Makes a key and waits until the running gateway knows it.
async fn made(gateway: &Gateway, name: &str, more: &[&str]) -> (Key, Client) {
    let line = [&["key", "create", name, "--json"], more].concat();
    let shown: Value = serde_json::from_str(&gateway.run(&line).await.with(0).stdout).unwrap();
    let text = |field: &str| shown[field].as_str().unwrap().to_owned();
    let key = Key { id: text("id"), key: text("key") };
    let client = gateway.client().with_key(&key.key);
    // In open mode any key is as good as none.
    let keyless = gateway.client();
    let is_known = async || status(&keyless).await == 401 && status(&client).await != 401;
    answered("the new key", async || is_known().await.then_some(())).await;
    (key, client)
}

/// How a client is received.
async fn status(client: &Client) -> u16 {
    client.get("/v1/jobs").await.status
}

/// Waits until a client is turned away, and returns why.
async fn refused(client: &Client) -> String {
    let look = async || {
        let answer = client.get("/v1/jobs").await;
        (answer.status == 401).then(|| answer.error(401, "invalid_api_key").message)
    };
    answered("a client that is refused", look).await
}

async fn with_provider(script: impl IntoIterator<Item = Turn>) -> (Provider, Gateway) {
    let provider = Provider::scripted(script);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    (provider, gateway)
}

/// Every request that names a job: each route there is, and more ways to ask some of them.
fn routes(id: &str) -> Vec<(Method, String)> {
    let more = ["?wait=30", "?include=exchanges", "/images/1"];
    let more = more.map(|rest| (Method::GET, format!("/v1/jobs/{id}{rest}")));
    more.into_iter().chain(requests(For::Owner, id)).collect()
}

#[tokio::test]
async fn one_keys_jobs_are_to_another_as_if_they_were_not_there() {
    let (provider, gateway) = with_provider([Turn::Accept, Turn::Hold]).await;
    let (a_key, a) = made(&gateway, "a", &[]).await;
    let (_, b) = made(&gateway, "b", &[]).await;
    let done = a.done(&Edit::new("grey")).await.succeeded();
    let running = a.submit(&Edit::new("blur")).await;

    let unknown = format!("job_{}", "0".repeat(26));
    for id in [&done.id, &running.id] {
        for ((method, path), (_, nowhere)) in routes(id).into_iter().zip(routes(&unknown)) {
            let theirs = Answer::to(b.request(method.clone(), &path)).await;
            let none = Answer::to(b.request(method.clone(), &nowhere)).await;
            assert_eq!(theirs.status, 404, "{method} {path}: {}", theirs.text());
            assert_eq!(theirs.text(), none.text(), "{method} {path}");
            let names = |answer: &Answer| {
                let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
                names.sort();
                names
            };
            assert_eq!(names(&theirs), names(&none), "{method} {path}");
        }
        let page: Value = b.get(&format!("/v1/jobs?after={id}")).await.expect(200).json();
        assert_eq!((&page["data"], &page["has_more"]), (&json!([]), &json!(false)));
        let resolve = b.post_json(&format!("/admin/api/jobs/{id}/resolve"), &json!({}));
        Answer::to(resolve).await.error(403, "admin_token_unset");
    }
    let list: Value = b.get("/v1/jobs").await.expect(200).json();
    assert_eq!(list["data"], json!([]));
    for text in [list.to_string(), b.get("/v1/models").await.text(), b.get("/readyz").await.text()]
    {
        assert!(!text.contains(&a_key.id) && !text.contains(&done.id), "{text}");
    }

    // A link that its owner hands on works for whoever has it; nothing else of the job does.
    gateway.client().get(&done.images[0].url).await.expect(200);
    let own = format!("/v1/jobs/{}/images/0", done.id);
    a.get(&own).await.expect(200);
    gateway.client().get(&own).await.error(401, "invalid_api_key");
    let (link, _) = done.images[0].url.rsplit_once("sig=").unwrap();
    b.get(&format!("{link}sig=AAAA")).await.error(403, "invalid_link");

    provider.release();
    a.finished(&running.id).await.succeeded();
    let list: Value = a.get("/v1/jobs").await.expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "{list}");
}

#[tokio::test]
async fn repeats_are_each_keys_own() {
    let (provider, gateway) = with_provider([]).await;
    let (_, a) = made(&gateway, "a", &[]).await;
    let (_, b) = made(&gateway, "b", &[]).await;
    let post = async |client: &Client, prompt: &str, name: &str, value: &str| {
        let request = client.post("/v1/jobs", &Edit::new(prompt)).header(name, value);
        Answer::to(request).await.expect(202)
    };
    let id = |answer: &Answer| answer.header("x-retouch-job").unwrap().to_owned();
    let (key, retry) = ("idempotency-key", "x-stainless-retry-count");
    let first = post(&a, "grey", key, "one").await;
    let again = post(&a, "grey", key, "one").await;
    assert_eq!((id(&first), again.header("idempotency-replayed")), (id(&again), Some("true")));
    // The same key and content, the same key and other content, and an official client's retry.
    for (prompt, name, value) in [("grey", key, "one"), ("blur", retry, "1")] {
        let other = post(&b, prompt, name, value).await;
        assert_eq!(other.header("idempotency-replayed"), None);
        assert_ne!(id(&other), id(&first));
    }
    let mine = post(&a, "sepia", key, "two").await;
    let theirs = post(&b, "invert", key, "two").await;
    assert_ne!(id(&mine), id(&theirs), "no 422 tells that the key is in use");
    for (client, answer) in [(&a, &first), (&a, &mine), (&b, &theirs)] {
        client.finished(&id(answer)).await.succeeded();
    }
    let joined = post(&b, "grey", retry, "1").await;
    assert_ne!(id(&joined), id(&first), "a retry joins no other key's job");
    assert!(provider.ledger().submits.len() >= 4);
}

#[tokio::test]
async fn the_first_key_ends_open_mode_for_good() {
    let (_provider, gateway) = with_provider([]).await;
    let keyless = gateway.client();
    let before = keyless.done(&Edit::new("grey")).await.succeeded();
    let (key, client) = made(&gateway, "app", &[]).await;
    let message = refused(&keyless).await;
    assert!(message.contains("missing or wrong"), "{message}");
    let path = format!("/v1/jobs/{}", before.id);
    client.get(&path).await.error(404, "not_found");
    client.done(&Edit::new("blur")).await.succeeded();

    gateway.run(&["key", "revoke", &key.id]).await.with(0);
    let message = refused(&client).await;
    assert!(message.contains("revoked") && !message.contains(&key.key), "{message}");
    // Whoever does not have the key is not told what became of it.
    for wrong in [&key.key[..key.key.len() - 1], &key.id, "x"] {
        let message = refused(&keyless.clone().with_key(wrong)).await;
        assert!(!message.contains("revoked") && !message.contains(wrong), "{message}");
    }
    assert_eq!(status(&keyless).await, 401, "a revoked key still counts as one");
}

#[tokio::test]
async fn a_job_goes_on_when_its_key_is_revoked() {
    let (provider, gateway) = with_provider([Turn::Hold]).await;
    let (key, client) = made(&gateway, "a", &[]).await;
    let (_, other) = made(&gateway, "b", &[]).await;
    let job = client.submit(&Edit::new("grey")).await;
    gateway.run(&["key", "revoke", &key.key]).await.with(0);
    refused(&client).await;
    provider.release();
    let paid = async || (!provider.ledger().downloads.is_empty()).then_some(());
    answered("the picture of a revoked key's job", paid).await;
    provider.ledger().assert_paid(1, 1);
    other.get(&format!("/v1/jobs/{}", job.id)).await.error(404, "not_found");
}

#[tokio::test]
async fn a_key_is_revoked_also_while_the_rest_of_the_catalog_is_broken() {
    let (_provider, mut gateway) = with_provider([]).await;
    let (gone, lost) = made(&gateway, "a", &[]).await;
    let (_, client) = made(&gateway, "b", &[]).await;
    fs::write(gateway.home().path("config/providers/broken.toml"), "name = ").unwrap();
    gateway.run(&["key", "revoke", &gone.id]).await.with(0);
    assert!(refused(&lost).await.contains("revoked"));
    client.done(&Edit::new("grey")).await.succeeded();
    // A start goes by the last good catalog, and by the keys as they are now.
    gateway.kill9().await;
    gateway.restart().await;
    let at = |client: &Client| client.clone().at(gateway.origin());
    assert!(refused(&at(&lost)).await.contains("revoked"));
    at(&client).get("/v1/jobs").await.expect(200);
}

#[tokio::test]
async fn a_key_expires_by_itself() {
    let gateway = Gateway::with([]).await;
    let (_, client) = made(&gateway, "short", &["--expires", "6s"]).await;
    let message = refused(&client).await;
    assert!(message.contains("expired"), "{message}");
    let said = gateway.run(&["key", "list"]).await.with(0);
    assert!(said.stdout.contains("expired"), "{said:?}");
    let past = gateway.run(&["key", "create", "x", "--expires", "2020-01-01"]).await.with(2);
    assert!(past.stderr.contains("90d"), "{past:?}");
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_say() {
    let (provider, gateway) = with_provider([]).await;
    let mut clients = Vec::new();
    for scopes in ["read", "models", "edit", "edit,read"] {
        clients.push((scopes, made(&gateway, scopes, &["--scopes", scopes]).await.1));
    }
    for (scopes, client) in &clients {
        let may = |scope| if scopes.split(',').any(|has| has == scope) { 200 } else { 403 };
        assert_eq!(client.get("/v1/jobs").await.status, may("read"), "{scopes}");
        assert_eq!(client.get("/v1/models").await.status, may("models"), "{scopes}");
        let posted = Answer::to(client.post("/v1/images/edits", &Edit::new("grey"))).await;
        assert_eq!(posted.status, may("edit"), "{scopes}: {}", posted.text());
        let Some(id) = posted.header("x-retouch-job") else {
            let message = posted.error(403, "insufficient_scope").message;
            assert!(message.contains("edit"), "{message}");
            for (method, path) in
                [(Method::POST, "/v1/jobs/x/cancel"), (Method::DELETE, "/v1/jobs/x")]
            {
                let changed = Answer::to(client.request(method, path)).await;
                changed.error(403, "insufficient_scope");
            }
            continue;
        };
        for (path, fine) in [("", 200), ("/images/0", 200), ("/events", 200)] {
            let got = client.get(&format!("/v1/jobs/{id}{path}")).await.status;
            assert_eq!(got, if may("read") == 200 { fine } else { 403 }, "{scopes} {path}");
        }
        Answer::to(client.request(Method::DELETE, &format!("/v1/jobs/{id}"))).await.expect(204);
    }
    provider.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn a_key_has_so_many_jobs_a_minute() {
    let (provider, gateway) = with_provider([]).await;
    let (_, client) = made(&gateway, "slow", &["--per-minute", "1"]).await;
    let (_, other) = made(&gateway, "other", &["--per-minute", "1"]).await;
    let post = |client: &Client, prompt: &str| {
        client.post("/v1/jobs", &Edit::new(prompt)).header("idempotency-key", prompt)
    };
    // What becomes no job does not count, nor does a repeat.
    Answer::to(client.post("/v1/jobs", &Edit::without_picture("grey"))).await.expect(400);
    Answer::to(post(&client, "grey")).await.expect(202);
    let again = Answer::to(post(&client, "grey")).await.expect(202);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    for request in [post(&client, "blur"), client.post("/v1/images/edits", &Edit::new("blur"))] {
        let answer = Answer::to(request).await;
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert_eq!(answer.error(429, "rate_limit_exceeded").kind, "rate_limit_error");
    }
    // Neither looking nor another key is held up, and a reload gives no fresh minute.
    client.get("/v1/jobs").await.expect(200);
    Answer::to(post(&other, "sepia")).await.expect(202);
    let more = made(&gateway, "third", &[]).await.1;
    more.done(&Edit::new("invert")).await.succeeded();
    Answer::to(post(&client, "blur")).await.error(429, "rate_limit_exceeded");
    for client in [&client, &other] {
        let list: Value = client.get("/v1/jobs").await.expect(200).json();
        let id = list["data"][0]["id"].as_str().unwrap().to_owned();
        client.finished(&id).await.succeeded();
    }
    provider.ledger().assert_paid(3, 3);
}

#[tokio::test]
async fn a_key_has_so_many_jobs_at_once() {
    let (provider, gateway) = with_provider([Turn::Hold; 9]).await;
    let (_, client) = made(&gateway, "narrow", &["--concurrency", "1"]).await;
    let posts = (0..8).map(|n| Answer::to(client.post("/v1/jobs", &Edit::new(&format!("{n}")))));
    let posts: Vec<_> = posts.map(tokio::spawn).collect();
    let mut taken = Vec::new();
    for post in posts {
        let answer = post.await.unwrap();
        if answer.status == 202 {
            taken.push(answer.header("x-retouch-job").unwrap().to_owned());
            continue;
        }
        assert!(answer.header("retry-after").is_some());
        answer.error(429, "rate_limit_exceeded");
    }
    let [first] = taken.as_slice() else { panic!("one at once, not {taken:?}") };
    let refused = Answer::to(client.post("/v1/jobs", &Edit::new("blur"))).await;
    refused.error(429, "rate_limit_exceeded");
    provider.release();
    client.finished(first).await.succeeded();
    client.done(&Edit::new("blur")).await.succeeded();
    provider.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn the_shell_edits_the_file_and_leaves_the_rest_of_it_alone() {
    let home = Home::with([]);
    let path = home.write("config/keys.toml", "# our keys, see the wiki\n");
    let text = || fs::read_to_string(&path).unwrap();
    let made = home.run(&["key", "create", "the app", "--per-minute", "60"]).await.with(0);
    let key = made.stdout.trim().to_owned();
    assert!(key.starts_with("rt_live_") && key.len() == 46, "nothing but the key: {key:?}");
    assert!(made.stderr.contains("keys.toml") && !made.stderr.contains(&key), "{made:?}");
    let commented = text().replace("name = \"the app\"", "name = \"the app\" # Tom's");
    fs::write(&path, &commented).unwrap();
    let list = home.run(&["key", "list", "--json"]).await.with(0);
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    let [shown] = list["data"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&shown["name"], &shown["state"]), (&json!("the app"), &json!("active")));
    assert_eq!(shown["limits"]["per_minute"], 60);
    let id = shown["id"].as_str().unwrap();

    let named = home.run(&["key", "revoke", "the app"]).await.with(1);
    assert!(named.stderr.contains(id), "{named:?}");
    home.run(&["key", "revoke", "key_nobody"]).await.with(1);
    assert_eq!(text(), commented);
    home.run(&["key", "revoke", id]).await.with(0);
    for kept in ["# our keys, see the wiki\n", "# Tom's\n", "revoked = "] {
        assert!(text().contains(kept), "no {kept} in {}", text());
    }
    let said = home.run(&["key", "list"]).await.with(0);
    assert!(said.stdout.contains("revoked") && said.stdout.contains("60 a minute"), "{said:?}");
    assert!(!said.said().contains(&key) && !text().contains(&key));

    for broken in ["[[keys]\n", "[[keys]]\nid = \"x\"\n"] {
        fs::write(&path, broken).unwrap();
        let told = home.run(&["key", "create", "b"]).await.with(1);
        assert!(told.stderr.contains("keys.toml:1"), "{told:?}");
        assert_eq!((text().as_str(), told.stdout.as_str()), (broken, ""));
        let checked = home.run(&["check"]).await.with(1);
        assert!(checked.said().contains("keys.toml:1"), "{checked:?}");
    }
    let zh = Home::with([]).env("LANG", "zh_CN.UTF-8");
    assert!(zh.run(&["key", "create", "应用"]).await.with(0).stderr.contains("哈希"));
    let mode = fs::metadata(zh.path("config/keys.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_key_made_where_nothing_is_configured_keeps_the_sandbox() {
    let gateway = Gateway::fresh().await;
    let (_, client) = made(&gateway, "app", &[]).await;
    client.done(&Edit::new("rotate")).await.succeeded();
    refused(&gateway.client()).await;
    let mistyped = gateway.run(&["key", "create", "x", "--config", "nowhere/retouch.toml"]).await;
    assert!(mistyped.with(1).stderr.contains("nowhere"));
}

#[tokio::test]
async fn a_key_is_kept_nowhere() {
    let provider = Provider::scripted([Turn::Accept, Turn::Moderated]);
    let file = ProviderFile::runninghub("only", &provider);
    let mut gateway = Home::with([file]).env("RUST_LOG", "trace").serve().await;
    let (key, client) = made(&gateway, "app", &["--per-minute", "2"]).await;
    let mut seen = Vec::new();
    for prompt in ["grey", "blur", "sepia"] {
        let answer = client.edit(&Edit::new(prompt)).await;
        seen.push(format!("{:?} {}", answer.headers, answer.text()));
    }
    for path in ["/v1/jobs", "/v1/models", "/readyz", "/v1/none", "/admin/api/reload"] {
        seen.push(client.get(path).await.text());
    }
    gateway.env("RETOUCH_KEY", &key.key);
    for line in
        [["check"].as_slice(), &["key", "list"], &["key", "list", "--json"], &["jobs", "list"]]
    {
        seen.push(gateway.run(line).await.said());
    }
    seen.push(gateway.run(&["key", "revoke", &key.key]).await.with(0).said());
    refused(&client).await;
    seen.push(client.get("/v1/jobs").await.text());
    seen.push(gateway.log());
    gateway.kill9().await;
    gateway.restart().await;
    seen.push(client.at(gateway.origin()).get("/v1/jobs").await.text());
    seen.push(gateway.log());
    for text in seen {
        assert!(!text.contains(&key.key), "the key is in {text}");
    }
    let folders = [gateway.data(), gateway.home().path("config"), gateway.home().path("work")];
    for (path, bytes) in folders.iter().flat_map(|folder| files_below(folder)) {
        let found = bytes.windows(key.key.len()).any(|window| window == key.key.as_bytes());
        assert!(!found, "the key is in {}", path.display());
    }
    let kept = fs::read_to_string(gateway.home().path("config/keys.toml")).unwrap();
    assert!(kept.contains(&key.id), "{kept}");
}

//! What the operator does through the admin API: client keys, everybody's jobs, the audit log, and
//! `/metrics`; and that what was taken back from a client counts at once.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use reqwest::Method;
use retouch_tests::{
    Answer, Client, Edit, Gateway, Home, Job, Provider, ProviderFile, Turn,
    gateway::files_below,
    wait::{PATIENCE, answered},
};
use serde_json::{Value, json};

const TOKEN: &str = "token-of-the-operator";
const KEYS: &str = "/admin/api/keys";
const AUDIT: &str = "/admin/api/audit";

/// A gateway at a scripted provider, and its operator.
async fn gateway_at(provider: &Provider) -> (Gateway, Client) {
    let home = Home::with([ProviderFile::runninghub("only", provider)]);
    let gateway = home.env("RETOUCH_ADMIN_TOKEN", TOKEN).serve().await;
    let operator = gateway.client().with_key(TOKEN);
    (gateway, operator)
}

/// Makes a key; its record, and a client that has it.
async fn made(gateway: &Gateway, operator: &Client, body: &Value) -> (Value, Client) {
    let answer = Answer::to(operator.post_json(KEYS, body)).await.expect(201);
    let record: Value = answer.json();
    let client = gateway.client().with_key(record["key"].as_str().unwrap());
    (record, client)
}

async fn changed(operator: &Client, method: Method, path: &str, body: &Value) -> Answer {
    Answer::to(operator.request(method, path).body(body.to_string())).await
}

fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

/// What the audit log holds, newest first.
async fn noted(operator: &Client) -> Vec<Value> {
    let page: Value = operator.get(AUDIT).await.expect(200).json();
    page["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_works_as_soon_as_it_is_made_and_no_longer_than_it_is_good() {
    let provider = Provider::start();
    let (gateway, operator) = gateway_at(&provider).await;
    let body = json!({ "name": "app", "scopes": ["edit", "read"], "limits": { "per_minute": 60 } });
    let answer = Answer::to(operator.post_json(KEYS, &body)).await.expect(201);
    let record: Value = answer.json();
    let key = record["key"].as_str().unwrap();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("location"), Some(format!("{KEYS}/{}", id(&record)).as_str()));
    let client = gateway.client().with_key(key);
    client.done(&Edit::new("grey")).await.succeeded();
    client.get("/v1/models").await.error(403, "insufficient_scope");

    let path = format!("{KEYS}/{}", id(&record));
    let patch = json!({ "name": "the app", "scopes": null, "limits": { "concurrency": 2 } });
    let shown: Value = changed(&operator, Method::PATCH, &path, &patch).await.expect(200).json();
    let limits = json!({ "per_minute": 60, "concurrency": 2 });
    assert_eq!((&shown["name"], &shown["limits"]), (&json!("the app"), &limits));
    client.get("/v1/models").await.expect(200);
    assert_eq!(operator.get(&path).await.expect(200).json::<Value>(), shown);

    let gone: Value = Answer::to(operator.post_json(&format!("{path}/revoke"), &json!({})))
        .await
        .expect(200)
        .json();
    assert_eq!(gone["state"], "revoked");
    client.get("/v1/jobs").await.error(401, "invalid_api_key");
    let again = Answer::to(operator.post_json(&format!("{path}/revoke"), &json!({}))).await;
    assert_eq!(again.expect(200).json::<Value>()["revoked_at"], gone["revoked_at"]);

    let told = gateway.run(&["key", "list", "--json"]).await.with(0).stdout;
    let list: Value = operator.get(KEYS).await.expect(200).json();
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), list, "the shell sees the same");
    for text in [list.to_string(), operator.get(AUDIT).await.text(), gateway.log(), told] {
        assert!(!text.contains(key), "the key is in {text}");
    }
    for (path, bytes) in files_below(&gateway.data()) {
        let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
        assert!(!found, "the key is in {}", path.display());
    }
}

#[tokio::test]
async fn a_change_to_keys_that_others_changed_meanwhile_is_refused() {
    let provider = Provider::start();
    let (gateway, operator) = gateway_at(&provider).await;
    let (record, _) = made(&gateway, &operator, &json!({ "name": "a" })).await;
    let list = operator.get(KEYS).await.expect(200);
    let tag = list.header("etag").unwrap().to_owned();
    let known = operator.request(Method::GET, KEYS).header("if-none-match", &tag);
    Answer::to(known).await.expect(304);

    let path = format!("{KEYS}/{}", id(&record));
    let patch = |name: &str, tag: &str| {
        let request = operator.request(Method::PATCH, &path).header("if-match", tag);
        Answer::to(request.body(json!({ "name": name }).to_string()))
    };
    let fresh = patch("b", &tag).await.expect(200).header("etag").unwrap().to_owned();
    assert_ne!(fresh, tag);
    let stale = patch("c", &tag).await;
    assert_eq!(stale.header("etag"), Some(fresh.as_str()));
    let current = stale.json::<Value>()["error"]["current"].clone();
    stale.error(412, "precondition_failed");
    assert_eq!(current[0]["name"], "b");
    patch("c", &fresh).await.expect(200);
    patch("d", "*").await.expect(200);
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_key_is_named() {
    let provider = Provider::start();
    let (gateway, operator) = gateway_at(&provider).await;
    for (body, code, param) in [
        (json!({}), "invalid_value", "name"),
        (json!({ "name": "a", "scopes": [] }), "invalid_value", "scopes"),
        (
            json!({ "name": "a", "limits": { "per_minut": 1 } }),
            "unknown_parameter",
            "limits.per_minut",
        ),
        (json!({ "name": "a", "expires": "2020-01-01" }), "invalid_value", "expires"),
    ] {
        let error = Answer::to(operator.post_json(KEYS, &body)).await.error(400, code);
        assert_eq!(error.param.as_deref(), Some(param), "{body}");
    }
    for (method, path) in [
        (Method::GET, format!("{KEYS}/key_nobody")),
        (Method::PATCH, format!("{KEYS}/key_nobody")),
        (Method::POST, format!("{KEYS}/key_nobody/revoke")),
    ] {
        changed(&operator, method, &path, &json!({ "name": "a" })).await.error(404, "not_found");
    }
    let path = gateway.home().write("config/keys.toml", "[[keys]]\nid = \"x\"\n");
    let refused = Answer::to(operator.post_json(KEYS, &json!({ "name": "a" }))).await;
    let problems = refused.json::<Value>()["error"]["problems"].clone();
    refused.error(422, "invalid_keys");
    assert_eq!(problems[0]["line"], 1, "{problems}");
    assert_eq!(fs::read_to_string(path).unwrap(), "[[keys]]\nid = \"x\"\n");
    assert!(noted(&operator).await.is_empty(), "nothing was done");
}

#[tokio::test]
async fn the_first_key_waits_for_a_way_to_know_the_operator() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let refused = Answer::to(gateway.client().post_json(KEYS, &json!({ "name": "a" }))).await;
    let error = refused.error(409, "password_required");
    assert!(error.message.contains("set-password"), "{error:?}");
    assert!(!gateway.home().path("config/keys.toml").exists());
    gateway.client().done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn keys_change_also_while_the_rest_of_the_catalog_is_refused() {
    let provider = Provider::start();
    let (gateway, operator) = gateway_at(&provider).await;
    let (record, client) = made(&gateway, &operator, &json!({ "name": "a" })).await;
    gateway.home().write("config/providers/broken.toml", "name = ");
    let (_, other) = made(&gateway, &operator, &json!({ "name": "b" })).await;
    other.get("/v1/jobs").await.expect(200);
    let path = format!("{KEYS}/{}/revoke", id(&record));
    Answer::to(operator.post_json(&path, &json!({}))).await.expect(200);
    client.get("/v1/jobs").await.error(401, "invalid_api_key");
}

#[tokio::test]
async fn the_operator_sees_everybodys_jobs_and_whose_they_are() {
    let provider = Provider::scripted([Turn::Accept, Turn::Hold]);
    let (gateway, operator) = gateway_at(&provider).await;
    let (a_key, a) = made(&gateway, &operator, &json!({ "name": "a" })).await;
    let (b_key, b) = made(&gateway, &operator, &json!({ "name": "b" })).await;
    let done = a.done(&Edit::new("grey")).await.succeeded();
    let running = b.submit(&Edit::new("blur")).await;
    let list = async |query: &str| -> Vec<Value> {
        let page: Value = operator.get(&format!("/admin/api/jobs{query}")).await.expect(200).json();
        page["data"].as_array().unwrap().clone()
    };
    let ids = |jobs: &[Value]| jobs.iter().map(|job| id(job).to_owned()).collect::<Vec<_>>();
    let all = list("").await;
    assert_eq!(ids(&all), [running.id.clone(), done.id.clone()]);
    assert_eq!((&all[0]["owner"], &all[0]["key"]), (&b_key["id"], &json!("b")));
    assert_eq!((&all[1]["owner"], &all[1]["key"]), (&a_key["id"], &json!("a")));
    for (query, want) in [
        (format!("?key={}", id(&a_key)), vec![&done.id]),
        ("?status=succeeded".to_owned(), vec![&done.id]),
        (format!("?after={}", running.id), vec![&done.id]),
        ("?provider=only".to_owned(), vec![&running.id, &done.id]),
        ("?provider=none".to_owned(), vec![]),
        ("?limit=1".to_owned(), vec![&running.id]),
        (format!("?status=succeeded&key={}", id(&b_key)), vec![]),
    ] {
        assert_eq!(
            ids(&list(&query).await),
            want.into_iter().cloned().collect::<Vec<_>>(),
            "{query}"
        );
    }
    let job = |id: &str| format!("/admin/api/jobs/{id}");
    let shown: Job = operator.get(&job(&done.id)).await.expect(200).json();
    assert_eq!((shown.status.as_str(), shown.exchanges.is_empty()), ("succeeded", false));
    operator.get(&shown.images[0].url).await.expect(200);

    let refused = changed(&operator, Method::DELETE, &job(&running.id), &json!({})).await;
    refused.error(409, "job_unfinished");
    let cancel = operator.post_json(&format!("{}/cancel", job(&running.id)), &json!({}));
    let canceled: Value = Answer::to(cancel).await.expect(200).json();
    assert_eq!((&canceled["status"], &canceled["key"]), (&json!("canceled"), &json!("b")));
    assert_eq!(b.job(&running.id).await.status, "canceled");
    changed(&operator, Method::DELETE, &job(&done.id), &json!({})).await.expect(204);
    a.get(&format!("/v1/jobs/{}", done.id)).await.error(404, "not_found");
    operator.get(&job(&done.id)).await.error(404, "not_found");
    let actions: Vec<Value> = noted(&operator).await.iter().map(|r| r["action"].clone()).collect();
    assert_eq!(actions, ["job.delete", "job.cancel", "key.create", "key.create"]);
}

#[tokio::test]
async fn clients_are_no_operators() {
    let provider = Provider::start();
    let (gateway, operator) = gateway_at(&provider).await;
    let (_, client) = made(&gateway, &operator, &json!({ "name": "a" })).await;
    let job = client.done(&Edit::new("grey")).await.succeeded().id;
    let own = format!("/admin/api/jobs/{job}");
    for (method, path) in [
        (Method::GET, KEYS),
        (Method::POST, KEYS),
        (Method::GET, AUDIT),
        (Method::GET, "/metrics"),
        (Method::GET, "/admin/api/jobs"),
        (Method::GET, &own),
        (Method::DELETE, &own),
        (Method::POST, &format!("{own}/cancel")),
    ] {
        for stranger in [&client, &gateway.client()] {
            let answer = Answer::to(stranger.request(method.clone(), path)).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text());
        }
    }
    client.get(&format!("/v1/jobs/{job}")).await.expect(200);
}

#[tokio::test]
async fn what_was_done_is_noted_and_kept_over_a_kill() {
    let provider = Provider::start();
    let (mut gateway, operator) = gateway_at(&provider).await;
    for name in ["a", "b", "c"] {
        made(&gateway, &operator, &json!({ "name": name })).await;
    }
    Answer::to(operator.post_json("/admin/api/reload", &json!({}))).await.expect(200);
    let file = gateway.data().join("audit.jsonl");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    gateway.kill9().await;
    // As a crash within a write leaves it.
    let torn = [fs::read(&file).unwrap(), b"{\"id\":\"act_torn".to_vec()].concat();
    fs::write(&file, torn).unwrap();
    gateway.restart().await;
    let operator = operator.at(gateway.origin());
    made(&gateway, &operator, &json!({ "name": "d" })).await;

    let all = noted(&operator).await;
    let told = |record: &Value| {
        let name = record["detail"]["name"].as_str().unwrap_or_default().to_owned();
        (record["action"].as_str().unwrap().to_owned(), name)
    };
    let created = |name: &str| ("key.create".to_owned(), name.to_owned());
    let reload = ("reload".to_owned(), String::new());
    let want = [created("d"), reload, created("c"), created("b"), created("a")];
    assert_eq!(all.iter().map(told).collect::<Vec<_>>(), want);
    for record in &all {
        assert_eq!((&record["by"], &record["from"]), (&json!("token"), &json!("127.0.0.1")));
        assert!(record["at"].is_u64() && record["target"].is_string(), "{record}");
    }
    let page = format!("{AUDIT}?limit=2&after={}", id(&all[0]));
    let page: Value = operator.get(&page).await.expect(200).json();
    assert_eq!((&page["data"], &page["has_more"]), (&json!(all[1..3]), &json!(true)));
    operator.get(&format!("{AUDIT}?limit=0")).await.error(400, "invalid_value");
}

/// The samples of `/metrics`, by name with labels.
async fn metrics(operator: &Client) -> BTreeMap<String, f64> {
    let answer = operator.get("/metrics").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    assert!(!text.contains(retouch_tests::config::KEY), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

#[tokio::test]
async fn metrics_tell_of_reloads_jobs_and_places() {
    let provider = Provider::scripted([Turn::Hold]);
    let (gateway, operator) = gateway_at(&provider).await;
    let (_, client) = made(&gateway, &operator, &json!({ "name": "a" })).await;
    let at = |samples: &BTreeMap<String, f64>, name: &str| {
        *samples.get(name).unwrap_or_else(|| panic!("no {name} in {samples:?}"))
    };
    let reloads = |outcome: &str| format!("retouch_catalog_reloads_total{{outcome=\"{outcome}\"}}");
    let before = metrics(&operator).await;
    assert_eq!(at(&before, "retouch_catalog_refused"), 0.0);
    assert_eq!(at(&before, "retouch_jobs_unfinished"), 0.0);

    let job = client.submit(&Edit::new("grey")).await;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    let busy = metrics(&operator).await;
    for (name, value) in [
        ("retouch_jobs_unfinished", 1.0),
        ("retouch_jobs_in_line", 0.0),
        ("retouch_provider_places_open{provider=\"only\"}", 1.0),
        ("retouch_provider_health{provider=\"only\",state=\"free\"}", 1.0),
        ("retouch_provider_health{provider=\"only\",state=\"shut\"}", 0.0),
    ] {
        assert_eq!(at(&busy, name), value, "{name}");
    }
    provider.release();
    client.finished(&job.id).await.succeeded();

    gateway.home().write("config/providers/broken.toml", "name = ");
    let reload = async || Answer::to(operator.post_json("/admin/api/reload", &json!({}))).await;
    reload().await.error(422, "catalog_refused");
    let broken = metrics(&operator).await;
    assert_eq!(at(&broken, "retouch_catalog_refused"), 1.0);
    assert!(at(&broken, &reloads("refused")) > at(&before, &reloads("refused")));
    fs::remove_file(gateway.home().path("config/providers/broken.toml")).unwrap();
    reload().await.expect(200);
    let mended = metrics(&operator).await;
    assert_eq!(at(&mended, "retouch_catalog_refused"), 0.0);
    assert!(at(&mended, &reloads("unchanged")) > at(&before, &reloads("unchanged")));
    let status: Value = operator.get("/admin/api/reload").await.expect(200).json();
    assert_eq!(at(&mended, "retouch_catalog_revision"), status["revision"].as_f64().unwrap());
}

#[tokio::test]
async fn a_key_has_exactly_as_many_jobs_at_once_as_it_may() {
    let provider = Provider::scripted([Turn::Hold; 20]);
    let (gateway, operator) = gateway_at(&provider).await;
    let asked = json!({ "name": "narrow", "limits": { "concurrency": 3 } });
    let (_, client) = made(&gateway, &operator, &asked).await;
    let posts = (0..16).map(|n| Answer::to(client.post("/v1/jobs", &Edit::new(&format!("{n}")))));
    let posts: Vec<_> = posts.map(tokio::spawn).collect();
    let mut taken = 0;
    for post in posts {
        let answer = post.await.unwrap();
        if answer.status == 202 {
            taken += 1;
        } else {
            answer.error(429, "rate_limit_exceeded");
        }
    }
    assert_eq!(taken, 3);
    provider.release();
}

#[tokio::test]
async fn who_waits_is_sent_away_when_their_key_is_revoked() {
    let provider = Provider::scripted([Turn::Hold]);
    let (gateway, operator) = gateway_at(&provider).await;
    let (record, client) = made(&gateway, &operator, &json!({ "name": "a" })).await;
    let job = client.submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;

    let mut events =
        client.request(Method::GET, &format!("/v1/jobs/{job}/events")).send().await.unwrap();
    let first = events.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: job"), "{first:?}");
    let waits = client.clone();
    let path = format!("/v1/jobs/{job}?wait=60");
    let waiting = tokio::spawn(async move { waits.get(&path).await });
    let revoke = format!("{KEYS}/{}/revoke", id(&record));
    Answer::to(operator.post_json(&revoke, &json!({}))).await.expect(200);

    let error = waiting.await.unwrap().error(401, "invalid_api_key");
    let rest = async {
        let mut rest = Vec::new();
        while let Some(chunk) = events.chunk().await.unwrap() {
            rest.extend_from_slice(&chunk);
        }
        String::from_utf8(rest).unwrap()
    };
    let rest = tokio::time::timeout(PATIENCE, rest).await.unwrap();
    assert!(!rest.contains("\"status\":\"succeeded\""), "{rest}");
    assert!(error.message.contains("revoked") || error.message.contains("key"), "{error:?}");
    provider.release();
    let paid = async || (!provider.ledger().downloads.is_empty()).then_some(());
    answered("the picture of the revoked key's job", paid).await;
}

//! Client keys changed by several at once: operators with one version in mind, somebody who writes the
//! file by hand, and clients that send one request many times. And a record that is sent back.

use std::{collections::BTreeSet, fs};

use reqwest::Method;
use retouch_tests::{Answer, Client, Edit, Gateway, Home, Provider, ProviderFile, Turn};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const TOKEN: &str = "token-of-the-operator";
const KEYS: &str = "/admin/api/keys";

/// A gateway at a scripted provider, and its operator.
async fn gateway_at(provider: &Provider) -> (Gateway, Client) {
    let home = Home::with([ProviderFile::runninghub("only", provider)]);
    let gateway = home.env("RETOUCH_ADMIN_TOKEN", TOKEN).serve().await;
    let operator = gateway.client().with_key(TOKEN);
    (gateway, operator)
}

/// Makes a key; its path, and a client that has it.
async fn made(gateway: &Gateway, operator: &Client, body: &Value) -> (String, Client) {
    let record: Value = Answer::to(operator.post_json(KEYS, body)).await.expect(201).json();
    let client = gateway.client().with_key(record["key"].as_str().unwrap());
    (format!("{KEYS}/{}", record["id"].as_str().unwrap()), client)
}

async fn patch(operator: &Client, path: &str, body: &Value) -> Answer {
    Answer::to(operator.request(Method::PATCH, path).body(body.to_string())).await
}

#[tokio::test]
async fn of_changes_to_one_version_one_is_made() {
    let provider = Provider::start();
    let (gateway, operator) = gateway_at(&provider).await;
    let (path, _) = made(&gateway, &operator, &json!({ "name": "a" })).await;
    let seen = operator.get(&path).await.expect(200);
    let tag = seen.header("etag").unwrap();
    let mut changes = JoinSet::new();
    for n in 0..8 {
        let request = operator.request(Method::PATCH, &path).header("if-match", tag);
        let request = request.body(json!({ "name": format!("n{n}") }).to_string());
        changes.spawn(async move { (n, Answer::to(request).await) });
    }
    let changes = changes.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, a)| a.status == 200);
    let [(n, won)] = won.as_slice() else { panic!("one is made, not {won:?}") };
    let now = operator.get(&path).await.expect(200);
    assert_eq!(now.json::<Value>()["name"], format!("n{n}"));
    assert_eq!(won.header("etag"), now.header("etag"));
    for (_, lost) in lost {
        assert_eq!(lost.header("etag"), now.header("etag"));
        lost.error(412, "precondition_failed");
    }
}

#[tokio::test]
async fn a_file_that_somebody_writes_in_place_keeps_its_keys() {
    let provider = Provider::start();
    let (gateway, operator) = gateway_at(&provider).await;
    let (path, client) = made(&gateway, &operator, &json!({ "name": "a" })).await;
    let file = gateway.home().path("config/keys.toml");
    let whole = fs::read_to_string(&file).unwrap();
    // As `generator > keys.toml` leaves it until there is something to write.
    fs::write(&file, "").unwrap();
    let create = Answer::to(operator.post_json(KEYS, &json!({ "name": "b" }))).await;
    let told = create.error(409, "keys_gone").message;
    assert!(told.contains("being written") && told.contains("put the keys back"), "{told}");
    let revoke = operator.post_json(&format!("{path}/revoke"), &json!({}));
    Answer::to(revoke).await.error(409, "keys_gone");
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
    let reload = operator.post_json("/admin/api/reload", &json!({}));
    Answer::to(reload).await.error(422, "catalog_refused");
    client.get("/v1/jobs").await.expect(200);
    gateway.client().get("/v1/jobs").await.error(401, "invalid_api_key");

    fs::write(&file, format!("{whole}# regenerated\n")).unwrap();
    let (_, other) = made(&gateway, &operator, &json!({ "name": "b" })).await;
    for client in [&client, &other] {
        client.get("/v1/jobs").await.expect(200);
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&whole) && text.contains("# regenerated\n"), "{text}");
}

#[tokio::test]
async fn repeats_that_come_together_are_one_job_also_to_its_keys_limits() {
    let provider = Provider::scripted([Turn::Hold; 4]);
    let (gateway, operator) = gateway_at(&provider).await;
    let limits = json!({ "name": "a", "limits": { "concurrency": 1, "per_minute": 1 } });
    let (_, client) = made(&gateway, &operator, &limits).await;
    let mut posts = JoinSet::new();
    for n in 0..12 {
        let (name, value) = ("idempotency-key", "one");
        let request = client.post("/v1/jobs", &Edit::new("grey")).header(name, value);
        // An official client's own second try says so too.
        let request =
            if n % 2 == 1 { request.header("x-stainless-retry-count", "1") } else { request };
        posts.spawn(Answer::to(request));
    }
    let posts = posts.join_all().await;
    let ids: BTreeSet<String> = posts
        .iter()
        .map(|answer| answer.clone().expect(202).header("x-retouch-job").unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let made = posts.iter().filter(|answer| answer.header("idempotency-replayed").is_none());
    assert_eq!(made.count(), 1);
    // The next one is another, and one too many.
    let other = client.post("/v1/jobs", &Edit::new("blur")).header("idempotency-key", "two");
    Answer::to(other).await.error(429, "rate_limit_exceeded");
    provider.release();
    client.finished(ids.first().unwrap()).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_record_may_be_sent_back_and_says_what_cannot_be_set() {
    let provider = Provider::start();
    let (gateway, operator) = gateway_at(&provider).await;
    let (path, client) = made(&gateway, &operator, &json!({ "name": "a", "expires": "9d" })).await;
    let mut record: Value = operator.get(&path).await.expect(200).json();
    let same: Value = patch(&operator, &path, &record).await.expect(200).json();
    assert_eq!(same, record);
    record["name"] = json!("b");
    let renamed: Value = patch(&operator, &path, &record).await.expect(200).json();
    assert_eq!(renamed, record);
    for (body, code, param, hint) in [
        (json!({ "expires_at": 1 }), "invalid_value", "expires_at", "write `expires`"),
        (json!({ "state": "revoked" }), "invalid_value", "state", "/revoke"),
        (json!({ "id": "key_b" }), "invalid_value", "id", "cannot be set"),
        (json!({ "scopes": ["foo"] }), "invalid_value", "scopes", "no scope `foo`"),
        (json!({ "limit": 3 }), "unknown_parameter", "limit", "did you mean `limits`?"),
    ] {
        let error = patch(&operator, &path, &body).await.error(400, code);
        assert_eq!(error.param.as_deref(), Some(param), "{body}");
        assert!(error.message.contains(hint), "{body}: {error:?}");
    }
    let delete = Answer::to(operator.request(Method::DELETE, &path)).await;
    let allow = delete.header("allow").unwrap_or_default().to_owned();
    assert!(allow.contains("PATCH") && !allow.contains("DELETE"), "{allow}");
    let error = delete.error(405, "method_not_allowed");
    assert!(error.message.contains("/revoke"), "{error:?}");
    client.get("/v1/jobs").await.expect(200);
}

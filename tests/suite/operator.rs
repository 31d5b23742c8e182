//! The operator at the shell: how the command line proves who it is, what a start says of how the
//! gateway is guarded, and that what was changed in the files is in the audit log.

use std::fs;

use retouch_tests::{Answer, Client, Gateway, Home, Provider, ProviderFile, wait::answered};
use serde_json::{Value, json};

const ALL: &str = "0.0.0.0:0";
const PASSWORD: &str = "correct horse";
const TOKEN: &str = "token-of-the-operator";

/// What the audit log holds, newest first.
async fn noted(operator: &Client) -> Vec<Value> {
    let page: Value = operator.get("/admin/api/audit").await.expect(200).json();
    page["data"].as_array().unwrap().clone()
}

/// Waits until the gateway has logged this.
async fn logs(gateway: &Gateway, words: &str) {
    answered(words, async || gateway.log().contains(words).then_some(())).await;
}

#[tokio::test]
async fn the_command_line_signs_in_with_the_password_and_out_again() {
    let service = Provider::start();
    let home = Home::with([ProviderFile::runninghub("only", &service)]);
    let set = home.feed(&["admin", "set-password"], &format!("{PASSWORD}\n"));
    let said = set.end().await.with(0);
    assert!(said.stderr.contains("RETOUCH_ADMIN_PASSWORD keeps that one"), "{said:?}");
    let mut gateway = home.serve().await;
    let doctor = ["doctor", "only"];
    let resolve = ["jobs", "resolve", "job_0190aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "--not-created"];
    for line in [doctor.as_slice(), &resolve] {
        let refused = gateway.run(line).await.with(1);
        for words in ["sign_in_required", "RETOUCH_ADMIN_PASSWORD", "RETOUCH_ADMIN_TOKEN"] {
            assert!(refused.stderr.contains(words), "no {words} in {refused:?}");
        }
    }
    gateway.env("RETOUCH_ADMIN_PASSWORD", "wrong horse");
    let wrong = gateway.run(&doctor).await.with(1);
    assert!(wrong.stderr.contains("wrong_password"), "{wrong:?}");
    gateway.env("RETOUCH_ADMIN_PASSWORD", PASSWORD);
    // A client's key is neither in the way nor of any help.
    gateway.env("RETOUCH_KEY", "sk-of-a-client");
    gateway.run(&doctor).await.with(0);
    let unknown = gateway.run(&resolve).await.with(1);
    assert!(unknown.stderr.contains("not_found"), "{unknown:?}");

    let log = fs::read_to_string(gateway.data().join("audit.jsonl")).unwrap();
    let count = |action: &str| log.matches(&format!("\"action\":\"{action}\"")).count();
    assert_eq!((count("session.create"), count("session.end")), (2, 2), "{log}");
    assert!(!log.contains(PASSWORD) && !gateway.log().contains(PASSWORD));
    service.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_change_of_the_files_is_noted_once_whoever_makes_it() {
    let service = Provider::start();
    let home = Home::with([ProviderFile::runninghub("only", &service)]);
    let gateway = home.env("RETOUCH_ADMIN_TOKEN", TOKEN).serve().await;
    let operator = gateway.client().with_key(TOKEN);
    let changes = async |count: usize| {
        answered("the change in the audit log", async || {
            let all = noted(&operator).await;
            let of_files = all.iter().filter(|record| record["action"] == "catalog.change");
            (of_files.count() >= count).then_some(all)
        })
        .await
    };
    gateway.run(&["key", "create", "app"]).await.with(0);
    let made = changes(1).await;
    assert_eq!((&made[0]["by"], &made[0]["from"]), (&json!("files"), &Value::Null), "{made:?}");

    let key = operator.post_json("/admin/api/keys", &json!({ "name": "other" }));
    Answer::to(key).await.expect(201);
    let second = ProviderFile::runninghub("second", &service).text();
    gateway.home().write("config/providers/second.toml", second);
    let all = changes(2).await;
    let actions: Vec<_> = all.iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["catalog.change", "key.create", "catalog.change"]);
    let status: Value = operator.get("/admin/api/reload").await.expect(200).json();
    let want = json!({ "changed": status["changed"], "revision": status["revision"] });
    assert_eq!(all[0]["detail"], want);
    assert!(want["changed"].to_string().contains("second"), "{want}");
}

#[tokio::test]
async fn a_start_says_what_fits_who_can_connect() {
    let home = Home::with([]).listening(ALL).env("RETOUCH_CLIENT_KEY", "too-short");
    let gateway = home.serve().await;
    logs(&gateway, "RETOUCH_CLIENT_KEY has fewer than 16 characters").await;
    assert!(!gateway.log().contains("too-short"), "{}", gateway.log());

    let gateway = Home::bare().env("RETOUCH_CLIENT_KEY", "too-short").serve().await;
    logs(&gateway, "-H \"Authorization: Bearer $RETOUCH_KEY\"").await;
    assert!(!gateway.log().contains("fewer than"), "only this machine: {}", gateway.log());

    let gateway = Home::with([]).listening(ALL).env("RETOUCH_ADMIN_TOKEN", TOKEN).serve().await;
    logs(&gateway, "in place of 127.0.0.1").await;
    logs(&gateway, "RETOUCH_ADMIN_TOKEN works for /admin/api already").await;
}

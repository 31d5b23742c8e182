//! What people send to the operator's API by mistake is not taken in silence.

use reqwest::Method;
use retouch_tests::{Admin, Gateway, Provider, ProviderFile};
use serde_json::{Value, json};

async fn one() -> (Gateway, Admin) {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("one", &provider)]).await;
    let admin = Admin::of(&gateway);
    (gateway, admin)
}

#[tokio::test]
async fn a_key_under_the_wrong_name_is_named() {
    let (_gateway, admin) = one().await;
    let error = admin.patch("providers/one", &json!({ "key": "sk-new" })).await;
    let error = error.error(400, "unknown_parameter");
    assert!(error.message.contains("api_key"), "{error:?}");
}

#[tokio::test]
async fn what_was_read_long_ago_is_not_written_over_what_is_there() {
    let (_gateway, admin) = one().await;
    let mut read: Value = admin.get("providers/one").await.expect(200).json();
    admin.patch("providers/one", &json!({ "priority": 4 })).await.expect(200);
    read["description"] = json!("mine");
    let stale = admin.put("providers/one", &read).await.expect(412);
    let stale: Value = stale.json();
    assert_eq!(stale["error"]["current"]["priority"], 4, "{stale}");
}

#[tokio::test]
async fn a_version_without_its_quotes_is_said_to_be_none() {
    let (_gateway, admin) = one().await;
    let read: Value = admin.get("providers/one").await.expect(200).json();
    let bare = read["revision"].as_str().unwrap();
    let answer = admin.patch_at("providers/one", bare, &json!({ "priority": 4 })).await;
    assert!(answer.error(400, "invalid_value").message.contains("quotes"));
}

#[tokio::test]
async fn a_name_that_another_has_is_the_senders_mistake() {
    let (_gateway, admin) = one().await;
    let named = json!({ "name": "RunningHub one" });
    let answer = admin.post("providers/one/duplicate", &named).await.expect(422);
    let error: Value = answer.json();
    let problem = &error["error"]["problems"][0];
    assert_eq!(problem["path"], "name", "{error}");
    assert!(problem["message"].as_str().unwrap().contains("one.toml"), "{error}");
}

#[tokio::test]
async fn what_was_read_and_sent_back_pins_nothing() {
    let (gateway, admin) = one().await;
    let before = std::fs::read_to_string(gateway.home().path("config/providers/one.toml")).unwrap();
    let read: Value = admin.get("providers/one").await.expect(200).json();
    admin.send(Method::PUT, "providers/one", &read).await.expect(200);
    let after = std::fs::read_to_string(gateway.home().path("config/providers/one.toml")).unwrap();
    assert_eq!(after, before);
}

//! What a fixture cannot say: headers, time-outs, and which configurations are refused.

use retouch_openai::{AzureEdit, OpenAiEdit};
use retouch_sdk::testing::{self, Script, job};
use serde_json::{Value, json};

const LABEL: &str = include_str!("../label.json");

fn openai(options: &Value) -> Value {
    let mut config = testing::defaults::<OpenAiEdit>(LABEL);
    config["options"] = options.clone();
    config
}

fn azure(model: &Value, options: &Value) -> Value {
    let mut config = testing::defaults::<AzureEdit>(LABEL);
    config["host"] = json!("https://acme.openai.azure.com");
    config["model"] = model.clone();
    config["options"] = options.clone();
    config
}

#[test]
fn sends_the_key_as_a_bearer_with_the_account() {
    let config = openai(&json!({ "organization": "org-1", "project": "proj_2" }));
    let done = Script::<OpenAiEdit>::new(config)
        .start(job("make it grey"))
        .expect_post("/v1/images/edits")
        .header("authorization", "Bearer {{secret:api_key}}")
        .header("openai-organization", "org-1")
        .header("openai-project", "proj_2")
        .reply(200, json!({ "created": 1, "data": [{ "url": "https://x.example/1" }] }))
        .done();
    assert_eq!(done.outputs.len(), 1);
}

#[test]
fn sends_azures_key_in_its_own_header_and_no_other() {
    let asked = Script::<AzureEdit>::new(azure(&json!("edits"), &json!({})))
        .start(job("make it grey"))
        .expect_post("/openai/deployments/edits/images/edits?api-version=2025-04-01-preview")
        .header("api-key", "{{secret:api_key}}");
    assert_eq!(asked.request().headers.len(), 1);
}

#[test]
fn waits_as_long_as_the_attempt_and_no_longer_than_official_clients() {
    let asked = Script::<OpenAiEdit>::new(openai(&json!({})))
        .start(job("make it grey"))
        .expect_post("/v1/images/edits");
    assert_eq!(asked.request().timeout_ms, 600_000);
}

#[test]
fn refuses_what_cannot_work() {
    let refused = |config: &Value| testing::refused::<OpenAiEdit>(config).field;
    assert_eq!(refused(&openai(&json!({ "organisation": "org-1" }))), "options.organisation");
    assert_eq!(refused(&openai(&json!({ "project": 3 }))), "options.project");
    assert_eq!(refused(&openai(&json!({ "project": "a\r\nb: c" }))), "options.project");
    let mut nowhere = openai(&json!({}));
    nowhere["endpoints"]["edit"] = json!("");
    assert_eq!(refused(&nowhere), "endpoints.edit");

    let refused = |config: &Value| testing::refused::<AzureEdit>(config).field;
    assert_eq!(refused(&azure(&Value::Null, &json!({}))), "model");
    assert_eq!(refused(&azure(&json!("a/b"), &json!({}))), "model");
    assert_eq!(refused(&azure(&json!(".."), &json!({}))), "model");
    let version = json!({ "api_version": "1&x=2" });
    assert_eq!(refused(&azure(&json!("edits"), &version)), "options.api_version");
}

#[test]
fn keeps_a_version_that_the_path_has() {
    let mut config = azure(&json!("edits"), &json!({}));
    config["endpoints"]["edit"] = json!("/openai/v1/images/edits?api-version=preview");
    let start = || Script::<AzureEdit>::new(config.clone()).start(job("make it grey"));
    drop(start().expect_post("/openai/v1/images/edits?api-version=preview"));
}

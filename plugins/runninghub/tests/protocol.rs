//! What a fixture cannot say: which configurations are refused, and which state a poll keeps.

use retouch_runninghub::RhartEdit;
use retouch_sdk::Effect;
use retouch_sdk::testing::{self, Script, job};
use serde_json::{Value, json};

const UPLOAD: &str = "/openapi/v2/media/upload/binary";

fn config(change: impl FnOnce(&mut Value)) -> Value {
    let mut config = testing::defaults::<RhartEdit>(include_str!("../label.json"));
    change(&mut config);
    config
}

#[test]
fn label_offers_the_guides_defaults() {
    let want = json!({
        "type": "runninghub-rhart-edit",
        "host": "https://www.runninghub.cn",
        "endpoints": {
            "edit": "/openapi/v2/rhart-image-n-pro/edit",
            "result": "/openapi/v2/query",
            "upload": "/v1/file/upload"
        },
        "model": "rhart-image-n-pro",
        "sync": false,
        "options": {}
    });
    assert_eq!(config(|_| ()), want);
}

#[test]
fn refuses_what_contradicts_the_protocol() {
    for (pointer, value, field, reason) in [
        ("/sync", json!(true), "sync", "RunningHub 是异步API"),
        ("/model", json!("rhart-image-v1"), "model", "endpoints.edit"),
        ("/endpoints/edit", json!(""), "endpoints.edit", "empty"),
        ("/endpoints/result", json!(""), "endpoints.result", "empty"),
        ("/options", json!({ "steps": 3 }), "options.steps", "remove it"),
    ] {
        let wrong = config(|config| {
            if let Some(there) = config.pointer_mut(pointer) {
                *there = value;
            }
        });
        let refusal = testing::refused::<RhartEdit>(&wrong);
        assert_eq!(refusal.field, field);
        assert!(refusal.message.contains(reason), "{}", refusal.message);
    }
}

#[test]
fn polls_without_changing_its_state() {
    let config = config(|config| config["endpoints"]["upload"] = json!(UPLOAD));
    let link = json!({ "code": 0, "data": { "download_url": "https://x.example/1.png" } });
    let submitted = Script::<RhartEdit>::new(config)
        .start(job("make it grey"))
        .expect_post(UPLOAD)
        .effect(Effect::Idempotent)
        .header("authorization", "Bearer {{secret:api_key}}")
        .reply(200, link)
        .expect_post("/openapi/v2/rhart-image-n-pro/edit")
        .body_has("/imageUrls/0", "https://x.example/1.png")
        .effect(Effect::Unsafe)
        .reply(200, json!({ "taskId": "7", "status": "QUEUED" }))
        .has_task("7");
    let state = submitted.state().to_vec();
    let first =
        submitted.expect_post("/openapi/v2/query").reply(200, json!({ "status": "QUEUED" }));
    assert_eq!(first.state(), state);
    let second = first.expect_post("/openapi/v2/query").reply_text(502, "<html>");
    assert_eq!(second.state(), state);
}

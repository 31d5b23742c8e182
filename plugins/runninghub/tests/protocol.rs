//! What a fixture cannot say: which configurations are refused, and which state a poll keeps.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
        ("/model", json!("rhart-image-v1"), "model", "endpoints.edit names (rhart-image-n-pro)"),
        ("/model", json!("rhart-image-v1"), "model", "change one of them"),
        ("/model", json!("gpt-image-2"), "model", "write rhart-image-n-pro, or a newer"),
        ("/endpoints/edit", json!(""), "endpoints.edit", "empty"),
        ("/endpoints/edit", json!("/openapi/v2/rhart-image-v1/edit"), "model", "(rhart-image-v1)"),
        ("/endpoints/edit", json!("/openapi/v2/next/edit"), "model", "/rhart-image-n-pro/edit"),
        (
            "/endpoints/edit",
            json!("/openapi/v2/rhart-image-n-pro/text-to-image"),
            "endpoints.edit",
            "takes no picture",
        ),
        (
            "/endpoints/edit",
            json!("/openapi/v2/rhart-image-n-pro/image-to-image"),
            "endpoints.edit",
            "write /openapi/v2/rhart-image-n-pro/edit",
        ),
        ("/endpoints/result", json!(""), "endpoints.result", "empty"),
        ("/endpoints/result", json!("/task/openapi/status"), "endpoints.result", "/v2/query"),
        ("/options", json!({ "steps": 3 }), "options.steps", "aspectRatio, resolution"),
        ("/options", json!({ "resolution": "8k" }), "options.resolution", "one of 1k, 2k, 4k"),
        ("/options", json!({ "aspectRatio": 1 }), "options.aspectRatio", "must be one of 1:1"),
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
fn takes_what_does_not() {
    for (model, edit) in [
        ("rhart-image-v1", "/openapi/v2/rhart-image-v1/edit"),
        ("", "/openapi/v2/rhart-image-v1/edit/"),
        ("", "/proxy/openapi/v2/alibaba/wan-2.7/image-edit-pro"),
        ("rhart-image-next", "/openapi/v2/rhart-image-next/image-to-image"),
        ("", "/openapi/v2/rhart-image-next/image-to-image"),
        ("rhart-image-n-pro", "/openapi/v2/rhart-image-n-pro/edit-next"),
    ] {
        let config = config(|config| {
            config["model"] = json!(model);
            config["endpoints"]["edit"] = json!(edit);
            config["endpoints"]["upload"] = json!("");
        });
        let talk = Script::<RhartEdit>::new(config).start(job("make it grey"));
        let _ = talk.expect_post(edit).reply(200, json!({ "taskId": "7" })).has_task("7");
    }
}

/// Each way to go wrong that is known of this API is a scenario, named by its number.
#[test]
fn every_known_trap_has_a_fixture() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut numbers = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let fixture: Value = serde_json::from_str(&text).unwrap();
        let name = fixture["name"].as_str().unwrap();
        if let Some((traps, _)) = name.strip_prefix("trap").and_then(|rest| rest.split_once(':')) {
            let digits = traps.split(|c: char| !c.is_ascii_digit());
            numbers.extend(digits.filter_map(|digits| digits.parse::<u32>().ok()));
        }
    }
    assert_eq!(numbers, (1..=26).collect());
}

#[test]
fn polls_without_changing_its_state() {
    let config = config(|config| config["endpoints"]["upload"] = json!(UPLOAD));
    let link = json!({ "code": 0, "data": { "download_url": "https://x.example/1.png" } });
    let submitted = Script::<RhartEdit>::new(config)
        .start(job("make it grey"))
        .expect_post(UPLOAD)
        .effect(Effect::Idempotent)
        .header("authorization", "Bearer {{secret:api_key}}");
    // A link lives for a day.
    let lives = submitted.request().cache_ms;
    assert!((1..24 * 60 * 60 * 1000).contains(&lives), "{lives}");
    let submitted = submitted
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

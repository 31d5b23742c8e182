//! Styles made, changed and deleted through the operator's API while the gateway runs.

use std::fs;

use retouch_tests::{Admin, Edit, Gateway, Provider, ProviderFile, Turn};
use serde_json::{Value, json};

async fn at(provider: &Provider) -> (Gateway, Admin) {
    let gateway = Gateway::with([ProviderFile::runninghub("only", provider)]).await;
    let admin = Admin::of(&gateway);
    (gateway, admin)
}

/// What the provider was asked with last.
fn asked(provider: &Provider) -> Value {
    provider.ledger().submits.last().unwrap().body.clone()
}

#[tokio::test]
async fn a_style_that_is_saved_is_used_at_once() {
    let provider = Provider::scripted([Turn::AcceptDone; 8]);
    let (gateway, admin) = at(&provider).await;
    let style = json!({
        "id": "oil", "name": "油画", "prompt": "oil, {mood}:\n\"{prompt}\"",
        "variables": { "mood": "warm" }, "aspect_ratio": "3:4",
    });
    let made = admin.post("styles", &style).await.expect(201);
    assert_eq!(made.header("location"), Some("/admin/api/styles/oil"));
    let shown: Value = made.json();
    assert_eq!(shown["places"], json!(["mood", "prompt"]), "{shown}");
    assert_eq!((&shown["model"], &shown["locked"]), (&json!(null), &json!([])));
    let edit = Edit::new("a cat").field("style", "oil");
    gateway.client().edit(&edit).await.expect(200);
    assert_eq!(asked(&provider)["prompt"], "oil, warm:\n\"a cat\"");

    let file = gateway.home().path("config/styles/oil.toml");
    fs::write(&file, format!("# Ours.\n{}", fs::read_to_string(&file).unwrap())).unwrap();
    let change = json!({ "variables": { "mood": "cold" }, "aspect_ratio": null });
    let changed: Value = admin.patch("styles/oil", &change).await.expect(200).json();
    assert_eq!(changed["in_effect"], true, "{changed}");
    gateway.client().edit(&edit).await.expect(200);
    assert_eq!(asked(&provider)["prompt"], "oil, cold:\n\"a cat\"");
    assert!(fs::read_to_string(&file).unwrap().starts_with("# Ours.\nname = \"油画\""));

    let copy: Value = admin.post("styles/oil/duplicate", &json!({})).await.expect(201).json();
    assert_eq!((&copy["id"], &copy["name"]), (&json!("oil-2"), &json!("油画 (2)")), "{copy}");
    let whole = json!({ "name": "Plain", "prompt": "{prompt}!" });
    admin.put("styles/oil-2", &whole).await.expect(200);
    gateway.client().edit(&Edit::new("a cat").field("style", "Plain")).await.expect(200);
    assert_eq!(asked(&provider)["prompt"], "a cat!");

    admin.delete("styles/oil").await.expect(200);
    gateway.client().edit(&edit).await.error(404, "style_not_found");
    let list: Value = admin.get("styles").await.expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test]
async fn what_is_wrong_with_a_style_is_named() {
    let provider = Provider::start();
    let (gateway, admin) = at(&provider).await;
    let good = json!({ "id": "good", "name": "Good", "prompt": "{prompt}" });
    let made = admin.post("styles", &good).await.expect(201);
    for (sent, path) in [
        (json!({"resolution": "9K"}), "resolution"),
        (json!({"prompt": "{a"}), "prompt"),
        (json!({"variables": {"mood": "x"}}), "variables.mood"),
        (json!({"locked": ["model"]}), "locked"),
        (json!({"name": 3}), "name"),
    ] {
        let error = admin.patch("styles/good", &sent).await.error(422, "invalid_style");
        assert_eq!(error.param.as_deref(), Some(path), "{sent}: {}", error.message);
    }
    let error = admin.patch("styles/good", &json!({"promt": "x"})).await;
    let error = error.error(400, "unknown_parameter");
    assert!(error.message.contains("`prompt`"), "{}", error.message);
    // What others may bring yet is no more than a warning.
    let warned: Value =
        admin.patch("styles/good", &json!({"provider": "nobody"})).await.expect(200).json();
    assert_eq!(warned["problems"][0]["path"], "provider", "{warned}");
    assert_eq!(warned["problems"][0]["severity"], "warning");
    let old = made.header("etag").unwrap();
    let stale = admin.patch_at("styles/good", old, &json!({"name": "Late"})).await.expect(412);
    assert_eq!(stale.json::<Value>()["error"]["current"]["provider"], "nobody");

    fs::write(gateway.home().path("config/styles/broken.toml"), "name = 5\n").unwrap();
    let broken: Value = admin.get("styles/broken").await.expect(200).json();
    assert_eq!(broken["problems"][0]["path"], "name", "{broken}");
    admin.delete("styles/broken").await.expect(200);
}

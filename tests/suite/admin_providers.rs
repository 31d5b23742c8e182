//! Providers made, changed, put in order and deleted through the operator's API while the gateway
//! runs: what is saved works at once, comments survive, nobody's change is lost, and no key comes back.

use std::{fs, path::PathBuf};

use reqwest::Method;
use retouch_tests::{
    Admin, Answer, Edit, Gateway, Home, Provider, ProviderFile, Turn, config::KEY,
    gateway::files_below, hot, provider::Setup, wait::answered,
};
use serde_json::{Value, json};

/// What it takes to make a provider at a scripted service.
pub(crate) fn new(name: &str, provider: &Provider) -> Value {
    json!({
        "name": name, "type": "runninghub-rhart-edit", "api_key": KEY,
        "hosts": { "domestic": provider.origin(), "overseas": provider.origin() },
    })
}

/// A provider's file in the gateway's folder.
pub(crate) fn file(gateway: &Gateway, id: &str) -> PathBuf {
    gateway.home().path(&format!("config/providers/{id}.toml"))
}

pub(crate) fn text(gateway: &Gateway, id: &str) -> String {
    fs::read_to_string(file(gateway, id)).unwrap()
}

/// A gateway with providers of these ids at a service.
pub(crate) async fn gateway_with(ids: &[&str], provider: &Provider) -> (Gateway, Admin) {
    let gateway = Gateway::with(ids.iter().map(|id| ProviderFile::runninghub(id, provider))).await;
    let admin = Admin::of(&gateway);
    (gateway, admin)
}

/// What is wrong, by field.
fn paths(answer: &Answer) -> Vec<String> {
    let body: Value = answer.json();
    let problems = body["error"]["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().map(|problem| problem["path"].as_str().unwrap_or("-").to_owned()).collect()
}

pub(crate) fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_provider_that_is_saved_edits_at_once_and_its_key_is_sealed() {
    let provider = Provider::with(Setup { key: Some(KEY), ..Setup::default() });
    let mut gateway = Home::with([]).serve().await;
    let admin = Admin::of(&gateway);
    let made = admin.post("providers", &new("全能图片 \"PRO\" 甲", &provider)).await.expect(201);
    assert_eq!(made.header("location"), Some("/admin/api/providers/pro"));
    let shown: Value = made.json();
    assert_eq!((&shown["id"], &shown["key"]["kind"]), (&json!("pro"), &json!("sealed")), "{shown}");
    assert_eq!((&shown["in_effect"], &shown["health"]["state"]), (&json!(true), &json!("free")));
    assert_eq!(shown["limits"]["timeout"], "10m", "defaults are filled in: {shown}");
    let tag = format!("\"{}\"", shown["revision"].as_str().unwrap());
    assert_eq!(made.header("etag"), Some(tag.as_str()));

    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("pro"));
    provider.ledger().assert_proper(KEY);
    let written = text(&gateway, "pro");
    assert!(written.contains("api_key = \"enc:v1:") && !written.contains(KEY), "{written}");
    for answer in [made, admin.get("providers").await, admin.get("providers/pro").await] {
        assert!(!answer.text().contains(KEY) && !answer.text().contains("enc:v1"));
    }
    assert!(admin.get("audit").await.expect(200).text().contains("provider.create"));
    for (path, bytes) in files_below(&gateway.data()) {
        let found = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
        assert!(!found, "{} holds the key", path.display());
    }
    assert!(!gateway.log().contains(KEY));
    gateway.kill9().await;
    gateway.restart().await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn what_is_not_named_in_a_change_stays_with_its_comments() {
    let provider = Provider::start();
    let home = Home::with([]);
    let before = format!(
        "# Ask Tom.\nname = \"One\" # the first\ntype = \"runninghub-rhart-edit\"\n\
         api_key = \"{KEY}\"\n\n[hosts] # both\ndomestic = \"{0}\"\noverseas = \"{0}\"\n",
        provider.origin()
    );
    home.write("config/providers/one.toml", &before);
    let gateway = home.serve().await;
    let admin = Admin::of(&gateway);
    let change =
        json!({"priority": 4, "limits": {"timeout": "5m"}, "description": "a\nb \"c\" 甲"});
    let shown: Value = admin.patch("providers/one", &change).await.expect(200).json();
    assert_eq!(shown["description"], "a\nb \"c\" 甲", "{shown}");
    let after = text(&gateway, "one");
    for line in before.lines() {
        assert!(after.contains(line), "{line} is gone from\n{after}");
    }
    let back = json!({"priority": null, "limits": null, "description": null});
    admin.patch("providers/one", &back).await.expect(200);
    assert_eq!(text(&gateway, "one").trim_end(), before.trim_end());

    let mut whole: Value = admin.get("providers/one").await.expect(200).json();
    whole["name"] = json!("Other");
    admin.put("providers/one", &whole).await.expect(200);
    let after = text(&gateway, "one");
    assert!(after.starts_with("# Ask Tom.\nname = \"Other\""), "{after}");
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    provider.ledger().assert_proper(KEY);
}

#[tokio::test]
async fn a_copy_has_the_same_key_and_a_name_of_its_own() {
    let provider = Provider::with(Setup { key: Some(KEY), ..Setup::default() });
    let gateway = Home::with([]).serve().await;
    let admin = Admin::of(&gateway);
    admin.post("providers", &new("one", &provider)).await.expect(201);
    let copy: Value = admin.post("providers/one/duplicate", &json!({})).await.expect(201).json();
    assert_eq!((&copy["id"], &copy["name"]), (&json!("one-2"), &json!("one (2)")));
    assert_eq!(copy["enabled"], false, "it gets no work before it is what it is to be");
    admin.post("providers/one-2/enable", &json!({})).await.expect(200);
    admin.delete("providers/one").await.expect(200);
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("one-2"));
    let elsewhere = json!({ "hosts": { "domestic": "http://127.0.0.1:9" } });
    let refused = admin.post("providers/one-2/duplicate", &elsewhere).await.expect(422);
    assert_eq!(paths(&refused), ["api_key"]);
}

#[tokio::test]
async fn switches_and_order_decide_who_is_asked() {
    let (one, two, three) = (Provider::start(), Provider::start(), Provider::start());
    let all = [("one", &one), ("two", &two), ("three", &three)];
    let gateway = Gateway::with(all.map(|(id, at)| ProviderFile::runninghub(id, at))).await;
    let admin = Admin::of(&gateway);
    let asked = async || {
        let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
        job.provider.unwrap()
    };
    let list = admin.get("providers").await.expect(200);
    let order = json!({ "ids": ["two", "three"] });
    let ordered = admin
        .request(Method::PUT, "providers/order")
        .header("if-match", list.header("etag").unwrap());
    let ordered = Answer::to(ordered.body(order.to_string())).await.expect(200);
    let shown: Value = ordered.json();
    assert_eq!((ids(&shown), &shown["default"]), (vec!["two", "three", "one"], &json!(null)));
    assert_ne!(ordered.header("etag"), list.header("etag"));
    assert_eq!(asked().await, "two");
    let stale = admin
        .request(Method::PUT, "providers/order")
        .header("if-match", list.header("etag").unwrap());
    let stale = Answer::to(stale.body(order.to_string())).await.expect(412);
    assert_eq!(ids(&stale.json::<Value>()["error"]["current"]), ["two", "three", "one"]);
    for wrong in [json!({"ids": ["two", "two"]}), json!({"ids": ["x"]}), json!({"ids": "two"})] {
        admin.put("providers/order", &wrong).await.error(400, "invalid_value");
    }

    admin.post("providers/two/disable", &json!({})).await.expect(200);
    assert_eq!(asked().await, "three");
    admin.post("providers/one/default", &json!({})).await.expect(200);
    assert_eq!(asked().await, "one");
    admin.post("providers/three/default", &json!({})).await.expect(200);
    assert_eq!(asked().await, "three");
    let shown: Value = admin.get("providers").await.expect(200).json();
    assert_eq!((ids(&shown)[0], &shown["default"]), ("three", &json!("three")), "{shown}");
    let both = admin.patch("providers/one", &json!({"default": true})).await.expect(422);
    assert!(both.text().contains("both the default"), "{}", both.text());
    let two: Value = admin.get("providers/two").await.expect(200).json();
    assert_eq!(two["health"]["state"], "disabled", "{two}");
    admin.post("providers/two/enable", &json!({})).await.expect(200);
    let edit = Edit::new("grey").field("provider", "two");
    gateway.client().done(&edit).await.succeeded();
}

#[tokio::test]
async fn wrong_values_are_named_and_nothing_is_changed() {
    let provider = Provider::start();
    let (gateway, admin) = gateway_with(&["one", "two"], &provider).await;
    let before = text(&gateway, "one");
    for (sent, path) in [
        (json!({"priority": "high"}), "priority"),
        (json!({"priority": 1.5}), "priority"),
        (json!({"priority": 18_446_744_073_709_551_615_u64}), "priority"),
        (json!({"aliases": ["a", null]}), "aliases.1"),
        (json!({"limits": {"timeout": "soon"}}), "limits.timeout"),
        (json!({"limits": {"concurrency": 0}}), "limits.concurrency"),
        (json!({"limits": 3}), "limits"),
        (json!({"hosts": {"domestic": "not a url"}}), "hosts.domestic"),
        (json!({"endpoints": {"edit": "no-path"}}), "endpoints.edit"),
        (json!({"type": "runninghub-rhart-edti"}), "type"),
        (json!({"name": "RunningHub two"}), "name"),
        (json!({"name": null}), "name"),
        (json!({"sync": true}), "sync"),
        (json!({"region": "moon"}), "region"),
        (json!({"options": {"aspectRatio": "7:1"}}), "options.aspectRatio"),
        (json!({"api_key": 5}), "api_key"),
    ] {
        let answer = admin.patch("providers/one", &sent).await;
        assert!(paths(&answer).contains(&path.to_owned()), "{sent}: {}", answer.text());
        let error = answer.error(422, "invalid_provider");
        assert_eq!(error.param.as_deref(), Some(path), "{sent}");
    }
    for (sent, path, near) in [
        (json!({"prioritty": 3}), "prioritty", "`priority`"),
        (json!({"hosts": {"domestik": "x"}}), "hosts.domestik", "`hosts.domestic`"),
    ] {
        let error = admin.patch("providers/one", &sent).await.error(400, "unknown_parameter");
        assert_eq!(error.param.as_deref(), Some(path));
        assert!(error.message.contains(near), "{}", error.message);
    }
    for body in ["", "[]", "null", "{", "{} {}"] {
        let request = admin.request(Method::POST, "providers").body(body);
        assert!(matches!(Answer::to(request).await.status, 400 | 422), "{body}");
    }
    assert_eq!(text(&gateway, "one"), before);
    assert_eq!(hot::status(&gateway).await["revision"], 1);
    admin.patch("providers/none", &json!({})).await.error(404, "not_found");
}

#[tokio::test]
async fn a_key_goes_nowhere_it_was_not_given_for() {
    let (provider, thief) = (Provider::start(), Provider::start());
    let home = Home::with([ProviderFile::runninghub("one", &provider)]);
    let gateway = home.env("RETOUCH_SECRET_X", "key-of-the-host").serve().await;
    let admin = Admin::of(&gateway);
    let elsewhere = json!({ "hosts": { "domestic": thief.origin(), "overseas": thief.origin() } });
    let mut whole: Value = admin.get("providers/one").await.expect(200).json();
    whole["hosts"] = elsewhere["hosts"].clone();
    whole.as_object_mut().unwrap().remove("revision");
    let keys = [None, Some("sealed-key"), Some("${env:RETOUCH_SECRET_X}")];
    for key in keys {
        if let Some(key) = key {
            admin.patch("providers/one", &json!({ "api_key": key })).await.expect(200);
        }
        assert_eq!(paths(&admin.patch("providers/one", &elsewhere).await.expect(422)), ["api_key"]);
        assert_eq!(paths(&admin.put("providers/one", &whole).await.expect(422)), ["api_key"]);
    }
    let shown: Value = admin.get("providers/one").await.expect(200).json();
    assert_eq!(shown["key"], json!({"kind": "env", "reference": "${env:RETOUCH_SECRET_X}"}));
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    provider.ledger().assert_proper("key-of-the-host");

    for key in ["${env:HOME}", "${file:/etc/passwd}", " ${env:HOME}", "enc:v1:AAAA", "two words"] {
        let mut sent = elsewhere.clone();
        sent["api_key"] = json!(key);
        let refused = admin.patch("providers/one", &sent).await.expect(422);
        assert_eq!(paths(&refused), ["api_key"], "{key}");
        let mut made = new("thief", &thief);
        made["api_key"] = json!(key);
        assert_eq!(paths(&admin.post("providers", &made).await.expect(422)), ["api_key"], "{key}");
    }
    assert!(thief.ledger().submits.is_empty());
    let mut sent = elsewhere;
    sent["api_key"] = json!("another-key");
    admin.patch("providers/one", &sent).await.expect(200);
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    thief.ledger().assert_proper("another-key");
}

#[tokio::test]
async fn a_file_that_is_broken_by_hand_is_mended_here() {
    let provider = Provider::start();
    let (gateway, admin) = gateway_with(&["one"], &provider).await;
    let typo = ProviderFile::runninghub("typo", &provider).line("prioritty = 3").text();
    fs::write(file(&gateway, "typo"), typo).unwrap();
    fs::write(file(&gateway, "worse"), format!("name = \"W\"\napi_key = {KEY}\n")).unwrap();
    answered("the refusal", async || {
        let status = hot::status(&gateway).await;
        (status["problems"].to_string().contains("worse.toml")).then_some(())
    })
    .await;
    let list = admin.get("providers").await.expect(200);
    assert!(!list.text().contains(KEY), "{}", list.text());
    assert_eq!(ids(&list.json()).len(), 3);
    let typo: Value = admin.get("providers/typo").await.expect(200).json();
    assert_eq!(typo["problems"][0]["path"], "prioritty", "{typo}");
    assert_eq!((&typo["in_effect"], &typo["health"]), (&json!(false), &json!(null)));
    let worse: Value = admin.get("providers/worse").await.expect(200).json();
    assert!(worse["problems"][0]["message"].as_str().unwrap().contains("TOML"), "{worse}");

    let mend = json!({"prioritty": null, "priority": 3});
    let held: Value = admin.patch("providers/typo", &mend).await.expect(202).json();
    assert_eq!((&held["in_effect"], &held["catalog"]["refused"]), (&json!(false), &json!(true)));
    assert!(held["catalog"]["problems"].to_string().contains("worse.toml"), "{held}");
    admin.patch("providers/worse", &json!({"name": "W"})).await.error(422, "invalid_provider");
    admin.put("providers/worse", &new("W", &provider)).await.expect(200);
    assert_eq!(hot::status(&gateway).await["refused"], false);
    assert_eq!(
        gateway.client().done(&Edit::new("grey")).await.succeeded().provider.as_deref(),
        Some("typo")
    );

    fs::write(file(&gateway, "worse"), "[").unwrap();
    admin.delete("providers/worse").await.expect(200);
    assert!(!file(&gateway, "worse").exists());
}

#[tokio::test]
async fn what_is_open_at_a_provider_that_is_deleted_is_finished() {
    let provider = Provider::scripted([Turn::Hold]);
    let (gateway, admin) = gateway_with(&["one"], &provider).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    let gone: Value = admin.delete("providers/one").await.expect(200).json();
    assert_eq!((&gone["deleted"], &gone["open"]), (&json!(true), &json!(1)), "{gone}");
    admin.get("providers/one").await.error(404, "not_found");
    provider.release();
    gateway.client().finished(&id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn what_is_built_in_becomes_a_file_with_the_first_provider() {
    let provider = Provider::start();
    let gateway = Gateway::fresh().await;
    let admin = Admin::of(&gateway);
    let list: Value = admin.get("providers").await.expect(200).json();
    let sandbox = &list["data"][0];
    assert_eq!((&sandbox["id"], &sandbox["built_in"]), (&json!("sandbox"), &json!(true)));
    admin.delete("providers/sandbox").await.error(409, "built_in");
    admin.post("providers", &new("one", &provider)).await.expect(201);
    assert!(gateway.home().path("work/config/providers/one.toml").is_file());
    let list: Value = admin.get("providers").await.expect(200).json();
    assert_eq!(ids(&list), ["one", "sandbox"]);
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    provider.ledger().assert_paid(1, 1);
    admin.delete("providers/sandbox").await.expect(200);
    let list: Value = admin.get("providers").await.expect(200).json();
    assert_eq!(ids(&list), ["one"]);
}

#[tokio::test]
async fn what_is_built_in_can_be_disabled() {
    let gateway = Gateway::fresh().await;
    let admin = Admin::of(&gateway);
    let shown: Value = admin.post("providers/sandbox/disable", &json!({})).await.expect(200).json();
    assert_eq!((&shown["enabled"], &shown["built_in"]), (&json!(false), &json!(false)), "{shown}");
    gateway.client().edit(&Edit::new("grey")).await.error(503, "no_provider");
}

#[tokio::test]
async fn a_client_may_do_none_of_it() {
    let provider = Provider::start();
    let home = Home::with([ProviderFile::runninghub("one", &provider)]);
    let home =
        home.env("RETOUCH_CLIENT_KEY", "client-key").env("RETOUCH_ADMIN_TOKEN", "admin-token");
    let gateway = home.serve().await;
    let client = gateway.client().with_key("client-key");
    let routes = [
        (Method::GET, "providers"),
        (Method::POST, "providers"),
        (Method::PUT, "providers/order"),
        (Method::GET, "providers/one"),
        (Method::PUT, "providers/one"),
        (Method::PATCH, "providers/one"),
        (Method::DELETE, "providers/one"),
        (Method::POST, "providers/one/duplicate"),
        (Method::POST, "providers/one/enable"),
        (Method::POST, "providers/one/disable"),
        (Method::POST, "providers/one/default"),
        (Method::GET, "styles"),
        (Method::POST, "styles"),
        (Method::GET, "plugins"),
    ];
    for client in [client, gateway.client()] {
        for (method, path) in routes.clone() {
            let request = client.request(method.clone(), &format!("/admin/api/{path}"));
            let answer = Answer::to(request.body("{}")).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text());
        }
    }
    let operator = gateway.client().with_key("admin-token");
    operator.get("/admin/api/providers").await.expect(200);
    assert!(file(&gateway, "one").is_file());
}

#[tokio::test]
async fn plugins_say_what_a_form_needs() {
    let gateway = Gateway::fresh().await;
    let list: Value = Admin::of(&gateway).get("plugins").await.expect(200).json();
    let plugin = &list["data"][0];
    assert_eq!((&plugin["id"], &list["refusals"]), (&json!("runninghub"), &json!([])), "{list}");
    assert_eq!(plugin["sha256"].as_str().unwrap().len(), 64);
    let api_type = &plugin["types"][0];
    assert_eq!(api_type["id"], "runninghub-rhart-edit");
    assert_eq!(api_type["name"]["zh"], "RunningHub 全能图片PRO");
    assert_eq!(api_type["defaults"]["hosts"]["domestic"], "https://www.runninghub.cn");
    assert_eq!(api_type["defaults"]["limits"]["timeout"], "10m");
    assert!(api_type["schema"]["properties"].is_object() && api_type["caps"].is_object());
}

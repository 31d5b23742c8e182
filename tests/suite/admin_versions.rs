//! Versions of providers' files in the operator's API: whoever saves what somebody else has changed
//! since is told, what somebody has is not sent again, and where nothing can be written it is said what
//! to change by hand.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink};

use reqwest::Method;
use retouch_tests::{Answer, Provider};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::admin_providers::{file, gateway_with, ids, new, text};

#[tokio::test]
async fn nobodys_change_is_lost() {
    let provider = Provider::start();
    let (gateway, admin) = gateway_with(&["one"], &provider).await;
    let before = admin.get("providers/one").await.expect(200);
    let version = before.header("etag").unwrap();
    let mut saves = JoinSet::new();
    for n in 0..12 {
        let (admin, version) = (admin.clone(), version.to_owned());
        let body = json!({ "priority": n + 1 });
        saves.spawn(async move { (n, admin.patch_at("providers/one", &version, &body).await) });
    }
    let saves = saves.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = saves.iter().partition(|(_, answer)| answer.status == 200);
    assert_eq!(won.len(), 1, "{saves:?}");
    let now: Value = admin.get("providers/one").await.expect(200).json();
    assert_eq!(now["priority"], won[0].0 + 1);
    for (_, answer) in lost {
        let error: Value = answer.clone().expect(412).json();
        assert_eq!(error["error"]["code"], "precondition_failed");
        assert_eq!(error["error"]["current"]["revision"], now["revision"], "{error}");
        let tag = format!("\"{}\"", now["revision"].as_str().unwrap());
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }

    // Without a condition all are made, one after the other.
    let mut saves = JoinSet::new();
    for n in 0..8 {
        let admin = admin.clone();
        let body =
            json!({"name": format!("n{n}"), "type": "runninghub-rhart-edit", "api_key": "k"});
        saves.spawn(async move { admin.post("providers", &body).await.expect(201) });
    }
    let made: BTreeSet<String> =
        saves.join_all().await.iter().map(|a| a.json::<Value>()["id"].to_string()).collect();
    assert_eq!(made.len(), 8);
    let list: Value = admin.get("providers").await.expect(200).json();
    assert_eq!(ids(&list).len(), 9);

    // A change by hand counts as any other.
    fs::write(file(&gateway, "one"), text(&gateway, "one") + "# by hand\n").unwrap();
    let tag = format!("\"{}\"", now["revision"].as_str().unwrap());
    admin.patch_at("providers/one", &tag, &json!({"priority": 1})).await.expect(412);
}

#[tokio::test]
async fn what_one_has_is_not_sent_again() {
    let provider = Provider::start();
    let (_gateway, admin) = gateway_with(&["one"], &provider).await;
    for path in ["providers", "providers/one"] {
        let first = admin.get(path).await.expect(200);
        let tag = first.header("etag").unwrap();
        let again = admin.request(Method::GET, path).header("if-none-match", tag);
        let again = Answer::to(again).await.expect(304);
        assert!(again.body.is_empty() && again.header("etag") == Some(tag));
    }
    let list = async || admin.get("providers").await.header("etag").unwrap().to_owned();
    let mut seen = BTreeSet::from([list().await]);
    admin.post("providers", &new("two", &provider)).await.expect(201);
    assert!(seen.insert(list().await), "a new one is seen");
    admin.delete("providers/one").await.expect(200);
    assert!(seen.insert(list().await), "one that is gone is seen");
}

#[tokio::test]
async fn a_put_makes_what_is_not_there_only_when_told_so() {
    let provider = Provider::start();
    let (_gateway, admin) = gateway_with(&["one"], &provider).await;
    let body = new("two", &provider);
    admin.put("providers/two", &body).await.error(404, "not_found");
    let put = async |id: &str| {
        let request = admin.request(Method::PUT, &format!("providers/{id}"));
        Answer::to(request.header("if-none-match", "*").body(body.to_string())).await
    };
    let made = put("two").await.expect(201);
    assert_eq!(made.header("location"), Some("/admin/api/providers/two"));
    put("two").await.error(412, "precondition_failed");
    put("T%20wo").await.error(400, "invalid_value");
    put("..%2Fkeys").await.error(400, "invalid_value");
    let mut taken = new("three", &provider);
    taken["id"] = json!("two");
    admin.post("providers", &taken).await.error(409, "already_exists");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_gives_the_change_to_make() {
    let provider = Provider::start();
    let (gateway, admin) = gateway_with(&["one"], &provider).await;
    // Nobody, root neither, makes a file in the kernel's own folder.
    symlink("/sys/kernel/uevent_seqnum", file(&gateway, "mounted")).unwrap();
    let answer = admin.put("providers/mounted", &new("two", &provider)).await;
    let body: Value = answer.json();
    let diff = body["error"]["diff"].as_str().unwrap_or_default();
    assert!(diff.contains("+name = \"two\"") && diff.contains("[secret]"), "{body}");
    assert!(!diff.contains("enc:v1"), "{diff}");
    answer.error(409, "read_only");
    admin.delete("providers/mounted").await.expect(200);
}

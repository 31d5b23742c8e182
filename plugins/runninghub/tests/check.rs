//! What `retouch doctor` asks RunningHub, and what each answer is taken for.

use retouch_runninghub::RhartEdit;
use retouch_sdk::testing::{self, Reply};
use retouch_sdk::{Check, Effect, Mark};
use serde_json::{Value, json};

const DOCUMENTED: &str = "/openapi/v2/media/upload/binary";

fn config(change: impl FnOnce(&mut Value)) -> Value {
    let mut config = testing::defaults::<RhartEdit>(include_str!("../label.json"));
    change(&mut config);
    config
}

fn checked(question: &str, reply: &Reply) -> Check {
    testing::checked::<RhartEdit>(&config(|_| ()), question, reply)
}

/// The one finding, in English with its mend.
fn said(check: &Check) -> (Mark, String) {
    assert_eq!(check.findings.len(), 1, "{check:?}");
    let finding = &check.findings[0];
    assert!(!finding.message.zh.is_empty());
    let mend = finding.mend.as_ref().map(|mend| mend.en.as_str()).unwrap_or_default();
    (finding.mark, format!("{}; {mend}", finding.message.en))
}

#[test]
fn asks_for_the_queue_a_task_and_an_upload() {
    let check = testing::check::<RhartEdit>(&config(|_| ()));
    let asked: Vec<_> = check
        .questions
        .iter()
        .map(|asked| {
            (asked.step.as_str(), asked.request.method.as_str(), asked.request.url.as_str())
        })
        .collect();
    assert_eq!(
        asked,
        [
            ("key", "GET", "https://www.runninghub.cn/openapi/v2/queue/status"),
            ("result", "POST", "https://www.runninghub.cn/openapi/v2/query"),
            ("upload", "POST", "https://www.runninghub.cn/v1/file/upload"),
        ]
    );
    assert!(check.questions.iter().all(|asked| asked.request.effect != Effect::Unsafe));
    assert_eq!((check.findings[0].step.as_str(), check.findings[0].mark), ("edit", Mark::Ok));
}

#[test]
fn asks_nothing_of_a_path_that_takes_edits() {
    for path in ["/openapi/v2/rhart-image-n-pro/edit", "/openapi/v2/rhart-image-v1/edit"] {
        let config = config(|config| config["endpoints"]["result"] = json!(path));
        let check = testing::check::<RhartEdit>(&config);
        assert!(check.questions.is_empty(), "{check:?}");
        let wrong = check.findings.last().unwrap();
        assert_eq!((wrong.step.as_str(), wrong.mark), ("result", Mark::Failed));
    }
    let without = config(|config| config["endpoints"]["upload"] = json!(""));
    let check = testing::check::<RhartEdit>(&without);
    assert_eq!(check.findings.last().unwrap().mark, Mark::Skipped);
    let unlisted = config(|config| {
        config["model"] = json!("");
        config["endpoints"]["edit"] = json!("/openapi/v2/rhart-image-next/image-to-image");
    });
    assert_eq!(testing::check::<RhartEdit>(&unlisted).findings[0].mark, Mark::Skipped);
}

#[test]
fn the_queue_tells_the_key_and_its_kind() {
    let queue = |kind: &str| {
        Reply::json(
            200,
            json!({ "code": 0, "msg": "success", "data": { "apiKeyType": kind,
                "concurrentLimit": 100, "runningCount": "1", "queuedCount": "2" } }),
        )
    };
    let (mark, words) = said(&checked("key", &queue("SHARED")));
    assert!(mark == Mark::Ok && words.contains("100 at once, 1 running, 2 queued"), "{words}");
    for kind in ["NORMAL", "EXCLUSIVE"] {
        let (mark, words) = said(&checked("key", &queue(kind)));
        assert!(mark == Mark::Failed && words.contains("企业级-共享"), "{words}");
    }
    let refused = Reply::json(200, json!({ "code": 806, "msg": "APIKEY_USER_NOT_FOUND" }));
    let (mark, words) = said(&checked("key", &refused));
    assert!(mark == Mark::Failed && words.contains("the other site"), "{words}");
    // No such page says nothing.
    assert_eq!(checked("key", &Reply::text(404, "<html>")), Check::none());
    assert_eq!(checked("key", &Reply::json(200, json!({ "code": 0 }))), Check::none());
}

#[test]
fn the_question_for_nobodys_task_tells_key_and_path() {
    let error = |code: &str| {
        Reply::json(
            200,
            json!({ "taskId": "", "status": "", "errorCode": code, "errorMessage": "x" }),
        )
    };
    for (code, mark, words) in [
        ("807", Mark::Ok, "answers as it should"),
        ("423", Mark::Ok, "answers as it should"),
        ("1004", Mark::Ok, "answers as it should"),
        ("1007", Mark::Ok, "answers as it should"),
        ("806", Mark::Failed, "key is not accepted (code 806)"),
        ("802", Mark::Failed, "(.cn and .ai do not share keys)"),
        ("1002", Mark::Failed, "key is not accepted"),
        ("401", Mark::Failed, "key is not accepted"),
        ("1014", Mark::Failed, "enterprise-shared"),
        ("801", Mark::Failed, "enterprise-shared"),
        ("416", Mark::Failed, "wallet is empty"),
        ("412", Mark::Failed, "write result = \"/openapi/v2/query\""),
        ("1001", Mark::Failed, "write result = \"/openapi/v2/query\""),
        ("1009", Mark::Failed, "write result = \"/openapi/v2/query\""),
        ("1005", Mark::Warning, "run it again"),
    ] {
        let (found, told) = said(&checked("result", &error(code)));
        assert_eq!(found, mark, "{code}: {told}");
        assert!(told.contains(words), "{code}: {told}");
    }
    for (reply, words) in [
        (Reply::text(404, "not found"), "no such path (HTTP 404)"),
        (Reply::text(405, "<html>"), "takes no such request"),
        (Reply::text(200, "<!doctype html><title>Sign in</title>"), "web page"),
        (Reply::json(200, json!({ "hello": "world" })), "not the state of a task"),
    ] {
        let (mark, told) = said(&checked("result", &reply));
        assert_eq!(mark, Mark::Failed, "{told}");
        assert!(told.contains(words) && told.contains("\"/openapi/v2/query\""), "{told}");
    }
    let (mark, _) = said(&checked("result", &Reply::text(502, "<html>")));
    assert_eq!(mark, Mark::Failed);
}

#[test]
fn a_path_that_takes_no_uploads_leads_to_the_documented_one() {
    for reply in [Reply::text(404, ""), Reply::text(405, ""), Reply::text(200, "<html>")] {
        let check = checked("upload", &reply);
        assert_eq!(said(&check).0, Mark::Warning);
        let [question] = check.questions.as_slice() else { panic!("{check:?}") };
        assert!(question.request.url.ends_with(DOCUMENTED), "{question:?}");
        // That one is the last.
        let last = checked(&question.step, &reply);
        assert!(said(&last).0 == Mark::Failed && last.questions.is_empty(), "{last:?}");
    }
    let link = json!({ "code": 0, "data": { "download_url": "https://x.example/1.png" } });
    assert_eq!(said(&checked("upload", &Reply::json(200, link))).0, Mark::Ok);
    let refused = json!({ "code": 401, "message": "ApiKey verification failed" });
    let (mark, words) = said(&checked("upload", &Reply::json(200, refused)));
    assert!(mark == Mark::Failed && words.contains("key is not accepted"), "{words}");
}

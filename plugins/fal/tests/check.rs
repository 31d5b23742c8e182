//! What `retouch doctor` asks fal, and what each answer is taken for.

use retouch_fal::FalQueue;
use retouch_sdk::Mark;
use retouch_sdk::testing::{self, Reply};
use serde_json::json;

#[test]
fn a_request_that_nobody_made_tells_the_key() {
    let config = json!({ "host": "https://queue.fal.run", "endpoints": { "edit": "/{model}" },
        "model": "fal-ai/nano-banana/edit" });
    let check = testing::check::<FalQueue>(&config);
    let [question] = check.questions.as_slice() else { panic!("{check:?}") };
    let url = &question.request.url;
    assert!(url.starts_with("https://queue.fal.run/fal-ai/nano-banana/requests/"), "{url}");
    assert!(url.ends_with("/status"), "{url}");
    for (reply, mark) in [
        (Reply::json(404, json!({ "detail": "Request not found" })), Mark::Ok),
        (Reply::json(422, json!({ "detail": "invalid" })), Mark::Ok),
        (Reply::json(401, json!({ "detail": "Invalid key" })), Mark::Failed),
        (Reply::json(403, json!({ "detail": "Forbidden" })), Mark::Failed),
        (Reply::text(404, "<html>"), Mark::Failed),
        (Reply::text(405, "no"), Mark::Failed),
        (Reply::text(200, "what"), Mark::Warning),
    ] {
        let check = testing::checked::<FalQueue>(&config, "key", &reply);
        assert_eq!(check.findings[0].mark, mark, "{check:?}");
    }
}

//! What a fixture cannot say: headers, what a poll keeps, cancelling, and which configurations are
//! refused.

use retouch_fal::FalQueue;
use retouch_sdk::testing::{self, Script, job};
use retouch_sdk::{Class, Effect};
use serde_json::{Value, json};

const EDIT: &str = "/fal-ai/nano-banana-pro/edit";
const TASK: &str = "https://queue.fal.run/fal-ai/nano-banana-pro/requests/7";

fn config() -> Value {
    testing::defaults::<FalQueue>(include_str!("../label.json"))
}

fn receipt() -> Value {
    json!({ "request_id": "7", "status_url": format!("{TASK}/status"), "response_url": TASK,
            "cancel_url": format!("{TASK}/cancel") })
}

#[test]
fn polls_with_the_key_and_without_changing_its_state() {
    let key = "Key {{secret:api_key}}";
    let submitted = Script::<FalQueue>::new(config())
        .start(job("make it grey"))
        .expect_post(EDIT)
        .header("authorization", key)
        .reply(200, receipt())
        .has_task("7");
    assert!(submitted.outcome().task.as_ref().is_some_and(|task| task.cancel));
    let state = submitted.state().to_vec();
    let polled = submitted
        .expect_get("/fal-ai/nano-banana-pro/requests/7/status")
        .header("authorization", key)
        .reply(202, json!({ "status": "IN_PROGRESS" }));
    assert_eq!(polled.state(), state);
}

#[test]
fn cancels_at_the_url_it_was_given_and_then_asks_how_it_ended() {
    for (status, word) in
        [(202, "CANCELLATION_REQUESTED"), (400, "ALREADY_COMPLETED"), (404, "NOT_FOUND")]
    {
        let ended = Script::<FalQueue>::new(config())
            .start(job("make it grey"))
            .expect_post(EDIT)
            .reply(200, receipt())
            .cancel()
            .expect("PUT", &format!("{TASK}/cancel"))
            .effect(Effect::Idempotent)
            .reply(status, json!({ "status": word }))
            .expect("GET", &format!("{TASK}/status"))
            .reply(200, json!({ "status": "COMPLETED" }))
            .expect("GET", TASK)
            .reply(400, json!({ "detail": "cancelled", "error_type": "client_cancelled" }))
            .fails();
        assert_eq!(ended.class, Class::Canceled, "{word}");
    }
}

#[test]
fn has_nothing_to_cancel_before_it_is_taken() {
    let submitting = Script::<FalQueue>::new(config()).start(job("make it grey"));
    assert_eq!(submitting.cancel().fails().class, Class::PluginBug);
}

#[test]
fn refuses_what_contradicts_the_protocol() {
    for (pointer, value, field, reason) in [
        ("/sync", json!(true), "sync", "request_id"),
        ("/model", json!(""), "model", "missing"),
        ("/model", json!("nano-banana"), "model", "owner/name"),
        ("/model", json!("fal-ai/../x"), "model", "owner/name"),
        ("/endpoints/edit", json!("/fal-ai/flux-pro/kontext"), "model", "endpoints.edit"),
        ("/options", json!({ "image": "image_url" }), "options.image", "known is"),
        ("/options", json!({ "images": 7 }), "options.images", "image_urls"),
    ] {
        let mut wrong = config();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let refusal = testing::refused::<FalQueue>(&wrong);
        assert_eq!(refusal.field, field);
        assert!(refusal.message.contains(reason), "{}", refusal.message);
    }
}

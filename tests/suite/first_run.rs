//! What a newcomer meets: no configuration, no key, one request.

use base64::{Engine, engine::general_purpose::STANDARD};
use retouch_tests::{Edit, Gateway, Job, pictures};
use serde_json::Value;

#[tokio::test]
async fn an_unconfigured_gateway_edits_a_real_picture() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();

    let answer = client.edit(&Edit::new("grayscale")).await.expect(200);
    let body: Value = answer.json();
    let picture = STANDARD.decode(body["data"][0]["b64_json"].as_str().unwrap()).unwrap();
    assert!(pictures::is_grey(&picture));
    assert_eq!(pictures::size(&picture), (120, 90));
    assert!(body["created"].is_u64(), "{body}");

    let id = answer.header("x-retouch-job").unwrap();
    assert_eq!(body["retouch"]["job"], id);
    assert_eq!(answer.header("x-retouch-provider"), Some("sandbox"));
    let job = client.job(id).await.succeeded();
    assert!(job.sandbox);
    assert_eq!(job.provider.as_deref(), Some("sandbox"));
    assert_eq!((job.requested, job.images.len(), job.attempts.len()), (1, 1, 1));
    assert!(job.task().is_some(), "{job:#?}");
    assert_eq!(client.picture(&job).await, picture);
}

#[tokio::test]
async fn the_sandbox_is_driven_like_the_real_service() {
    let gateway = Gateway::fresh().await;
    let job = gateway.client().done(&Edit::new("黑白")).await.succeeded();

    let phases: Vec<&str> = job.exchanges.iter().map(|exchange| exchange.phase.as_str()).collect();
    let mut steps = phases.clone();
    steps.dedup();
    assert_eq!(steps, ["uploading", "submitting", "polling", "downloading"], "{phases:?}");
    let submits = phases.iter().filter(|phase| **phase == "submitting").count();
    assert_eq!(submits, 1, "{phases:?}");
    assert!(pictures::is_grey(&gateway.client().picture(&job).await));
}

#[tokio::test]
async fn prompt_words_do_what_they_say() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();
    let mut jobs = Vec::new();
    for prompt in ["invert", "rotate", "模糊", "something the sandbox has no word for"] {
        jobs.push((prompt, client.submit(&Edit::new(prompt)).await.id));
    }
    let mut results: Vec<Vec<u8>> = vec![pictures::png()];
    for (prompt, id) in jobs {
        let job = client.finished(&id).await;
        let picture = client.picture(&job).await;
        assert!(!pictures::is_grey(&picture), "{prompt}");
        assert!(
            !results.contains(&picture),
            "{prompt} made the same as another prompt, or nothing"
        );
        results.push(picture);
    }
}

#[tokio::test]
async fn a_job_tells_its_whole_life() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();
    let submitted: Job = client.submit(&Edit::new("sepia")).await;
    assert_eq!(submitted.object, "image_edit.job");
    assert!(["queued", "running"].contains(&submitted.status.as_str()), "{submitted:#?}");

    let job = client.finished(&submitted.id).await.succeeded();
    assert!(job.version > submitted.version);
    assert!(job.created_at <= job.started_at.unwrap());
    assert!(job.started_at <= job.finished_at);
    let attempt = &job.attempts[0];
    assert_eq!((attempt.number, attempt.state.as_str()), (1, "succeeded"));
    assert!(attempt.polls >= 1);
    let image = &job.images[0];
    assert_eq!((image.index, image.width, image.height), (0, 120, 90));
    assert_eq!(client.picture(&job).await.len() as u64, image.bytes);
}

#[tokio::test]
async fn every_promised_field_is_there() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();
    let id = client.done(&Edit::new("blur")).await.id;
    let job: Value = client.get(&format!("/v1/jobs/{id}")).await.expect(200).json();
    let promised = "id object status version created_at started_at finished_at deadline_at expires_at \
        model style provider sandbox ignored progress requested missing images error attempts skipped \
        cost usage metadata";
    for field in promised.split_whitespace() {
        assert!(job.as_object().unwrap().contains_key(field), "no {field} in {job:#}");
    }
    let promised = "number provider slot state task_id upstream_status polls last_poll_at next_poll_at \
        reason billed possible_duplicate_cost error started_at finished_at";
    for field in promised.split_whitespace() {
        assert!(
            job["attempts"][0].as_object().unwrap().contains_key(field),
            "no {field} in {job:#}"
        );
    }
}

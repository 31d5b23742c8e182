//! A job from the outside while it goes on: followed, cancelled, and asked for again.

use reqwest::Method;
use retouch_tests::{Answer, Edit, Gateway, Job, Provider, ProviderFile, Turn};

async fn gateway_at(provider: &Provider) -> Gateway {
    Gateway::with([ProviderFile::runninghub("only", provider)]).await
}

#[tokio::test]
async fn events_carry_the_whole_job_and_end_with_it() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let id = client.submit(&Edit::new("grey")).await.id;
    let stream = client.get(&format!("/v1/jobs/{id}/events")).await.expect(200);
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    let text = stream.text();
    let jobs: Vec<Job> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(jobs.iter().all(|job| job.id == id) && !jobs.is_empty(), "{text}");
    assert!(text.contains("event: job\n"), "{text}");
    let ends: Vec<bool> = jobs.iter().map(Job::is_terminal).collect();
    assert!(ends.iter().filter(|end| **end).count() == 1 && ends.last() == Some(&true), "{text}");

    let again = client.get(&format!("/v1/jobs/{id}/events")).await.expect(200).text();
    assert_eq!(again.matches("event: job\n").count(), 1, "of a job that is over: {again}");
    client
        .get("/v1/jobs/job_0190aaaaaaaaaaaaaaaaaaaaaaaaaaaa/events")
        .await
        .error(404, "not_found");
}

#[tokio::test]
async fn a_cancel_ends_the_job_and_says_what_it_may_cost() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let id = client.submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;

    let path = format!("/v1/jobs/{id}/cancel");
    let cancel = || Answer::to(client.request(Method::POST, &path));
    let job: Job = cancel().await.expect(200).json();
    assert_eq!(job.status, "canceled", "{job:#?}");
    let error = job.error.unwrap();
    assert_eq!(
        (error.code.as_deref(), error.billed.as_deref()),
        (Some("canceled"), Some("unknown"))
    );
    let twice: Job = cancel().await.expect(200).json();
    assert_eq!((twice.status.as_str(), twice.version), ("canceled", job.version));
    provider.ledger().assert_paid(1, 1);

    let done = client.done(&Edit::new("grey")).await.succeeded();
    let late: Job =
        Answer::to(client.request(Method::POST, &format!("/v1/jobs/{}/cancel", done.id)))
            .await
            .expect(200)
            .json();
    assert_eq!(late.status, "succeeded", "what is over stays over");
}

#[tokio::test]
async fn one_key_is_one_job_also_over_a_restart() {
    let provider = Provider::start();
    let mut gateway = gateway_at(&provider).await;
    let post = |gateway: &Gateway, prompt: &str| {
        let request = gateway.client().post("/v1/jobs", &Edit::new(prompt));
        Answer::to(request.header("idempotency-key", "order-7"))
    };
    let first = post(&gateway, "grey").await.expect(202);
    let job: Job = first.json();
    assert_eq!(first.header("idempotency-replayed"), None);
    gateway.client().finished(&job.id).await.succeeded();
    gateway.kill9().await;
    gateway.restart().await;

    let again = post(&gateway, "grey").await.expect(202);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json::<Job>().id, job.id);
    post(&gateway, "blur").await.error(422, "idempotency_key_reused");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn two_at_once_with_one_key_pay_once_and_both_get_the_picture() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    let post = || {
        let request = gateway.client().post("/v1/images/edits", &Edit::new("grey"));
        Answer::to(request.header("idempotency-key", "order-8"))
    };
    let (one, other) = tokio::join!(post(), post());
    let (one, other) = (one.expect(200), other.expect(200));
    assert_eq!(one.header("x-retouch-job"), other.header("x-retouch-job"));
    assert_eq!(one.json::<serde_json::Value>()["data"], other.json::<serde_json::Value>()["data"]);
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn an_official_clients_own_retry_joins_its_job() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    let request = gateway.client().post("/v1/images/edits", &Edit::new("grey"));
    let retry = Answer::to(request.header("x-stainless-retry-count", "1")).await.expect(200);
    assert_eq!(retry.header("x-retouch-job"), Some(id.as_str()));
    provider.ledger().assert_paid(1, 1);
}

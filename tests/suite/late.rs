//! Answers that come after a job's end: nobody waits for them, but they were paid for. The job keeps
//! its end; what its attempt comes to is kept with the attempt.

use retouch_tests::{Edit, Gateway, Job, Provider, ProviderFile, Turn, pictures, wait::answered};

/// A gateway at a provider that takes longer than it is given.
async fn hurried(provider: &Provider) -> Gateway {
    let file = ProviderFile::runninghub("slow", provider).line("limits.timeout = \"1s\"");
    Gateway::with([file]).await
}

/// Fails unless the job is over and its attempt is still asked after.
#[track_caller]
fn assert_goes_on(job: &Job, status: &str) {
    let attempt = &job.attempts[0];
    assert_eq!((job.status.as_str(), attempt.state.as_str()), (status, "accepted"), "{job:#?}");
    assert_eq!(attempt.billed.as_deref(), Some("unknown"), "{job:#?}");
    let reason = attempt.reason.clone().unwrap_or_default();
    assert!(reason.contains("still asked"), "{job:#?}");
    assert!(attempt.images.is_empty() && job.images.is_empty(), "{job:#?}");
}

/// Waits for what the attempt of a job comes to, and fails if the job's end changed by it.
async fn came_late(gateway: &Gateway, ended: &Job) -> Job {
    let client = gateway.client();
    let look = || async {
        let job = client.job(&ended.id).await;
        (job.attempts[0].state != "accepted").then_some(job)
    };
    let job = answered("a late answer", look).await;
    assert_eq!((&job.status, job.finished_at), (&ended.status, ended.finished_at), "{job:#?}");
    let code = |job: &Job| job.error.as_ref().and_then(|error| error.code.clone());
    assert_eq!(code(&job), code(ended), "{job:#?}");
    assert!(job.images.is_empty() && job.attempts.len() == 1, "{job:#?}");
    job
}

/// Fails unless the attempt has its picture and its cost.
async fn assert_paid_for(gateway: &Gateway, job: &Job) {
    let attempt = &job.attempts[0];
    assert_eq!((attempt.state.as_str(), attempt.billed.as_deref()), ("succeeded", Some("yes")));
    assert_eq!(attempt.reason, None, "{job:#?}");
    assert_eq!(job.cost.as_ref().unwrap().amount.as_deref(), Some("0.14"), "{job:#?}");
    let [image] = attempt.images.as_slice() else { panic!("{job:#?}") };
    let client = gateway.client();
    for path in [image.url.as_str(), &format!("/v1/jobs/{}/images/{}", job.id, image.index)] {
        let picture = client.get(path).await.expect(200).body;
        assert!(pictures::is_grey(&picture), "{path}");
        assert_eq!(picture.len() as u64, image.bytes, "{path}");
    }
}

#[tokio::test]
async fn an_expired_job_keeps_the_picture_that_comes_late() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = hurried(&provider).await;
    let expired = gateway.client().done(&Edit::new("grey")).await;
    assert_goes_on(&expired, "expired");

    provider.release();
    let job = came_late(&gateway, &expired).await;
    assert_paid_for(&gateway, &job).await;
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn an_expired_job_is_asked_after_over_a_kill() {
    let provider = Provider::scripted([Turn::Hold]);
    let mut gateway = hurried(&provider).await;
    let expired = gateway.client().done(&Edit::new("grey")).await;
    gateway.kill9().await;
    provider.release();
    gateway.restart().await;
    let job = came_late(&gateway, &expired).await;
    assert_paid_for(&gateway, &job).await;
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_canceled_job_keeps_the_picture_of_a_provider_that_does_not_stop() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    gateway.run(&["jobs", "cancel", &id]).await.with(0);
    let canceled = gateway.client().job(&id).await;
    assert_goes_on(&canceled, "canceled");

    provider.release();
    let job = came_late(&gateway, &canceled).await;
    assert_paid_for(&gateway, &job).await;
    provider.ledger().assert_paid(1, 1);
}

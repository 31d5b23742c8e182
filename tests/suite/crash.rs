//! A gateway that dies, at the moments that matter, and one that is asked to stop.

use retouch_tests::{
    Answer, Edit, Gateway, Provider, ProviderFile, Turn, config::KEY, pictures, provider::Setup,
};

async fn gateway_at(provider: &Provider) -> Gateway {
    Gateway::with([ProviderFile::runninghub("only", provider)]).await
}

#[tokio::test]
async fn a_polled_job_survives_a_kill() {
    let provider = Provider::scripted([Turn::Hold]);
    let mut gateway = gateway_at(&provider).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    let before = gateway.client().job(&id).await;
    assert_eq!(
        (before.status.as_str(), before.progress.phase.as_deref()),
        ("running", Some("polling"))
    );
    assert!(before.task().is_some(), "{before:#?}");

    gateway.kill9().await;
    let polls = provider.ledger().polls.len();
    gateway.restart().await;

    let after = gateway.client().job(&id).await;
    assert_eq!((after.status.as_str(), after.task()), ("running", before.task()));
    provider.until("a poll after the restart", |ledger| ledger.polls.len() > polls).await;
    provider.release();
    let job = gateway.client().finished(&id).await.succeeded();
    assert_eq!((job.attempts.len(), job.task()), (1, before.task()));
    assert!(pictures::is_grey(&gateway.client().picture(&job).await));
    provider.ledger().assert_paid(1, 1);
    provider.ledger().assert_proper(KEY);
}

#[tokio::test]
async fn an_unanswered_submit_is_not_sent_again_after_a_kill() {
    let provider = Provider::scripted([Turn::Stall]);
    let mut gateway = gateway_at(&provider).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("the submit", |ledger| !ledger.submits.is_empty()).await;

    gateway.kill9().await;
    gateway.restart().await;

    let job = gateway.client().finished(&id).await;
    let error = job.failed("upstream_outcome_unknown");
    assert_eq!(error.billed.as_deref(), Some("unknown"));
    assert_eq!(job.attempts[0].state, "unknown");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn an_accepted_job_survives_a_kill_before_its_submit() {
    let provider = Provider::with(Setup { holds_uploads: true, ..Setup::default() });
    let mut gateway = gateway_at(&provider).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("the upload", |ledger| !ledger.uploads.is_empty()).await;

    gateway.kill9().await;
    provider.release();
    gateway.restart().await;

    gateway.client().finished(&id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_finished_job_and_its_picture_survive_a_kill() {
    let provider = Provider::start();
    let mut gateway = gateway_at(&provider).await;
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    let picture = gateway.client().picture(&job).await;

    gateway.kill9().await;
    gateway.restart().await;

    let again = gateway.client().job(&job.id).await;
    assert_eq!((again.version, &again.status), (job.version, &job.status));
    assert_eq!(gateway.client().picture(&again).await, picture);
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_stop_leaves_the_job_to_the_next_start() {
    let provider = Provider::scripted([Turn::Hold]);
    let mut gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let waiting = tokio::spawn(async move { client.edit(&Edit::new("grey")).await });
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;

    let ended = gateway.sigterm().await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let told: Answer = waiting.await.unwrap().expect(503);
    let id = told.header("x-retouch-job").unwrap();
    assert!(told.header("retry-after").is_some(), "{:?}", told.headers);

    gateway.restart().await;
    provider.release();
    gateway.client().finished(id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

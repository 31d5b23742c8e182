//! Places at an account, and the lines that form where they are full.

use retouch_tests::{Client, Edit, Gateway, Job, Provider, ProviderFile, Turn, wait};

/// A provider whose account has one place.
fn narrow(id: &str, provider: &Provider) -> ProviderFile {
    ProviderFile::runninghub(id, provider).line("limits.concurrency = 1")
}

async fn until_queued_or_more(client: &Client, id: &str, status: &str) -> Job {
    wait::answered(&format!("{id} being {status}"), async || {
        let job = client.job(id).await;
        (job.status == status).then_some(job)
    })
    .await
}

#[tokio::test]
async fn who_expires_in_line_leaves_its_turn_to_the_next() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = Gateway::with([narrow("only", &provider)]).await;
    let client = gateway.client();
    let first = client.submit(&Edit::new("first")).await;
    provider.until("the first", |ledger| ledger.submits.len() == 1).await;
    let second = client.submit(&Edit::new("second").field("timeout", "3")).await;
    let third = client.submit(&Edit::new("third")).await;
    assert_eq!((second.status.as_str(), third.status.as_str()), ("queued", "queued"));

    let second = client.finished(&second.id).await;
    assert_eq!(second.status, "expired", "{second:#?}");
    let error = second.error.unwrap();
    assert_eq!(error.code.as_deref(), Some("job_expired"));
    assert_eq!(error.billed.as_deref(), Some("no"));

    provider.release();
    client.finished(&first.id).await.succeeded();
    client.finished(&third.id).await.succeeded();
    provider.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn a_place_that_is_not_needed_any_more_is_passed_on() {
    let (one, two) = (Provider::scripted([Turn::Hold]), Provider::scripted([Turn::Hold; 2]));
    let gateway = Gateway::with([narrow("one", &one), narrow("two", &two)]).await;
    let client = gateway.client();
    let holds_one = client.submit(&Edit::new("a").field("provider", "one")).await;
    one.until("the first of one", |ledger| ledger.submits.len() == 1).await;
    // It leaves its place without the test letting anything else go.
    let leaves_two =
        client.submit(&Edit::new("b").field("provider", "two").field("timeout", "3")).await;
    two.until("the first of two", |ledger| ledger.submits.len() == 1).await;
    let either = client.submit(&Edit::new("c")).await;
    let needs_one = client.submit(&Edit::new("d").field("provider", "one")).await;
    assert_eq!((either.status.as_str(), needs_one.status.as_str()), ("queued", "queued"));

    assert_eq!(client.finished(&leaves_two.id).await.status, "expired");
    until_queued_or_more(&client, &either.id, "running").await;
    two.until("the second of two", |ledger| ledger.submits.len() == 2).await;
    // It stands first in line at the other account still, and does not need that place.
    one.release();
    client.finished(&holds_one.id).await.succeeded();
    client.finished(&needs_one.id).await.succeeded();
    assert_eq!(client.job(&either.id).await.status, "running");

    two.release();
    let either = client.finished(&either.id).await.succeeded();
    assert_eq!(either.provider.as_deref(), Some("two"));
    one.ledger().assert_paid(2, 2);
    two.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn providers_of_one_account_share_its_places() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = Gateway::with([narrow("one", &provider), narrow("two", &provider)]).await;
    let client = gateway.client();
    let first = client.submit(&Edit::new("first").field("provider", "one")).await;
    provider.until("the first", |ledger| ledger.submits.len() == 1).await;
    let second = client.submit(&Edit::new("second").field("provider", "two")).await;
    let third = client.submit(&Edit::new("third")).await;
    assert_eq!((second.status.as_str(), third.status.as_str()), ("queued", "queued"));

    provider.release();
    for job in [first, second, third] {
        client.finished(&job.id).await.succeeded();
    }
    provider.ledger().assert_paid(3, 3);
}

#[tokio::test]
async fn another_key_is_another_account() {
    let provider = Provider::scripted([Turn::Hold]);
    let two = narrow("two", &provider).key("another-key-of-the-same-service");
    let gateway = Gateway::with([narrow("one", &provider), two]).await;
    let client = gateway.client();
    client.submit(&Edit::new("first").field("provider", "one")).await;
    provider.until("the first", |ledger| ledger.submits.len() == 1).await;
    client.done(&Edit::new("second").field("provider", "two")).await.succeeded();
    provider.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn a_full_provider_is_passed_over_and_named() {
    let (first, second) = (Provider::scripted([Turn::Hold]), Provider::start());
    let files = [narrow("first", &first).priority(1), narrow("second", &second)];
    let gateway = Gateway::with(files).await;
    let client = gateway.client();
    client.submit(&Edit::new("first")).await;
    first.until("the first", |ledger| ledger.submits.len() == 1).await;
    let job = client.done(&Edit::new("second")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("second"));
    let skip = job.skipped.iter().find(|skip| skip.provider == "first");
    assert!(skip.is_some_and(|skip| skip.reason.contains("places")), "{job:#?}");
}

#[tokio::test]
async fn a_restart_keeps_the_line() {
    let provider = Provider::scripted([Turn::Hold]);
    let mut gateway = Gateway::with([narrow("only", &provider)]).await;
    let client = gateway.client();
    let first = client.submit(&Edit::new("first")).await;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    let second = client.submit(&Edit::new("second")).await;
    gateway.kill9().await;
    gateway.restart().await;
    let client = gateway.client();
    assert_eq!(client.job(&second.id).await.status, "queued");
    provider.release();
    client.finished(&first.id).await.succeeded();
    client.finished(&second.id).await.succeeded();
    provider.ledger().assert_paid(2, 2);
}

//! What a job says of money when it was tried more than once.

use retouch_tests::{Edit, Gateway, Provider, ProviderFile, Turn};
use serde_json::Value;

#[tokio::test]
async fn a_free_refusal_does_not_hide_an_attempt_that_may_have_been_charged() {
    let (first, second) = (Provider::scripted([Turn::Cut]), Provider::scripted([Turn::QueueFull]));
    let gateway = Gateway::with([
        ProviderFile::runninghub("first", &first)
            .priority(1)
            .line("on_ambiguous = \"availability_first\""),
        ProviderFile::runninghub("second", &second),
    ])
    .await;
    let client = gateway.client();
    let answer = client.edit(&Edit::new("grey")).await;
    assert_eq!(answer.header("x-should-retry"), Some("false"), "{}", answer.text());
    let id = answer.header("x-retouch-job").unwrap().to_owned();
    let body: Value = answer.json();
    assert_eq!(body["error"]["billed"], "unknown", "{body}");

    let job = client.job(&id).await;
    assert_eq!(job.error.clone().unwrap().billed.as_deref(), Some("unknown"), "{job:#?}");
    let attempts: Vec<(&str, bool)> =
        job.attempts.iter().map(|a| (a.state.as_str(), a.possible_duplicate_cost)).collect();
    assert_eq!(attempts, [("unknown", false), ("refused", true)], "{job:#?}");
    first.ledger().assert_paid(1, 1);
    second.ledger().assert_paid(1, 0);
}

#[tokio::test]
async fn availability_first_asks_another_and_says_that_it_may_cost_twice() {
    let (first, second) = (Provider::scripted([Turn::Cut]), Provider::start());
    let gateway = Gateway::with([
        ProviderFile::runninghub("first", &first)
            .priority(1)
            .line("on_ambiguous = \"availability_first\""),
        ProviderFile::runninghub("second", &second),
    ])
    .await;
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("second"));
    assert!(job.attempts[1].possible_duplicate_cost, "{job:#?}");
    first.ledger().assert_paid(1, 1);
    second.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_provider_that_shall_not_stand_in_is_named() {
    let (first, second) = (Provider::scripted([Turn::BadKey]), Provider::start());
    let gateway = Gateway::with([
        ProviderFile::runninghub("first", &first).priority(1),
        ProviderFile::runninghub("second", &second).line("retry = false"),
    ])
    .await;
    let job = gateway.client().done(&Edit::new("grey")).await;
    assert_eq!(job.failed("provider_auth").billed.as_deref(), Some("no"));
    let skip = job.skipped.iter().find(|skip| skip.provider == "second");
    assert!(skip.is_some_and(|skip| skip.reason.contains("retry = false")), "{job:#?}");
    second.ledger().assert_paid(0, 0);
}

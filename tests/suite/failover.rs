//! Two providers: when the second is asked, when it must not be, and what the job says of it.

use retouch_tests::{
    Edit, Gateway, Job, Provider, ProviderFile, Turn, config::KEY, provider::Setup,
};

async fn gateway_at(first: &Provider, second: &Provider) -> Gateway {
    Gateway::with([
        ProviderFile::runninghub("first", first).priority(10),
        ProviderFile::runninghub("second", second).key("rh-key-of-the-second"),
    ])
    .await
}

/// What the job says of the provider that did not do it.
fn reasons(job: &Job, provider: &str) -> Vec<String> {
    let attempts = job.attempts.iter().filter(|attempt| attempt.provider == provider);
    let attempts = attempts.filter_map(|attempt| attempt.reason.clone());
    let skipped = job.skipped.iter().filter(|skip| skip.provider == provider);
    attempts.chain(skipped.map(|skip| skip.reason.clone())).collect()
}

#[tokio::test]
async fn the_larger_priority_goes_first() {
    let (first, second) = (Provider::start(), Provider::start());
    let gateway = gateway_at(&first, &second).await;
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("first"));
    first.ledger().assert_paid(1, 1);
    second.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_definite_refusal_goes_to_the_second() {
    for turn in [Turn::BadKey, Turn::QueueFull, Turn::TooMany] {
        let (first, second) = (Provider::scripted([turn]), Provider::start());
        let gateway = gateway_at(&first, &second).await;
        let job = gateway.client().done(&Edit::new("grey")).await.succeeded();

        assert_eq!(job.provider.as_deref(), Some("second"), "{turn:?}");
        let states: Vec<&str> = job.attempts.iter().map(|attempt| attempt.state.as_str()).collect();
        assert_eq!(states, ["refused", "succeeded"], "{turn:?}: {job:#?}");
        assert_eq!(job.attempts[0].billed.as_deref(), Some("no"), "{turn:?}");
        let reasons = reasons(&job, "first");
        assert!(reasons.iter().any(|reason| !reason.is_empty()), "{turn:?}: {job:#?}");
        first.ledger().assert_paid(1, 0);
        second.ledger().assert_paid(1, 1);
        second.ledger().assert_proper("rh-key-of-the-second");
    }
}

#[tokio::test]
async fn a_key_refused_at_the_upload_goes_to_the_second() {
    let first = Provider::with(Setup { key: Some("another key"), ..Setup::default() });
    let second = Provider::start();
    let gateway = gateway_at(&first, &second).await;
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("second"));
    assert!(!reasons(&job, "first").is_empty(), "{job:#?}");
    first.ledger().assert_paid(0, 0);
    second.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_passed_over() {
    let (first, second) = (Provider::start(), Provider::start());
    let gateway = gateway_at(&first, &second).await;
    drop(first);
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("second"));
    assert!(!reasons(&job, "first").is_empty(), "{job:#?}");
    second.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_moderated_prompt_is_asked_nowhere_else() {
    for turn in [Turn::Moderated, Turn::ModeratedLater] {
        let (first, second) = (Provider::scripted([turn, turn]), Provider::start());
        let gateway = gateway_at(&first, &second).await;
        let client = gateway.client();
        let error = client.edit(&Edit::new("something bad")).await.error(400, "moderation_blocked");
        assert_eq!(error.kind, "image_generation_user_error");
        let job = client.done(&Edit::new("something else bad")).await;
        job.failed("moderation_blocked");
        assert_eq!(job.attempts.len(), 1, "{turn:?}");
        assert!(job.task().is_some(), "the provider named a task: {turn:?}: {job:#?}");
        first.ledger().assert_paid(2, 0);
        second.ledger().assert_paid(0, 0);
    }
}

#[tokio::test]
async fn a_lost_answer_is_never_paid_twice() {
    for turn in [Turn::Cut, Turn::Html, Turn::NoId] {
        let (first, second) = (Provider::scripted([turn]), Provider::start());
        let gateway = gateway_at(&first, &second).await;
        let client = gateway.client();
        let answer = client.edit(&Edit::new("grey")).await;
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{turn:?}: {}", answer.text());
        let id = answer.header("x-retouch-job").unwrap().to_owned();
        let error = answer.error(502, "upstream_outcome_unknown");
        assert_eq!(error.billed.as_deref(), Some("unknown"), "{turn:?}");

        let job = client.job(&id).await;
        assert_eq!(job.failed("upstream_outcome_unknown").billed.as_deref(), Some("unknown"));
        assert_eq!(job.attempts.len(), 1, "{turn:?}: {job:#?}");
        assert_eq!(job.attempts[0].state, "unknown", "{turn:?}");
        first.ledger().assert_paid(1, 1);
        second.ledger().assert_paid(0, 0);
    }
}

#[tokio::test]
async fn an_explicit_provider_is_the_only_one_asked() {
    let (first, second) = (Provider::scripted([Turn::BadKey]), Provider::start());
    let gateway = gateway_at(&first, &second).await;
    let client = gateway.client();
    let answer = client.edit(&Edit::new("grey").field("provider", "first")).await;
    let error = answer.error(502, "provider_auth");
    assert_eq!(error.billed.as_deref(), Some("no"));
    second.ledger().assert_paid(0, 0);
    // By its name as well as by its id.
    let named = Edit::new("grey").field("provider", "RunningHub second");
    assert_eq!(client.done(&named).await.succeeded().provider.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_provider_that_shall_not_stand_in_does_not() {
    let (first, second) = (Provider::scripted([Turn::BadKey]), Provider::start());
    let second_file = ProviderFile::runninghub("second", &second).line("retry = false");
    let first_file = ProviderFile::runninghub("first", &first).priority(10);
    let gateway = Gateway::with([first_file, second_file]).await;
    gateway.client().edit(&Edit::new("grey")).await.error(502, "provider_auth");
    second.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_failed_download_is_downloaded_again() {
    let (first, second) = (Provider::scripted([Turn::DeadLink(1)]), Provider::start());
    let gateway = gateway_at(&first, &second).await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    let ledger = first.ledger();
    ledger.assert_paid(1, 1);
    ledger.assert_proper(KEY);
    assert_eq!(ledger.downloads.len(), 2);
    second.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_result_in_the_first_answer_needs_no_poll() {
    let provider = Provider::scripted([Turn::AcceptDone]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert!(provider.ledger().polls.is_empty());
}

#[tokio::test]
async fn a_missing_upload_path_is_found_elsewhere() {
    let provider = Provider::with(Setup { lacks_guide_upload: true, ..Setup::default() });
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    provider.ledger().assert_proper(KEY);
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn the_sandbox_never_stands_in() {
    let provider = Provider::scripted([Turn::BadKey]);
    let home = retouch_tests::Home::with([ProviderFile::runninghub("only", &provider)]);
    let sandbox = retouch_tests::built::repository().join("config/providers/sandbox.toml");
    home.write("config/providers/sandbox.toml", std::fs::read(sandbox).unwrap());
    let gateway = home.serve().await;
    let client = gateway.client();
    client.edit(&Edit::new("grayscale")).await.error(502, "provider_auth");
    let named = client.done(&Edit::new("grayscale").field("provider", "sandbox")).await.succeeded();
    assert!(named.sandbox);
}

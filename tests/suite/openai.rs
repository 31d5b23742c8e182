//! The official OpenAI client for Python, with its base URL changed and nothing else.

use retouch_tests::{
    Gateway, Home, OpenAi, Plugin, Provider, ProviderFile, Turn, pictures, provider::Submit, python,
};
use serde_json::Value;

/// Runs one of the scripts beside this file; each checks what the client made of the answers.
async fn run(gateway: &Gateway, script: &str) -> String {
    let home = gateway.home();
    home.write("work/one.png", pictures::png());
    home.write("work/two.png", pictures::png_of(64, 48));
    python::run(home, gateway.origin(), &python::script(script)).await.with(0).stdout
}

async fn gateway_at(provider: &Provider) -> Gateway {
    Gateway::with([ProviderFile::runninghub("only", provider)]).await
}

fn result(gateway: &Gateway) -> Vec<u8> {
    std::fs::read(gateway.home().path("work/out.png")).unwrap()
}

#[tokio::test]
async fn one_image_is_edited() {
    let gateway = Gateway::fresh().await;
    run(&gateway, "one_image.py").await;
    assert!(pictures::is_grey(&result(&gateway)));
}

#[tokio::test]
async fn a_list_of_images_is_edited() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    run(&gateway, "list_of_images.py").await;
    assert_eq!(pictures::size(&result(&gateway)), (120, 90));
    let ledger = provider.ledger();
    ledger.assert_paid(1, 1);
    assert_eq!(ledger.submits[0].body["imageUrls"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn every_form_of_an_image_is_the_same_edit() {
    let provider = Provider::scripted([Turn::AcceptDone; 16]);
    let gateway = gateway_at(&provider).await;
    run(&gateway, "every_form.py").await;
    let ledger = provider.ledger();
    ledger.assert_paid(8, 8);
    let first = &ledger.submits[0].body;
    assert!(ledger.submits.iter().all(|submit| submit.body == *first), "{ledger:#?}");
}

#[tokio::test]
async fn a_mask_nobody_can_honour_is_refused() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    run(&gateway, "mask.py").await;
    provider.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn two_pictures_are_two_charges() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    run(&gateway, "two_pictures.py").await;
    provider.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn fields_the_client_does_not_know_arrive() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    let id = run(&gateway, "extra_body.py").await;
    let job: Value = gateway.client().get(&format!("/v1/jobs/{}", id.trim())).await.json();
    assert_eq!(job["metadata"], serde_json::json!({ "order": "A-17", "客户": "张三" }));
    let [Submit { body, .. }] = &provider.ledger().submits[..] else { panic!("one submit") };
    assert_eq!((&body["aspectRatio"], &body["resolution"]), (&"16:9".into(), &"2k".into()));
}

#[tokio::test]
async fn results_have_the_format_that_was_asked_for() {
    let provider = Provider::scripted([Turn::AcceptDone; 16]);
    let gateway = gateway_at(&provider).await;
    run(&gateway, "formats.py").await;
    provider.ledger().assert_paid(5, 5);
}

#[tokio::test]
async fn errors_are_the_exceptions_they_should_be() {
    let provider = Provider::scripted([Turn::Moderated]);
    let gateway = gateway_at(&provider).await;
    run(&gateway, "errors.py").await;
    provider.ledger().assert_paid(1, 0);
}

#[tokio::test]
async fn a_picture_that_is_too_large_is_answered() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    run(&gateway, "large.py").await;
    provider.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_client_key_is_asked_for() {
    let provider = Provider::start();
    let home = Home::with([ProviderFile::runninghub("only", &provider)]);
    let gateway = home.env("RETOUCH_CLIENT_KEY", "client-key-of-the-test").serve().await;
    run(&gateway, "keys.py").await;
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_lost_answer_is_not_asked_for_again() {
    let provider = Provider::scripted([Turn::Cut]);
    let gateway = gateway_at(&provider).await;
    run(&gateway, "lost_answer.py").await;
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn an_edit_that_goes_on_is_not_paid_again() {
    let provider = Provider::scripted([Turn::Hold]);
    let home = Home::with([ProviderFile::runninghub("only", &provider)]);
    let gateway = home.settings("sync_timeout = \"1s\"\n").serve().await;
    let id = run(&gateway, "waited_too_long.py").await;
    provider.release();
    gateway.client().finished(id.trim()).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_client_that_gives_up_too_early_gets_the_picture_and_pays_once() {
    let service = OpenAi::scripted([Turn::Hold]);
    let home = Home::with([ProviderFile::openai("only", &service)]).plugin(Plugin::OpenAi);
    let gateway = home.serve().await;
    let home = gateway.home();
    home.write("work/one.png", pictures::png());
    let client = python::start(home, gateway.origin(), &python::script("impatient.py"));
    // The second of its retries: two seconds each were too short for the tries before.
    assert_eq!(client.line("try 3 ").await, "2");
    service.release();
    let said = client.end().await.with(0).stdout;
    assert!(pictures::is_grey(&result(&gateway)));
    service.ledger().assert_paid(1, 1);
    let id = said.lines().find_map(|line| line.strip_prefix("job ")).unwrap();
    let job = gateway.client().finished(id).await.succeeded();
    assert_eq!(job.attempts.len(), 1, "{job:#?}");
}

#[tokio::test]
async fn a_busy_provider_is_asked_again_and_paid_once() {
    let provider = Provider::scripted([Turn::TooMany, Turn::TooMany]);
    let gateway = gateway_at(&provider).await;
    run(&gateway, "busy.py").await;
    assert_eq!(provider.ledger().charges.len(), 1);
}

#[tokio::test]
async fn models_are_listed() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    let names = run(&gateway, "models.py").await;
    assert!(names.lines().any(|name| name == "rhart-image-n-pro"), "{names}");
}

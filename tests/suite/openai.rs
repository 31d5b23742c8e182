//! The official OpenAI client, with its base URL changed and nothing else.

use retouch_tests::{Gateway, Provider, ProviderFile, Turn, pictures, python};

/// Runs one of the scripts beside this file; each checks what the client made of the answers.
async fn run(gateway: &Gateway, script: &str) -> String {
    let home = gateway.home();
    home.write("work/one.png", pictures::png());
    home.write("work/two.png", pictures::png_of(64, 48));
    python::run(home, gateway.origin(), &python::script(script)).await.with(0).stdout
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
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    run(&gateway, "list_of_images.py").await;
    assert_eq!(pictures::size(&result(&gateway)), (120, 90));
    let ledger = provider.ledger();
    ledger.assert_paid(1, 1);
    assert_eq!(ledger.submits[0].body["imageUrls"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn errors_are_the_exceptions_they_should_be() {
    let provider = Provider::scripted([Turn::Moderated]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    run(&gateway, "errors.py").await;
    provider.ledger().assert_paid(1, 0);
}

#[tokio::test]
async fn a_lost_answer_is_not_asked_for_again() {
    let provider = Provider::scripted([Turn::Cut]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    run(&gateway, "lost_answer.py").await;
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn models_are_listed() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let names = run(&gateway, "models.py").await;
    assert!(names.lines().any(|name| name == "rhart-image-n-pro"), "{names}");
}

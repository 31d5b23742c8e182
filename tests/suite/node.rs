//! The official OpenAI client for Node, with its base URL changed and nothing else.

use retouch_tests::{Gateway, Provider, ProviderFile, Turn, node, pictures};
use serde_json::Value;

async fn gateway_at(provider: &Provider) -> Gateway {
    let gateway = Gateway::with([ProviderFile::runninghub("only", provider)]).await;
    gateway.home().write("work/one.png", pictures::png());
    gateway.home().write("work/two.png", pictures::png_of(64, 48));
    gateway
}

/// Runs one of the scripts beside this file; each checks what the client made of the answers.
async fn run(gateway: &Gateway, script: &str) -> String {
    node::run(gateway.home(), gateway.origin(), script).await.with(0).stdout
}

#[tokio::test]
async fn every_form_of_an_image_is_the_same_edit_for_node() {
    let provider = Provider::scripted([Turn::AcceptDone; 16]);
    let gateway = gateway_at(&provider).await;
    run(&gateway, "every_form.mjs").await;
    let ledger = provider.ledger();
    ledger.assert_paid(14, 14);
    let first = &ledger.submits[0].body;
    assert!(ledger.submits.iter().all(|submit| submit.body == *first), "{ledger:#?}");
}

#[tokio::test]
async fn results_are_what_node_asked_for() {
    let provider = Provider::scripted([Turn::AcceptDone; 16]);
    let gateway = gateway_at(&provider).await;
    let id = run(&gateway, "results.mjs").await;
    let job: Value = gateway.client().get(&format!("/v1/jobs/{}", id.trim())).await.json();
    assert_eq!(job["metadata"], serde_json::json!({ "order": "A-17", "客户": "张三" }));
    let ledger = provider.ledger();
    ledger.assert_paid(6, 6);
    assert_eq!(ledger.submits[0].body["imageUrls"].as_array().unwrap().len(), 2);
    assert_eq!(ledger.submits[5].body["aspectRatio"], "4:3");
}

#[tokio::test]
async fn errors_are_the_exceptions_they_should_be_in_node() {
    let provider = Provider::scripted([Turn::Moderated, Turn::Cut]);
    let gateway = gateway_at(&provider).await;
    run(&gateway, "errors.mjs").await;
    provider.ledger().assert_paid(2, 1);
}

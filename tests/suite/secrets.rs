//! A provider's key is nowhere but on the wire to that provider.

use retouch_tests::{Edit, Gateway, Home, Provider, ProviderFile, Turn, gateway::files_below};

/// Long and odd enough to be found wherever it is.
const CANARY: &str = "rh-canary-7Qz3vK9xW2mN5pT8";

#[tokio::test]
async fn a_key_leaves_no_trace() {
    let script = [Turn::Accept, Turn::Moderated, Turn::Cut, Turn::Html, Turn::EchoKey];
    let provider = Provider::scripted(script);
    let file = ProviderFile::runninghub("canary", &provider).key("${env:CANARY_KEY}");
    let home = Home::with([file]).env("CANARY_KEY", CANARY).env("RUST_LOG", "trace");
    let mut gateway = home.serve().await;

    let mut seen = Vec::new();
    for _ in script {
        let answer = gateway.client().edit(&Edit::new("grey")).await;
        seen.push(format!("{:?} {}", answer.headers, answer.text()));
        if let Some(id) = answer.header("x-retouch-job") {
            seen.push(
                gateway.client().get(&format!("/v1/jobs/{id}?include=exchanges")).await.text(),
            );
        }
    }
    for path in ["/v1/jobs", "/v1/models", "/readyz"] {
        seen.push(gateway.client().get(path).await.text());
    }
    seen.push(gateway.log());
    gateway.kill9().await;
    gateway.restart().await;
    seen.push(gateway.log());
    for line in [["check"].as_slice(), &["plugin", "list"], &["jobs", "list"]] {
        seen.push(gateway.start(line).end().await.said());
    }

    assert!(!provider.ledger().submits.is_empty());
    provider.ledger().assert_proper(CANARY);
    for text in seen {
        assert!(!text.contains(CANARY), "the key is in {text}");
    }
    assert_not_stored(&gateway);
}

fn assert_not_stored(gateway: &Gateway) {
    let files = files_below(&gateway.data());
    assert!(!files.is_empty());
    for (path, bytes) in files {
        let is_there = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!is_there, "the key is in {}", path.display());
    }
}

#[tokio::test]
async fn a_missing_key_is_named_and_not_guessed() {
    let provider = Provider::start();
    let file = ProviderFile::runninghub("canary", &provider).key("${env:CANARY_KEY}");
    let said = Home::with([file]).run(&["check"]).await.with(1).said();
    assert!(said.contains("canary.toml:3") && said.contains("CANARY_KEY"), "{said}");
}

//! A provider in C, written from the header alone, next to those in Rust.

use retouch_tests::{AcmeServer, Edit, Home, ProviderFile, acme, cc, pictures};

fn tiny(service: &AcmeServer) -> ProviderFile {
    let endpoints = [("edit", "/v1/edits")];
    ProviderFile::of("tiny-edit", "tiny", service.origin(), &endpoints).key(acme::KEY)
}

fn home(file: ProviderFile) -> Home {
    let home = Home::with([file]);
    cc::library(&home, "tiny", "tiny", &[]);
    home
}

#[tokio::test]
async fn a_provider_in_c_edits_a_picture() {
    let service = AcmeServer::start();
    let gateway = home(tiny(&service)).serve().await;
    let client = gateway.client();
    // Quotes, lines and other scripts pass through a plugin that reads no JSON.
    let prompt = "make it \"grey\"\n\\ 灰色 \u{1f3a8}, not \"image\": 1";
    let job = client.done(&Edit::new(prompt)).await.succeeded();
    let picture = client.picture(&job).await;
    assert!(pictures::is_grey(&picture));
    assert_eq!(pictures::size(&picture), (120, 90));
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].prompt, prompt);
    assert_eq!(asked[0].authorization, Some(format!("Bearer {}", acme::KEY)));
    assert_eq!(pictures::size(&asked[0].picture), (120, 90));
}

#[tokio::test]
async fn a_picture_too_small_to_be_lifted_out_arrives_as_well() {
    let service = AcmeServer::start();
    let gateway = home(tiny(&service)).serve().await;
    let edit = Edit::without_picture("grey").picture(pictures::png_of(8, 6));
    let job = gateway.client().done(&edit).await.succeeded();
    assert_eq!(pictures::size(&gateway.client().picture(&job).await), (8, 6));
}

#[tokio::test]
async fn a_provider_in_c_says_what_went_wrong() {
    let service = AcmeServer::start();
    let gateway = home(tiny(&service).key("another")).serve().await;
    let client = gateway.client();
    let error = client.edit(&Edit::new("grey")).await.error(502, "provider_auth");
    assert_eq!(error.billed.as_deref(), Some("no"));

    let broken = AcmeServer::broken();
    let gateway = home(tiny(&broken)).serve().await;
    let error = gateway.client().edit(&Edit::new("grey")).await;
    let error = error.error(502, "upstream_outcome_unknown");
    assert_eq!(error.billed.as_deref(), Some("unknown"));
}

#[tokio::test]
async fn a_provider_in_c_checks_its_part_of_a_file() {
    let service = AcmeServer::start();
    let home = home(tiny(&service));
    home.run(&["check"]).await.with(0);
    let text = tiny(&service).text().replace("/v1/edits", "/v1/edits?fast=1");
    home.write("config/providers/tiny.toml", &text);
    let said = home.run(&["check"]).await.with(1).said();
    let line = text.lines().position(|line| line.starts_with("edit =")).unwrap() + 1;
    assert!(said.contains(&format!("tiny.toml:{line}")), "{said}");
    assert!(said.contains("must be a path without a query"), "{said}");
}

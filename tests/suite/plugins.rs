//! Plugins: another one than the shipped, and files that are none.

use retouch_tests::{AcmeServer, Edit, Home, Plugin, Provider, ProviderFile, acme, pictures};

#[tokio::test]
async fn a_plugin_of_another_shape_just_works() {
    let service = AcmeServer::start();
    let home = Home::with([ProviderFile::acme("acme", &service)]).plugin(Plugin::Acme);
    let gateway = home.serve().await;
    let client = gateway.client();

    let job = client.done(&Edit::new("make it grey").field("model", "acme-1")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("acme"));
    let picture = client.picture(&job).await;
    assert!(pictures::is_grey(&picture));
    assert_eq!(pictures::size(&picture), (120, 90));
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].authorization, Some(format!("Bearer {}", acme::KEY)));
    assert_eq!(asked[0].prompt, "make it grey");
    assert_eq!(pictures::size(&asked[0].picture), (120, 90));
    assert!(!pictures::is_grey(&asked[0].picture));
}

#[tokio::test]
async fn two_plugins_stand_in_for_each_other() {
    let service = AcmeServer::start();
    let provider = Provider::start();
    let acme = ProviderFile::acme("acme", &service).key("not-the-key").priority(1);
    let home = Home::with([acme, ProviderFile::runninghub("hub", &provider)]).plugin(Plugin::Acme);
    let gateway = home.serve().await;
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    let providers: Vec<&str> =
        job.attempts.iter().map(|attempt| attempt.provider.as_str()).collect();
    assert_eq!(providers, ["acme", "hub"], "{job:#?}");
    assert_eq!(service.asked().len(), 1);
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_careless_plugin_does_not_pay_twice() {
    let service = AcmeServer::broken();
    let provider = Provider::start();
    let acme = ProviderFile::acme("acme", &service).priority(1);
    let home = Home::with([acme, ProviderFile::runninghub("hub", &provider)]).plugin(Plugin::Acme);
    let gateway = home.serve().await;
    // The plugin calls the 500 a failure like any other; that it may have been paid for is known
    // to the gateway.
    let job = gateway.client().done(&Edit::new("grey")).await;
    assert_eq!(job.status, "failed", "{job:#?}");
    assert_eq!(job.error.unwrap().billed.as_deref(), Some("unknown"));
    assert_eq!(service.asked().len(), 1);
    provider.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn what_is_no_plugin_stops_nothing() {
    let service = AcmeServer::start();
    let home = Home::with([ProviderFile::acme("acme", &service)]).plugin(Plugin::Acme);
    let library = std::fs::read(Plugin::Acme.library()).unwrap();
    home.write("bin/libtext.so", "no library at all");
    home.write("bin/libempty.so", "");
    home.write("bin/libhalf.so", &library[..library.len() / 2]);
    let gateway = home.serve().await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn the_list_names_what_was_taken_and_refused() {
    let home = Home::with([]).plugin(Plugin::Acme);
    let library = std::fs::read(Plugin::Acme.library()).unwrap();
    home.write("bin/libhalf.so", &library[..library.len() / 2]);
    let said = home.run(&["plugin", "list"]).await.with(0).said();
    for word in ["runninghub-rhart-edit", "acme-edit", "libhalf.so"] {
        assert!(said.contains(word), "no {word} in {said}");
    }
}

#[tokio::test]
async fn a_label_can_be_read_without_loading() {
    let home = Home::bare();
    let file = Plugin::Acme.library().display().to_string();
    let said = home.run(&["plugin", "inspect", &file]).await.with(0).stdout;
    for word in ["acme", "1.0.0", "acme-edit", "acme-1", "api.acme.example"] {
        assert!(said.contains(word), "no {word} in {said}");
    }
    let text = home.write("work/libtext.so", "no library at all").display().to_string();
    let refused = home.run(&["plugin", "inspect", &text]).await.with(1);
    assert!(refused.stderr.contains("libtext.so"), "{refused:#?}");
}

#[tokio::test]
async fn a_provider_without_its_plugin_is_explained() {
    let service = AcmeServer::start();
    let home = Home::with([ProviderFile::acme("acme", &service)]);
    let said = home.run(&["check"]).await.with(1).said();
    assert!(said.contains("acme.toml:2"), "{said}");
    assert!(said.contains("acme-edit") && said.contains("runninghub-rhart-edit"), "{said}");
}

#[tokio::test]
async fn a_plugin_checks_its_own_part_of_a_provider_file() {
    let service = AcmeServer::start();
    let text = ProviderFile::acme("acme", &service).text().replace("/v1/edits", "v1/edits");
    let home = Home::with([]).plugin(Plugin::Acme);
    home.write("config/providers/acme.toml", &text);
    let said = home.run(&["check"]).await.with(1).said();
    let line = text.lines().position(|line| line.starts_with("edit =")).unwrap() + 1;
    assert!(said.contains(&format!("acme.toml:{line}")), "{said}");
}

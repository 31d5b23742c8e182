//! Plugins that break the rules: refused in words that say why, or contained where they run.

use retouch_tests::{
    AcmeServer, Edit, Gateway, Home, Job, OpenAi, Plugin, ProviderFile, acme, cc, config::KEY,
};

/// A provider whose plugin is `hostile.c`, compiled as library, plugin and provider `bad`.
fn bad(home: &Home, flags: &[&str]) {
    cc::library(home, "hostile", "bad", &[&["-DID=\"bad\""], flags].concat());
}

fn bad_file(origin: &str) -> ProviderFile {
    ProviderFile::of("bad-edit", "bad", origin, &[("edit", "/v1/edits")]).key(acme::KEY)
}

/// A gateway with a hostile provider before a good one.
async fn beside(good: &OpenAi, origin: &str, flags: &[&str]) -> Gateway {
    let home = Home::with([bad_file(origin).priority(1), ProviderFile::openai("good", good)]);
    bad(&home, flags);
    home.plugin(Plugin::OpenAi).serve().await
}

/// The words, if the operator cannot find them: neither in the job nor in the log beside its id.
#[track_caller]
fn untold<'a>(gateway: &Gateway, job: &Job, words: &'a str) -> Option<&'a str> {
    let first = &job.attempts[0];
    assert!(first.reason.is_some(), "{job:#?}");
    let log = gateway.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&job.id)).collect();
    let told = format!("{:?}\n{:?}\n{}", first.reason, first.error, lines.join("\n"));
    (!told.contains(words)).then_some(words)
}

#[tokio::test]
async fn a_plugin_that_cannot_be_used_is_refused_in_words() {
    let table: [(&[&str], &str); 12] = [
        (&["-DBAD=MAGIC"], "the label does not begin with RETOUCH1"),
        (&["-DBAD=LENGTH"], "the label claims to be longer than it is"),
        (&["-DLABEL_ABI=\"2\""], "was built for plugin ABI 2, this gateway speaks 1"),
        (&["-DLABEL_ABI=\"0\""], "take a newer version of the plugin"),
        (&["-DLABEL_PANIC=\"abort\""], "was built with panic = \"abort\""),
        (&["-DBAD=TABLE_SHORT"], "too short for ABI 1"),
        (&["-DBAD=TABLE_NULL"], "says that it cannot work here"),
        (&["-DBAD=CREATE_NULL"], "has no function `create`"),
        (&["-DBAD=DESTROY_NULL"], "has no function `destroy`"),
        (&["-DBAD=STEP_NULL"], "has no function `step`"),
        (&["-DNO_ENTRY"], "does not export retouch_entry_1"),
        (&["-DNO_SYMBOL"], "no_library_has_this"),
    ];
    for (flags, words) in table {
        let home = Home::with([]);
        bad(&home, flags);
        let listed = home.run(&["plugin", "list"]).await.with(0);
        assert!(listed.stderr.contains("libbad.so"), "{flags:?}: {listed:#?}");
        assert!(listed.stderr.contains(words), "{flags:?}: {listed:#?}");
        assert!(listed.stdout.contains("runninghub-rhart-edit"), "{flags:?}: {listed:#?}");
        assert!(!listed.stdout.contains("bad-edit"), "{flags:?}: {listed:#?}");
    }
}

#[tokio::test]
async fn a_refused_plugin_is_named_by_check_and_by_the_log() {
    let service = OpenAi::start();
    let home = Home::with([ProviderFile::openai("good", &service)]).plugin(Plugin::OpenAi);
    bad(&home, &["-DBAD=STEP_NULL"]);
    let said = home.run(&["check"]).await.said();
    assert!(said.contains("libbad.so") && said.contains("has no function `step`"), "{said}");

    let gateway = home.serve().await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    let log = gateway.log();
    assert!(log.contains("libbad.so") && log.contains("has no function `step`"), "{log}");
}

#[tokio::test]
async fn a_plugin_that_makes_no_instance_is_named_with_its_provider() {
    let home = Home::with([bad_file("http://127.0.0.1:9")]);
    bad(&home, &["-DBAD=INSTANCE_NULL"]);
    let said = home.run(&["check"]).await.with(1).said();
    assert!(said.contains("bad.toml:2") && said.contains("null instance"), "{said}");
}

/// What is wrong with a step, and what the job's log says of it.
const STEPS: [(&str, &str); 10] = [
    ("STATE_LONG", "wrote more than 65536 bytes as its state"),
    ("STATE_TEXT", "utf-8"),
    ("OUTCOME_NONE", "wrote no outcome"),
    ("OUTCOME_LONG", "wrote more than 1048576 bytes as its outcome"),
    ("OUTCOME_TEXT", "its outcome is not UTF-8"),
    ("OUTCOME_JSON", "EOF while parsing"),
    ("OUTCOME_KIND", "reboot"),
    ("CHANNEL", "a channel that does not exist"),
    ("STATUS", "failed with status 77: out of cheese"),
    ("PANIC", "the plugin panicked: index out of bounds"),
];

#[tokio::test]
async fn a_first_step_that_breaks_costs_nothing_and_goes_to_the_next() {
    let mut missing = Vec::new();
    for (what, words) in STEPS {
        let good = OpenAi::start();
        let gateway = beside(&good, "http://127.0.0.1:9", &[&format!("-DBAD={what}")]).await;
        let client = gateway.client();
        let job = client.done(&Edit::new("grey")).await.succeeded();
        assert_eq!(job.provider.as_deref(), Some("good"), "{what}: {job:#?}");
        let first = &job.attempts[0];
        assert_eq!((first.provider.as_str(), first.state.as_str()), ("bad", "refused"), "{what}");
        assert_eq!(first.billed.as_deref(), Some("no"), "{what}");
        missing.extend(untold(&gateway, &job, words));
        good.ledger().assert_paid(1, 1);

        let named = client.done(&Edit::new("grey").field("provider", "bad")).await;
        assert_eq!(named.failed("provider_error").billed.as_deref(), Some("no"), "{what}");
    }
    assert!(missing.is_empty(), "the operator is not told: {missing:#?}");
}

#[tokio::test]
async fn a_step_that_breaks_after_the_submit_is_never_paid_twice() {
    let mut missing = Vec::new();
    for (what, words) in STEPS {
        let (service, good) = (AcmeServer::start(), OpenAi::start());
        let url = format!("-DURL=\"{}/v1/edits\"", service.origin());
        let flags = ["-DPAID", &url, &format!("-DBAD={what}")];
        let gateway = beside(&good, service.origin(), &flags).await;
        let job = gateway.client().done(&Edit::new("grey")).await;
        let error = job.failed("upstream_outcome_unknown");
        assert_eq!(error.billed.as_deref(), Some("unknown"), "{what}: {job:#?}");
        assert_eq!(job.attempts.len(), 1, "{what}: {job:#?}");
        missing.extend(untold(&gateway, &job, words));
        assert_eq!(service.asked().len(), 1, "{what}");
        good.ledger().assert_paid(0, 0);
        let next = Edit::new("grey").field("provider", "good");
        gateway.client().done(&next).await.succeeded();
    }
    assert!(missing.is_empty(), "the operator is not told: {missing:#?}");
}

#[tokio::test]
async fn a_result_that_is_none_is_a_failure_that_was_paid_for() {
    for what in ["BLOB", "LINK"] {
        let (service, good) = (AcmeServer::start(), OpenAi::start());
        let url = format!("-DURL=\"{}/v1/edits\"", service.origin());
        let flags = ["-DPAID", &url, &format!("-DBAD={what}")];
        let gateway = beside(&good, service.origin(), &flags).await;
        let job = gateway.client().done(&Edit::new("grey")).await;
        assert_eq!(job.status, "failed", "{what}: {job:#?}");
        assert_ne!(job.error.clone().unwrap().billed.as_deref(), Some("no"), "{what}: {job:#?}");
        assert_eq!(service.asked().len(), 1, "{what}");
        good.ledger().assert_paid(0, 0);
    }
}

/// The keys of one provider must not reach another's service through a plugin's request.
#[tokio::test]
async fn a_request_to_a_foreign_host_is_not_sent() {
    let (own, foreign, good) = (AcmeServer::start(), AcmeServer::start(), OpenAi::start());
    let url = format!("-DURL=\"{}/v1/edits\"", foreign.origin());
    let gateway = beside(&good, own.origin(), &[&url]).await;
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("good"), "{job:#?}");
    let first = &job.attempts[0];
    assert_eq!((first.state.as_str(), first.billed.as_deref()), ("refused", Some("no")));
    assert!(first.reason.is_some(), "{job:#?}");
    assert!(foreign.asked().is_empty() && own.asked().is_empty());
    good.ledger().assert_proper(KEY);
}

#[tokio::test]
async fn a_panic_is_caught_and_the_plugin_goes_on() {
    let service = AcmeServer::start();
    let endpoints = [("edit", "/v1/edits")];
    let file = ProviderFile::of("panics-edit", "panics", service.origin(), &endpoints);
    let gateway = Home::with([file.key(acme::KEY)]).plugin(Plugin::Panics).serve().await;
    let client = gateway.client();

    let job = client.done(&Edit::new("panic at the beginning")).await;
    assert_eq!(job.failed("provider_error").billed.as_deref(), Some("no"));
    let words = "panicked: told to when an edit begins";
    assert_eq!(untold(&gateway, &job, words), None);
    assert!(service.asked().is_empty());

    let job = client.done(&Edit::new("panic at the answer")).await;
    assert_eq!(job.failed("upstream_outcome_unknown").billed.as_deref(), Some("unknown"));
    let words = "panicked: told to when an answer is read";
    assert_eq!(untold(&gateway, &job, words), None);
    assert_eq!(service.asked().len(), 1);

    client.done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn a_panic_while_a_provider_is_made_is_a_problem_of_its_file() {
    let endpoints = [("edit", "/v1/edits")];
    let file = ProviderFile::of("panics-edit", "panics", "http://127.0.0.1:9", &endpoints);
    let home = Home::with([file.line("model = \"panics\"")]).plugin(Plugin::Panics);
    let said = home.run(&["check"]).await.with(1).said();
    assert!(said.contains("panics.toml:2"), "{said}");
    assert!(said.contains("panicked: told to when a provider is made"), "{said}");
}

//! The data folder: a disk that is full and then is not, and two gateways that want the same one.

use std::process::Command;

use retouch_tests::{
    Answer, Edit, Gateway, Ledger, Provider, ProviderFile, Turn, config::KEY, pictures,
};

async fn gateway_at(provider: &Provider) -> Gateway {
    Gateway::with([ProviderFile::runninghub("only", provider)]).await
}

/// An edit whose pictures fit into what little room there is.
fn small_edit() -> Edit {
    Edit::default().field("prompt", "grey").picture(pictures::png_of(16, 12))
}

/// Lets the gateway's files grow to so many bytes and no further: to it, as on a full disk, every
/// write beyond fails, and it needs no rights of the tests. 4 KiB are less than any commit writes.
fn give_room(gateway: &Gateway, bytes: &str) {
    let (pid, limit) = (gateway.pid().to_string(), format!("--fsize={bytes}:"));
    let done = Command::new("prlimit").args(["--pid", &pid, &limit]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn a_full_disk_is_told_and_loses_nothing() {
    let provider = Provider::scripted([Turn::Accept, Turn::Hold]);
    let mut gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let done = client.done(&small_edit()).await.succeeded();
    let picture = client.picture(&done).await;
    let held = client.submit(&small_edit()).await.id;
    let asked_of_second =
        |l: &Ledger| l.polls.iter().any(|poll| Some(&poll.task) == l.charges.get(1));
    provider.until("a poll of the second", asked_of_second).await;

    give_room(&gateway, "4096");
    for path in ["/v1/jobs", "/v1/images/edits"] {
        let refused = Answer::to(client.post(path, &small_edit())).await;
        assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
        refused.error(503, "storage_unavailable");
    }
    let again = client.job(&done.id).await.succeeded();
    assert_eq!(client.picture(&again).await, picture, "what is there can be read");
    provider.release();
    provider.until("the held job's result is fetched", |l| l.downloads.len() == 2).await;
    assert_eq!(client.job(&held).await.status, "running", "its end is not written yet");
    provider.ledger().assert_paid(2, 2);

    give_room(&gateway, "unlimited");
    let held = client.finished(&held).await.succeeded();
    assert!(pictures::is_grey(&client.picture(&held).await));
    let third = client.done(&small_edit()).await.succeeded();
    provider.ledger().assert_paid(3, 3);
    provider.ledger().assert_proper(KEY);

    gateway.kill9().await;
    gateway.restart().await;
    for job in [done, held, third] {
        let again = gateway.client().job(&job.id).await;
        assert_eq!((again.version, &again.status), (job.version, &job.status));
    }
    provider.ledger().assert_paid(3, 3);
}

#[tokio::test]
async fn a_disk_that_is_full_when_the_work_is_taken_costs_no_second_submit() {
    let provider = Provider::scripted([Turn::Stall]);
    let gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let id = client.submit(&small_edit()).await.id;
    provider.until("the submit", |ledger| !ledger.submits.is_empty()).await;

    give_room(&gateway, "4096");
    // The answer is lost, and that cannot be written down yet.
    provider.release();
    let trouble = |log: &str| log.contains("could not be stored");
    retouch_tests::wait::answered("trouble in the log", || async {
        trouble(&gateway.log()).then_some(())
    })
    .await;
    give_room(&gateway, "unlimited");
    client.finished(&id).await.failed("upstream_outcome_unknown");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_second_gateway_is_told_who_has_the_data() {
    let gateway = gateway_at(&Provider::start()).await;
    let second = gateway.home().run(&["serve", "--listen", "127.0.0.1:0"]).await.with(1);
    assert_eq!(second.stdout, "");
    let listen = gateway.origin().trim_start_matches("http://");
    for part in [
        "another retouch uses",
        &gateway.data().display().to_string(),
        &format!("process {}, started 20", gateway.pid()),
        &format!("listening on {listen}"),
        "stop that one",
        "--data",
    ] {
        assert!(second.stderr.contains(part), "{part}: {}", second.stderr);
    }
    assert_eq!(gateway.client().get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_second_gateway_takes_over_when_the_first_leaves() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    let second = gateway.home().start(&["serve", "--listen", "127.0.0.1:0"]);
    second.until_stderr("that it waits", |said| said.contains("waiting for its end")).await;
    gateway.sigterm().await.with(0);
    let origin = second.line("retouch listening on ").await;
    let again = retouch_tests::Client::new(&origin).job(&job.id).await;
    assert_eq!(again.version, job.version);
}

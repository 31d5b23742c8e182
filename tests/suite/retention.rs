//! What is kept, for how long and how much of it, and what a client may forget itself.

use reqwest::Method;
use retouch_tests::{
    Answer, Client, Edit, Gateway, Home, Job, Provider, ProviderFile, Turn, gateway::files_below,
    pictures, wait,
};
use serde_json::Value;

/// A gateway with these lines under `[retention]`.
async fn keeping(provider: &Provider, lines: &str) -> Gateway {
    let home = Home::with([ProviderFile::runninghub("only", provider)]);
    home.settings(&format!("[retention]\n{lines}\n")).serve().await
}

/// The files of the image store.
fn images(gateway: &Gateway) -> usize {
    files_below(&gateway.data().join("images")).len()
}

/// Waits until the image store is empty.
async fn emptied(gateway: &Gateway) {
    wait::answered("an empty image store", async || (images(gateway) == 0).then_some(())).await;
}

/// Waits until the log says so.
async fn logged(gateway: &Gateway, what: &str) {
    wait::answered(what, async || gateway.log().contains(what).then_some(())).await;
}

async fn delete(client: &Client, id: &str) -> Answer {
    Answer::to(client.request(Method::DELETE, &format!("/v1/jobs/{id}"))).await
}

async fn picture(client: &Client, job: &Job) -> Answer {
    client.get(&format!("/v1/jobs/{}/images/0", job.id)).await
}

/// An edit of a picture of that width: another picture for each.
fn edit(width: u32) -> Edit {
    Edit::without_picture("grey").picture(pictures::png_of(width, 90))
}

#[tokio::test]
async fn a_result_past_its_time_is_gone_and_its_job_is_not() {
    let provider = Provider::start();
    let gateway = keeping(&provider, "results = \"1s\"\ninputs = \"1s\"").await;
    let client = gateway.client();
    let post = || client.post("/v1/jobs", &Edit::new("grey")).header("idempotency-key", "order-1");
    let id = Answer::to(post()).await.expect(202).json::<Job>().id;
    let job = client.finished(&id).await.succeeded();
    let shown: Value = client.get(&format!("/v1/jobs/{id}")).await.expect(200).json();
    assert_eq!(shown["expires_at"].as_u64(), Some(job.finished_at.unwrap() + 1));

    emptied(&gateway).await;
    picture(&client, &job).await.error(410, "image_expired");
    client.get(&job.images[0].url).await.error(410, "image_expired");
    let kept = client.job(&id).await;
    assert_eq!((kept.status.as_str(), kept.version), ("succeeded", job.version));
    assert!(!kept.exchanges.is_empty(), "exchanges have a time of their own");

    let again = Answer::to(post()).await.expect(202);
    assert_eq!(again.json::<Job>().id, id, "it was paid for once, and stays so");
    let waiting = client.post("/v1/images/edits", &Edit::new("grey"));
    let waited = Answer::to(waiting.header("idempotency-key", "order-1")).await;
    waited.error(410, "image_expired");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn an_unfinished_job_does_not_expire() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = keeping(&provider, "results = \"1s\"\ninputs = \"1s\"\njobs = \"1s\"").await;
    let client = gateway.client();
    let held = client.submit(&Edit::new("grey")).await;
    provider.until("its poll", |ledger| !ledger.polls.is_empty()).await;
    // The same picture, so that what is removed of this job is needed by the other.
    let done = client.submit(&Edit::new("grey")).await.id;
    wait::answered("the end of the other's time", async || {
        (client.get(&format!("/v1/jobs/{done}")).await.status == 404).then_some(())
    })
    .await;
    let shown: Value = client.get(&format!("/v1/jobs/{}", held.id)).await.expect(200).json();
    assert_eq!((&shown["status"], &shown["expires_at"]), (&"running".into(), &Value::Null));
    assert!(images(&gateway) > 0, "its input is kept");
    let listed: Value = client.get("/v1/jobs").await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn beyond_the_size_the_oldest_pictures_go_first() {
    let provider = Provider::start();
    let pair = |width| {
        let input = pictures::png_of(width, 90);
        input.len() + pictures::greyed(&input).len()
    };
    // Room for two jobs and a half.
    let size = pair(120) + pair(121) + pair(122) / 2;
    let gateway = keeping(&provider, &format!("size = \"{size}B\"")).await;
    let client = gateway.client();
    let mut jobs = Vec::new();
    for width in [120, 121, 122] {
        jobs.push(client.done(&edit(width)).await.succeeded());
    }
    let [first, second, third] = &jobs[..] else { panic!("three jobs: {jobs:#?}") };
    wait::answered("the end of the first picture", async || {
        (picture(&client, first).await.status == 410).then_some(())
    })
    .await;
    picture(&client, first).await.error(410, "image_expired");
    for kept in [second, third] {
        assert!(pictures::is_grey(&picture(&client, kept).await.expect(200).body));
    }
    assert_eq!(client.job(&first.id).await.status, "succeeded");
    logged(&gateway, "retention.size is reached").await;
}

#[tokio::test]
async fn without_room_inputs_are_refused_and_results_are_taken() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = keeping(&provider, "size = \"1KB\"").await;
    let client = gateway.client();
    let held = client.submit(&edit(120)).await.id;
    let post = async || Answer::to(client.post("/v1/jobs", &edit(121))).await;
    logged(&gateway, "No new images are taken").await;
    let refused = post().await;
    assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
    refused.error(503, "storage_unavailable");
    post().await.error(503, "storage_unavailable");
    let json = client.post_json("/v1/jobs", &edit(122).json());
    Answer::to(json).await.error(503, "storage_unavailable");
    let said = gateway.log().matches("No new images are taken").count();
    assert_eq!(said, 1, "once: {}", gateway.log());

    provider.release();
    client.finished(&held).await.succeeded();
    logged(&gateway, "New images are taken again").await;
    post().await.expect(202);
}

#[tokio::test]
async fn a_job_that_was_deleted_is_gone_with_all_that_is_its_own() {
    let provider = Provider::start();
    let mut gateway = keeping(&provider, "").await;
    let client = gateway.client();
    let post = || client.post("/v1/jobs", &Edit::new("grey")).header("idempotency-key", "order-2");
    let id = Answer::to(post()).await.expect(202).json::<Job>().id;
    let job = client.finished(&id).await.succeeded();
    let gone = delete(&client, &id).await.expect(204);
    assert!(gone.body.is_empty());

    let path = format!("/v1/jobs/{id}");
    client.get(&path).await.error(404, "not_found");
    picture(&client, &job).await.error(404, "not_found");
    client.get(&job.images[0].url).await.error(404, "not_found");
    delete(&client, &id).await.error(404, "not_found");
    let listed: Value = client.get("/v1/jobs").await.expect(200).json();
    assert_eq!(listed["data"], Value::Array(Vec::new()));
    emptied(&gateway).await;

    let fresh = Answer::to(post()).await.expect(202);
    assert_eq!(fresh.header("idempotency-replayed"), None, "the key went with the job");
    let fresh: Job = fresh.json();
    assert_ne!(fresh.id, id);
    client.finished(&fresh.id).await.succeeded();
    provider.ledger().assert_paid(2, 2);
    gateway.kill9().await;
    gateway.restart().await;
    gateway.client().get(&path).await.error(404, "not_found");
}

#[tokio::test]
async fn a_picture_that_another_job_needs_outlives_a_deleted_one() {
    let provider = Provider::start();
    let gateway = keeping(&provider, "").await;
    let client = gateway.client();
    let one = client.done(&Edit::new("grey")).await.succeeded();
    let other = client.done(&Edit::new("grey")).await.succeeded();
    assert_eq!(one.images[0].sha256, other.images[0].sha256, "the same picture twice");
    delete(&client, &one.id).await.expect(204);
    assert!(pictures::is_grey(&client.picture(&other).await));
    delete(&client, &other.id).await.expect(204);
    emptied(&gateway).await;
}

#[tokio::test]
async fn a_job_under_way_is_canceled_before_it_is_deleted() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = keeping(&provider, "").await;
    let client = gateway.client();
    let id = client.submit(&Edit::new("grey")).await.id;
    let refused = delete(&client, &id).await.error(409, "job_unfinished");
    assert!(refused.message.contains(&format!("/v1/jobs/{id}/cancel")), "{}", refused.message);
    provider.release();
    client.finished(&id).await.succeeded();
    delete(&client, &id).await.expect(204);
    for nobodys in ["job_00000000000000000000000000", "job_x", "x"] {
        delete(&client, nobodys).await.error(404, "not_found");
    }
}

#[tokio::test]
async fn settings_that_would_keep_nothing_are_refused_by_line() {
    let provider = Provider::start();
    for (line, said) in [
        ("results = \"0s\"", "retention.results is less than a second"),
        ("size = \"0GB\"", "retention.size leaves no room for any image"),
        ("size = \"20\"", "retention.size"),
        ("size = 20", "retention.size"),
    ] {
        let home = Home::with([ProviderFile::runninghub("only", &provider)]);
        let ended = home.settings(&format!("[retention]\n{line}\n")).run(&["check"]).await;
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(1), "{line}: {all}");
        assert!(all.contains(said) && all.contains("retouch.toml:2"), "{line}: {all}");
    }
}

//! The harness itself: a test that trusts a scripted provider must be able to.

use retouch_tests::{
    Answer, Client, Provider, Turn, pictures,
    provider::{EDIT, QUERY, Setup, UPLOAD, UPLOAD_V2},
};
use serde_json::{Value, json};

async fn upload(client: &Client, path: &str, key: &str) -> Answer {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\
        Content-Type: image/png\r\n\r\n"
        .to_vec();
    body.extend(pictures::png());
    body.extend(b"\r\n--b--\r\n");
    let request = client.request(reqwest::Method::POST, path).bearer_auth(key);
    Answer::to(request.header("content-type", "multipart/form-data; boundary=b").body(body)).await
}

async fn submit(client: &Client, images: &[&str]) -> Answer {
    let body = json!({ "prompt": "grey", "resolution": "1k", "imageUrls": images });
    Answer::to(client.post_json(EDIT, &body).bearer_auth("k")).await
}

async fn poll(client: &Client, task: &str) -> Value {
    let body = json!({ "taskId": task });
    Answer::to(client.post_json(QUERY, &body).bearer_auth("k")).await.expect(200).json()
}

#[tokio::test]
async fn a_provider_without_a_script_makes_the_picture_grey() {
    let provider = Provider::start();
    let client = Client::new(provider.origin());

    let uploaded: Value = upload(&client, UPLOAD, "k").await.expect(200).json();
    let link = uploaded["data"]["download_url"].as_str().unwrap();
    let submitted: Value = submit(&client, &[link]).await.expect(200).json();
    let task = submitted["taskId"].as_str().unwrap();
    assert_eq!((task.len(), &submitted["status"]), (19, &json!("QUEUED")));
    assert_eq!(poll(&client, task).await["status"], "RUNNING");
    let done = poll(&client, task).await;
    let result = client.get(done["results"][0]["url"].as_str().unwrap()).await.expect(200);

    assert!(pictures::is_grey(&result.body));
    let ledger = provider.ledger();
    ledger.assert_paid(1, 1);
    ledger.assert_proper("k");
    assert_eq!((ledger.uploads.len(), ledger.polls.len(), ledger.downloads.len()), (1, 2, 1));
}

#[tokio::test]
async fn a_script_goes_submit_by_submit() {
    let provider = Provider::scripted([
        Turn::BadKey,
        Turn::QueueFull,
        Turn::TooMany,
        Turn::Moderated,
        Turn::Html,
        Turn::NoId,
        Turn::AcceptDone,
    ]);
    let client = Client::new(provider.origin());
    let mut seen = Vec::new();
    for _ in 0..7 {
        let answer = submit(&client, &[]).await;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let code = body["errorCode"].as_str().unwrap_or("none").to_owned();
        seen.push((answer.status, code, body["taskId"].as_str().is_some_and(|id| !id.is_empty())));
    }
    let expected = [
        (200, "806", false),
        (200, "1520", false),
        (429, "1003", false),
        (200, "1501", true),
        (500, "none", false),
        (200, "", false),
        (200, "", true),
    ];
    assert_eq!(seen, expected.map(|(status, code, id)| (status, code.to_owned(), id)));
    provider.ledger().assert_paid(7, 3);
}

#[tokio::test]
async fn a_cut_connection_is_charged_and_not_answered() {
    let provider = Provider::scripted([Turn::Cut]);
    let client = Client::new(provider.origin());
    let request = client.post_json(EDIT, &json!({ "prompt": "grey" }));
    assert!(request.send().await.is_err());
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn held_work_goes_on_when_released() {
    let provider = Provider::scripted([Turn::Hold]);
    let client = Client::new(provider.origin());
    let submitted: Value = submit(&client, &[]).await.json();
    let task = submitted["taskId"].as_str().unwrap();
    for _ in 0..3 {
        assert_eq!(poll(&client, task).await["status"], "RUNNING");
    }
    provider.release();
    assert_eq!(poll(&client, task).await["status"], "SUCCESS");
}

#[tokio::test]
async fn a_dead_link_lives_again() {
    let provider = Provider::scripted([Turn::DeadLink(1)]);
    let client = Client::new(provider.origin());
    let submitted: Value = submit(&client, &[]).await.json();
    let done = poll(&client, submitted["taskId"].as_str().unwrap()).await;
    let link = done["results"][0]["url"].as_str().unwrap();
    client.get(link).await.expect(503);
    client.get(link).await.expect(200);
}

#[tokio::test]
async fn a_guarded_provider_knows_its_key() {
    let provider = Provider::with(Setup { key: Some("right"), ..Setup::default() });
    let client = Client::new(provider.origin());
    let refused: Value = upload(&client, UPLOAD, "wrong").await.expect(200).json();
    assert_eq!(refused["code"], 401);
    let taken: Value = upload(&client, UPLOAD, "right").await.expect(200).json();
    assert_eq!(taken["code"], 0);
    let refused: Value = submit(&client, &[]).await.expect(200).json();
    assert_eq!(refused["errorCode"], "806");
    provider.ledger().assert_paid(1, 0);
}

#[tokio::test]
async fn the_upload_path_of_the_guide_can_be_missing() {
    let provider = Provider::with(Setup { lacks_guide_upload: true, ..Setup::default() });
    let client = Client::new(provider.origin());
    upload(&client, UPLOAD, "k").await.expect(404);
    upload(&client, UPLOAD_V2, "k").await.expect(200);
}

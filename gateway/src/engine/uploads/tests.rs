use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use retouch_sdk::{Body, Effect, Part, Phase};
use serde_json::json;

use super::*;

const ACCOUNT: AccountId = AccountId(1);
const HOUR: Ms = 3_600_000;

fn image(name: &str) -> Stored {
    let (mime, sha256) = ("image/png".to_owned(), None);
    Stored { name: name.to_owned(), bytes: 9, mime, width: 3, height: 3, sha256 }
}

fn upload(handle: u32) -> Request {
    Request {
        id: "e0".to_owned(),
        after_ms: 0,
        method: "POST".to_owned(),
        url: "https://api.acme.example/v1/files".to_owned(),
        headers: vec![("authorization".to_owned(), retouch_sdk::SECRET.to_owned())],
        body: Body::Multipart(vec![Part::image("file", retouch_sdk::Image(handle), "image.png")]),
        effect: Effect::Idempotent,
        phase: Phase::Uploading,
        idempotency_key: None,
        timeout_ms: 60_000,
        max_response_bytes: 1 << 20,
        cache_ms: HOUR,
    }
}

fn key(request: &Request, inputs: &[&str]) -> Option<UploadKey> {
    let inputs: Vec<Stored> = inputs.iter().map(|name| image(name)).collect();
    UploadKey::of(&ACCOUNT, request, &inputs)
}

fn answer(status: u16, body: &str) -> Answer {
    let reference = BodyRef::Attach { attach: 0, bytes: body.len() as u64 };
    let effect = "e0".to_owned();
    let head =
        ResponseHead { effect, status, body: reference, elapsed_ms: 7, ..Default::default() };
    Answer { head, body: Bytes::from(body.to_owned()), blobs: Vec::new() }
}

fn body_of(turn: Turn) -> String {
    match turn {
        Turn::Known(answer) => String::from_utf8_lossy(&answer.body).into_owned(),
        Turn::Mine(_) => "mine".to_owned(),
    }
}

/// Whether a future has to be waited for.
async fn waits(future: &mut (impl Future + Unpin)) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
}

#[test]
fn the_same_picture_has_the_same_key_wherever_it_stands_in_the_job() {
    let first = key(&upload(0), &["cat", "dog"]);
    assert!(first.is_some());
    assert_eq!(first, key(&upload(1), &["dog", "cat"]));
    let later = Request { id: "e7".to_owned(), after_ms: 5, timeout_ms: 1, ..upload(0) };
    assert_eq!(first, key(&later, &["cat"]));
}

#[test]
fn whatever_is_sent_otherwise_has_another_key() {
    let others = [
        Request { url: "https://api.acme.example/v2/files".to_owned(), ..upload(0) },
        Request { method: "PUT".to_owned(), ..upload(0) },
        Request { headers: Vec::new(), ..upload(0) },
        Request { idempotency_key: Some("k".to_owned()), ..upload(0) },
        Request { body: Body::Image(0), ..upload(0) },
        Request {
            body: Body::Json(json!({ "file": { "$image": 0, "as": "base64" } })),
            ..upload(0)
        },
        Request { body: Body::Json(json!({ "file": { "$image": 0, "as": "url" } })), ..upload(0) },
        Request {
            body: Body::Json(json!({ "file": [{ "$image": 1, "as": "url" }] })),
            ..upload(0)
        },
    ];
    let inputs = ["cat", "dog"];
    let mut keys = vec![key(&upload(0), &inputs), key(&upload(0), &["dog"])];
    keys.extend(others.iter().map(|request| key(request, &inputs)));
    keys.push(UploadKey::of(&AccountId(2), &upload(0), &[image("cat")]));
    for (index, key) in keys.iter().enumerate() {
        assert!(key.is_some() && !keys[..index].contains(key), "{index}");
    }
}

#[test]
fn only_answers_that_may_serve_again_have_a_key() {
    let none = [
        Request { cache_ms: 0, ..upload(0) },
        Request { effect: Effect::Safe, ..upload(0) },
        Request { effect: Effect::Unsafe, ..upload(0) },
        Request { phase: Phase::Submitting, ..upload(0) },
    ];
    for request in none {
        assert_eq!(key(&request, &["cat"]), None);
    }
    assert_eq!(key(&upload(3), &["cat"]), None, "there is no such image");
}

#[test]
fn an_answer_serves_until_its_time_and_under_the_new_request() {
    let (uploads, key) = (Uploads::default(), key(&upload(0), &["cat"]).unwrap());
    uploads.put(&key, answer(200, "link"), HOUR, 1_000);
    let again = Request { id: "e4".to_owned(), ..upload(0) };
    let known = uploads.get(&key, &again, 1_000 + HOUR - 1).unwrap();
    assert_eq!((known.head.effect.as_str(), known.head.elapsed_ms), ("e4", 0));
    assert_eq!(known.body, "link");
    assert_eq!(uploads.get(&key, &again, 1_000 + HOUR), None);
}

#[test]
fn keeps_no_error_no_picture_and_nothing_long() {
    let (uploads, key) = (Uploads::default(), key(&upload(0), &["cat"]).unwrap());
    let blob = BodyRef::Blob { blob: 0, mime: "image/png".to_owned(), bytes: 9 };
    let mut picture = answer(200, "");
    picture.head.body = blob;
    let mut lifted = answer(200, r#"{"image":{"$blob":0,"bytes":9}}"#);
    lifted.blobs.push(image("cat"));
    let long = answer(200, &"x".repeat(LONGEST + 1));
    for answer in [answer(404, "no"), answer(500, "no"), picture, lifted, long] {
        uploads.put(&key, answer, HOUR, 0);
        assert_eq!(uploads.get(&key, &upload(0), 1), None);
    }
}

#[test]
fn takes_no_more_than_its_bytes() {
    let uploads = Uploads::of(100_000);
    for number in 0..1_000 {
        let key = key(&upload(0), &[&number.to_string()]).unwrap();
        uploads.put(&key, answer(200, &"x".repeat(1_000)), HOUR, 0);
    }
    uploads.kept.run_pending_tasks();
    assert!(uploads.kept.weighted_size() <= 100_000);
    assert!(uploads.kept.entry_count() > 10);
}

#[test]
fn forgets_the_images_of_one_account() {
    let uploads = Uploads::default();
    let [cat, dog] = ["cat", "dog"].map(|name| key(&upload(0), &[name]).unwrap());
    let elsewhere = UploadKey::of(&AccountId(2), &upload(0), &[image("cat")]).unwrap();
    for key in [&cat, &dog, &elsewhere] {
        uploads.put(key, answer(200, "link"), HOUR, 0);
    }
    uploads.forget(&ACCOUNT, &[image("cat"), image("bird")]);
    let knows = |key| uploads.get(key, &upload(0), 1).is_some();
    assert_eq!([&cat, &dog, &elsewhere].map(knows), [false, true, true]);
}

#[tokio::test]
async fn two_jobs_upload_the_same_picture_once() {
    let (uploads, key) = (Uploads::default(), key(&upload(0), &["cat"]).unwrap());
    let request = upload(0);
    let Turn::Mine(mut first) = uploads.turn(key.clone(), &request).await else { panic!() };
    let mut second = Box::pin(uploads.turn(key.clone(), &request));
    let mut third = Box::pin(uploads.turn(key.clone(), &request));
    assert!(waits(&mut second).await && waits(&mut third).await);
    first.came(&answer(200, "link"));
    assert!(waits(&mut second).await, "nobody said that the answer is good");
    first.accept(now_ms());
    assert_eq!((body_of(second.await), body_of(third.await)), ("link".into(), "link".into()));
    assert_eq!(body_of(uploads.turn(key, &request).await), "link");
    assert!(uploads.lock().is_empty());
}

#[tokio::test]
async fn when_the_first_fails_the_others_go_at_once_and_hold_nobody_up() {
    let (uploads, key) = (Uploads::default(), key(&upload(0), &["cat"]).unwrap());
    let request = upload(0);
    let Turn::Mine(mut first) = uploads.turn(key.clone(), &request).await else { panic!() };
    let mut second = Box::pin(uploads.turn(key.clone(), &request));
    let mut third = Box::pin(uploads.turn(key.clone(), &request));
    assert!(waits(&mut second).await && waits(&mut third).await);
    first.came(&answer(200, r#"{"code":301,"msg":"an error"}"#));
    drop(first);
    let (Turn::Mine(mut second), Turn::Mine(third)) = (second.await, third.await) else { panic!() };
    drop(third);
    assert_eq!(uploads.lock().len(), 1, "one of them leads again");
    second.came(&answer(200, "link"));
    second.accept(now_ms());
    assert_eq!(body_of(uploads.turn(key, &request).await), "link");
    assert!(uploads.lock().is_empty());
}

#[tokio::test]
async fn another_picture_waits_for_nobody() {
    let uploads = Uploads::default();
    let [cat, dog] = ["cat", "dog"].map(|name| key(&upload(0), &[name]).unwrap());
    let _first = uploads.turn(cat, &upload(0)).await;
    assert_eq!(body_of(uploads.turn(dog, &upload(0)).await), "mine");
}

#[tokio::test]
async fn waits_no_longer_than_the_request_may_take() {
    let (uploads, key) = (Uploads::default(), key(&upload(0), &["cat"]).unwrap());
    let request = Request { timeout_ms: 1, ..upload(0) };
    let _first = uploads.turn(key.clone(), &request).await;
    assert_eq!(body_of(uploads.turn(key, &request).await), "mine");
}

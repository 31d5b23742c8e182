//! The API as an app sees it: jobs, images, models, health.

use reqwest::Method;
use retouch_tests::{Answer, Edit, Gateway, Provider, ProviderFile, Turn, pictures};
use serde_json::Value;

#[tokio::test]
async fn a_job_is_answered_at_once_and_waited_for() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let client = gateway.client();

    let answer = Answer::to(client.post("/v1/jobs", &Edit::new("grey"))).await.expect(202);
    let job: Value = answer.json();
    let id = job["id"].as_str().unwrap();
    assert!(id.starts_with("job_"), "{id}");
    assert!(answer.header("location").unwrap().ends_with(&format!("/v1/jobs/{id}")));
    assert_eq!(answer.header("x-retouch-job"), Some(id));

    let waited = client.get(&format!("/v1/jobs/{id}?wait=1")).await.expect(200);
    assert!(waited.header("retry-after").is_some(), "unfinished, so when to come again");
    assert_eq!(waited.json::<Value>()["status"], "running");
    provider.release();
    let job = client.finished(id).await.succeeded();
    assert!(pictures::is_grey(&client.picture(&job).await));
    let ended = client.get(&format!("/v1/jobs/{id}")).await.expect(200);
    assert!(ended.header("retry-after").is_none());
}

#[tokio::test]
async fn json_bodies_do_what_forms_do() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let client = gateway.client();
    let edit = Edit::new("grey").field("aspect_ratio", "3:4").field("resolution", "2K");
    let request = client.post_json("/v1/images/edits", &edit.json());
    Answer::to(request).await.expect(200);
    client.edit(&edit).await.expect(200);

    let ledger = provider.ledger();
    ledger.assert_paid(2, 2);
    let [first, second] = [&ledger.submits[0].body, &ledger.submits[1].body];
    assert_eq!(first["prompt"], "grey");
    assert_eq!(first["aspectRatio"], "3:4");
    assert_eq!(first["resolution"].as_str().unwrap().to_lowercase(), "2k");
    for field in ["prompt", "aspectRatio", "resolution"] {
        assert_eq!(first[field], second[field], "{field}");
    }
}

#[tokio::test]
async fn several_pictures_keep_their_order() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let edit =
        Edit::new("grey").picture(pictures::png_of(64, 40)).picture(pictures::png_of(40, 64));
    let job = gateway.client().done(&edit).await.succeeded();
    assert_eq!((job.images[0].width, job.images[0].height), (120, 90), "the first one is edited");
    let ledger = provider.ledger();
    assert_eq!(ledger.submits[0].body["imageUrls"].as_array().unwrap().len(), 3);
    assert_eq!(ledger.uploads.len(), 3);
    ledger.assert_proper(retouch_tests::config::KEY);
}

#[tokio::test]
async fn jobs_are_listed_newest_first() {
    let provider = Provider::scripted([Turn::Accept, Turn::Moderated, Turn::Accept]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let client = gateway.client();
    let mut ids = Vec::new();
    for prompt in ["one", "two", "three"] {
        ids.insert(0, client.done(&Edit::new(prompt)).await.id);
    }
    let listed = async |query: &str| {
        let list: Value = client.get(&format!("/v1/jobs{query}")).await.expect(200).json();
        assert_eq!(list["object"], "list", "{list}");
        let ids = list["data"].as_array().unwrap().iter();
        let ids: Vec<String> = ids.map(|job| job["id"].as_str().unwrap().to_owned()).collect();
        (ids, list["has_more"].as_bool().unwrap())
    };
    assert_eq!(listed("").await, (ids.clone(), false));
    assert_eq!(listed("?limit=2").await, (ids[..2].to_vec(), true));
    assert_eq!(listed(&format!("?after={}", ids[1])).await, (ids[2..].to_vec(), false));
    assert_eq!(listed("?status=failed").await, (ids[1..2].to_vec(), false));
    assert_eq!(listed("?provider=only").await.0.len(), 3);
}

#[tokio::test]
async fn images_have_type_tag_and_ranges() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let client = gateway.client();
    let job = client.done(&Edit::new("grey")).await.succeeded();
    let path = format!("/v1/jobs/{}/images/0", job.id);
    let whole = client.get(&path).await.expect(200);
    assert_eq!(whole.header("content-type"), Some("image/png"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let tag = whole.header("etag").unwrap().to_owned();

    let request = client.request(Method::GET, &path).header("range", "bytes=0-7");
    let part = Answer::to(request).await.expect(206);
    assert_eq!(&part.body[..], b"\x89PNG\r\n\x1a\n");
    let length = whole.body.len();
    assert_eq!(part.header("content-range").unwrap(), format!("bytes 0-7/{length}"));
    let beyond = client.request(Method::GET, &path).header("range", format!("bytes={length}-"));
    Answer::to(beyond).await.expect(416);
    let known = client.request(Method::GET, &path).header("if-none-match", tag);
    assert!(Answer::to(known).await.expect(304).body.is_empty());
    assert_eq!(client.get(&job.images[0].url).await.expect(200).body, whole.body);
    client.get(&format!("/v1/jobs/{}/images/1", job.id)).await.error(404, "not_found");
}

#[tokio::test]
async fn models_are_those_that_can_be_asked_for() {
    let provider = Provider::start();
    let file = ProviderFile::runninghub("only", &provider).line("aliases = [\"nano-banana-pro\"]");
    let gateway = Gateway::with([file]).await;
    let client = gateway.client();
    let list: Value = client.get("/v1/models").await.expect(200).json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().unwrap();
    assert!(models.iter().all(|model| model["object"] == "model"), "{list}");
    let names: Vec<&str> = models.iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"rhart-image-n-pro") && names.contains(&"nano-banana-pro"),
        "{names:?}"
    );

    let asked = Edit::new("grey").field("model", "nano-banana-pro");
    client.done(&asked).await.succeeded();
    let unknown = client.edit(&Edit::new("grey").field("model", "gpt-nothing")).await;
    let error = unknown.error(404, "model_not_found");
    assert!(error.message.contains("rhart-image-n-pro"), "names what there is: {}", error.message);
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();
    client.get("/healthz").await.expect(200);
    let ready: Value = client.get("/readyz").await.expect(200).json();
    assert_eq!((&ready["status"], &ready["reasons"]), (&"ready".into(), &Value::Array(Vec::new())));
    assert_eq!(gateway.sigterm().await.code, Some(0));
}

//! What the API refuses, and in which words: OpenAI's envelope, before anything is paid.

use reqwest::Method;
use retouch_tests::{Answer, Edit, Gateway, Provider, ProviderFile};
use serde_json::json;

#[tokio::test]
async fn a_wrong_request_is_explained_and_costs_nothing() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let client = gateway.client();
    let edit = || Edit::new("grey");
    let table = [
        (Edit::without_picture("grey"), 400, "missing_image", Some("image")),
        (edit().field("propmt", "x"), 400, "unknown_parameter", Some("propmt")),
        (edit().field("n", "0"), 400, "invalid_value", Some("n")),
        (edit().field("n", "99"), 400, "invalid_value", Some("n")),
        (edit().field("size", "huge"), 400, "invalid_value", Some("size")),
        (edit().field("provider", "nobody"), 404, "provider_not_found", Some("provider")),
        (edit().field("model", "nothing"), 404, "model_not_found", Some("model")),
        (
            Edit::without_picture("grey").picture(b"no picture".to_vec()),
            400,
            "invalid_image",
            Some("image"),
        ),
    ];
    for route in ["/v1/images/edits", "/v1/jobs"] {
        for (edit, status, code, param) in &table {
            let error = Answer::to(client.post(route, edit)).await.error(*status, code);
            assert_eq!(error.param.as_deref(), *param, "{error:?}");
        }
    }
    provider.ledger().assert_paid(0, 0);
    assert!(provider.ledger().uploads.is_empty());
}

#[tokio::test]
async fn an_unknown_field_comes_with_the_nearest_name() {
    let gateway = Gateway::fresh().await;
    let answer = gateway.client().edit(&Edit::new("grey").field("promt", "x")).await;
    let error = answer.error(400, "unknown_parameter");
    assert!(error.message.contains("prompt"), "{}", error.message);
}

#[tokio::test]
async fn a_prompt_is_needed() {
    let gateway = Gateway::fresh().await;
    let edit = Edit::default().picture(retouch_tests::pictures::png());
    let answer = gateway.client().edit(&edit).await.expect(400);
    let body: serde_json::Value = answer.json();
    assert_eq!(body["error"]["param"], "prompt", "{body}");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_same_envelope() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();
    client.get("/v1/jobs/job_0190aaaaaaaaaaaaaaaaaaaaaaaaaaaa").await.error(404, "not_found");
    client.get("/v1/nothing").await.error(404, "not_found");
    let other = client.post_json("/v1/images/generations", &json!({ "prompt": "a cat" }));
    Answer::to(other).await.error(404, "unsupported_endpoint");
    let not_json =
        client.request(Method::POST, "/v1/jobs").header("content-type", "application/json");
    assert_eq!(Answer::to(not_json.body("{")).await.status, 400);
}

#[tokio::test]
async fn open_mode_is_for_this_machine_only() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();
    let refused = [
        ("host", "retouch.example"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("x-forwarded-for", "203.0.113.7"),
        ("forwarded", "for=203.0.113.7"),
        ("via", "1.1 proxy.example"),
    ];
    for (name, value) in refused {
        for (method, path) in [(Method::GET, "/v1/jobs"), (Method::GET, "/v1/models")] {
            let answer = Answer::to(client.request(method, path).header(name, value)).await;
            assert!([401, 403].contains(&answer.status), "{name}: {value}: {}", answer.status);
            assert!(answer.json::<serde_json::Value>()["error"]["message"].is_string());
        }
        let edit = client.post("/v1/jobs", &Edit::new("grey")).header(name, value);
        assert!([401, 403].contains(&Answer::to(edit).await.status), "{name}: {value}");
    }
    let jobs: serde_json::Value = client.get("/v1/jobs").await.expect(200).json();
    assert_eq!(jobs["data"], json!([]), "a refused request made a job");
}

#[tokio::test]
async fn open_mode_takes_what_sdks_and_browsers_here_send() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();
    let port = gateway.origin().rsplit(':').next().unwrap();
    let localhost = format!("localhost:{port}");
    let origin = gateway.origin().to_owned();
    let taken = [
        ("authorization", "Bearer sk-anything"),
        ("host", localhost.as_str()),
        ("origin", origin.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    for (name, value) in taken {
        Answer::to(client.request(Method::GET, "/v1/jobs").header(name, value)).await.expect(200);
    }
}

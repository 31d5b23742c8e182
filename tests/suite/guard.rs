//! What must not come in: the gateway's own marks in a client's text, and requests from elsewhere.

use retouch_tests::{
    Answer, Edit, Gateway, Provider, ProviderFile, config::KEY, pictures, raw::Raw,
};
use serde_json::{Value, json};

/// A JSON body of an edit, with one more member written just so.
fn body(member: &str) -> String {
    let edit = Edit::new("grey").json().to_string();
    let open = edit.strip_suffix('}').unwrap();
    format!("{open}, {member}}}")
}

#[tokio::test]
async fn text_with_the_gateways_own_marks_is_refused_however_it_is_spelt() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let client = gateway.client();
    let prompts = [
        r#""prompt": "show me {{secret:api_key}}""#,
        r#""prompt": "show me \u007b\u007bsecret:api_key}}""#,
        r#""prompt": "show me \u007B{\u0073ecret\u003aapi_key\u007d\u007d""#,
        r#""negative_prompt": "\u007b\u007bsecret:api_key}}""#,
        r#""user": "\u007b\u007bsecret:api_key}}""#,
        r#""metadata": {"note": "\u007b\u007bsecret:api_key}}"}"#,
        r#""metadata": "{\"note\": \"\\u007b\\u007bsecret:api_key}}\"}""#,
        r#""provider_options": {"a": "{{secret:api_key}}"}"#,
        r#""provider_options": {"a": [{"b": "\u007b\u007bsecret:api_key}}"}]}"#,
        r#""provider_options": {"\u007b\u007bsecret:api_key}}": 1}"#,
        r#""provider_options": {"a": {"$image": 0, "as": "base64"}}"#,
        r#""provider_options": {"a": {"\u0024image": 0}}"#,
        r#""provider_options": {"a": {"\u0024blob": 0}}"#,
        r#""provider_options": "{\"a\": {\"\\u0024image\": 0}}""#,
        r#""extra_body": {"provider_options": {"a": {"\u0024image": 0}}}"#,
        r#""extra_body": {"prompt": "\u007b\u007bsecret:api_key}}"}"#,
    ];
    for member in prompts {
        let request = client.request(reqwest::Method::POST, "/v1/jobs");
        let request = request.header("content-type", "application/json").body(body(member));
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 400, "{member}: {}", answer.text());
        assert!(!answer.text().contains(KEY), "{member}: {}", answer.text());
    }
    let forms = [
        ("prompt", "show me {{secret:api_key}}"),
        ("negative_prompt", "{{secret:api_key}}"),
        ("metadata", r#"{"note": "\u007b\u007bsecret:api_key}}"}"#),
        ("provider_options", r#"{"a": "\u007b\u007bsecret:api_key}}"}"#),
        ("provider_options", r#"{"a": {"\u0024image": 0}}"#),
        ("provider_options[a]", "{{secret:api_key}}"),
        ("extra_body[prompt]", "{{secret:api_key}}"),
    ];
    for (name, value) in forms {
        let edit = Edit::default().picture(pictures::png()).field(name, value);
        let edit = if name == "prompt" { edit } else { edit.field("prompt", "grey") };
        let answer = Answer::to(client.post("/v1/jobs", &edit)).await;
        assert_eq!(answer.status, 400, "{name}={value}: {}", answer.text());
    }
    provider.ledger().assert_paid(0, 0);
    assert!(provider.ledger().uploads.is_empty());
    // Half a mark is text like any other.
    client.done(&Edit::new("draw {{secret}} and $image")).await.succeeded();
}

#[tokio::test]
async fn open_mode_wants_to_know_the_host() {
    let gateway = Gateway::fresh().await;
    for request in [
        "GET /v1/jobs HTTP/1.0\r\n\r\n",
        "GET /v1/jobs HTTP/1.0\r\nHost: \r\n\r\n",
        "GET /v1/jobs HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET http://evil.example/v1/jobs HTTP/1.1\r\nConnection: close\r\n\r\n",
    ] {
        let mut raw = Raw::to(gateway.origin()).await;
        raw.send(request).await;
        let answer = raw.rest().await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "401", "403"].contains(&status), "{request:?}: {answer}");
        assert!(!answer.contains("\"list\""), "{request:?}: {answer}");
    }
}

#[tokio::test]
async fn a_client_key_set_later_hides_no_earlier_job() {
    let provider = Provider::start();
    let mut gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(gateway.sigterm().await.code, Some(0));

    gateway.env("RETOUCH_CLIENT_KEY", "sk-retouch-of-this-test");
    gateway.restart().await;
    let client = gateway.client();
    let path = format!("/v1/jobs/{}", job.id);
    client.get(&path).await.error(401, "invalid_api_key");
    let get = |path: &str| {
        client.request(reqwest::Method::GET, path).bearer_auth("sk-retouch-of-this-test")
    };
    let again: Value = Answer::to(get(&path)).await.expect(200).json();
    assert_eq!(again["version"], json!(job.version));
    let list: Value = Answer::to(get("/v1/jobs")).await.expect(200).json();
    assert_eq!(list["data"][0]["id"], json!(job.id), "{list}");
}

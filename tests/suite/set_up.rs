//! A gateway that others can reach and nobody has set up: it answers nothing but the page behind the
//! link in its log, which works once.

use reqwest::Method;
use retouch_tests::{
    Answer, Client, Edit, Gateway, Home, Provider, ProviderFile, Turn, wait::answered,
};
use serde_json::{Value, json};

const RELOAD: &str = "/admin/api/reload";
const SESSION: &str = "/admin/api/session";
const PASSWORD: &str = "correct horse";
const ALL: &str = "0.0.0.0:0";

/// The token of the link that the log shows.
async fn token(gateway: &Gateway) -> String {
    let start = format!("{}/admin/setup?token=", gateway.origin());
    let find = async || {
        let log = gateway.log();
        let (_, rest) = log.split_once(&start)?;
        let (token, _) = rest.split_once(|c: char| c.is_whitespace())?;
        Some(token.to_owned())
    };
    answered("the link in the log", find).await
}

fn link(token: &str) -> String {
    format!("/admin/setup?token={token}")
}

/// Sends the page's form.
async fn set(client: &Client, token: &str, password: &str, again: &str) -> Answer {
    let fields = [("token", token), ("username", "operator"), ("password", password)];
    let fields = fields.into_iter().chain([("again", again)]);
    let encode = |(name, value): (&str, &str)| format!("{name}={}", value.replace(' ', "+"));
    let body = fields.map(encode).collect::<Vec<_>>().join("&");
    let request = client.request(Method::POST, "/admin/setup").body(body);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    Answer::to(request.header("sec-fetch-site", "same-origin")).await
}

/// Whether somebody who has neither key nor link is answered nothing.
async fn is_closed(client: &Client) {
    for path in ["/v1/jobs", "/v1/models", RELOAD, "/metrics", "/", "/admin", "/admin/api/x"] {
        let problem = client.get(path).await.error(503, "setup_required");
        assert!(problem.message.contains("/admin/setup"), "{problem:?}");
    }
    Answer::to(client.post("/v1/images/edits", &Edit::new("grey"))).await.expect(503);
    let sign_in = client.post_json(SESSION, &json!({ "password": PASSWORD }));
    Answer::to(sign_in).await.error(503, "setup_required");
    client.get("/healthz").await.expect(200);
    let ready: Value = client.get("/readyz").await.expect(503).json();
    assert_eq!(ready["reasons"], json!(["setup_required"]), "{ready}");
    let who: Value = client.get(SESSION).await.expect(200).json();
    assert_eq!((&who["mode"], &who["operator"]), (&json!("set_up"), &Value::Null), "{who}");
}

#[tokio::test]
async fn whoever_has_the_link_sets_the_gateway_up_once() {
    let provider = Provider::scripted([] as [Turn; 0]);
    let home = Home::with([ProviderFile::runninghub("only", &provider)]);
    let mut gateway = home.listening(ALL).serve().await;
    let client = gateway.client();
    is_closed(&client).await;
    let token = token(&gateway).await;

    let page = client.get(&link(&token)).await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("sha256-"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.text().contains("<html lang=en>") && !page.text().contains("<script"));
    let zh = client.request(Method::GET, &link(&token)).header("accept-language", "zh-CN,en;q=0.5");
    assert!(Answer::to(zh).await.expect(200).text().contains("设置密码"));

    for (password, again, words) in
        [(PASSWORD, "correct horsf", "not the same"), ("short", "short", "8 characters")]
    {
        let again = set(&client, &token, password, again).await.expect(422);
        assert!(again.text().contains(words) && again.text().contains("<form"), "{again:?}");
        assert_eq!(again.header("set-cookie"), None);
    }
    is_closed(&client).await;

    let done = set(&client, &token, PASSWORD, PASSWORD).await.expect(200);
    assert!(done.text().contains(&format!("{}/v1", gateway.origin())), "{}", done.text());
    let cookie = done.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let reload = client.request(Method::GET, RELOAD).header("cookie", cookie);
    Answer::to(reload).await.expect(200);
    // The link is used up, and without a key nobody is a client.
    client.get(&link(&token)).await.expect(404);
    set(&client, &token, "another one", "another one").await.expect(404);
    client.get("/v1/jobs").await.error(401, "invalid_api_key");
    client.get(RELOAD).await.error(401, "sign_in_required");

    let key = gateway.run(&["key", "create", "app"]).await.with(0).stdout.trim().to_owned();
    let app = client.with_key(&key);
    let known = async || (app.get("/v1/jobs").await.status == 200).then_some(());
    answered("the new key", known).await;
    app.done(&Edit::new("grey")).await.succeeded();
    provider.ledger().assert_paid(1, 1);

    gateway.kill9().await;
    gateway.restart().await;
    let sign_in = gateway.client().post_json(SESSION, &json!({ "password": PASSWORD }));
    Answer::to(sign_in).await.expect(200);
    assert!(!gateway.log().contains("/admin/setup?token="), "{}", gateway.log());
}

#[tokio::test]
async fn a_wrong_link_opens_nothing_and_is_not_tried_for_long() {
    let mut gateway = Home::with([]).listening(ALL).serve().await;
    let first = token(&gateway).await;
    gateway.kill9().await;
    gateway.restart().await;
    let (client, token) = (gateway.client(), token(&gateway).await);
    assert_ne!(token, first, "each start has a link of its own");
    let wrong = [first.as_str(), "", "x", &token[1..], "%00"];
    for wrong in wrong {
        let page = client.get(&link(wrong)).await.expect(403);
        assert!(!page.text().contains("<form") && !page.text().contains(&token), "{page:?}");
    }
    let wait = client.get("/admin/setup").await.expect(429);
    assert!(wait.header("retry-after").is_some());
    set(&client, "x", PASSWORD, PASSWORD).await.expect(429);
    is_closed(&client).await;
    // Whoever has the right one is not kept out by who has not.
    set(&client, &token, PASSWORD, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn only_one_of_many_who_have_the_link_is_first() {
    let gateway = Home::with([]).listening(ALL).serve().await;
    let token = token(&gateway).await;
    let tries = (0..4).map(|n| {
        let (client, token) = (gateway.client(), token.clone());
        tokio::spawn(async move {
            let password = format!("password-{n}");
            (set(&client, &token, &password, &password).await.status, password)
        })
    });
    let mut first = None;
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            (200, password) => assert_eq!(first.replace(password), None, "two were first"),
            (status, _) => assert_eq!(status, 404),
        }
    }
    let sign_in = gateway.client().post_json(SESSION, &json!({ "password": first.unwrap() }));
    Answer::to(sign_in).await.expect(200);
}

#[tokio::test]
async fn a_form_from_elsewhere_or_in_the_clear_sets_nothing() {
    let gateway = Home::with([]).listening(ALL).serve().await;
    let (client, token) = (gateway.client(), token(&gateway).await);
    let post = |name: &'static str, value: &'static str| {
        let body = format!("token={token}&password=12345678&again=12345678");
        let request = client.request(Method::POST, "/admin/setup").body(body);
        Answer::to(request.header(name, value))
    };
    for (name, value, status) in [
        ("origin", "http://evil.example", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("host", "evil.example", 421),
        ("host", "10.0.0.7:8000", 403),
        ("x-forwarded-proto", "https", 403),
    ] {
        let page = post(name, value).await.expect(status);
        assert_eq!(page.header("set-cookie"), None, "{name}: {value}");
    }
    // Following the link from a mail is no harm; the page says beforehand what will not do.
    let from_mail =
        client.request(Method::GET, &link(&token)).header("sec-fetch-site", "cross-site");
    Answer::to(from_mail).await.expect(200);
    let far = client.request(Method::GET, &link(&token)).header("host", "10.0.0.7:8000");
    let far = Answer::to(far).await.expect(403).text();
    assert!(far.contains("127.0.0.1") && !far.contains("<form"), "{far}");
    is_closed(&client).await;
}

#[tokio::test]
async fn a_key_or_a_password_from_elsewhere_ends_set_up_mode() {
    let gateway = Home::with([]).listening(ALL).serve().await;
    let (client, token) = (gateway.client(), token(&gateway).await);
    let set_password = gateway.home().feed(&["admin", "set-password"], "correct horse\n");
    set_password.end().await.with(0);
    client.get(&link(&token)).await.expect(404);
    let sign_in = client.post_json(SESSION, &json!({ "password": PASSWORD }));
    Answer::to(sign_in).await.expect(200);
    client.get("/v1/jobs").await.error(401, "invalid_api_key");

    let gateway = Home::with([]).listening(ALL).serve().await;
    let (client, token) = (gateway.client(), self::token(&gateway).await);
    gateway.run(&["key", "create", "app"]).await.with(0);
    let over = async || (client.get("/v1/jobs").await.status == 401).then_some(());
    answered("the end of set-up mode", over).await;
    client.get(&link(&token)).await.expect(404);

    for secret in ["RETOUCH_ADMIN_PASSWORD", "RETOUCH_CLIENT_KEY"] {
        let gateway = Home::with([]).listening(ALL).env(secret, "sk-of-somebody").serve().await;
        gateway.client().get("/v1/jobs").await.error(401, "invalid_api_key");
        gateway.client().get("/admin/setup").await.expect(404);
        assert!(!gateway.log().contains("/admin/setup?token="), "{}", gateway.log());
    }
}

#[tokio::test]
async fn the_token_of_a_container_makes_the_first_key() {
    let provider = Provider::scripted([] as [Turn; 0]);
    let home = Home::with([ProviderFile::runninghub("only", &provider)]).listening(ALL);
    let gateway = home.env("RETOUCH_ADMIN_TOKEN", "token-of-the-operator").serve().await;
    let operator = gateway.client().with_key("token-of-the-operator");
    is_closed(&gateway.client()).await;
    let made = operator.post_json("/admin/api/keys", &json!({ "name": "app" }));
    let made: Value = Answer::to(made).await.expect(201).json();
    let app = gateway.client().with_key(made["key"].as_str().unwrap());
    app.done(&Edit::new("grey")).await.succeeded();
}

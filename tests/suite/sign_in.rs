//! The operator signs in with a password: where it comes from, what the cookie is good for, who is kept
//! out, and what ends a session.

use std::{fs, os::unix::fs::PermissionsExt};

use reqwest::{Method, RequestBuilder};
use retouch_tests::{Answer, Client, Gateway, Home, gateway::files_below, wait::answered};
use serde_json::{Value, json};

const SESSION: &str = "/admin/api/session";
const PASSWORD: &str = "/admin/api/password";
const RELOAD: &str = "/admin/api/reload";
const TOKEN: &str = "token-of-the-operator";
const FIRST: &str = "correct horse";
const SECOND: &str = "battery staple";

/// A browser that has signed in, as far as headers go.
struct Page {
    client: Client,
    cookie: String,
    origin: String,
}

impl Page {
    fn of(gateway: &Gateway, answer: &Answer) -> Self {
        let (client, origin) = (gateway.client(), gateway.origin().to_owned());
        Self { client, cookie: cookie(answer), origin }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, path).header("cookie", &self.cookie);
        request.header("origin", &self.origin)
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(method, path).body(body.to_string())).await
    }
}

/// What a browser keeps of an answer.
fn cookie(answer: &Answer) -> String {
    let line = answer.header("set-cookie").unwrap_or_else(|| panic!("none: {answer:?}"));
    line.split(';').next().unwrap().to_owned()
}

fn with(password: &str) -> Value {
    json!({ "password": password })
}

async fn try_in(gateway: &Gateway, password: &str) -> Answer {
    Answer::to(gateway.client().post_json(SESSION, &with(password))).await
}

async fn signed_in(gateway: &Gateway, password: &str) -> Page {
    Page::of(gateway, &try_in(gateway, password).await.expect(200))
}

async fn session(client: &Client) -> Value {
    client.get(SESSION).await.expect(200).json()
}

/// Sets the password at the machine.
async fn set(home: &Home, password: &str) {
    let said = home.feed(&["admin", "set-password"], &format!("{password}\n")).end().await.with(0);
    assert!(said.stdout.is_empty() && said.stderr.contains("admin.toml"), "{said:?}");
    assert!(!said.said().contains(password), "{said:?}");
}

#[tokio::test]
async fn a_password_of_the_environment_opens_the_pages_and_nothing_else() {
    let home = Home::with([]).env("RETOUCH_ADMIN_PASSWORD", FIRST);
    let gateway = home.serve().await;
    let client = gateway.client();
    let who = session(&client).await;
    let none = json!({ "mode": "password", "operator": null, "password": true, "token": false,
        "expires_at": null, "insecure": false });
    assert_eq!(who, none);
    client.get(RELOAD).await.error(401, "sign_in_required");
    client.get("/v1/jobs").await.expect(200);

    try_in(&gateway, "wrong horse").await.error(401, "wrong_password");
    let answer = try_in(&gateway, FIRST).await.expect(200);
    let line = answer.header("set-cookie").unwrap();
    let (name, rest) = line.split_once('=').unwrap();
    let (token, attributes) = rest.split_once("; ").unwrap();
    assert_eq!((name, token.len()), ("retouch", 43), "{line}");
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let who: Value = answer.json();
    assert_eq!((&who["operator"], who["expires_at"].is_u64()), (&json!("session"), true), "{who}");

    let page = Page::of(&gateway, &answer);
    page.get(RELOAD).await.expect(200);
    let seen: Value = page.get(SESSION).await.expect(200).json();
    assert_eq!(seen, who, "looking puts nothing off");
    let fixed = page.send(Method::PUT, PASSWORD, &with(SECOND)).await;
    fixed.error(409, "password_fixed");
    // Nothing of it is kept anywhere.
    for (path, bytes) in files_below(&gateway.data()) {
        for secret in [FIRST, token] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a secret", path.display());
        }
    }
    assert!(!gateway.log().contains(FIRST) && !gateway.log().contains(token));
}

#[tokio::test]
async fn a_short_password_of_the_environment_stops_the_start() {
    for (password, key, words) in [
        ("1234567", "sk-of-a-client", "at least 8 characters"),
        ("sk-of-a-client", "sk-of-a-client", "every client would be the operator"),
    ] {
        let home = Home::with([]).env("RETOUCH_ADMIN_PASSWORD", password);
        let home = home.env("RETOUCH_CLIENT_KEY", key);
        let said = home.run(&["serve", "--listen", "127.0.0.1:0"]).await.with(1);
        assert!(said.stderr.contains("RETOUCH_ADMIN_PASSWORD"), "{said:?}");
        assert!(said.stderr.contains(words) && !said.stderr.contains(password), "{said:?}");
    }
}

#[tokio::test]
async fn a_running_gateway_takes_up_what_is_set_at_the_machine() {
    let mut gateway = Home::with([]).serve().await;
    let client = gateway.client();
    let who = session(&client).await;
    assert_eq!((&who["mode"], &who["operator"]), (&json!("open"), &json!("local")), "{who}");

    for wrong in ["short\n", "", "1234567\n12345678\n"] {
        let said = gateway.home().feed(&["admin", "set-password"], wrong).end().await.with(1);
        assert!(said.stderr.contains("8 characters"), "{said:?}");
    }
    client.get(RELOAD).await.expect(200);

    set(gateway.home(), FIRST).await;
    client.get(RELOAD).await.error(401, "sign_in_required");
    let file = gateway.data().join("admin.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("$argon2id$v=19$m=19456,t=2,p=1$") && !text.contains(FIRST), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let page = signed_in(&gateway, FIRST).await;
    page.get(RELOAD).await.expect(200);

    set(gateway.home(), SECOND).await;
    page.get(RELOAD).await.error(401, "sign_in_required");
    try_in(&gateway, FIRST).await.error(401, "wrong_password");
    let page = signed_in(&gateway, SECOND).await;
    gateway.kill9().await;
    gateway.restart().await;
    let page = Page { client: gateway.client(), origin: gateway.origin().to_owned(), ..page };
    page.get(RELOAD).await.error(401, "sign_in_required");
    signed_in(&gateway, SECOND).await.get(RELOAD).await.expect(200);
}

#[tokio::test]
async fn a_page_from_elsewhere_cannot_use_a_session() {
    let gateway = Home::with([]).env("RETOUCH_ADMIN_PASSWORD", FIRST).serve().await;
    let page = signed_in(&gateway, FIRST).await;
    let reload = |headers: &[(&'static str, &str)]| {
        let request = gateway.client().request(Method::POST, RELOAD);
        let request = request.header("cookie", &page.cookie);
        Answer::to(
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)),
        )
    };
    let own = ("origin", gateway.origin());
    reload(&[own]).await.expect(200);
    reload(&[("sec-fetch-site", "same-origin")]).await.expect(200);
    reload(&[]).await.error(403, "foreign_origin");
    for evil in ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"] {
        reload(&[("origin", evil)]).await.error(403, "foreign_origin");
    }
    for site in ["cross-site", "same-site", ""] {
        reload(&[own, ("sec-fetch-site", site)]).await.error(403, "foreign_origin");
    }
    reload(&[own, ("host", "evil.example")]).await.error(421, "unknown_host");
    reload(&[own, ("x-forwarded-for", "203.0.113.7")]).await.error(403, "insecure_transport");

    // Nor sign somebody in, or out.
    let sign_in = gateway.client().post_json(SESSION, &with(FIRST));
    let answer = Answer::to(sign_in.header("origin", "http://evil.example")).await;
    assert_eq!(answer.header("set-cookie"), None);
    answer.error(403, "foreign_origin");
    let sign_out = gateway.client().request(Method::DELETE, SESSION);
    let sign_out = sign_out.header("cookie", &page.cookie).header("sec-fetch-site", "cross-site");
    Answer::to(sign_out).await.error(403, "foreign_origin");
    page.get(RELOAD).await.expect(200);
    // A name that was pointed at this machine is told nothing of a session it could use.
    let who = page.request(Method::GET, SESSION).header("host", "evil.example");
    let who: Value = Answer::to(who).await.expect(200).json();
    assert_eq!(who["operator"], Value::Null, "{who}");
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let home = Home::with([]).env("RETOUCH_ADMIN_PASSWORD", FIRST);
    let gateway = home.env("RETOUCH_ADMIN_TOKEN", TOKEN).serve().await;
    let page = signed_in(&gateway, FIRST).await;
    let guesses = (0..12).map(|n| format!("guess number {n}"));
    let guesses: Vec<_> = guesses
        .map(|guess| Answer::to(gateway.client().post_json(SESSION, &with(&guess))))
        .map(tokio::spawn)
        .collect();
    let (mut taken, mut wrong) = (0, 0);
    for guess in guesses {
        let answer = guess.await.unwrap();
        if answer.status == 429 {
            let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds), "{seconds}");
            answer.error(429, "too_many_tries");
            continue;
        }
        taken += 1;
        // On a slow machine one may have had no turn; it counts all the same.
        if answer.status == 401 {
            wrong += 1;
            answer.error(401, "wrong_password");
        }
    }
    assert_eq!(taken, 5, "all at once is no way around");
    try_in(&gateway, FIRST).await.error(429, "too_many_tries");

    // Who is signed in already, or has the token, is not kept out.
    page.get(RELOAD).await.expect(200);
    let operator = gateway.client().with_key(TOKEN);
    let log: Value = operator.get("/admin/api/audit").await.expect(200).json();
    let notes = log["data"].as_array().unwrap();
    let refused = notes.iter().filter(|note| note["action"] == "session.refused").count();
    assert!((1..=wrong).contains(&refused), "one note may stand for many: {log}");
    assert_eq!(notes.len(), refused + 1, "{log}");
}

#[tokio::test]
async fn signing_out_ends_one_session() {
    let gateway = Home::with([]).env("RETOUCH_ADMIN_PASSWORD", FIRST).serve().await;
    let (one, other) = (signed_in(&gateway, FIRST).await, signed_in(&gateway, FIRST).await);
    assert_ne!(one.cookie, other.cookie);
    let out = one.send(Method::DELETE, SESSION, &Value::Null).await.expect(204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"), "{out:?}");
    one.get(RELOAD).await.error(401, "sign_in_required");
    other.get(RELOAD).await.expect(200);
    one.send(Method::DELETE, SESSION, &Value::Null).await.expect(204);
    // Signing in again gives another session and ends the one before.
    let again = other.request(Method::POST, SESSION).body(with(FIRST).to_string());
    let again = Page::of(&gateway, &Answer::to(again).await.expect(200));
    other.get(RELOAD).await.error(401, "sign_in_required");
    again.get(RELOAD).await.expect(200);
}

#[tokio::test]
async fn changing_the_password_ends_every_other_session() {
    let home = Home::with([]).env("RETOUCH_ADMIN_TOKEN", TOKEN);
    set(&home, FIRST).await;
    let gateway = home.serve().await;
    let (one, other) = (signed_in(&gateway, FIRST).await, signed_in(&gateway, FIRST).await);
    let change = async |password: &str, current: Value| {
        let body = json!({ "password": password, "current": current });
        one.send(Method::PUT, PASSWORD, &body).await
    };
    let missing = change(SECOND, Value::Null).await.error(400, "invalid_value");
    assert_eq!(missing.param.as_deref(), Some("current"));
    change(SECOND, json!("wrong horse")).await.error(401, "wrong_password");
    let short = change("short", json!(FIRST)).await.error(400, "invalid_value");
    assert_eq!(short.param.as_deref(), Some("password"));
    other.get(RELOAD).await.expect(200);

    let changed = Page::of(&gateway, &change(SECOND, json!(FIRST)).await.expect(200));
    for ended in [&one, &other] {
        ended.get(RELOAD).await.error(401, "sign_in_required");
    }
    changed.get(RELOAD).await.expect(200);
    try_in(&gateway, FIRST).await.error(401, "wrong_password");
    signed_in(&gateway, SECOND).await;

    // The token is worth the password, and is no browser.
    let operator = gateway.client().with_key(TOKEN);
    let body = with(FIRST).to_string();
    let answer = Answer::to(operator.request(Method::PUT, PASSWORD).body(body)).await.expect(200);
    assert_eq!(answer.header("set-cookie"), None);
    changed.get(RELOAD).await.error(401, "sign_in_required");
    signed_in(&gateway, FIRST).await;
}

#[tokio::test]
async fn a_password_ends_open_mode_for_the_pages_alone() {
    let gateway = Home::with([]).serve().await;
    let client = gateway.client();
    let foreign = client.request(Method::PUT, PASSWORD).header("origin", "http://evil.example");
    let foreign = Answer::to(foreign.body(with(FIRST).to_string())).await;
    foreign.error(403, "open_mode_refused");
    let set = client.request(Method::PUT, PASSWORD).body(with(FIRST).to_string());
    let page = Page::of(&gateway, &Answer::to(set).await.expect(200));
    page.get(RELOAD).await.expect(200);
    client.get(RELOAD).await.error(401, "sign_in_required");
    client.get("/v1/jobs").await.expect(200);
    let again = client.request(Method::PUT, PASSWORD).body(with(SECOND).to_string());
    Answer::to(again).await.error(401, "sign_in_required");
}

/// What a proxy in front adds, for a client of that address.
fn forwarded<'a>(scheme: &'a str, client: &'a str) -> [(&'static str, &'a str); 3] {
    [("host", "edit.example"), ("x-forwarded-proto", scheme), ("x-forwarded-for", client)]
}

async fn through(gateway: &Gateway, headers: [(&'static str, &str); 3], password: &str) -> Answer {
    let request = gateway.client().post_json(SESSION, &with(password));
    let add = |request: RequestBuilder, (name, value)| request.header::<&str, &str>(name, value);
    Answer::to(headers.into_iter().fold(request, add)).await
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_cookie_is_for_https_alone() {
    let settings = "[admin]\nhosts = [\"edit.example\"]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let home = Home::with([]).env("RETOUCH_ADMIN_PASSWORD", FIRST).settings(settings);
    let gateway = home.serve().await;
    let answer = through(&gateway, forwarded("https", "203.0.113.7"), FIRST).await.expect(200);
    let line = answer.header("set-cookie").unwrap().to_owned();
    assert!(line.starts_with("__Host-retouch="), "{line}");
    assert!(line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{line}");
    let reload = |scheme: &'static str, origin: &'static str| {
        let request = gateway.client().request(Method::POST, RELOAD);
        let request = request.header("cookie", cookie(&answer)).header("origin", origin);
        let headers = forwarded(scheme, "203.0.113.7");
        Answer::to(headers.iter().fold(request, |r, (name, value)| r.header(*name, *value)))
    };
    reload("https", "https://edit.example").await.expect(200);
    reload("https", "http://edit.example").await.error(403, "foreign_origin");
    reload("http", "http://edit.example").await.error(401, "sign_in_required");
    let plain = through(&gateway, forwarded("http", "203.0.113.7"), FIRST).await;
    plain.error(403, "insecure_transport");

    // Each client of the proxy has tries of its own.
    let wrong =
        async |client| through(&gateway, forwarded("https", client), "wrong horse").await.status;
    for _ in 0..5 {
        assert_eq!(wrong("203.0.113.8").await, 401);
    }
    assert_eq!((wrong("203.0.113.8").await, wrong("203.0.113.9").await), (429, 401));
    assert_eq!(wrong("203.0.113.9, 203.0.113.8").await, 429, "the last is who asked the proxy");
}

#[tokio::test]
async fn a_proxy_nobody_named_is_not_believed() {
    let settings = "[admin]\nhosts = [\"edit.example\"]\n";
    let home = Home::with([]).env("RETOUCH_ADMIN_PASSWORD", FIRST).settings(settings);
    let gateway = home.serve().await;
    let refused = through(&gateway, forwarded("https", "203.0.113.7"), FIRST).await;
    refused.error(403, "insecure_transport");
    let far = |gateway: &Gateway| {
        let request = gateway.client().post_json(SESSION, &with(FIRST));
        Answer::to(request.header("host", "edit.example"))
    };
    far(&gateway).await.error(403, "insecure_transport");
    // The operator may say that it does not matter.
    let home = Home::with([]).env("RETOUCH_ADMIN_PASSWORD", FIRST);
    let insecure = home.settings(&format!("{settings}insecure_http = true\n")).serve().await;
    let who: Value = far(&insecure).await.expect(200).json();
    assert_eq!((&who["operator"], &who["insecure"]), (&json!("session"), &json!(true)), "{who}");
}

#[tokio::test]
async fn a_broken_password_file_lets_nobody_in_and_opens_nothing() {
    let home = Home::with([]).env("RETOUCH_ADMIN_TOKEN", TOKEN);
    set(&home, FIRST).await;
    let gateway = home.serve().await;
    let page = signed_in(&gateway, FIRST).await;
    let file = gateway.data().join("admin.toml");
    fs::write(&file, "password = \"correct horse").unwrap();
    page.get(RELOAD).await.error(401, "sign_in_required");
    try_in(&gateway, FIRST).await.error(503, "password_unusable");
    gateway.client().with_key(TOKEN).get(RELOAD).await.expect(200);
    let logged = async || gateway.log().contains("nobody can sign in").then_some(());
    answered("the log's word", logged).await;
    assert!(!gateway.log().contains(FIRST));
    assert_eq!(gateway.sigterm().await.code, Some(0));

    let said = gateway.home().run(&["serve", "--listen", "127.0.0.1:0"]).await.with(1);
    assert!(said.stderr.contains("admin.toml") && !said.stderr.contains(FIRST), "{said:?}");
    set(gateway.home(), SECOND).await;
    let mut gateway = gateway;
    gateway.restart().await;
    signed_in(&gateway, SECOND).await;
}

#[tokio::test]
async fn what_the_pages_settings_cannot_mean_is_said_with_its_line() {
    let home = Home::with([]).settings(
        "[admin]\nhosts = [\"https://edit.example\"]\ntrusted_proxies = [\"proxy.lan\"]\n",
    );
    let said = home.run(&["check"]).await.with(1);
    for words in ["retouch.toml:2: admin.hosts", "retouch.toml:3: admin.trusted_proxies"] {
        assert!(said.stdout.contains(words), "no {words} in {said:?}");
    }
}

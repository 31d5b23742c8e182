//! A provider's key is nowhere but on the wire to that provider, and no other secret is anywhere but
//! where the operator wrote it.

use std::fs;

use reqwest::Method;
use retouch_tests::{
    AcmeServer, Answer, Client, Edit, Gateway, Home, OpenAi, Plugin, Provider, ProviderFile, Turn,
    gateway::files_below, relabel::put, wait::answered,
};
use serde_json::{Value, json};

use super::routes::{For, requests};

/// Long and odd enough to be found wherever it is.
const CANARY: &str = "rh-canary-7Qz3vK9xW2mN5pT8";

#[tokio::test]
async fn a_key_leaves_no_trace() {
    let script = [Turn::Accept, Turn::Moderated, Turn::Cut, Turn::Html, Turn::EchoKey];
    let provider = Provider::scripted(script);
    let file = ProviderFile::runninghub("canary", &provider).key("${env:CANARY_KEY}");
    let home = Home::with([file]).env("CANARY_KEY", CANARY).env("RUST_LOG", "trace");
    let mut gateway = home.serve().await;

    let mut seen = Vec::new();
    for _ in script {
        let answer = gateway.client().edit(&Edit::new("grey")).await;
        seen.push(format!("{:?} {}", answer.headers, answer.text()));
        if let Some(id) = answer.header("x-retouch-job") {
            seen.push(
                gateway.client().get(&format!("/v1/jobs/{id}?include=exchanges")).await.text(),
            );
        }
    }
    for path in ["/v1/jobs", "/v1/models", "/readyz"] {
        seen.push(gateway.client().get(path).await.text());
    }
    seen.push(gateway.log());
    gateway.kill9().await;
    gateway.restart().await;
    seen.push(gateway.log());
    for line in [["check"].as_slice(), &["plugin", "list"], &["jobs", "list"]] {
        seen.push(gateway.start(line).end().await.said());
    }

    assert!(!provider.ledger().submits.is_empty());
    provider.ledger().assert_proper(CANARY);
    for text in seen {
        assert!(!text.contains(CANARY), "the key is in {text}");
    }
    assert_not_stored(&gateway);
}

fn assert_not_stored(gateway: &Gateway) {
    let files = files_below(&gateway.data());
    assert!(!files.is_empty());
    for (path, bytes) in files {
        let is_there = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!is_there, "the key is in {}", path.display());
    }
}

#[tokio::test]
async fn a_missing_key_is_named_and_not_guessed() {
    let provider = Provider::start();
    let file = ProviderFile::runninghub("canary", &provider).key("${env:CANARY_KEY}");
    let said = Home::with([file]).run(&["check"]).await.with(1).said();
    assert!(said.contains("canary.toml:3") && said.contains("CANARY_KEY"), "{said}");
}

/// Secrets of every kind, and how each is given to the gateway.
const IN_FILE: &str = "canary-in-file-4Hx8Lq2Rn6Vt";
const IN_ENV: &str = "canary-in-env-9Bd3Fk7Pw1Zs";
const SENT: &str = "canary-sent-5Mc1Yg8Jt4Ue";
const CLIENT: &str = "canary-client-2Ra6Xo9Ki3Nh";
const TOKEN: &str = "canary-token-8Vf4Qb1Ds7Lw";
const PASSWORD: &str = "canary-password-3Tj9Ez5Gy6Cp";

/// Everything that was said by the gateway, its logs included.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    async fn ask(&mut self, client: &Client, method: Method, path: &str, body: &Value) -> Answer {
        let request = client.request(method, path).header("content-type", "application/json");
        let answer = Answer::to(request.body(body.to_string())).await;
        self.0.push(format!("{path}: {:?} {}", answer.headers, answer.text()));
        answer
    }

    #[track_caller]
    fn assert_without(&self, secrets: &[String]) {
        for secret in secrets {
            let leak = self.0.iter().find(|text| text.contains(secret.as_str()));
            assert!(leak.is_none(), "{secret} is in {leak:?}");
        }
    }
}

/// Three providers whose keys are given in three ways, and one whose plugin panics.
async fn with_every_secret(openai: &OpenAi, acme: &AcmeServer) -> Gateway {
    let types = [("file", IN_FILE), ("env", "${env:CANARY_KEY}"), ("sent", "not-this-one")];
    let files = types.map(|(id, key)| ProviderFile::openai(id, openai).key(key));
    let panics = ProviderFile::of("panics-edit", "panics", acme.origin(), &[("edit", "/v1/edits")]);
    let home = Home::with(files.into_iter().chain([panics.key(IN_FILE)]));
    let home = home.plugin(Plugin::OpenAi).plugin(Plugin::Panics).env("RUST_LOG", "trace");
    let home = home.env("RUST_BACKTRACE", "full").env("CANARY_KEY", IN_ENV);
    let home = home.env("RETOUCH_CLIENT_KEY", CLIENT).env("RETOUCH_ADMIN_TOKEN", TOKEN);
    home.env("RETOUCH_ADMIN_PASSWORD", PASSWORD).serve().await
}

#[tokio::test]
async fn no_secret_is_anywhere_but_where_the_operator_wrote_it() {
    let script = [Turn::Accept, Turn::Moderated, Turn::Cut, Turn::Html, Turn::EchoKey];
    let (openai, acme) = (OpenAi::scripted(script.repeat(3)), AcmeServer::start());
    let mut gateway = with_every_secret(&openai, &acme).await;
    let (client, operator) = (gateway.client().with_key(CLIENT), gateway.client().with_key(TOKEN));
    let mut said = Said::default();
    let key = json!({ "api_key": SENT });
    said.ask(&operator, Method::PATCH, "/admin/api/providers/sent", &key).await.expect(200);
    let mut secrets = [IN_FILE, IN_ENV, SENT, CLIENT, TOKEN, PASSWORD].map(str::to_owned).to_vec();
    secrets.extend(signed_in(&mut said, &gateway.client()).await);
    let made = json!({ "name": "made" });
    let shown = Answer::to(operator.post_json("/admin/api/keys", &made)).await.expect(201);
    secrets.push(shown.json::<Value>()["key"].as_str().unwrap().to_owned());

    for (provider, prompts) in [("file", 5), ("env", 5), ("sent", 5), ("panics", 2)] {
        for prompt in ["begin", "answer", "grey", "blur", "sepia"].into_iter().take(prompts) {
            let edit = Edit::new(prompt).field("provider", provider);
            let answer = client.edit(&edit).await;
            let id = answer.header("x-retouch-job").unwrap_or("none").to_owned();
            said.0.push(format!("{:?} {}", answer.headers, answer.text()));
            walk(&mut said, &[&client, &operator], &id).await;
        }
    }
    let sent: Vec<_> =
        openai.ledger().submits.into_iter().filter_map(|it| it.authorization).collect();
    for key in [IN_FILE, IN_ENV, SENT] {
        assert!(sent.iter().any(|it| it.ends_with(key)), "{key} was not used: {sent:?}");
    }
    walk(&mut said, &[&client, &operator, &client.clone().with_key("wrong")], "sent").await;
    change(&mut said, &operator).await;
    misspell(&mut said, &gateway, &operator).await;
    for line in COMMANDS {
        said.0.push(gateway.run(line).await.said());
    }
    said.0.push(gateway.log());
    assert!(gateway.log().contains("told to when"), "nothing panicked");
    gateway.kill9().await;
    gateway.restart().await;
    said.0.push(gateway.log());
    said.assert_without(&secrets);
    assert_written_only_by_the_operator(&gateway, &secrets);
}

/// What looks at all of it from the shell.
const COMMANDS: [&[&str]; 5] =
    [&["check"], &["doctor", "file"], &["plugin", "list"], &["jobs", "list"], &["key", "list"]];

/// Signs in, also wrongly; what the browser was given to prove it.
async fn signed_in(said: &mut Said, anybody: &Client) -> Vec<String> {
    let path = "/admin/api/session";
    let wrong = json!({ "password": format!("{PASSWORD}x") });
    said.ask(anybody, Method::POST, path, &wrong).await.expect(401);
    let request = anybody.post_json(path, &json!({ "password": PASSWORD }));
    let answer = Answer::to(request.header("sec-fetch-site", "same-origin")).await;
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{}", answer.text()));
    let value = cookie.split(['=', ';']).nth(1).unwrap();
    assert!(value.len() >= 32, "{cookie}");
    vec![value.to_owned()]
}

/// Reads every route there is about an id, as each of these.
async fn walk(said: &mut Said, clients: &[&Client], id: &str) {
    let kinds = [For::Owner, For::Client, For::Link, For::Anybody, For::Operator, For::SignIn];
    let all = kinds.into_iter().flat_map(|kind| requests(kind, id));
    let mut paths: Vec<_> =
        all.filter(|(method, _)| *method == Method::GET).map(|(_, path)| path).collect();
    paths.push(format!("/v1/jobs/{id}?include=exchanges"));
    for client in clients {
        for path in &paths {
            said.ask(client, Method::GET, path, &Value::Null).await;
        }
    }
}

/// Changes through the API, good ones and bad ones.
async fn change(said: &mut Said, operator: &Client) {
    let one = "/admin/api/providers/sent";
    let elsewhere = json!({ "hosts": { "domestic": "http://127.0.0.1:9" } });
    for (method, path, body) in [
        (Method::POST, format!("{one}/duplicate"), json!({})),
        (Method::POST, format!("{one}/disable"), json!({})),
        (Method::POST, format!("{one}/enable"), json!({})),
        (Method::POST, format!("{one}/check"), json!({})),
        (Method::PATCH, one.to_owned(), elsewhere),
        (Method::PATCH, one.to_owned(), json!({ "api_key": format!("${{env:{SENT}}}") })),
        (Method::PATCH, one.to_owned(), json!({ "api_key": [SENT] })),
        (Method::PATCH, one.to_owned(), json!({ "api_kee": SENT })),
        (Method::PATCH, one.to_owned(), json!({ "api_key": SENT, "priority": "high" })),
        (Method::PUT, "/admin/api/password".to_owned(), json!({ "password": PASSWORD })),
        (Method::GET, "/admin/api/audit?limit=100".to_owned(), Value::Null),
    ] {
        said.ask(operator, method, &path, &body).await;
    }
}

/// The provider whose key stands in its file.
const FILE: &str = "/admin/api/providers/file";

/// Breaks a file with a key in the very line that is wrong or beside it, and mends and deletes it
/// through the API, which notes what it was.
async fn misspell(said: &mut Said, gateway: &Gateway, operator: &Client) {
    let path = gateway.home().path("config/providers/file.toml");
    let whole = fs::read_to_string(&path).unwrap();
    let mended: Value = operator.get(FILE).await.expect(200).json();
    let mended = json!({
        "name": mended["name"], "type": mended["type"], "hosts": mended["hosts"], "api_key": SENT,
    });
    for (right, wrong) in [
        ("api_key = ", "api_kee = "),
        ("api_key = ", "apikey = "),
        ("api_key = \"", "api_key = "),
        ("api_key = \"", "api_key = \"enc:v1:"),
        ("api_key = ", "api_key : "),
        ("api_key = ", &format!("api_kee = \"short\" # old one: {IN_FILE}\napi_key = ")),
        ("api_key = ", &format!("site = \"https://me:{IN_FILE}@host\"\napi_key = ")),
    ] {
        let broken = whole.replace(right, wrong);
        assert_ne!(broken, whole);
        for (method, body) in [(Method::PUT, &mended), (Method::DELETE, &Value::Null)] {
            put(&path, &broken);
            said.ask(operator, method, FILE, body).await.expect(200);
            assert!(!fs::read_to_string(&path).unwrap_or_default().contains(IN_FILE));
        }
        put(&path, broken);
        let reload = async || {
            let answer = Answer::to(operator.post_json("/admin/api/reload", &json!({}))).await;
            (answer.status == 422).then(|| answer.text())
        };
        said.0.push(answered(&format!("a refusal of {wrong}"), reload).await);
        said.0.push(gateway.run(&["check"]).await.said());
        said.0.push(operator.get(FILE).await.text());
        said.0.push(operator.get("/readyz").await.text());
    }
    put(&path, whole);
    let audit = "/admin/api/audit?limit=100";
    let noted = said.ask(operator, Method::GET, audit, &Value::Null).await.expect(200).text();
    assert!(noted.contains("provider.delete") && noted.contains("[secret]"), "{noted}");
}

/// Neither the data nor the configuration holds one, but for the two files that the test wrote it to.
#[track_caller]
fn assert_written_only_by_the_operator(gateway: &Gateway, secrets: &[String]) {
    let folders = [gateway.data(), gateway.home().path("config"), gateway.home().path("work")];
    for (path, bytes) in folders.iter().flat_map(|folder| files_below(folder)) {
        for secret in secrets {
            let is_there = bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
            let is_ours = secret == IN_FILE
                && ["file.toml", "panics.toml"].iter().any(|name| path.ends_with(name));
            assert!(is_there == is_ours, "{secret} in {}: {is_there}", path.display());
        }
    }
    let sealed = gateway.home().path("config/providers/sent.toml");
    let sealed = fs::read_to_string(sealed).unwrap();
    assert!(sealed.contains("enc:v1:"), "{sealed}");
}

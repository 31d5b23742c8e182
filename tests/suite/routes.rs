//! Every route there is, by whom it is for: one that is added and not listed here fails, and so does
//! one of the operator's that gives anything to a client's key.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use reqwest::Method;
use retouch_tests::{Answer, Client, Edit, Home, OpenAi, Plugin, ProviderFile, built::repository};
use serde_json::{Value, json};

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// The owner of the job it names: `keys` compares them with a job that is not there.
    Owner,
    /// Any client; each finds their own things there.
    Client,
    /// Whoever has the link.
    Link,
    /// Anybody, and it tells nothing of jobs, keys or providers.
    Anybody,
    /// The operator alone.
    Operator,
    /// Whoever wants to become the operator.
    SignIn,
}

/// Methods, path, and whom it is for.
pub(crate) const ROUTES: &[(&str, &str, For)] = &[
    ("POST", "/v1/images/edits", For::Client),
    ("ANY", "/v1/images/{*rest}", For::Anybody),
    ("GET POST", "/v1/jobs", For::Client),
    ("GET DELETE", "/v1/jobs/{id}", For::Owner),
    ("POST", "/v1/jobs/{id}/cancel", For::Owner),
    ("GET", "/v1/jobs/{id}/events", For::Owner),
    ("GET", "/v1/jobs/{id}/images/{n}", For::Owner),
    ("GET", "/v1/models", For::Client),
    ("GET", "/io/in/{token}", For::Link),
    ("GET", "/healthz", For::Anybody),
    ("GET", "/readyz", For::Anybody),
    ("GET", "/metrics", For::Operator),
    ("GET", "/admin/api/audit", For::Operator),
    ("POST", "/admin/api/check", For::Operator),
    ("GET", "/admin/api/jobs", For::Operator),
    ("GET DELETE", "/admin/api/jobs/{id}", For::Operator),
    ("POST", "/admin/api/jobs/{id}/cancel", For::Operator),
    ("POST", "/admin/api/jobs/{id}/resolve", For::Operator),
    ("GET POST", "/admin/api/keys", For::Operator),
    ("GET PATCH", "/admin/api/keys/{id}", For::Operator),
    ("POST", "/admin/api/keys/{id}/revoke", For::Operator),
    ("GET", "/admin/api/plugins", For::Operator),
    ("GET POST", "/admin/api/providers", For::Operator),
    ("PUT", "/admin/api/providers/order", For::Operator),
    ("GET PUT PATCH DELETE", "/admin/api/providers/{id}", For::Operator),
    ("POST", "/admin/api/providers/{id}/check", For::Operator),
    ("POST", "/admin/api/providers/{id}/default", For::Operator),
    ("POST", "/admin/api/providers/{id}/disable", For::Operator),
    ("POST", "/admin/api/providers/{id}/duplicate", For::Operator),
    ("POST", "/admin/api/providers/{id}/enable", For::Operator),
    ("GET POST", "/admin/api/reload", For::Operator),
    ("GET POST", "/admin/api/styles", For::Operator),
    ("GET PUT PATCH DELETE", "/admin/api/styles/{id}", For::Operator),
    ("POST", "/admin/api/styles/{id}/duplicate", For::Operator),
    ("PUT", "/admin/api/password", For::SignIn),
    ("GET POST DELETE", "/admin/api/session", For::SignIn),
    ("GET POST", "/admin/setup", For::SignIn),
];

/// Every request to routes of a kind, about this id.
pub(crate) fn requests(whose: For, id: &str) -> Vec<(Method, String)> {
    let routes = ROUTES.iter().filter(|(_, _, kind)| *kind == whose);
    let requests = routes.flat_map(|(methods, path, _)| {
        let path = path.replace("{id}", id).replace("{n}", "0").replace("{token}", id);
        methods.split(' ').map(move |method| (method.parse().unwrap(), path.clone()))
    });
    requests.collect()
}

#[test]
fn every_route_is_in_the_table() {
    let listed = ROUTES.iter().flat_map(|(methods, path, _)| {
        methods.split(' ').map(move |method| format!("{method} {path}"))
    });
    let listed: BTreeSet<_> = listed.collect();
    let mut served = BTreeSet::new();
    for file in sources() {
        served.extend(served_by(&fs::read_to_string(file).unwrap()));
    }
    let missing: Vec<_> = served.difference(&listed).collect();
    assert!(missing.is_empty(), "say in ROUTES whom they are for: {missing:#?}");
    let gone: Vec<_> = listed.difference(&served).collect();
    assert!(gone.is_empty(), "take them out of ROUTES: {gone:#?}");
}

/// Where routes are declared.
fn sources() -> Vec<PathBuf> {
    let gateway = repository().join("gateway/src");
    let mut files: Vec<_> = ["api.rs", "admin.rs"].map(|name| gateway.join(name)).into();
    for folder in ["api", "admin"] {
        walk(&gateway.join(folder), &mut files);
    }
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// `METHOD /path` of each `.route("/path", method(…))`.
fn served_by(source: &str) -> Vec<String> {
    let mut served = Vec::new();
    for call in source.split(".route(").skip(1) {
        let call = &call[..end(call)];
        let Some(path) = call.trim_start().strip_prefix('"').and_then(|it| it.split('"').next())
        else {
            continue;
        };
        for method in ["get", "post", "put", "patch", "delete", "any"] {
            let word = format!("{method}(");
            let mut places = call.match_indices(&word);
            let begins = |(at, _)| !call[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if places.any(begins) {
                served.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    served
}

/// Where the parenthesis ends that a text is within.
fn end(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Without what differs from request to request.
fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text())
}

async fn ask(client: &Client, method: &Method, path: &str) -> Answer {
    let request = client.request(method.clone(), path);
    let request = request.header("content-type", "application/json");
    Answer::to(request.body(if *method == Method::GET { "" } else { "{}" })).await
}

#[tokio::test]
async fn a_clients_key_is_nobody_to_the_operators_routes() {
    let service = OpenAi::start();
    let home = Home::with([ProviderFile::openai("only", &service)]).plugin(Plugin::OpenAi);
    let gateway = home.env("RETOUCH_CLIENT_KEY", "a-clients-key").serve().await;
    let client = gateway.client().with_key("a-clients-key");
    let job = client.done(&Edit::new("grey")).await.succeeded();
    let stranger = gateway.client().with_key("nobodys-key");
    for id in [job.id.as_str(), "only"] {
        let theirs =
            requests(For::Operator, id).into_iter().zip(requests(For::Operator, "nothing"));
        for ((method, path), (_, nowhere)) in theirs {
            let answer = ask(&client, &method, &path).await;
            let is_refused = matches!(answer.status, 401 | 403);
            assert!(is_refused, "{method} {path}: {} {}", answer.status, answer.text());
            assert_eq!(told(&answer), told(&ask(&client, &method, &nowhere).await), "{path}");
            assert_eq!(told(&answer), told(&ask(&stranger, &method, &path).await), "{path}");
            assert_eq!(
                told(&answer),
                told(&ask(&gateway.client(), &method, &path).await),
                "{path}"
            );
        }
    }
    for (method, path) in requests(For::SignIn, "") {
        let answer = ask(&client, &method, &path).await;
        assert!(answer.header("set-cookie").is_none_or(|it| it.contains("Max-Age=0")), "{path}");
        let who: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        assert!(answer.status >= 300 || who["operator"].is_null(), "{method} {path}: {who}");
    }
    for (method, path) in requests(For::Anybody, "").into_iter().skip(1) {
        let text = ask(&gateway.client(), &method, &path).await.text();
        assert!(!text.contains(&job.id) && !text.contains("only"), "{method} {path}: {text}");
    }
    client.get(&format!("/v1/jobs/{}", job.id)).await.expect(200);
    let list: Value = client.get("/v1/jobs").await.expect(200).json();
    assert_eq!((list["data"].as_array().unwrap().len(), service.ledger().charges.len()), (1, 1));
    assert_eq!(json!(job.id), list["data"][0]["id"]);
}

#[test]
fn routes_are_read_as_they_are_written() {
    let source = "Router::new()\n.route(\"/a\", get(one).delete(jobs::delete))\n.route(\n  \"/b/{id}\",\n  \
                  routing::put(target(x)),\n)\n.route_layer(get(y)).merge(z)";
    assert_eq!(served_by(source), ["GET /a", "DELETE /a", "PUT /b/{id}"]);
}

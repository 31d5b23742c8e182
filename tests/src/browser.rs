//! A real Chromium without a window, driven through ChromeDriver by the W3C's WebDriver protocol.
//!
//! Whatever is asked of a page waits until the page can do it, by name and with a deadline. Each
//! browser has a profile of its own, speaks to this machine only, and ends with its test.

use std::{process::Command, thread};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    Process,
    wait::{PATIENCE, answered},
};

/// What ChromeDriver says once it listens, before the port and a full stop.
const READY: &str = "ChromeDriver was started successfully on port ";
/// Without a window, a sandbox that root cannot have, and calls to the maker's servers.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
/// Why an element cannot be used yet, by WebDriver's error codes.
const NOT_YET: [&str; 4] = [
    "no such element",
    "stale element reference",
    "element not interactable",
    "element click intercepted",
];

/// How a browser is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// What its user reads, such as `zh-CN`.
    pub language: &'a str,
    /// Width and height of pages.
    pub size: (u32, u32),
    /// Names that lead to this machine, with `*` for any part of one.
    pub hosts: &'a [&'a str],
}

/// A browser with one window.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    process: Option<Process>,
    /// Removed after the process is gone.
    _profile: TempDir,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { language: "en", size: (1280, 800), hosts: &[] }
    }
}

/// A running driver and its port. It takes a port that is free for IPv4 and wants the same for IPv6,
/// where somebody else may have it; then it ends, and another one takes another.
async fn driver(profile: &TempDir) -> (Process, String) {
    let mut said = String::new();
    for _ in 0..20 {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env_clear().env("LANG", "C.UTF-8");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", profile.path()).env("TMPDIR", profile.path());
        let process = Process::start(command);
        if let Some(port) = process.line_unless_ended(READY).await {
            return (process, port);
        }
        said = process.stderr();
    }
    panic!("no driver of a browser:\n{said}");
}

impl Browser {
    /// One that reads English.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// One that is set up so.
    pub async fn with(setup: Setup<'_>) -> Self {
        // Not below the build's folder: the paths of its sockets must be short.
        let profile = tempfile::tempdir().unwrap();
        let (process, port) = driver(&profile).await;
        let driver = format!("http://127.0.0.1:{}/session", port.trim_end_matches('.'));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let wanted = capabilities(&setup, &profile);
        let opened = match call(&http, Method::POST, &driver, &wanted).await {
            Ok(opened) => opened,
            Err(refused) => panic!("no browser: {refused}"),
        };
        let session = format!("{driver}/{}", opened["sessionId"].as_str().unwrap());
        let browser = Self { http, session, process: Some(process), _profile: profile };
        browser.resize(setup.size).await;
        browser
    }

    /// Goes to a page and waits until it is loaded.
    pub async fn goto(&self, url: &str) {
        self.must(Method::POST, "url", json!({ "url": url })).await;
    }

    /// Where it is.
    pub async fn url(&self) -> String {
        text(&self.must(Method::GET, "url", Value::Null).await)
    }

    /// Runs the body of an async function in the page, with these `arguments`; what it returns.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        let script = format!("return (async function () {{ {script}\n}}).apply(null, arguments)");
        let asked = json!({ "script": script, "args": arguments });
        self.must(Method::POST, "execute/sync", asked).await
    }

    /// Clicks on the first element of this CSS selector.
    pub async fn click(&self, css: &str) {
        self.on(css, Method::POST, "click", json!({})).await;
    }

    /// Types into it, in place of what it held.
    pub async fn fill(&self, css: &str, with: &str) {
        self.on(css, Method::POST, "clear", json!({})).await;
        self.on(css, Method::POST, "value", json!({ "text": with })).await;
    }

    /// What a person can read of it.
    pub async fn text(&self, css: &str) -> String {
        text(&self.on(css, Method::GET, "text", Value::Null).await)
    }

    /// Waits until this can be read in it, and returns all that can.
    pub async fn until_text(&self, css: &str, said: &str) -> String {
        let look = async || Some(self.text(css).await).filter(|text| text.contains(said));
        answered(&format!("`{said}` in {css}"), look).await
    }

    /// Gives pages another size. A window itself cannot be as narrow as a phone.
    pub async fn resize(&self, (width, height): (u32, u32)) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Lets pages know that their reader likes it dark, or light.
    pub async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// What can be seen, as a PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        let shown = self.must(Method::GET, "screenshot", Value::Null).await;
        STANDARD.decode(text(&shown)).unwrap()
    }

    /// A command of Chromium's own protocol.
    async fn tell(&self, command: &str, with: Value) {
        let asked = json!({ "cmd": command, "params": with });
        self.must(Method::POST, "goog/cdp/execute", asked).await;
    }

    /// Does something with an element once it is there and lets it be done.
    async fn on(&self, css: &str, method: Method, what: &str, body: Value) -> Value {
        answered(&format!("{what} on {css}"), async || {
            let wanted = json!({ "using": "css selector", "value": css });
            let found = self.may(Method::POST, "element", &wanted).await?;
            let id = found.as_object().and_then(|found| found.values().next()).map(text);
            let path = format!("element/{}/{what}", id.unwrap_or_default());
            self.may(method.clone(), &path, &body).await
        })
        .await
    }

    /// Nothing, where an element cannot be used yet.
    async fn may(&self, method: Method, path: &str, body: &Value) -> Option<Value> {
        match call(&self.http, method, &format!("{}/{path}", self.session), body).await {
            Ok(value) => Some(value),
            Err(refused) if NOT_YET.iter().any(|code| refused["error"] == *code) => None,
            Err(refused) => panic!("{path}: {refused}"),
        }
    }

    async fn must(&self, method: Method, path: &str, body: Value) -> Value {
        match self.may(method, path, &body).await {
            Some(value) => value,
            None => panic!("{path} with {body} is about an element that is not there"),
        }
    }
}

impl Drop for Browser {
    /// Waits until all of it is gone: its profile goes next, and nothing may hold the test's output.
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        process.signal("KILL");
        let gone = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(process.end())
        };
        // On a thread of its own: a test's runtime does not let itself be blocked.
        let _ = thread::spawn(gone).join();
    }
}

fn capabilities(setup: &Setup<'_>, profile: &TempDir) -> Value {
    let rules: Vec<_> = setup.hosts.iter().map(|host| format!("MAP {host} 127.0.0.1")).collect();
    let mut flags = FLAGS.map(str::to_owned).to_vec();
    flags.push(format!("--user-data-dir={}", profile.path().join("profile").display()));
    flags.push(format!("--lang={}", setup.language));
    flags.push(format!("--host-resolver-rules={}", rules.join(",")));
    let options = json!({
        "args": flags,
        "prefs": { "intl.accept_languages": setup.language },
    });
    let patience = PATIENCE.as_millis();
    json!({ "capabilities": { "alwaysMatch": {
        "goog:chromeOptions": options,
        "timeouts": { "script": patience, "pageLoad": patience },
    } } })
}

/// A command of the protocol; what it refuses is told by `error` and `message`.
async fn call(
    http: &reqwest::Client,
    method: Method,
    url: &str,
    body: &Value,
) -> Result<Value, Value> {
    let mut request = http.request(method, url);
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let is_done = answer.status().is_success();
    let mut answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let value = answer["value"].take();
    if is_done { Ok(value) } else { Err(value) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! The settings: how this process runs. Read once, at the start, in layers: built-in defaults, the
//! file, `RETOUCH_` variables, flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalog::document::{Document, Table, nearest};
use crate::catalog::provider::Region;
use crate::duration;
use crate::problem::Problem;

/// Secrets travel in the environment as raw strings and are no settings.
const SECRETS: [&str; 4] = ["client_key", "admin_password", "admin_token", "master_key"];
/// Variables the command line reads for itself.
const CLIENT: [&str; 3] = ["server", "key", "config"];

/// Everything that is read at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Another address for `/admin` and `/metrics`; empty: the same.
    pub admin_listen: String,
    /// How clients reach us from outside; empty: links are built from the request.
    pub public_url: String,
    /// Database, images, plugin cache.
    pub data_dir: PathBuf,
    /// Besides the executable's own directory and its `plugins/` folder.
    pub plugin_dirs: Vec<PathBuf>,
    /// Which host of a provider is used.
    pub region: Region,
    /// How long a waiting edit waits.
    pub sync_timeout: Time,
    /// Where jobs are kept.
    pub store: Store,
    /// Where images are kept.
    pub images: Images,
    /// Where the catalog comes from.
    pub catalog: Source,
    /// The admin pages.
    pub admin: Admin,
    /// Outbound connections.
    pub egress: Egress,
    /// The API's listener.
    pub http: Http,
    /// Bounds.
    pub limits: Limits,
    /// How long things are kept.
    pub retention: Retention,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// `sqlite`.
    pub url: String,
}

/// `[images]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Images {
    /// `file`.
    pub url: String,
}

/// `[catalog]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `files`.
    pub source: String,
}

/// `[admin]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Admin {
    /// Extra Host names the pages answer to.
    pub hosts: Vec<String>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<String>,
    /// Sign-in over plain http beyond loopback.
    pub insecure_http: bool,
}

/// `[egress]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Egress {
    /// `host:port`, `*.suffix:port` or `CIDR:port` besides public addresses.
    pub allow: Vec<String>,
    /// An outbound proxy.
    pub proxy: String,
}

/// `[http]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// Origins whose pages may call the API.
    pub cors: Vec<String>,
}

/// `[limits]`; sizes in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Images in a request.
    pub images: usize,
    /// One image.
    pub image_bytes: u64,
    /// A whole request.
    pub request_bytes: u64,
    /// Width times height of one image.
    pub pixels: u64,
    /// Characters of a prompt.
    pub prompt: usize,
    /// Keys of `metadata`.
    pub metadata: usize,
    /// The longest `?wait=`.
    pub wait: Time,
    /// The longest page of a list.
    pub page: usize,
    /// The longest `timeout` a request may ask for.
    pub timeout: Time,
    /// Jobs that may wait for a provider.
    pub waiting: usize,
    /// How long one may.
    pub queue_wait: Time,
    /// Connections at once.
    pub connections: usize,
    /// Providers one job may be submitted to.
    pub attempts: u32,
}

/// `[retention]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retention {
    /// Result images.
    pub results: Time,
    /// Input images.
    pub inputs: Time,
    /// Jobs.
    pub jobs: Time,
    /// Exchanges.
    pub exchanges: Time,
    /// All images together.
    pub size: String,
}

/// A duration written as `9m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    text: &'static str,
    /// Its length.
    pub duration: Duration,
}

impl Time {
    const fn new(text: &'static str, seconds: u64) -> Self {
        Self { text, duration: Duration::from_secs(seconds) }
    }

    /// Milliseconds.
    pub fn ms(self) -> u64 {
        duration::ms(self.duration)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let error = || serde::de::Error::custom("a time such as 30s, 9m30s, 1h or 7d");
        duration::parse(&text).map(|duration| Self { text: "", duration }).ok_or_else(error)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            admin_listen: String::new(),
            public_url: String::new(),
            data_dir: PathBuf::from("data"),
            plugin_dirs: Vec::new(),
            region: Region::Domestic,
            sync_timeout: Time::new("9m30s", 570),
            store: Store { url: "sqlite".to_owned() },
            images: Images { url: "file".to_owned() },
            catalog: Source { source: "files".to_owned() },
            admin: Admin::default(),
            egress: Egress::default(),
            http: Http::default(),
            limits: Limits::default(),
            retention: Retention {
                results: Time::new("7d", 7 * 86_400),
                inputs: Time::new("1d", 86_400),
                jobs: Time::new("90d", 90 * 86_400),
                exchanges: Time::new("7d", 7 * 86_400),
                size: "20GB".to_owned(),
            },
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            images: 16,
            image_bytes: 50 << 20,
            request_bytes: 100 << 20,
            pixels: 50_000_000,
            prompt: 32_000,
            metadata: 16,
            wait: Time::new("1m", 60),
            page: 100,
            timeout: Time::new("30m", 1800),
            waiting: 10_000,
            queue_wait: Time::new("1h", 3600),
            connections: 4_096,
            attempts: 4,
        }
    }
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`; a file that is named must exist.
    pub config: Option<PathBuf>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<SocketAddr>,
}

/// Settings with where they came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The folder of the configuration file, where the catalog lives.
    pub config_dir: PathBuf,
    /// Nothing that stops a start.
    pub warnings: Vec<Problem>,
}

/// Where the file is looked for.
pub const DEFAULT_FILE: &str = "config/retouch.toml";

/// Reads all layers.
///
/// # Errors
/// Every problem of the file at once; else the first of the layers above it.
pub fn load(flags: &Flags) -> Result<Loaded, Vec<Problem>> {
    let file = flags.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let text = read(&file, flags.config.is_some()).map_err(|problem| vec![problem])?;
    let problems = unknown_keys(&file, &text);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut figment = Figment::from(Serialized::defaults(Settings::default()))
        .merge(Toml::string(&text))
        .merge(Env::prefixed("RETOUCH_").split("__").ignore(&SECRETS).ignore(&CLIENT));
    if let Some(data) = &flags.data {
        figment = figment.merge(Serialized::default("data_dir", data));
    }
    if let Some(listen) = flags.listen {
        figment = figment.merge(Serialized::default("listen", listen));
    }
    let warnings = unknown_variables(&figment);
    let settings: Settings = figment.extract().map_err(|error| explain(&file, &text, error))?;
    reserved(&file, &settings)?;
    let config_dir = file.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Loaded { settings, config_dir, warnings })
}

fn read(file: &Path, named: bool) -> Result<String, Problem> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => Ok(String::new()),
        Err(error) => {
            Err(Problem::error(file, None, format!("cannot be read: {error}"), "check --config"))
        }
    }
}

/// The defaults are the list of what is known: a key that is not in them is a typing error.
fn unknown_keys(file: &Path, text: &str) -> Vec<Problem> {
    let (mut document, root) = match Document::parse(file, text) {
        Ok(parsed) => parsed,
        Err(problem) => return vec![problem],
    };
    let known = serde_json::to_value(Settings::default()).unwrap_or_default();
    walk(&mut document, &root, &known);
    document.finish()
}

fn walk(document: &mut Document<'_>, table: &Table<'_>, known: &serde_json::Value) {
    let Some(known) = known.as_object() else { return };
    for (key, line) in table.lines() {
        match known.get(&key) {
            None => {
                let mend = nearest(&key, known.keys().map(String::as_str)).map_or_else(
                    || "remove it".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                document.problem(
                    Some(line),
                    format!("{} is not a setting", table.name(&key)),
                    mend,
                );
            }
            Some(inner) => {
                if let Some(below) = table.peek(&key) {
                    walk(document, &below, inner);
                }
            }
        }
    }
}

/// A variable may have been put there by something else, so it is a warning only.
fn unknown_variables(figment: &Figment) -> Vec<Problem> {
    let known = serde_json::to_value(Settings::default()).unwrap_or_default();
    let Ok(all) = figment.extract::<serde_json::Value>() else { return Vec::new() };
    let Some(all) = all.as_object() else { return Vec::new() };
    all.keys()
        .filter(|key| known.get(key.as_str()).is_none())
        .map(|key| {
            let what = format!("RETOUCH_{} is not a setting", key.to_uppercase());
            Problem::error(Path::new("(environment)"), None, what, "unset it, or ignore this")
                .warning()
        })
        .collect()
}

fn explain(file: &Path, text: &str, error: figment::Error) -> Vec<Problem> {
    error
        .into_iter()
        .map(|error| {
            let key = error.path.join(".");
            let from_env = error.metadata.as_ref().is_some_and(|m| m.name.contains("environment"));
            let line = (!from_env).then(|| line_of(file, text, &error.path)).flatten();
            let from = if from_env { Path::new("(environment)") } else { file };
            Problem::error(
                from,
                line,
                format!("{key}: {}", error.kind),
                "see config/retouch.toml for its form",
            )
        })
        .collect()
}

fn line_of(file: &Path, text: &str, path: &[String]) -> Option<usize> {
    let (_, mut table) = Document::parse(file, text).ok()?;
    let (last, tables) = path.split_last()?;
    for key in tables {
        table = table.peek(key)?;
    }
    table.lines().get(last).copied()
}

/// Values with a meaning that is not built yet are refused by name.
fn reserved(file: &Path, settings: &Settings) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for (key, value, only) in [
        ("store.url", &settings.store.url, "sqlite"),
        ("images.url", &settings.images.url, "file"),
        ("catalog.source", &settings.catalog.source, "files"),
    ] {
        if value != only {
            let what = format!("{key} = \"{value}\" is not built yet");
            problems.push(Problem::error(file, None, what, format!("write \"{only}\"")));
        }
    }
    let defaults = Settings::default();
    for (key, unset) in [
        ("admin_listen", settings.admin_listen == defaults.admin_listen),
        ("admin", settings.admin == defaults.admin),
        ("egress.proxy", settings.egress.proxy == defaults.egress.proxy),
        ("http.cors", settings.http == defaults.http),
    ] {
        if !unset {
            problems.push(Problem::error(
                file,
                None,
                format!("{key} is not built yet"),
                "leave it out",
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

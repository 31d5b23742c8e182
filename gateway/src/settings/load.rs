//! Reading the settings: the file is first walked for what is unknown, each with its line; then the
//! layers are merged.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};

use super::Settings;
use crate::catalog::document::{Document, Table, nearest};
use crate::problem::Problem;

/// Secrets travel in the environment as raw strings and are no settings.
const SECRETS: [&str; 5] =
    ["client_key", "admin_password", "admin_token", "master_key", "new_master_key"];
/// Begins the variables that providers' files name: see `admin/providers/key`.
const NAMED_BY_PROVIDERS: &str = "secret_";
/// Variables the command line reads for itself.
const CLIENT: [&str; 3] = ["server", "key", "config"];

/// The shortest time anything may be kept, in milliseconds.
const SHORTEST: u64 = 1_000;

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

impl Loaded {
    /// The defaults beside the same catalog, to look at it when the settings cannot be used.
    pub fn fallback(flags: &Flags) -> Self {
        let file = flags.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let mut settings = Settings::default();
        settings.data_dir = flags.data.clone().unwrap_or(settings.data_dir);
        Self { settings, config_dir: folder_of(&file), warnings: Vec::new() }
    }
}

fn folder_of(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
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
    let line = |key: &str| line_of(&file, &text, &["admin".to_owned(), key.to_owned()]);
    let problems = settings.admin.problems(&file, line);
    if !problems.is_empty() {
        return Err(problems);
    }
    bounded(&file, &text, &settings)?;
    let config_dir = folder_of(&file);
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
        .filter(|key| known.get(key.as_str()).is_none() && !key.starts_with(NAMED_BY_PROVIDERS))
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

/// What is kept for no time is kept for nobody: a result must at least live until it is fetched.
fn bounded(file: &Path, text: &str, settings: &Settings) -> Result<(), Vec<Problem>> {
    let retention = &settings.retention;
    let times = [
        ("results", retention.results),
        ("inputs", retention.inputs),
        ("jobs", retention.jobs),
        ("exchanges", retention.exchanges),
    ];
    let short = times.into_iter().filter(|(_, time)| time.ms() < SHORTEST);
    let mut problems: Vec<Problem> = short
        .map(|(key, _)| {
            let line = line_of(file, text, &["retention".to_owned(), key.to_owned()]);
            let what = format!("retention.{key} is less than a second");
            Problem::error(file, line, what, "write 1s or more, such as \"7d\"")
        })
        .collect();
    if retention.size.bytes == 0 {
        let line = line_of(file, text, &["retention".to_owned(), "size".to_owned()]);
        let what = "retention.size leaves no room for any image";
        problems.push(Problem::error(file, line, what, "write a size such as \"20GB\""));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
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

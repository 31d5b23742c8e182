//! The snapshot: the whole validated catalog, ready for use, immutable. A request takes it once and
//! keeps it. The next one is built whole or not at all.

mod changes;
mod edit;
mod follow;
mod publisher;
mod reloader;
mod reloads;
mod status;

pub use edit::{Saved, Unsaved};
pub use follow::Follow;
pub use publisher::Publisher;
pub use reloader::Reloader;
pub use reloads::{Counts, Reloads};
pub use status::{Status, shown};

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde_json::json;
use url::Url;

use crate::catalog::key::Keys;
use crate::catalog::provider::{ProviderFile, Region, SANDBOX};
use crate::catalog::style::StyleFile;
use crate::catalog::{self, Catalog, Files};
use crate::clock::{Ms, now_ms};
use crate::live::AccountId;
use crate::master::MasterKey;
use crate::pin::PinId;
use crate::plugin::label::Caps;
use crate::plugin::{Instance, Library, PluginError, Registry};
use crate::problem::Problem;
use crate::secret::Secret;
use crate::upstream::egress::Origin;

/// Everything that can change while running.
#[derive(Clone)]
pub struct Snapshot {
    /// Counts snapshots of this process.
    pub revision: u64,
    /// When it was built.
    pub at: Ms,
    /// The plugins.
    pub plugins: Arc<Registry>,
    /// All providers, disabled ones too: their open attempts go on.
    pub providers: Vec<Arc<Provider>>,
    /// All styles.
    pub styles: Vec<StyleFile>,
    /// All client keys, the ones that are refused too.
    pub keys: Keys,
    /// Whether the sandbox takes requests that do not name it.
    pub sandbox_is_open: bool,
    /// What is wrong without stopping anything.
    pub warnings: Vec<Problem>,
}

/// A provider ready to be asked.
pub struct Provider {
    /// What its file says.
    pub file: ProviderFile,
    /// The base URL in use.
    pub host: String,
    /// Origins the operator wrote: they may be called, private or not.
    pub origins: Vec<Origin>,
    /// Whose places and troubles it shares.
    pub account: AccountId,
    /// Whether it is the server inside the process.
    pub sandbox: bool,
    /// What its model can do, or its API type where the label does not know the model.
    pub caps: Caps,
    /// The key.
    pub key: Secret,
    /// The plugin.
    pub library: Arc<Library>,
    /// The API type with this provider's configuration.
    pub instance: Instance,
    /// Its name as it is, once an attempt needs it.
    pub pin: OnceLock<PinId>,
}

impl Provider {
    /// Whether a client may ask for that model here.
    pub fn serves(&self, model: &str) -> bool {
        self.sandbox
            || self.models().any(|m| m == model)
            || self.file.aliases.iter().any(|alias| alias == "*" || alias == model)
    }

    /// Whether nothing was written that makes another provider of it, whatever became of its plugin.
    pub fn is_written_as(&self, other: &Self) -> bool {
        self.is_of(&other.file, &other.host, &other.key)
    }

    fn is_of(&self, file: &ProviderFile, host: &str, key: &Secret) -> bool {
        let said = |file| serde_json::to_value(file).ok();
        self.host == host && self.key == *key && said(&self.file) == said(file)
    }

    /// The provider's own model names.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.file.model.as_deref().into_iter()
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("id", &self.file.id).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// A provider by id.
    pub fn provider(&self, id: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|p| p.file.id == id)
    }
}

/// What a snapshot is built from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The folder with `providers/`.
    pub config_dir: PathBuf,
    /// The setting's region.
    pub region: Region,
    /// Where the sandbox listens, if it runs.
    pub sandbox: Option<Url>,
    /// Whether the listener is on loopback.
    pub loopback: bool,
    /// Whether providers can reach us, so that a plugin may let them fetch inputs.
    pub public_url: bool,
    /// What opens sealed keys; `None`: there is none, as before a first start.
    pub master: Option<MasterKey>,
}

/// Builds a snapshot of what is on disk, or says everything that is wrong.
///
/// # Errors
/// Every problem, if any of them is an error.
pub fn build(source: &Source, plugins: &Registry, revision: u64) -> Result<Snapshot, Vec<Problem>> {
    let files = Files::read(&source.config_dir);
    let snapshot = build_from(&files, source, plugins, None)?;
    Ok(Snapshot { revision, ..snapshot })
}

/// Builds a snapshot from these files. A provider of `before` that would be the same goes on: with
/// its plugin's instance and its pin.
fn build_from(
    files: &Files,
    source: &Source,
    plugins: &Registry,
    before: Option<&Snapshot>,
) -> Result<Snapshot, Vec<Problem>> {
    let Catalog { providers: files, styles, keys, mut problems } =
        catalog::read(files, plugins, source.master.as_ref());
    let sandbox_is_open = source.loopback && files.iter().all(ProviderFile::is_sandbox);
    let mut providers = Vec::new();
    for file in files {
        let enabled = file.enabled;
        match provider(file, source, plugins, before) {
            Ok(provider) => providers.push(provider),
            Err(problem) if is_known(&problems, &problem) => {}
            Err(problem) if enabled => problems.push(problem),
            Err(problem) => problems.push(problem.warning()),
        }
    }
    // Found in several passes, read file by file.
    problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    let plugins = Arc::new(plugins.clone());
    let (revision, at) = (1, now_ms());
    let warnings = problems;
    Ok(Snapshot { revision, at, plugins, providers, styles, keys, sandbox_is_open, warnings })
}

/// Whether the catalog has already said what is wrong with that line.
/// A plugin's complaint that names no line is about what was found wrong in the file before.
fn is_known(problems: &[Problem], problem: &Problem) -> bool {
    let same = |known: &&Problem| known.file == problem.file;
    problems.iter().filter(same).any(|known| problem.line.is_none() || known.line == problem.line)
}

fn provider(
    file: ProviderFile,
    source: &Source,
    plugins: &Registry,
    before: Option<&Snapshot>,
) -> Result<Arc<Provider>, Problem> {
    let Some((library, _)) = plugins.api_type(&file.api_type) else {
        let what = format!("type '{}' has no plugin", file.api_type);
        return Err(Problem::error(
            &file.file,
            file.line_of("type").or(Some(1)),
            what,
            "put it beside the executable",
        ));
    };
    let host = match (file.host(source.region), &source.sandbox) {
        (SANDBOX, Some(url)) => url.as_str().trim_end_matches('/').to_owned(),
        (SANDBOX, None) => "http://127.0.0.1:9".to_owned(), // only checked, never called
        (host, _) => host.to_owned(),
    };
    let key = file.api_key.clone().unwrap_or_else(|| Secret::new("sandbox".to_owned()));
    let same = before.and_then(|before| before.provider(&file.id)).filter(|known| {
        known.library.sha256() == library.sha256() && known.is_of(&file, &host, &key)
    });
    match same {
        Some(known) => Ok(known.clone()),
        None => assemble(file, host, key, library, source.public_url).map(Arc::new),
    }
}

/// Puts a provider together: what its file says, the base URL in use, its key and its plugin.
///
/// # Errors
/// When the plugin refuses the configuration.
pub fn assemble(
    file: ProviderFile,
    host: String,
    key: Secret,
    library: &Arc<Library>,
    public_url: bool,
) -> Result<Provider, Problem> {
    let origin = Origin::parse(&host).ok_or_else(|| {
        let domestic = host == file.hosts.domestic;
        let line = file.line_of(if domestic { "hosts.domestic" } else { "hosts.overseas" });
        let what = "the host is not an address";
        Problem::error(&file.file, line, what, "write it as https://host[:port]")
    })?;
    let types = &library.label().types;
    let api_type = types.iter().find(|known| known.id == file.api_type).ok_or_else(|| {
        let what = format!("the plugin has no type '{}'", file.api_type);
        Problem::error(&file.file, file.line_of("type"), what, "put the plugin back that had it")
    })?;
    let config = config(&file, &host, public_url);
    let instance = library.create(&config).map_err(|error| refused(&file, &error))?;
    Ok(Provider {
        account: account(&origin, &key),
        origins: vec![origin],
        caps: api_type.caps_of(file.model.as_deref()).clone(),
        library: library.clone(),
        sandbox: file.is_sandbox(),
        pin: OnceLock::new(),
        host,
        key,
        instance,
        file,
    })
}

/// What a plugin is told of a provider; there is no key in it.
fn config(file: &ProviderFile, host: &str, public_url: bool) -> serde_json::Value {
    json!({
        "type": file.api_type,
        "host": host,
        "endpoints": file.endpoints,
        "model": file.model,
        "sync": file.sync,
        "options": file.options,
        "public_url": public_url,
    })
}

fn refused(file: &ProviderFile, error: &PluginError) -> Problem {
    match error {
        PluginError::Config { field, message } => {
            let what =
                if field.is_empty() { message.clone() } else { format!("{field}: {message}") };
            Problem::error(&file.file, file.line_of(field), what, "")
        }
        other => {
            Problem::error(&file.file, file.line_of("type"), other.to_string(), "mend the plugin")
        }
    }
}

fn account(origin: &Origin, key: &Secret) -> AccountId {
    let mut hash = blake3::Hasher::new();
    hash.update(origin.to_string().as_bytes()).update(&[0]).update(key.expose().as_bytes());
    let mut first = [0; 8];
    hash.finalize_xof().fill(&mut first);
    AccountId(u64::from_be_bytes(first))
}

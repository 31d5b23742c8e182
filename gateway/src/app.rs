//! The gateway as a whole: wires the parts from the settings, and owns the order of start and stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use futures_util::FutureExt;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::access::{Access, Mode};
use crate::admin::password::{Current, Hashed};
use crate::admin::{Audit, Guard, Site};
use crate::api::{self, Allowance, Api};
use crate::catalog::key::Keys;
use crate::catalog::last_good::LastGood;
use crate::catalog::save;
use crate::catalog::watch::{Picture, Watch};
use crate::clock::now_ms;
use crate::engine::{Engine, Parts, Pins};
use crate::http::Listener;
use crate::images::{self, Images};
use crate::link::Links;
use crate::master::MasterKey;
use crate::plugin::{Dirs, Finder, Registry, Shelf};
use crate::retention::{Policy, Retention};
use crate::sandbox::{self, Sandbox};
use crate::secret::Secret;
use crate::settings::{Loaded, Settings};
use crate::snapshot::{Follow, Publisher, Reloader, Snapshot, Source, Status};
use crate::store::lock::Lock;
use crate::store::sqlite::Sqlite;
use crate::store::{DATABASE, Store};
use crate::upstream::egress::Egress;
use crate::upstream::{self, Upstream};

/// Steps and unanswered submits get so long at a stop.
const GRACE: Duration = Duration::from_secs(25);
/// Where private copies of plugins lie in the data folder.
const PLUGINS: &str = "plugins";
/// A key or token of fewer characters can be guessed.
const SHORT: usize = 16;
/// The variable that holds the one client key.
const CLIENT_KEY: &str = "RETOUCH_CLIENT_KEY";
/// The variable that holds the operator's password.
const ADMIN_PASSWORD: &str = "RETOUCH_ADMIN_PASSWORD";
/// The variable that holds the operator's token.
const ADMIN_TOKEN: &str = "RETOUCH_ADMIN_TOKEN";
/// The variable that holds the master key.
pub(crate) const MASTER_KEY: &str = "RETOUCH_MASTER_KEY";

/// A running gateway.
pub struct App {
    addr: SocketAddr,
    engine: Arc<Engine>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    access: Access,
    closing: CancellationToken,
    server: JoinHandle<()>,
    retention: JoinHandle<()>,
    follower: JoinHandle<()>,
    sandbox: Sandbox,
    _lock: Lock,
}

/// What a gateway is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For whoever comes. Another process that has the data folder is waited for so long.
    Serve(Duration),
    /// For one command of this process, with which it ends: nobody else may count on it.
    Command,
}

/// Starts everything. When this returns, requests are accepted.
///
/// # Errors
/// Whatever stops a start, in words for the operator.
pub async fn start(loaded: Loaded, purpose: Purpose) -> anyhow::Result<App> {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let settings = loaded.settings.clone();
    let mut lock = data_dir(&settings.data_dir, purpose.patience()).await?;
    let listener =
        Listener::bind(settings.listen, settings.limits.connections).await.with_context(|| {
            format!("cannot listen on {}; choose another with --listen", settings.listen)
        })?;
    if purpose != Purpose::Command {
        lock.listens(listener.addr());
    }
    let sandbox =
        Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0)), sandbox::Options::default()).await?;
    let master = MasterKey::open(variable(MASTER_KEY).as_deref(), &settings.data_dir)
        .context("the master key cannot be used")?;
    let last_good = LastGood::new(&settings.data_dir, master.clone());
    let source = Source {
        master: Some(master.clone()),
        ..source(&loaded, sandbox.origin().clone(), listener.addr())
    };
    let password = password(&settings.data_dir).await?;
    let (reloader, watched) = publish(&loaded, source, last_good).await?;
    let snapshot = reloader.current();
    let images = Arc::new(open_images(&settings)?);
    let egress = Egress::parse(&settings.egress.allow)
        .context("egress.allow")?
        .with_proxy(&settings.egress.proxy)?;
    let links = Arc::new(Links::new(&master, &settings.public_url));
    let limits = upstream::Limits::default();
    let upstream = Upstream::new(images.clone(), limits, egress)?.with_links(links.clone());
    let store = open_store(&settings.data_dir)?;
    let limits = settings.limits.clone();
    let line = Arc::new(upstream.clone());
    let shelf = Shelf::new(settings.data_dir.join(PLUGINS));
    let pins = Pins::new(master.clone(), shelf, !settings.public_url.is_empty());
    let tending = (store.clone(), images.clone(), Policy::of(&settings.retention));
    let parts =
        Parts { store, line, images: images.clone(), snapshot: snapshot.clone(), pins, limits };
    let engine = Engine::start(parts).await?;
    let (access, operators) = guards(&settings, listener.addr(), &snapshot.load().keys, password);
    let audit = Arc::new(Audit::open(&settings.data_dir)?);
    let api = Arc::new(Api {
        engine: engine.clone(),
        images,
        upstream,
        links,
        access: access.clone(),
        allowance: Arc::new(Allowance::default()),
        operators,
        audit: audit.clone(),
        master,
        snapshot: snapshot.clone(),
        reloader: reloader.clone(),
        settings,
    });
    let addr = listener.addr();
    let closing = CancellationToken::new();
    let server = serve(listener, api, closing.clone());
    let retention = tend(tending, engine.clone(), closing.clone());
    let waiting = engine.clone();
    let tell = move || waiting.look_again();
    let note = move |status| noted(audit.clone(), status).boxed();
    let follower = follow(Follow::new(watched, reloader, tell, note, closing.clone()));
    let _lock = lock;
    Ok(App { addr, engine, snapshot, access, closing, server, retention, follower, sandbox, _lock })
}

impl Purpose {
    const fn patience(self) -> Duration {
        match self {
            Self::Serve(patience) => patience,
            Self::Command => Duration::ZERO,
        }
    }
}

impl App {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether there is nothing but the sandbox to ask.
    pub fn has_only_sandbox(&self) -> bool {
        self.snapshot.load().sandbox_is_open
    }

    /// Whether a client needs a key.
    pub fn asks_for_key(&self) -> bool {
        self.access.mode(&self.snapshot.load().keys) != Mode::Open
    }

    /// Stops: no new requests, waiting ones are sent away, steps finish. Jobs go on at the next start.
    pub async fn shutdown(self) {
        self.engine.close();
        self.closing.cancel();
        // Connections first: what they admit last must be waited for too.
        if tokio::time::timeout(Duration::from_secs(5), self.server).await.is_err() {
            tracing::warn!("Connections were still open at the end.");
        }
        self.engine.stopped(GRACE).await;
        if tokio::time::timeout(Duration::from_secs(5), self.retention).await.is_err() {
            tracing::warn!("Old images were still being removed at the end.");
        }
        if tokio::time::timeout(Duration::from_secs(5), self.follower).await.is_err() {
            tracing::warn!("A catalog was still being built at the end.");
        }
        self.sandbox.shutdown().await;
    }
}

/// Finds the plugins as a start does, with private copies in `cache`.
///
/// # Errors
/// When the executable's own folder cannot be found.
pub fn plugins(loaded: &Loaded, cache: &Path) -> std::io::Result<Registry> {
    Ok(Registry::scan(&plugin_dirs(loaded)?, cache))
}

fn plugin_dirs(loaded: &Loaded) -> std::io::Result<Dirs> {
    let lock = loaded.config_dir.join("plugins.lock");
    Dirs::of_executable(loaded.settings.plugin_dirs.clone(), lock)
}

#[expect(clippy::disallowed_methods, reason = "owned by the App, which waits for it")]
fn serve(listener: Listener, api: Arc<Api>, closing: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(listener.serve(api::router(api), closing))
}

#[expect(clippy::disallowed_methods, reason = "owned by the App, which waits for it")]
fn tend(
    (store, images, policy): (Arc<dyn Store>, Arc<Images>, Policy),
    engine: Arc<Engine>,
    closing: CancellationToken,
) -> JoinHandle<()> {
    let removed = move || engine.forget_ended();
    tokio::spawn(Retention::new(store, images, policy, removed, closing).run())
}

#[expect(clippy::disallowed_methods, reason = "owned by the App, which waits for it")]
fn follow(follow: Follow) -> JoinHandle<()> {
    tokio::spawn(follow.run())
}

/// Notes a change that was made in the files themselves, by whomever.
async fn noted(audit: Arc<Audit>, status: Arc<Status>) {
    let detail = json!({ "changed": status.changed, "revision": status.revision });
    audit.note(&"files", None, "catalog.change", "catalog", detail).await;
}

/// Makes the data folder, and takes it for this process alone.
async fn data_dir(dir: &Path, patience: Duration) -> anyhow::Result<Lock> {
    std::fs::create_dir_all(dir)
        .with_context(|| format!("cannot make the data folder {}", dir.display()))?;
    Ok(Lock::take(dir, patience).await?)
}

fn source(loaded: &Loaded, sandbox: Url, addr: SocketAddr) -> Source {
    Source {
        config_dir: loaded.config_dir.clone(),
        region: loaded.settings.region,
        sandbox: Some(sandbox),
        loopback: addr.ip().is_loopback() && loaded.settings.public_url.is_empty(),
        public_url: !loaded.settings.public_url.is_empty(),
        master: None,
    }
}

/// The first snapshot's writer, and the files as they were before it was built.
async fn publish(
    loaded: &Loaded,
    source: Source,
    last_good: LastGood,
) -> anyhow::Result<(Reloader, (Watch, Picture))> {
    let dirs = plugin_dirs(loaded)?;
    let watch = Watch::new(loaded.config_dir.clone(), dirs.clone());
    let finder = Finder::new(dirs, loaded.settings.data_dir.join(PLUGINS));
    // Reading files and loading libraries is work for a thread that may block.
    let (publisher, watched) = tokio::task::spawn_blocking(move || {
        if let Err(error) = save::finish(&source.config_dir) {
            tracing::error!(%error, "A change of several files was broken off and cannot be completed.");
        }
        let before = watch.look();
        (Publisher::start(source, finder, Some(last_good)), (watch, before))
    })
    .await?;
    let publisher = publisher.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the catalog cannot be used:\n{}", lines.join("\n"))
    })?;
    Ok((Reloader::new(publisher), watched))
}

fn open_images(settings: &Settings) -> anyhow::Result<Images> {
    let dir = settings.data_dir.join("images");
    let images = Images::open(&dir).with_context(|| format!("cannot use {}", dir.display()))?;
    let limits = &settings.limits;
    Ok(images
        .with_limits(images::Limits { max_bytes: limits.image_bytes, max_pixels: limits.pixels }))
}

fn open_store(data_dir: &Path) -> anyhow::Result<Arc<dyn Store>> {
    // A limit on files' sizes is a full disk like any other, and no reason to be killed.
    let _ = signal(SignalKind::from_raw(libc::SIGXFSZ));
    let path = data_dir.join(DATABASE);
    let store = Sqlite::open(&path).with_context(|| format!("cannot use {}", path.display()))?;
    Ok(Arc::new(store))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a secret is read raw; figment would read digits as a number"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who may call, and who is the operator. A gateway that nobody may call yet says how it is set up.
fn guards(
    settings: &Settings,
    addr: SocketAddr,
    keys: &Keys,
    password: Current,
) -> (Access, Guard) {
    let key = variable(CLIENT_KEY);
    let access = Access::new(addr, &settings.public_url, key.as_deref());
    let access = access.with_password(password.flag());
    let token = variable(ADMIN_TOKEN);
    if !addr.ip().is_loopback() || !settings.public_url.is_empty() {
        for (name, secret) in [(CLIENT_KEY, &key), (ADMIN_TOKEN, &token)] {
            tell_short(name, secret.as_deref());
        }
    }
    let site = Site::new(settings, addr);
    let guard = Guard::new(token.as_deref(), key.as_deref(), site, password);
    if token.is_some() && guard.is_without_token() {
        tracing::warn!(
            "{ADMIN_TOKEN} is also {CLIENT_KEY} and is not used: every client would be the operator."
        );
    }
    if access.mode(keys) == Mode::SetUp {
        guard.tell_link();
    }
    (access, guard)
}

/// Whoever can connect can try all that are short.
fn tell_short(name: &str, secret: Option<&str>) {
    if secret.is_some_and(|secret| secret.trim().chars().count() < SHORT) {
        tracing::warn!(
            "{name} has fewer than {SHORT} characters and others can connect: it can be guessed. \
             Set a longer one, such as `openssl rand -hex 24` gives."
        );
    }
}

/// The operator's password: the environment's, else the one in the data folder.
async fn password(data_dir: &Path) -> anyhow::Result<Current> {
    let Some(text) = variable(ADMIN_PASSWORD) else {
        return Ok(Current::of_file(data_dir, now_ms())?);
    };
    if variable(CLIENT_KEY).is_some_and(|key| key.trim() == text.trim()) {
        anyhow::bail!("{ADMIN_PASSWORD} is also {CLIENT_KEY}: every client would be the operator");
    }
    // Working it out takes a core for a moment.
    let hashed = tokio::task::spawn_blocking(move || Hashed::of(&Secret::new(text))).await?;
    Ok(Current::fixed(hashed.context(ADMIN_PASSWORD)?))
}

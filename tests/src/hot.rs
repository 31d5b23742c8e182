//! Clients that edit while the catalog is rewritten under them: provider files ten times a second, a
//! third of them broken, at first alone and then with the plugin's library every second. Compared with
//! the same clients while nothing changes.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    Client, Edit, Gateway, Home, Memory, OpenAi, Plugin, ProviderFile, Resident, pictures,
    relabel::{put, versioned},
    wait,
};

/// Clients that edit, each one edit after the other.
pub const CLIENTS: usize = 8;
/// Between two writes to provider files.
const REWRITE: Duration = Duration::from_millis(100);
/// Writes to provider files between two of the library.
const LIBRARY: usize = 10;
/// The version after the plugin's own, 0.1.0, without dots. There are 989 that are as long.
const FIRST: usize = 11;
/// The providers; any of them can make an edit.
const PROVIDERS: [&str; 3] = ["one", "two", "three"];

/// What the clients saw over some time.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How long each edit took, shortest first.
    pub took: Vec<Duration>,
    /// Answers that were no picture.
    pub failed: Vec<String>,
}

/// How far things have come at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The gateway's memory.
    pub memory: Resident,
    /// Catalogs that were published.
    pub catalogs: u64,
    /// Versions of the plugin that were taken up.
    pub plugins: usize,
}

/// What some time came to.
#[derive(Clone, Debug)]
pub struct Phase {
    /// What the clients saw.
    pub seen: Seen,
    /// Catalogs that were refused: at least so many.
    pub refused: usize,
    /// At its beginning, half way and at its end.
    pub samples: [Sample; 3],
}

/// How long each phase lasts.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Nothing changes.
    pub quiet: Duration,
    /// Provider files change.
    pub files: Duration,
    /// Provider files and the plugin change. Longer where the machine is so slow that not every kind
    /// of change was met by then.
    pub hot: Duration,
}

/// What it came to.
#[derive(Clone, Debug)]
pub struct Hot {
    /// While nothing changed.
    pub quiet: Phase,
    /// While provider files did.
    pub files: Phase,
    /// While everything did.
    pub hot: Phase,
}

impl Phase {
    /// Catalogs that were published meanwhile.
    pub fn catalogs(&self) -> u64 {
        let [begin, _, end] = self.samples;
        end.catalogs - begin.catalogs
    }

    /// Versions of the plugin that were taken up meanwhile.
    pub fn plugins(&self) -> usize {
        let [begin, _, end] = self.samples;
        end.plugins - begin.plugins
    }
}

impl Sample {
    async fn of(gateway: &Gateway) -> Self {
        let memory = Memory::of(gateway.pid()).resident();
        let catalogs = status(gateway).await["revision"].as_u64().unwrap();
        Self { memory, catalogs, plugins: Counts::of(gateway).plugins }
    }
}

impl Seen {
    /// The time within which this part of the edits was done, in milliseconds.
    pub fn within(&self, part: f64) -> f64 {
        let last = self.took.len().saturating_sub(1);
        let took = self.took.get((last as f64 * part) as usize);
        took.map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }
}

/// Runs it.
pub async fn run(times: Times) -> Hot {
    let service = OpenAi::start();
    let files = PROVIDERS.map(|id| file(id, &service, 0));
    let gateway = Home::with(files).plugin(Plugin::OpenAi).serve().await;
    let quiet = phase(&gateway, times.quiet, async {}).await;
    let files = changing(&gateway, &service, false, times.files, async {}).await;
    let met = async {
        let all = || Counts::of(&gateway).are_all().then_some(());
        wait::answered("a refused catalog and another plugin", async || all()).await;
    };
    let hot = changing(&gateway, &service, true, times.hot, met).await;
    Hot { quiet, files, hot }
}

/// A phase in which files are rewritten, the plugin's library among them or not.
async fn changing(
    gateway: &Gateway,
    service: &OpenAi,
    with_library: bool,
    time: Duration,
    met: impl Future<Output = ()>,
) -> Phase {
    let rewriting = Rewriting { texts: texts(service), with_library };
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(rewriting.run(folders(gateway), over.clone()));
    let phase = phase(gateway, time, met).await;
    over.store(true, Ordering::Release);
    writer.await.unwrap();
    phase
}

/// Clients edit for that long, and until `met`.
async fn phase(gateway: &Gateway, time: Duration, met: impl Future<Output = ()>) -> Phase {
    let (begin, refused) = (Sample::of(gateway).await, Counts::of(gateway).refused);
    let mut half = begin;
    let end = async {
        span(time / 2).await;
        half = Sample::of(gateway).await;
        span(time / 2).await;
        met.await;
    };
    let seen = edits(gateway, end).await;
    let samples = [begin, half, Sample::of(gateway).await];
    Phase { seen, refused: Counts::of(gateway).refused - refused, samples }
}

/// What the log tells.
struct Counts {
    refused: usize,
    plugins: usize,
}

impl Counts {
    fn of(gateway: &Gateway) -> Self {
        let log = gateway.log();
        let refused = log.matches("The files cannot be used").count();
        Self { refused, plugins: log.matches("plugin openai replaced").count() }
    }

    fn are_all(&self) -> bool {
        self.refused > 0 && self.plugins > 0
    }
}

/// What the running catalog says of itself.
pub async fn status(gateway: &Gateway) -> Value {
    gateway.client().get("/admin/api/reload").await.expect(200).json()
}

/// What is written, over and over.
struct Rewriting {
    /// Each provider's good texts and its broken one.
    texts: Vec<[String; 3]>,
    with_library: bool,
}

impl Rewriting {
    /// Leaves everything good at the end.
    async fn run(self, [providers, bin]: [std::path::PathBuf; 2], over: Arc<AtomicBool>) {
        let mut ticks = tokio::time::interval(REWRITE);
        let mut turn = 0;
        while !over.load(Ordering::Acquire) {
            ticks.tick().await;
            // One is broken, is mended with the next write, and the one after is another's.
            let which = turn / 3 % PROVIDERS.len();
            let (which, text) = match turn % 3 {
                0 => (which, 2),
                1 => (which, turn % 2),
                _ => ((which + 1) % PROVIDERS.len(), turn % 2),
            };
            put(&providers.join(format!("{}.toml", PROVIDERS[which])), &self.texts[which][text]);
            if turn % LIBRARY == 0 && self.with_library {
                let library = library(turn / LIBRARY);
                put(&bin.join("libretouch_openai.so"), library);
            }
            turn += 1;
        }
        for (id, [good, ..]) in PROVIDERS.iter().zip(&self.texts) {
            put(&providers.join(format!("{id}.toml")), good);
        }
    }
}

fn file(id: &str, service: &OpenAi, priority: i32) -> ProviderFile {
    ProviderFile::openai(id, service).priority(priority).line("limits.concurrency = 64")
}

fn texts(service: &OpenAi) -> Vec<[String; 3]> {
    let text = |id, priority| file(id, service, priority).text();
    PROVIDERS.map(|id| [text(id, 1), text(id, 2), format!("{}\nbroken", text(id, 3))]).into()
}

/// The plugin under a version that no other turn has: one that was loaded before costs nothing again.
fn library(turn: usize) -> Vec<u8> {
    let number = FIRST + turn;
    let [major, minor, patch] = [number / 100 % 10, number / 10 % 10, number % 10];
    versioned(Plugin::OpenAi, &format!("{major}.{minor}.{patch}"))
}

fn folders(gateway: &Gateway) -> [std::path::PathBuf; 2] {
    [gateway.home().path("config/providers"), gateway.home().path("bin")]
}

async fn edits(gateway: &Gateway, end: impl Future<Output = ()>) -> Seen {
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(client(gateway.client(), over.clone()));
    }
    end.await;
    over.store(true, Ordering::Release);
    let mut all = Seen::default();
    for seen in clients.join_all().await {
        all.took.extend(seen.took);
        all.failed.extend(seen.failed);
    }
    all.took.sort();
    all
}

async fn client(client: Client, over: Arc<AtomicBool>) -> Seen {
    let edit = Edit::without_picture("grey").picture(pictures::png_of(16, 16));
    let mut seen = Seen::default();
    while !over.load(Ordering::Acquire) {
        let begin = Instant::now();
        let answer = client.edit(&edit).await;
        seen.took.push(begin.elapsed());
        if answer.status != 200 {
            seen.failed.push(format!("{}: {}", answer.status, answer.text()));
        }
    }
    seen
}

/// Clients edit for that long; nothing is waited for.
async fn span(time: Duration) {
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

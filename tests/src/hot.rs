//! Clients that edit while the catalog is rewritten under them: provider files ten times a second, a
//! third of them broken, and the plugin's library every second. Compared with the same clients while
//! nothing changes.

use std::{
    fs,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    Client, Edit, Gateway, Home, OpenAi, Plugin, ProviderFile, pictures,
    relabel::{put, versioned},
    wait,
};

/// Clients that edit, each one edit after the other.
pub const CLIENTS: usize = 8;
/// Between two writes to provider files.
const REWRITE: Duration = Duration::from_millis(100);
/// Writes to provider files between two of the library.
const LIBRARY: usize = 10;
/// Versions of the library that follow each other.
const VERSIONS: usize = 8;
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

/// What it came to.
#[derive(Clone, Debug)]
pub struct Hot {
    /// While nothing changed.
    pub quiet: Seen,
    /// While everything did.
    pub hot: Seen,
    /// Catalogs that were published meanwhile.
    pub reloads: u64,
    /// Catalogs that were refused meanwhile: at least so many.
    pub refused: usize,
    /// Versions of the plugin that were taken up.
    pub plugins: usize,
    /// Memory before and after, in KiB.
    pub memory: [u64; 2],
}

impl Seen {
    /// The time within which this part of the edits was done, in milliseconds.
    pub fn within(&self, part: f64) -> f64 {
        let last = self.took.len().saturating_sub(1);
        let took = self.took.get((last as f64 * part) as usize);
        took.map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }
}

/// Runs it: so long in quiet, and so long while everything changes; longer where the machine is so
/// slow that not every kind of change was met by then.
pub async fn run(quiet: Duration, hot: Duration) -> Hot {
    let service = OpenAi::start();
    let files = PROVIDERS.map(|id| file(id, &service, 0));
    let gateway = Home::with(files).plugin(Plugin::OpenAi).serve().await;
    let quiet = edits(&gateway, span(quiet)).await;
    let (before, revision) = (kib(&gateway), status(&gateway).await["revision"].as_u64());
    let rewriting = Rewriting { texts: texts(&service), libraries: libraries() };
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(rewriting.run(folders(&gateway), over.clone()));
    let met = async {
        span(hot).await;
        let all = || Counts::of(&gateway).are_all().then_some(());
        wait::answered("a refused catalog and another plugin", async || all()).await;
    };
    let hot = edits(&gateway, met).await;
    over.store(true, Ordering::Release);
    writer.await.unwrap();
    let reloads = status(&gateway).await["revision"].as_u64().unwrap() - revision.unwrap();
    let Counts { refused, plugins } = Counts::of(&gateway);
    let memory = [before, kib(&gateway)];
    Hot { quiet, hot, reloads, refused, plugins, memory }
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
    libraries: Vec<Vec<u8>>,
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
            if turn % LIBRARY == 0 {
                let library = &self.libraries[turn / LIBRARY % VERSIONS];
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

fn libraries() -> Vec<Vec<u8>> {
    (0..VERSIONS).map(|n| versioned(Plugin::OpenAi, &format!("0.1.{}", n + 1))).collect()
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

fn kib(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    value.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Clients edit for that long; nothing is waited for.
async fn span(time: Duration) {
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

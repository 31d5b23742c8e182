//! What the operator does to the catalog: provider files written, changed and removed, and the
//! snapshot built from them as the gateway builds it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::super::Pins;
use super::chance::Chance;
use super::plugin;
use crate::catalog::provider::Region;
use crate::clock::Ms;
use crate::master::MasterKey;
use crate::plugin::{Library, Registry, Shelf};
use crate::snapshot::{self, Snapshot, Source};

/// A provider's file, as far as the operator changes it.
#[derive(Clone, Debug)]
struct File {
    fixed: &'static str,
    priority: u64,
    enabled: bool,
    there: bool,
    key: u64,
}

/// One thing the operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Reorder(u64),
    Disable,
    Remove,
    Restore,
    NewKey,
    /// A newer plugin, whichever provider is meant.
    Upgrade,
}

/// The catalog on disk and the snapshot of it.
pub(super) struct Operator {
    source: Source,
    plugins: Registry,
    /// Every plugin there ever was, as their copies stay on disk.
    copies: Vec<Arc<Library>>,
    files: BTreeMap<&'static str, File>,
    changes: Vec<(Ms, &'static str, Change)>,
    done: usize,
    revision: u64,
    /// What the engine reads.
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
}

/// Each provider with what the operator never changes of it.
#[rustfmt::skip]
const FILES: [(&str, u64, &str); 5] = [
    ("alpha", 50, "type = 'sim-task'\nprice = '0.30 CNY'\n[limits]\nconcurrency = 4\ntimeout = '10m'\n"),
    ("beta", 40, "type = 'sim-found'\nprice = '0.20 CNY'\n[limits]\nconcurrency = 3\ntimeout = '20m'\n"),
    ("gamma", 30, "type = 'sim-sync'\non_ambiguous = 'availability_first'\n[limits]\nconcurrency = 2\ntimeout = '5m'\n"),
    ("delta", 20, "type = 'sim-keyed'\non_ambiguous = 'availability_first'\nwhen_full = 'wait'\n[limits]\nconcurrency = 2\ntimeout = '30m'\n"),
    ("eta", 10, "type = 'sim-task'\non_ambiguous = 'hold'\n[limits]\nconcurrency = 1\npolls_per_second = 1\ntimeout = '15m'\n"),
];

/// Where it may be paid twice, for the operator has said so.
pub(super) const AVAILABILITY_FIRST: [&str; 2] = ["gamma", "delta"];

/// Where a person is waited for who knows what became of a lost submit.
pub(super) const HOLDS: &str = "eta";

/// Every provider's id.
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(id, ..)| *id)
}

impl Operator {
    /// A catalog in that folder, and what will be done to it between these times.
    pub(super) fn new(dir: &Path, chance: Chance, from: Ms, until: Ms) -> Self {
        fs::create_dir_all(dir.join("providers")).unwrap();
        let source = Source {
            config_dir: dir.to_owned(),
            region: Region::Domestic,
            sandbox: None,
            loopback: true,
            public_url: false,
            master: None,
        };
        let plugins = plugin::registry(0);
        let file = |(id, priority, fixed)| {
            (id, File { fixed, priority, enabled: true, there: true, key: 1 })
        };
        let files: BTreeMap<_, _> = FILES.into_iter().map(file).collect();
        write(dir, &files);
        let first = snapshot::build(&source, &plugins, 1).unwrap();
        let changes = changes(chance, from, until);
        let snapshot = Arc::new(ArcSwap::from_pointee(first));
        let copies = plugins.libraries().to_vec();
        Self { source, plugins, copies, files, changes, done: 0, revision: 1, snapshot }
    }

    /// What a process starts with to bring back providers as they were.
    pub(super) fn pins(&self) -> Pins {
        let shelf = Shelf::new(self.source.config_dir.join("copies"));
        self.copies.iter().for_each(|library| shelf.put(library));
        Pins::new(MasterKey::of(&"x".repeat(32)).unwrap(), shelf, false)
    }

    /// When something is done next.
    pub(super) fn next(&self) -> Option<Ms> {
        self.changes.get(self.done).map(|(at, ..)| *at)
    }

    /// Does what is due and reloads.
    pub(super) fn act(&mut self, now: Ms) {
        while let Some((at, id, change)) = self.changes.get(self.done).copied() {
            if at > now {
                break;
            }
            self.done += 1;
            self.change(id, change);
        }
        self.reload();
    }

    /// Puts everything back as it was, but for the keys.
    pub(super) fn restore(&mut self) {
        self.done = self.changes.len();
        for id in ids() {
            self.change(id, Change::Restore);
        }
        self.reload();
    }

    fn change(&mut self, id: &str, change: Change) {
        if change == Change::Upgrade {
            self.plugins = plugin::registry(self.revision);
            self.copies.extend_from_slice(self.plugins.libraries());
        }
        let Some(file) = self.files.get_mut(id) else { return };
        match change {
            Change::Reorder(priority) => file.priority = priority,
            Change::Disable => file.enabled = false,
            Change::Remove => file.there = false,
            Change::Restore => (file.enabled, file.there) = (true, true),
            Change::NewKey => file.key += 1,
            Change::Upgrade => {}
        }
    }

    fn reload(&mut self) {
        self.revision += 1;
        write(&self.source.config_dir, &self.files);
        let next = snapshot::build(&self.source, &self.plugins, self.revision).unwrap();
        self.snapshot.store(Arc::new(next));
    }
}

/// What is disabled or removed comes back after a while.
fn changes(chance: Chance, from: Ms, until: Ms) -> Vec<(Ms, &'static str, Change)> {
    let mut dice = chance.of("operator", &[]);
    let mut changes = Vec::new();
    for _ in 0..40 {
        let (at, id) = (dice.between(from, until), FILES[dice.between(0, 5) as usize].0);
        let change = match dice.between(0, 5) {
            0 => Change::Reorder(dice.between(0, 60)),
            1 => Change::Disable,
            2 => Change::Remove,
            3 => Change::Upgrade,
            _ => Change::NewKey,
        };
        changes.push((at, id, change));
        if matches!(change, Change::Disable | Change::Remove) {
            changes.push((at + dice.skewed(10_000, 8 * 3_600_000), id, Change::Restore));
        }
    }
    changes.sort_by_key(|(at, ..)| *at);
    changes
}

fn write(dir: &Path, files: &BTreeMap<&str, File>) {
    for (id, file) in files {
        let path = dir.join("providers").join(format!("{id}.toml"));
        if !file.there {
            let _ = fs::remove_file(path);
            continue;
        }
        let mut text = format!("name = '{id}'\napi_key = '{id}-key-{}'\n", file.key);
        writeln!(text, "priority = {}\nenabled = {}", file.priority, file.enabled).unwrap();
        let (top, limits) = file.fixed.split_once("[limits]").unwrap();
        writeln!(text, "{top}[hosts]\ndomestic = 'https://{id}.example'\n[limits]{limits}")
            .unwrap();
        fs::write(path, text).unwrap();
    }
}

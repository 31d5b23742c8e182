//! A service that takes any number of tasks and never finishes one: it speaks the polled protocol,
//! keeps nothing but when each task was asked about, and answers at once.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    routing::post,
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    ProviderFile,
    provider::{EDIT, QUERY, UPLOAD},
    server::{Bound, Server},
};

/// A running service.
pub struct Patient {
    origin: String,
    shared: Arc<Shared>,
    _server: Server,
}

struct Shared {
    tasks: AtomicU64,
    polls: watch::Sender<u64>,
    since: Mutex<Since>,
}

/// First polls since a moment.
struct Since {
    moment: Instant,
    first: HashMap<u64, Duration>,
}

impl Patient {
    /// A service that takes any key.
    pub fn start() -> Self {
        let bound = Bound::new();
        let shared = Arc::new(Shared {
            tasks: AtomicU64::new(0),
            polls: watch::Sender::default(),
            since: Mutex::new(Since { moment: Instant::now(), first: HashMap::new() }),
        });
        let router = Router::new()
            .route(EDIT, post(submit))
            .route(QUERY, post(query))
            .route(UPLOAD, post(upload))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        Self { origin: bound.origin(), shared, _server: bound.serve(router) }
    }

    /// A provider's file that leads here.
    pub fn file(&self, id: &str) -> ProviderFile {
        let endpoints = [("edit", EDIT), ("result", QUERY), ("upload", UPLOAD)];
        ProviderFile::of("runninghub-rhart-edit", id, &self.origin, &endpoints)
    }

    /// Tasks it took.
    pub fn tasks(&self) -> u64 {
        self.shared.tasks.load(Ordering::Relaxed)
    }

    /// Polls it answered.
    pub fn polls(&self) -> u64 {
        *self.shared.polls.borrow()
    }

    /// Waits for so many more polls, but no longer than this; how many came.
    pub async fn more_polls(&self, more: u64, most: Duration) -> u64 {
        let before = self.polls();
        let mut polls = self.shared.polls.subscribe();
        let reached = polls.wait_for(|now| *now >= before + more);
        let _ = tokio::time::timeout(most, reached).await.is_ok();
        self.polls() - before
    }

    /// From now on, first polls are counted anew.
    pub fn begin(&self) {
        *self.shared.since.lock().unwrap() =
            Since { moment: Instant::now(), first: HashMap::new() };
    }

    /// Waits until each task was asked about since [`Patient::begin`], but no longer than this.
    /// When that was the first time for each that was, in order.
    pub async fn first_polls(&self, most: Duration) -> Vec<Duration> {
        let tasks = usize::try_from(self.tasks()).unwrap_or(usize::MAX);
        let mut polls = self.shared.polls.subscribe();
        let all = polls.wait_for(|_| self.shared.since.lock().unwrap().first.len() >= tasks);
        let _ = tokio::time::timeout(most, all).await.is_ok();
        let mut first: Vec<Duration> =
            self.shared.since.lock().unwrap().first.values().copied().collect();
        first.sort();
        first
    }
}

async fn submit(State(shared): State<Arc<Shared>>, _body: Bytes) -> Json<Value> {
    let number = shared.tasks.fetch_add(1, Ordering::Relaxed) + 1;
    running(&format!("19{number:017}"), "QUEUED")
}

async fn query(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Json<Value> {
    let task = body["taskId"].as_str().unwrap_or_default();
    if let Ok(number) = task.parse() {
        let mut since = shared.since.lock().unwrap();
        let passed = since.moment.elapsed();
        since.first.entry(number).or_insert(passed);
    }
    shared.polls.send_modify(|polls| *polls += 1);
    running(task, "RUNNING")
}

async fn upload(body: Bytes) -> Json<Value> {
    let url = "http://127.0.0.1/never-fetched.png";
    Json(json!({ "code": 0, "message": "success", "data": {
        "type": "image", "download_url": url, "fileName": "a.png", "size": body.len().to_string(),
    }}))
}

fn running(task: &str, status: &str) -> Json<Value> {
    Json(json!({
        "taskId": task, "status": status, "errorCode": "", "errorMessage": "", "results": null,
        "clientId": "4d2c1a", "promptTips": null, "failedReason": {}, "usage": null,
    }))
}

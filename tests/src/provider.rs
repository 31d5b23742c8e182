//! A scripted provider that speaks the RunningHub v2 protocol.
//!
//! Without a script it is a good service: it takes uploads, takes edits, and makes the first
//! picture of an edit grey. A script says what it does instead, submit by submit. Everything that
//! comes is written into its [`Ledger`], which a test can wait on.

mod ledger;
mod routes;
mod turn;
mod wire;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

pub use ledger::{Download, Ledger, Poll, Submit, Upload};
pub use turn::Turn;

use crate::{
    pictures,
    server::{Bound, Server},
    wait,
};

/// Path of a submit.
pub const EDIT: &str = "/openapi/v2/rhart-image-n-pro/edit";
/// Path of a poll.
pub const QUERY: &str = "/openapi/v2/query";
/// Path of the question how a key's queue stands.
pub const QUEUE: &str = "/openapi/v2/queue/status";
/// The upload path of the user's guide.
pub const UPLOAD: &str = "/v1/file/upload";
/// The upload path of the vendor's current documentation.
pub const UPLOAD_V2: &str = "/openapi/v2/media/upload/binary";

/// A running scripted provider.
pub struct Provider {
    shared: Arc<Shared>,
    _server: Server,
}

/// How a service differs from a good one.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The only key it takes, if not any.
    pub key: Option<&'static str>,
    /// Whether the guide's upload path answers 404.
    pub lacks_guide_upload: bool,
    /// Whether uploads are not answered before the test releases them.
    pub holds_uploads: bool,
    /// What happens to each submit, in order.
    pub script: Vec<Turn>,
    /// How questions for tasks are answered.
    pub query: Query,
    /// The kind of its keys, if not the one that standard models take.
    pub key_kind: Option<&'static str>,
    /// What its clock says, if not the time.
    pub date: Option<&'static str>,
}

/// How questions for tasks are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Query {
    /// As documented.
    #[default]
    Well,
    /// With a web page, as a proxy's sign-in does.
    Page,
    /// With this status, as where the path is wrong.
    Status(u16),
}

struct Shared {
    origin: String,
    port: u16,
    setup: Setup,
    script: Mutex<VecDeque<Turn>>,
    tasks: Mutex<HashMap<String, Task>>,
    files: Mutex<HashMap<String, Bytes>>,
    ledger: watch::Sender<Ledger>,
    released: watch::Sender<bool>,
}

#[derive(Clone)]
struct Task {
    turn: Turn,
    polls: u32,
    failures_left: u32,
    result: Bytes,
}

impl Provider {
    /// A service that takes any key and does everything well.
    pub fn start() -> Self {
        Self::with(Setup::default())
    }

    /// A service whose submits go by this script, and well after its end.
    pub fn scripted(script: impl IntoIterator<Item = Turn>) -> Self {
        Self::with(Setup { script: script.into_iter().collect(), ..Setup::default() })
    }

    /// A service set up in any way.
    pub fn with(setup: Setup) -> Self {
        let bound = Bound::new();
        let shared = Arc::new(Shared {
            origin: bound.origin(),
            port: bound.port(),
            script: Mutex::new(setup.script.iter().copied().collect()),
            setup,
            tasks: Mutex::default(),
            files: Mutex::default(),
            ledger: watch::Sender::new(Ledger::default()),
            released: watch::Sender::new(false),
        });
        let _server = bound.serve(routes::router(Arc::clone(&shared)));
        Self { shared, _server }
    }

    /// Its address: `http://127.0.0.1:port`.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// What came so far.
    pub fn ledger(&self) -> Ledger {
        self.shared.ledger.borrow().clone()
    }

    /// Waits until the ledger is as wanted.
    pub async fn until(&self, what: &str, wanted: impl FnMut(&Ledger) -> bool) -> Ledger {
        wait::seen(what, self.shared.ledger.subscribe(), wanted).await
    }

    /// Lets everything go on that the script held back.
    pub fn release(&self) {
        self.shared.released.send_replace(true);
    }
}

impl Shared {
    fn note(&self, entry: impl FnOnce(&mut Ledger)) {
        self.ledger.send_modify(entry);
    }

    async fn until_released(&self) {
        let _ = self.released.subscribe().wait_for(|released| *released).await;
    }

    fn takes(&self, authorization: Option<&str>) -> bool {
        let Some(key) = self.setup.key else { return true };
        authorization.and_then(|value| value.strip_prefix("Bearer ")) == Some(key)
    }

    fn turn(&self, authorization: Option<&str>) -> Turn {
        if !self.takes(authorization) {
            return Turn::BadKey;
        }
        self.script.lock().unwrap().pop_front().unwrap_or_default()
    }

    /// Begins the work on a task: its result is the first picture made grey.
    fn make(&self, task: &str, turn: Turn, body: &Value) {
        let first = body["imageUrls"][0].as_str().unwrap_or_default();
        let name = first.rsplit('/').next().unwrap_or_default();
        let picture = self.files.lock().unwrap().get(name).cloned();
        let picture = picture.map_or_else(pictures::png, Vec::from);
        let failures_left = if let Turn::DeadLink(times) = turn { times } else { 0 };
        let result = pictures::greyed(&picture).into();
        let made = Task { turn, polls: 0, failures_left, result };
        self.tasks.lock().unwrap().insert(task.to_owned(), made);
    }

    /// The status word of the next answer to a poll; empty for a task nobody made.
    fn status(&self, task: &str) -> &'static str {
        let mut tasks = self.tasks.lock().unwrap();
        let Some(task) = tasks.get_mut(task) else { return "" };
        task.polls += 1;
        match task.turn {
            Turn::ModeratedLater => "FAILED",
            Turn::Hold if !*self.released.borrow() => "RUNNING",
            Turn::Accept if task.polls == 1 => "RUNNING",
            _ => "SUCCESS",
        }
    }

    /// The result of a task, unless its link shall fail this time.
    fn fetch(&self, task: &str) -> Result<Bytes, ()> {
        let mut tasks = self.tasks.lock().unwrap();
        let task = tasks.get_mut(task).ok_or(())?;
        if task.failures_left > 0 {
            task.failures_left -= 1;
            return Err(());
        }
        Ok(task.result.clone())
    }

    fn link(&self, task: &str) -> String {
        format!("{}/results/{task}.png", self.origin)
    }
}

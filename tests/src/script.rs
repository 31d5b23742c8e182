//! What a scripted service of the smaller kind shares: its turns, its ledger, and the gate that
//! holds work back until the test lets it go.

use std::{collections::VecDeque, sync::Mutex};

use serde_json::Value;
use tokio::sync::watch;

use crate::{
    Ledger, Turn,
    provider::{Download, Poll, Submit},
    wait,
};

/// A service's script and what came of it.
#[derive(Debug)]
pub(crate) struct Script {
    turns: Mutex<VecDeque<Turn>>,
    ledger: watch::Sender<Ledger>,
    released: watch::Sender<bool>,
}

impl Script {
    /// Submits go by these turns, and well after their end.
    pub(crate) fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self {
            turns: Mutex::new(turns.into_iter().collect()),
            ledger: watch::Sender::default(),
            released: watch::Sender::new(false),
        }
    }

    /// Writes one paid POST down and says what to do with it, and under which id.
    pub(crate) fn submitted(&self, authorization: Option<String>, body: Value) -> (Turn, String) {
        let turn = self.turns.lock().unwrap().pop_front().unwrap_or_default();
        let task = format!("task-{}", self.ledger.borrow().submits.len() + 1);
        self.ledger.send_modify(|ledger| {
            ledger.submits.push(Submit { authorization, body, turn });
            if turn.is_charged() {
                ledger.charges.push(task.clone());
            }
        });
        (turn, task)
    }

    pub(crate) fn polled(&self, authorization: Option<String>, task: &str, answer: &'static str) {
        let task = task.to_owned();
        self.ledger.send_modify(|ledger| ledger.polls.push(Poll { authorization, task, answer }));
    }

    pub(crate) fn downloaded(&self, authorization: Option<String>, path: &str) {
        let path = path.to_owned();
        self.ledger.send_modify(|ledger| {
            ledger.downloads.push(Download { path, authorization, status: 200 });
        });
    }

    pub(crate) fn stray(&self, request: String) {
        self.ledger.send_modify(|ledger| ledger.strays.push(request));
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.borrow().clone()
    }

    pub(crate) async fn until(&self, what: &str, wanted: impl FnMut(&Ledger) -> bool) -> Ledger {
        wait::seen(what, self.ledger.subscribe(), wanted).await
    }

    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    pub(crate) fn is_released(&self) -> bool {
        *self.released.borrow()
    }

    pub(crate) async fn until_released(&self) {
        let _ = self.released.subscribe().wait_for(|released| *released).await;
    }
}

//! The clients: they ask, wait, cancel, repeat, hang up, and remember what they were told, also while
//! the gateway is down. What they were told must stay true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::task::JoinSet;

use super::super::{Engine, NotAdmitted, Resolution, Taken};
use super::traffic::{Manner, Wish};
use super::world::World;
use crate::attempt::State;
use crate::clock::Ms;
use crate::id::JobId;
use crate::job::{Job, Record};
use crate::store::Claim;

/// All of them.
#[derive(Default)]
pub(super) struct Clients {
    memory: Mutex<Memory>,
}

/// What they were told.
#[derive(Default)]
pub(super) struct Memory {
    /// Wishes with an open end, by number.
    asking: BTreeMap<usize, Wish>,
    /// Jobs that were promised, by wish.
    pub(super) promised: BTreeMap<usize, BTreeSet<JobId>>,
    /// What a job was when it had ended.
    pub(super) ended: BTreeMap<JobId, Record>,
    /// Whatever contradicts itself.
    pub(super) broken: Vec<String>,
    /// Wishes that nobody took.
    pub(super) refused: usize,
}

/// Asked so often before a client gives up.
const TRIES: u64 = 5;

impl Clients {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    /// A wish comes up.
    pub(super) fn come(&self, number: usize, wish: Wish) {
        self.memory().asking.insert(number, wish);
    }

    /// Everybody with an open wish talks to this engine from now on.
    pub(super) fn talk(self: &Arc<Self>, engine: &Arc<Engine>, to: &mut JoinSet<()>) {
        let asking: Vec<usize> = self.memory().asking.keys().copied().collect();
        for number in asking {
            self.talk_of(number, engine, to);
        }
    }

    /// One talks.
    pub(super) fn talk_of(
        self: &Arc<Self>,
        number: usize,
        engine: &Arc<Engine>,
        to: &mut JoinSet<()>,
    ) {
        let (clients, engine) = (self.clone(), engine.clone());
        let Some(wish) = self.memory().asking.get(&number).cloned() else { return };
        to.spawn(async move {
            clients.ask(number, &wish, &engine).await;
            clients.memory().asking.remove(&number);
        });
    }

    /// A person looks after what nobody knows of, in the providers' own books.
    pub(super) fn look_after(
        self: &Arc<Self>,
        job: &Job,
        world: &Arc<World>,
        engine: &Arc<Engine>,
        to: &mut JoinSet<()>,
    ) {
        let unknown = job.record.attempts.iter().filter(|a| matches!(a.state, State::Unknown(_)));
        for attempt in unknown {
            let found = match world.task_of(&job.id.to_string(), attempt.number) {
                Some(task) => Resolution::Created(task),
                None => Resolution::NotCreated,
            };
            let (clients, engine) = (self.clone(), engine.clone());
            let (id, number) = (job.id, attempt.number);
            to.spawn(async move {
                if let Ok(job) = engine.resolve(&id, Some(number), found).await {
                    clients.memory().hear(&job);
                }
            });
        }
    }

    async fn ask(&self, number: usize, wish: &Wish, engine: &Arc<Engine>) {
        let before = self.memory().promised.get(&number).and_then(|ids| ids.first().copied());
        if let Manner::HangsUp(after) = wish.manner {
            let _ = tokio::time::timeout(
                Duration::from_millis(after),
                self.admit(number, wish, engine, false),
            )
            .await;
            return;
        }
        let Some(id) = (match before {
            Some(id) => Some(id),
            None => self.admitted(number, wish, engine).await,
        }) else {
            self.memory().refused += 1;
            return;
        };
        match wish.manner {
            Manner::Cancels(after) => {
                pause(after).await;
                if let Ok(Some(job)) = engine.cancel(wish.owner, &id).await {
                    self.memory().hear(&job);
                }
            }
            Manner::Repeats(after) => {
                pause(after).await;
                self.admit(number, wish, engine, true).await.ok();
            }
            Manner::Waits | Manner::HangsUp(_) => {}
        }
        self.wait(wish.owner, &id, engine).await;
    }

    async fn admitted(&self, number: usize, wish: &Wish, engine: &Arc<Engine>) -> Option<JobId> {
        for nth in 0..TRIES {
            match self.admit(number, wish, engine, nth > 0).await {
                Ok(id) => return Some(id),
                Err(_) => pause(60_000).await,
            }
        }
        None
    }

    async fn admit(
        &self,
        number: usize,
        wish: &Wish,
        engine: &Arc<Engine>,
        retry: bool,
    ) -> Result<JobId, ()> {
        let claim = Claim { key: wish.key.clone(), retry: retry && wish.key.is_none() };
        match engine.admit(wish.owner, wish.request.clone(), claim, 0).await {
            Ok(taken) => Ok(self.memory().promise(number, &taken)),
            Err(NotAdmitted::KeyReused) => {
                self.memory().broken.push(format!("wish {number} was told that its key is used"));
                Err(())
            }
            Err(_) => Err(()),
        }
    }

    async fn wait(&self, owner: &str, id: &JobId, engine: &Arc<Engine>) {
        loop {
            let heard = engine.wait(owner, id, Duration::from_secs(600)).await;
            match heard {
                Ok(Some(job)) => {
                    self.memory().hear(&job);
                    if job.record.status.is_terminal() {
                        return;
                    }
                }
                Ok(None) => {
                    self.memory().broken.push(format!("{id} was promised and is not there"));
                    return;
                }
                Err(_) => {}
            }
            pause(1_000).await;
        }
    }
}

impl Memory {
    fn promise(&mut self, number: usize, taken: &Taken) -> JobId {
        let id = taken.job.id;
        self.hear(&taken.job);
        self.promised.entry(number).or_default().insert(id);
        id
    }

    /// Whoever looks at a job remembers how it ended.
    pub(super) fn hear(&mut self, job: &Job) {
        if !job.record.status.is_terminal() {
            return;
        }
        let Some(before) = self.ended.get(&job.id) else {
            self.ended.insert(job.id, job.record.clone());
            return;
        };
        let (before, now) = (told(before), told(&job.record));
        if before != now {
            self.broken.push(format!("{} was {before} and is {now}", job.id));
        }
    }
}

/// What must not change once a job has ended.
fn told(record: &Record) -> String {
    format!("{:?} at {:?} {:?} {:?}", record.status, record.finished, record.slots, record.error)
}

async fn pause(ms: Ms) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

//! What waits at one provider, for whoever wants to know why it does not get on.

use super::Engine;
use crate::attempt::{Attempt, State, Todo};
use crate::clock::Ms;
use crate::id::JobId;
use crate::live::{Health, Standing};
use crate::snapshot::Provider;
use crate::store::{Exchange, StoreError};

/// So many are looked at; the rest are counted.
const MOST: usize = 50;

/// The open attempts at a provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Open {
    /// Some of them, oldest first.
    pub tasks: Vec<OpenTask>,
    /// Jobs that have one, seen or not.
    pub jobs: usize,
}

/// One attempt that is not over.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenTask {
    /// Its job.
    pub job: JobId,
    /// Where it stands.
    pub stage: OpenStage,
    /// When its paid request was let go.
    pub submitted: Option<Ms>,
    /// The provider's id of it.
    pub task: Option<String>,
    /// The provider's own word for where it stands.
    pub word: Option<String>,
    /// When an answer about it came last, or was given up.
    pub last_asked: Option<Ms>,
    /// When its next request is due.
    pub due: Option<Ms>,
    /// Why it does not get on, where that is known.
    pub trouble: Option<String>,
    /// What was said to the provider last.
    pub last: Option<Exchange>,
}

/// Where an open attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenStage {
    /// Before the paid request.
    Planned,
    /// The paid request is unanswered.
    InFlight,
    /// The provider is asked how it goes.
    Accepted,
    /// The result is fetched.
    Fetching,
    /// The answer was lost, and a person is waited for.
    Held,
}

impl Engine {
    /// How a provider is.
    pub fn health(&self, provider: &Provider, now: Ms) -> Health {
        self.live.health(&provider.file.id, provider.account, now)
    }

    /// How a provider stands for a job that would come now.
    pub fn standing(&self, provider: &Provider, now: Ms) -> Standing {
        self.live.look(provider, now)
    }

    /// What waits at a provider.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open_at(&self, provider: &str) -> Result<Open, StoreError> {
        let mut open = Open::default();
        for outline in self.parts.store.loose_ends().await? {
            if !outline.record.attempts.iter().any(|trace| trace.provider == provider) {
                continue;
            }
            if open.jobs >= MOST {
                open.jobs += 1;
                continue;
            }
            let Some(job) = self.signed(&outline.id).await? else { continue };
            let here = job.record.attempts.iter().filter(|attempt| attempt.provider == provider);
            let mut tasks: Vec<(u32, OpenTask)> = here
                .filter_map(|attempt| Some((attempt.number, OpenTask::of(job.id, attempt)?)))
                .collect();
            if tasks.is_empty() {
                continue;
            }
            for exchange in self.parts.store.exchanges(&job.id).await? {
                let of = tasks.iter_mut().find(|(number, _)| *number == exchange.attempt);
                of.into_iter().for_each(|(_, task)| task.last = Some(exchange.clone()));
            }
            let tasks = tasks.into_iter().map(|(_, task)| task);
            open.jobs += 1;
            open.tasks.extend(tasks);
        }
        Ok(open)
    }
}

impl OpenTask {
    fn of(job: JobId, attempt: &Attempt) -> Option<Self> {
        let stage = match &attempt.state {
            State::Unknown(_) if attempt.held_until.is_some() => OpenStage::Held,
            _ if attempt.todo() == Todo::Closed => return None,
            State::Planned => OpenStage::Planned,
            State::InFlight => OpenStage::InFlight,
            State::Accepted => OpenStage::Accepted,
            State::Fetching(_) => OpenStage::Fetching,
            _ => return None,
        };
        Some(Self {
            job,
            stage,
            submitted: attempt.submitted,
            task: attempt.task.as_ref().map(|task| task.id.clone()),
            word: attempt.upstream_status.clone(),
            last_asked: attempt.last_asked,
            due: attempt.effect.as_ref().map(|effect| effect.at),
            trouble: attempt.trouble.clone(),
            last: None,
        })
    }
}

//! Taking requests: what stands for a job that is there, what no provider can do, and the commit after
//! which a job survives any crash.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Engine;
use super::cell::Cell;
use crate::clock::now_ms;
use crate::job::{Job, Skip};
use crate::live::AccountId;
use crate::request::EditRequest;
use crate::request::styled::NotStyled;
use crate::route::{self, Candidates, Unroutable};
use crate::store::{Admitted, Claim, StoreError};

/// Why a request did not become a job.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// Its style is not there, or does not go with it.
    #[error(transparent)]
    NotStyled(#[from] NotStyled),
    /// The provider or model asked for is not there.
    #[error(transparent)]
    Unroutable(#[from] Unroutable),
    /// No provider can do what the request means.
    #[error("no provider can do this: {}", reasons(.skipped))]
    Unfit {
        /// The field that rules them out.
        param: &'static str,
        /// Each with its reason.
        skipped: Vec<Skip>,
    },
    /// No provider is enabled.
    #[error("{}", no_provider(*.only_sandbox))]
    NoProvider {
        /// There is one, but it takes only requests that name it.
        only_sandbox: bool,
    },
    /// Too many jobs wait already.
    #[error("too many edits are waiting already")]
    QueueFull,
    /// The process is stopping.
    #[error("the gateway is stopping")]
    Closing,
    /// Its owner has as many unfinished jobs as they may.
    #[error("{0} of your edits are unfinished, which is as many as there may be")]
    TooMany(u32),
    /// The idempotency key stands for a request with other content.
    #[error("the idempotency key was used for another request; use a new one")]
    KeyReused,
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A request that became a job, or stands for one that was there.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The job.
    pub job: Arc<Job>,
    /// Whether it was there before.
    pub replayed: bool,
}

impl Engine {
    /// Takes a request. When this returns, the job survives any crash. `most`: how many unfinished
    /// jobs its owner may have with it; 0 sets no bound.
    ///
    /// # Errors
    /// See [`NotAdmitted`]; nothing was written then.
    pub async fn admit(
        self: &Arc<Self>,
        owner: &str,
        request: EditRequest,
        claim: Claim,
        most: u32,
    ) -> Result<Taken, NotAdmitted> {
        if self.closing.is_cancelled() {
            return Err(NotAdmitted::Closing);
        }
        if let Some(replayed) = self.standing_for(owner, &request, &claim).await? {
            return Ok(replayed);
        }
        let snapshot = self.parts.snapshot.load_full();
        let request = request.in_style(&snapshot.styles, self.parts.limits.prompt)?;
        let candidates = route::candidates(&snapshot, &request)?;
        if candidates.order.is_empty() {
            return Err(match candidates.skipped {
                skipped if skipped.is_empty() => NotAdmitted::NoProvider {
                    only_sandbox: snapshot.providers.iter().any(|p| p.sandbox && p.file.enabled),
                },
                skipped => {
                    NotAdmitted::Unfit { param: candidates.unfit.unwrap_or("image"), skipped }
                }
            });
        }
        if self.unfinished.load(Ordering::Relaxed) >= self.parts.limits.waiting {
            return Err(NotAdmitted::QueueFull);
        }
        // On a task of its own: a client that hangs up now must not leave a job half admitted.
        let engine = self.clone();
        let owner = owner.to_owned();
        let hold = self.hold(&request).await?;
        let admitted = self.spawn(async move {
            let _hold = hold;
            engine.admit_now(owner, request, (&claim, most), &candidates).await
        });
        admitted.await.unwrap_or(Err(NotAdmitted::Closing))
    }

    /// The job a request stands for already, by what its client claims.
    ///
    /// # Errors
    /// When its key was used for another request, or the store cannot be read.
    pub async fn standing_for(
        &self,
        owner: &str,
        request: &EditRequest,
        claim: &Claim,
    ) -> Result<Option<Taken>, NotAdmitted> {
        if *claim == Claim::default() {
            return Ok(None);
        }
        let fingerprint = request.fingerprint();
        let found = self.parts.store.find(owner, &fingerprint, claim, now_ms()).await?;
        self.known(owner, found).await
    }

    async fn admit_now(
        self: Arc<Self>,
        owner: String,
        request: EditRequest,
        (claim, most): (&Claim, u32),
        candidates: &Candidates,
    ) -> Result<Taken, NotAdmitted> {
        let now = now_ms();
        let deadline = now + self.queue_time(&request);
        let mut job = Job::new(owner, Arc::new(request), now, deadline);
        let begun = self.begin(&mut job, candidates, &mut Vec::new()).await;
        if let Some(why) = begun.trouble {
            return Err(StoreError::Unavailable(why).into());
        }
        // Where it was refused for want of a key or of credit, it is a job that failed.
        let unfit = job.record.error.as_ref().is_some_and(|error| error.code == "no_provider");
        if job.record.attempts.is_empty() && unfit {
            return Err(NotAdmitted::Unfit { param: "image", skipped: job.record.skipped });
        }
        if self.closing.is_cancelled() {
            return Err(NotAdmitted::Closing);
        }
        let provider = job.leading().map(|a| a.provider.clone());
        let line = begun.line;
        // Known before it is stored, so that whoever finds the row also finds who drives it.
        let cell = self.cells.put(job.id, Arc::new(Cell::new(job.clone(), begun.places)));
        let admitted = self.parts.store.admit_among(&job, claim, most).await;
        if admitted == Ok(Admitted::TooMany) {
            self.cells.remove(job.id);
            return Err(NotAdmitted::TooMany(most));
        }
        if admitted != Ok(Admitted::New) {
            self.cells.remove(job.id);
            let replayed = self.known(&job.owner, admitted?).await?;
            let deleted = "the job it stands for was deleted just now; send it once more";
            return replayed.ok_or_else(|| StoreError::Unavailable(deleted.to_owned()).into());
        }
        if !job.record.status.is_terminal() {
            self.unfinished.fetch_add(1, Ordering::Relaxed);
        }
        tracing::info!(job = %job.id, request = %job.request.request_id, provider, "Job admitted.");
        self.begin_driving(&job, &line);
        Ok(Taken { job: cell.job(), replayed: false })
    }

    /// The job an admission stands for, if it is not a new one.
    async fn known(&self, owner: &str, admitted: Admitted) -> Result<Option<Taken>, NotAdmitted> {
        match admitted {
            Admitted::New | Admitted::TooMany => Ok(None),
            Admitted::KeyReused => Err(NotAdmitted::KeyReused),
            Admitted::Same(id) => {
                let job = self.job(owner, &id).await?;
                Ok(job.map(|job| Taken { job, replayed: true }))
            }
        }
    }

    fn begin_driving(self: &Arc<Self>, job: &Job, line: &[AccountId]) {
        for account in line {
            self.live.wait(*account, &job.owner, job.id);
        }
        if self.closing.is_cancelled() {
            // Nobody dispatches any more, and a first request may have been released.
            self.launch(job.id);
        } else {
            self.timer.arm(&job.id, now_ms());
        }
    }

    /// How long a job may wait for its first submit.
    pub(super) fn queue_time(&self, request: &EditRequest) -> u64 {
        let wait = self.parts.limits.queue_wait.ms();
        request.timeout.map_or(wait, |seconds| wait.min(seconds.saturating_mul(1_000)))
    }
}

fn no_provider(only_sandbox: bool) -> &'static str {
    if only_sandbox {
        "only the sandbox is set up, and here it takes only requests that name it: provider=sandbox"
    } else {
        "no provider is enabled; add one under config/providers"
    }
}

fn reasons(skipped: &[Skip]) -> String {
    let reasons: Vec<String> =
        skipped.iter().map(|s| format!("{} {}", s.provider, s.reason)).collect();
    reasons.join("; ")
}

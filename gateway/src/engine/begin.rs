//! Beginning attempts: choose a provider, take a place at its account, make the images ready for it,
//! let its plugin plan the first request. Nothing is sent and nothing is written here.

use std::sync::Arc;

use retouch_sdk::{Billed, Effect, Kind};

use super::Engine;
use super::note;
use super::step::Frame;
use crate::attempt::{Attempt, Call, Planned, State};
use crate::catalog::provider::OnAmbiguous;
use crate::clock::{Ms, now_ms};
use crate::images::{AdaptError, Needs, Stored};
use crate::job::{Job, Share, Skip};
use crate::live::{AccountId, Place};
use crate::request::EditRequest;
use crate::route::{self, Candidates, Choice};
use crate::snapshot::Provider;

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Places taken, by the attempt they are for.
    pub(super) places: Vec<(u32, Place)>,
    /// Accounts to stand in line at for the rest.
    pub(super) line: Vec<AccountId>,
    /// Our own storage failed: nothing is decided by that, it is tried again.
    pub(super) trouble: Option<String>,
}

/// What became of one share.
enum Step {
    Began(Option<(u32, Place)>),
    Waits(Vec<AccountId>),
    GivenUp,
    Trouble(String),
}

/// Why a provider's images are not ready.
enum Unready {
    Unfit(String),
    Trouble(String),
}

impl Engine {
    /// Opens attempts for all that has none, gives up what nobody is left for, and has the rest wait.
    pub(super) async fn begin(&self, job: &mut Job, candidates: &Candidates) -> Begun {
        job.skip(candidates.skipped.clone());
        let mut begun = Begun::default();
        let mut waiting: Vec<Share> = Vec::new();
        // Each round decides the first share that is not known to wait; shares may split meanwhile.
        while let Some(share) = job.shares().into_iter().find(|share| !waiting.contains(share)) {
            match self.begin_share(job, &share, candidates).await {
                Step::Began(place) => begun.places.extend(place),
                Step::GivenUp => {}
                Step::Waits(line) => {
                    waiting.push(share);
                    begun.line.extend(line);
                }
                Step::Trouble(why) => {
                    begun.trouble = Some(why);
                    break;
                }
            }
        }
        begun
    }

    async fn begin_share(&self, job: &mut Job, share: &Share, candidates: &Candidates) -> Step {
        let mut passed: Vec<String> = share.asked.clone();
        while share.asked.len() < self.parts.limits.attempts as usize {
            let has_room = |p: &Provider| self.live.open(&p.account) < p.file.limits.concurrency;
            let open = |p: &Provider| self.live.open(&p.account);
            let after_failure = !share.asked.is_empty();
            let (choice, skips) = route::choose(candidates, &passed, after_failure, has_room, open);
            let provider = match choice {
                Choice::Take(provider) => provider,
                Choice::Wait(line) => return Step::Waits(line),
                Choice::Nobody => {
                    job.skip(skips);
                    break;
                }
            };
            let Some(place) = self.live.take(&provider.account, provider.file.limits.concurrency)
            else {
                continue; // somebody was faster; look again
            };
            match self.inputs(&job.request, &provider).await {
                Ok(inputs) => {
                    job.skip(skips);
                    let number = self.open(job, share, &provider, inputs);
                    // Its plugin may have refused it at once; the place is then given back.
                    let open = job.attempt(number).is_some_and(Attempt::is_open);
                    return Step::Began(open.then_some((number, place)));
                }
                Err(Unready::Trouble(why)) => return Step::Trouble(why),
                Err(Unready::Unfit(reason)) => {
                    passed.push(provider.file.id.clone());
                    job.skip(vec![Skip { provider: provider.file.id.clone(), reason }]);
                }
            }
        }
        job.give_up(share, now_ms());
        Step::GivenUp
    }

    /// The images as this provider takes them; why not, in a sentence.
    async fn inputs(
        &self,
        request: &EditRequest,
        provider: &Provider,
    ) -> Result<Vec<Stored>, Unready> {
        let needs = Needs {
            mimes: provider.caps.mimes.clone(),
            max_bytes: provider.caps.max_bytes,
            max_pixels: provider.caps.max_pixels,
            shrink: provider.file.shrink,
        };
        let mut inputs = Vec::new();
        for (index, image) in request.handles().iter().enumerate() {
            inputs.push(match self.adapted(image, &needs).await {
                Ok(image) => image,
                Err(AdaptError::Io(error)) => return Err(Unready::Trouble(error.to_string())),
                Err(error) => {
                    return Err(Unready::Unfit(format!("cannot take image {index}: {error}")));
                }
            });
        }
        Ok(inputs)
    }

    /// An image made ready for such needs, once for all jobs and attempts that want it so.
    async fn adapted(&self, image: &Stored, needs: &Needs) -> Result<Stored, AdaptError> {
        let key = format!("{} {needs:?}", image.name);
        if let Some(known) = self.adapted.get(&key) {
            return Ok(known);
        }
        let adapted = self.parts.images.adapt(image, needs).await?;
        self.adapted.insert(key, adapted.clone());
        Ok(adapted)
    }

    fn open(
        &self,
        job: &mut Job,
        share: &Share,
        provider: &Arc<Provider>,
        inputs: Vec<Stored>,
    ) -> u32 {
        let now = now_ms();
        let model = route::model_for(provider, job.request.model.as_deref());
        let number =
            job.record.attempts.iter().map(|a| a.number).max().unwrap_or(0).saturating_add(1);
        let mut attempt = Attempt::planned(number, provider.file.id.clone(), now);
        attempt.slot = share.first;
        attempt.count = share.count.min(provider.caps.n.max(1));
        attempt.model = model.clone();
        attempt.memo.plugin = provider.library.sha256().to_owned();
        attempt.memo.version = provider.library.label().state.writes;
        attempt.converts = job.request.params.output_format.is_some();
        attempt.deadline = deadline(job, provider, now);
        attempt.possible_duplicate_cost = in_doubt(job, share);
        let asked = job.request.for_plugin(model, attempt.count, &inputs);
        attempt.inputs = inputs;
        let frame =
            Frame { provider, job: &job.id, attempt: number, now, deadline: attempt.deadline };
        let before = attempt.clone();
        let start = Call { kind: Kind::Start { job: asked }, body: &[] };
        attempt.step(start, None, now, |memo, call| frame.step(memo, call));
        note::trouble(&job.id, &before, &attempt);
        release_if_due(&mut attempt, now);
        let ignored = route::ignored(&provider.caps, &job.request);
        job.open(attempt, ignored, provider.sandbox);
        settle(job, number, provider, now);
        number
    }
}

/// Lets the next request go in the same commit that plans it, if it is unsafe and due now.
pub(super) fn release_if_due(attempt: &mut Attempt, now: Ms) {
    let due = |e: &Planned| e.request.effect == Effect::Unsafe && e.at <= now;
    if attempt.state == State::Planned && attempt.effect.as_ref().is_some_and(due) {
        attempt.release(now);
    }
}

/// Takes what an attempt has come to, under its provider's own policy.
pub(super) fn settle(job: &mut Job, number: u32, provider: &Provider, now: Ms) {
    let unknown = job.record.attempts.iter().filter(|a| matches!(a.state, State::Unknown(_)));
    let may_pay_twice =
        provider.file.on_ambiguous == OnAmbiguous::AvailabilityFirst && unknown.count() <= 1;
    job.settle(number, provider.file.price.as_ref(), may_pay_twice, now);
}

/// When an attempt is given up: the provider's time from now, within the request's.
pub(super) fn deadline(job: &Job, provider: &Provider, now: Ms) -> Ms {
    let theirs = now + crate::duration::ms(provider.file.limits.timeout);
    let asked =
        job.request.timeout.map(|seconds| job.record.created + seconds.saturating_mul(1_000));
    asked.map_or(theirs, |asked| asked.min(theirs))
}

/// Whether an earlier attempt for these images may have been charged too.
fn in_doubt(job: &Job, share: &Share) -> bool {
    let doubtful = |a: &Attempt| a.failure().is_some_and(|f| f.billed != Billed::No);
    job.record.attempts.iter().any(|a| a.covers(share.first) && doubtful(a))
}

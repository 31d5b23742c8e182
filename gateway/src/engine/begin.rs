//! Beginning attempts: choose a provider, take a place at its account, make the images ready for it,
//! let its plugin plan the first request. Nothing is sent and nothing is written here.

use std::sync::Arc;

use retouch_sdk::{Billed, Class, Kind};

use super::Engine;
use super::note;
use super::step::Frame;
use crate::attempt::{Attempt, Call, Planned, State, pays};
use crate::catalog::provider::OnAmbiguous;
use crate::clock::{Ms, now_ms};
use crate::images::{AdaptError, Needs, Stored};
use crate::job::{self, Doubt, Job, JobError, Share, Skip};
use crate::live::{AccountId, Place, Shut};
use crate::pin::PinId;
use crate::request::EditRequest;
use crate::route::{self, Candidates, Choice};
use crate::snapshot::Provider;

/// How long a person is waited for who knows what became of an unanswered submit.
const HOLD: Ms = 86_400_000;

/// Who waits looks again so often, in milliseconds, whatever is known: the catalog may have changed.
const LOOK: Ms = 30_000;

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Places taken, by the attempt they are for.
    pub(super) places: Vec<(u32, Place)>,
    /// Accounts to stand in line at for the rest.
    pub(super) line: Vec<AccountId>,
    /// When to look again for the rest, should no place come before.
    pub(super) until: Option<Ms>,
    /// Our own storage failed: nothing is decided by that, it is tried again.
    pub(super) trouble: Option<String>,
}

/// What became of one share.
enum Step {
    Began(Option<(u32, Place)>),
    Waits(Vec<AccountId>, Ms),
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
    /// Places held already are used first; what is left of them is the caller's to give back.
    pub(super) async fn begin(
        &self,
        job: &mut Job,
        candidates: &Candidates,
        held: &mut Vec<Place>,
    ) -> Begun {
        job.skip(candidates.skipped.clone());
        let mut begun = Begun::default();
        let mut waiting: Vec<Share> = Vec::new();
        // Each round decides the first share that is not known to wait; shares may split meanwhile.
        while let Some(share) = job.shares().into_iter().find(|share| !waiting.contains(share)) {
            match self.begin_share(job, &share, candidates, held).await {
                Step::Began(place) => begun.places.extend(place),
                Step::GivenUp => {}
                Step::Waits(line, until) => {
                    waiting.push(share);
                    begun.line.extend(line);
                    begun.until = Some(begun.until.map_or(until, |before| before.min(until)));
                }
                Step::Trouble(why) => {
                    begun.trouble = Some(why);
                    break;
                }
            }
        }
        begun
    }

    async fn begin_share(
        &self,
        job: &mut Job,
        share: &Share,
        candidates: &Candidates,
        held: &mut Vec<Place>,
    ) -> Step {
        let mut passed: Vec<String> = share.asked.clone();
        let mut denied = None;
        while share.asked.len() < self.parts.limits.attempts as usize {
            let now = now_ms();
            let stands = |p: &Provider| self.live.standing(p, held_at(held, p), now);
            let (choice, skips) =
                route::choose(candidates, &passed, !share.asked.is_empty(), stands);
            job.skip(skips);
            let provider = match choice {
                Choice::Take(provider) => provider,
                Choice::Wait { line, until } => {
                    let look = now.saturating_add(LOOK);
                    return Step::Waits(line, until.map_or(look, |until| until.min(look)));
                }
                Choice::Nobody { shut } => {
                    denied = shut.map(|shut| denial(&shut, &job.record.skipped, now));
                    break;
                }
            };
            let Some(place) = self.live.enter(&provider, held, now) else {
                continue; // somebody was faster; look again
            };
            let pin = match self.pin(&provider).await {
                Ok(pin) => pin,
                Err(error) => return Step::Trouble(error.to_string()),
            };
            match self.inputs(&job.request, &provider).await {
                // Its time went by meanwhile: whoever drives it ends it.
                Ok(_) if deadline(job, &provider, now_ms()) <= now_ms() => {
                    return Step::Waits(Vec::new(), now_ms());
                }
                Ok(inputs) => {
                    let number = self.open(job, share, &provider, pin, inputs);
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
        match denied.filter(|_| share.asked.is_empty()) {
            Some(error) => job.deny(share, &error, now_ms()),
            None => job.give_up(share, now_ms()),
        }
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
        if let Some(known) = self.adapted.get(&key)
            && self.parts.images.keep(std::slice::from_ref(&known)).await?
        {
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
        pin: Option<PinId>,
        inputs: Vec<Stored>,
    ) -> u32 {
        let now = now_ms();
        let model = route::model_for(provider, &job.request);
        let number =
            job.record.attempts.iter().map(|a| a.number).max().unwrap_or(0).saturating_add(1);
        let mut attempt = Attempt::planned(number, provider.file.id.clone(), now);
        attempt.pin = pin;
        attempt.finds = provider.caps.find_by_reference;
        attempt.slot = share.first;
        attempt.count = share.count.min(provider.caps.n.max(1));
        attempt.model = model.clone();
        attempt.memo.written_by(&provider.library);
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
        if attempt.submitted.is_some() {
            self.live.submitted(provider.account, now);
        }
        // It was waited for, not passed over.
        job.record.skipped.retain(|skip| skip.provider != provider.file.id);
        let ignored = route::ignored(&provider.caps, &job.request);
        job.open(attempt, ignored, provider.sandbox);
        settle(job, number, provider, now);
        number
    }
}

/// How many places at a provider's account a job holds already.
fn held_at(held: &[Place], provider: &Provider) -> u32 {
    let there = held.iter().filter(|place| place.account() == provider.account).count();
    u32::try_from(there).unwrap_or(u32::MAX)
}

/// What a job is told that was sent nowhere because keys or credit are no good.
fn denial(shut: &Shut, skipped: &[Skip], now: Ms) -> JobError {
    let back = (shut.class == Class::Quota).then(|| shut.until.saturating_sub(now));
    JobError {
        code: job::code(shut.class).to_owned(),
        retry_after_ms: back,
        ..JobError::nobody(skipped)
    }
}

/// Lets the next request go in the same commit that plans it, if it is paid for and due now.
pub(super) fn release_if_due(attempt: &mut Attempt, now: Ms) {
    let due = |e: &Planned| pays(&e.request) && e.at <= now;
    if attempt.state == State::Planned && attempt.effect.as_ref().is_some_and(due) {
        attempt.release(now);
    }
}

/// Takes what an attempt has come to, under its provider's own policy.
pub(super) fn settle(job: &mut Job, number: u32, provider: &Provider, now: Ms) {
    let slot = job.attempt(number).map_or(0, |a| a.slot);
    let charged = |a: &&Attempt| a.covers(slot) && a.billed() != Billed::No;
    let charged = job.record.attempts.iter().filter(charged).count();
    let doubt = match provider.file.on_ambiguous {
        OnAmbiguous::AvailabilityFirst if charged <= 1 => Doubt::GoesElsewhere,
        OnAmbiguous::CostSafe | OnAmbiguous::AvailabilityFirst => Doubt::Ends,
        OnAmbiguous::Hold => Doubt::WaitsUntil(held_until(job, now)),
    };
    job.settle(number, provider.file.price.as_ref(), doubt, now);
}

/// A person is waited for as long as the request allows, else for a day.
fn held_until(job: &Job, now: Ms) -> Ms {
    let asked = job.request.timeout.map(|seconds| job.record.created + seconds * 1_000);
    asked.unwrap_or(now + HOLD).max(now)
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
    job.record.attempts.iter().any(|a| a.covers(share.first) && a.billed() != Billed::No)
}

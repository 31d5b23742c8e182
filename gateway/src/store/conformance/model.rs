//! The stores against each other: whatever is asked of them in whatever order, their answers are the
//! same, and so is what the next process finds.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Claim, Cuts, Filter, Store};
use super::Place;
use super::samples::{attempt, ended, late, next, note, pin, stored, succeeded, with_inputs};
use crate::attempt::State;
use crate::clock::Ms;
use crate::job::{Job, Status};
use crate::store::Admitted;

/// Jobs in play, images they may have, pins.
const JOBS: usize = 5;
const IMAGES: [&str; 4] = ["a", "b", "c", "d"];
const PINS: u128 = 3;

#[derive(Clone, Debug)]
enum Verb {
    Admit { job: usize, prompt: bool, image: usize, key: Option<bool>, retry: bool },
    Commit { job: usize, change: Change, revisions: u64, at: Ms },
    Note { job: usize, at: Ms },
    Pin(u128),
    Forget(usize),
    Sweep(Cuts, usize),
    Shed(usize),
    Submits(Ms),
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Attempt,
    Late,
    Fail,
    Succeed(usize),
    Answer(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Attempt),
        Just(Change::Late),
        Just(Change::Fail),
        (0..IMAGES.len()).prop_map(Change::Succeed),
        (0..IMAGES.len()).prop_map(Change::Answer),
    ]
}

fn cuts() -> impl Strategy<Value = Cuts> {
    let at = || prop_oneof![Just(0), 1_000..1_020_u64, Just(Ms::MAX)];
    let all = (at(), at(), at(), at(), at(), prop_oneof![Just(0), Just(Ms::MAX)]);
    all.prop_map(|(inputs, results, jobs, exchanges, keys, pins)| Cuts {
        inputs,
        results,
        jobs,
        exchanges,
        keys,
        pins,
    })
}

fn verb() -> impl Strategy<Value = Verb> {
    let job = || 0..JOBS;
    let at = || 1_000..1_020_u64;
    prop_oneof![
        4 => (job(), any::<bool>(), 0..IMAGES.len(), any::<Option<bool>>(), any::<bool>()).prop_map(
            |(job, prompt, image, key, retry)| Verb::Admit { job, prompt, image, key, retry }),
        8 => (job(), change(), prop_oneof![9 => Just(1), 1 => 0..3_u64], at()).prop_map(
            |(job, change, revisions, at)| Verb::Commit { job, change, revisions, at }),
        2 => (job(), at()).prop_map(|(job, at)| Verb::Note { job, at }),
        1 => (1..=PINS).prop_map(Verb::Pin),
        1 => job().prop_map(Verb::Forget),
        3 => (cuts(), 1..4_usize).prop_map(|(cuts, most)| Verb::Sweep(cuts, most)),
        1 => (1..3_usize).prop_map(Verb::Shed),
        1 => at().prop_map(Verb::Submits),
        1 => Just(Verb::Reopen),
    ]
}

/// What the writer of each job holds.
type Held = Vec<Option<Job>>;

impl Change {
    fn of(self, job: &Job, revisions: u64, at: Ms) -> Job {
        let mut changed = match self {
            Self::Fail => ended(job, Status::Failed, at),
            Self::Succeed(image) => succeeded(job, at, &[IMAGES[image]]),
            Self::Attempt | Self::Late | Self::Answer(_) => next(job),
        };
        let attempts = &mut changed.record.attempts;
        let number = 1 + attempts.len() as u32 % 3;
        match self {
            Self::Attempt => attempts.push(attempt(number, "p")),
            Self::Late => attempts.push(late(number, "q")),
            Self::Answer(image) => *attempts = vec![stored(number, "p", &[IMAGES[image]])],
            Self::Fail => attempts.truncate(1),
            Self::Succeed(_) => {}
        }
        for attempt in &mut changed.record.attempts {
            attempt.submitted = Some(at);
            attempt.finished = matches!(attempt.state, State::Stored(_)).then_some(at + 3);
        }
        changed.record.rev = job.record.rev + revisions;
        changed
    }
}

/// Does it, says what came of it, and keeps what the writer then holds.
async fn perform(store: &dyn Store, verb: &Verb, new: &Job, held: &mut Held) -> String {
    match verb {
        Verb::Admit { job, key, retry, .. } => {
            let key = key.map(|key| key.to_string());
            let admitted = store.admit(new, &Claim { key, retry: *retry }).await;
            if admitted == Ok(Admitted::New) {
                held[*job] = Some(new.clone());
            }
            format!("{admitted:?}")
        }
        Verb::Commit { job, change, revisions, at } => {
            let Some(held) = &mut held[*job] else { return String::new() };
            let changed = change.of(held, *revisions, *at);
            let committed = store.commit(&changed).await;
            if committed.is_ok() {
                *held = changed;
            }
            format!("{committed:?}")
        }
        Verb::Note { job, at } => {
            held[*job].iter().for_each(|job| store.note(note(job, *at)));
            String::new()
        }
        Verb::Pin(number) => format!("{:?}", store.pin(pin(*number), number.to_string()).await),
        Verb::Forget(job) => match &held[*job] {
            Some(job) => format!("{:?}", store.forget(&job.id).await),
            None => String::new(),
        },
        Verb::Sweep(cuts, most) => format!("{:?}", store.sweep(*cuts, *most).await),
        Verb::Shed(most) => format!("{:?}", store.shed(*most).await),
        Verb::Submits(since) => format!("{:?}", store.submits(*since).await),
        Verb::Reopen => String::new(),
    }
}

/// Everything that can be asked of a store.
async fn seen(store: &dyn Store, held: &Held) -> Vec<String> {
    let mut seen = Vec::new();
    for job in held.iter().flatten() {
        seen.push(format!("{:?}", store.load(&job.id).await));
        seen.push(format!("{:?}", store.exchanges(&job.id).await));
    }
    let filter = Filter { owner: Some("me".to_owned()), limit: JOBS - 1, ..Filter::default() };
    seen.push(format!("{:?}", store.list(filter).await));
    seen.push(format!("{:?}", store.loose_ends().await));
    seen.push(format!("{:?}", store.unneeded(IMAGES.map(str::to_owned).to_vec()).await));
    for number in 1..=PINS {
        seen.push(format!("{:?}", store.pinned(pin(number)).await));
    }
    seen
}

async fn compare(verbs: &[Verb]) {
    let places = Place::all();
    let mut stores: Vec<Arc<dyn Store>> = places.iter().map(Place::open).collect();
    let mut held: [Held; 2] = [vec![None; JOBS], vec![None; JOBS]];
    for verb in verbs {
        let new = match verb {
            Verb::Admit { prompt, image, .. } => {
                with_inputs(&prompt.to_string(), &[IMAGES[*image]])
            }
            _ => with_inputs("none", &[]),
        };
        if matches!(verb, Verb::Reopen) {
            stores.clear();
            stores = places.iter().map(Place::open).collect();
        }
        let [a, b] = [0, 1].map(|n| stores[n].clone());
        let answers = (
            perform(&*a, verb, &new, &mut held[0]).await,
            perform(&*b, verb, &new, &mut held[1]).await,
        );
        assert_eq!(answers.0, answers.1, "{verb:?}");
        // A note is not waited for, but a write after it is.
        for store in [&a, &b] {
            store.shed(0).await.unwrap();
        }
        assert_eq!(seen(&*a, &held[0]).await, seen(&*b, &held[1]).await, "after {verb:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_stores_cannot_be_told_apart(verbs in prop::collection::vec(verb(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(&verbs));
    }
}

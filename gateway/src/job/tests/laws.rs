//! Laws that hold for a job whatever its attempts come to, in whatever order.

use proptest::prelude::*;

use super::*;

/// Something that befalls a job. Attempts and shares are chosen by a number, round and round.
#[derive(Clone, Debug)]
enum Blow {
    /// A share is given to a provider, which makes at most so many.
    Begins {
        share: usize,
        at_most: u32,
    },
    Ends {
        attempt: usize,
        state: State,
        doubt: Doubt,
    },
    Expires {
        attempt: usize,
    },
    GivesUp {
        share: usize,
    },
    Cancels,
    WaitingExpires,
    ReadBack,
}

fn any_state() -> impl Strategy<Value = State> {
    let evidence = || Evidence::Answer { status: 200, at: 1 };
    prop::sample::select(vec![
        stored(&["x"]),
        stored(&["x", "y"]),
        State::Stored(vec![Err(Failure::new(Class::ProviderError, "gone").billed(Billed::Yes))]),
        refused(Class::Busy),
        refused(Class::Moderation),
        State::Failed(Failure::new(Class::ProviderError, "no"), evidence()),
        State::Failed(Failure::new(Class::ProviderError, "no").retry(Retry::Never), evidence()),
        State::Unknown(Failure::unknown_outcome("lost")),
    ])
}

fn any_blow() -> impl Strategy<Value = Blow> {
    let doubt =
        prop::sample::select(vec![Doubt::Ends, Doubt::GoesElsewhere, Doubt::WaitsUntil(1_000)]);
    prop_oneof![
        8 => (0..8usize, 1..5u32).prop_map(|(share, at_most)| Blow::Begins { share, at_most }),
        8 => (0..8usize, any_state(), doubt)
            .prop_map(|(attempt, state, doubt)| Blow::Ends { attempt, state, doubt }),
        1 => (0..8usize).prop_map(|attempt| Blow::Expires { attempt }),
        1 => (0..8usize).prop_map(|share| Blow::GivesUp { share }),
        1 => Just(Blow::Cancels),
        1 => Just(Blow::WaitingExpires),
        2 => Just(Blow::ReadBack),
    ]
}

/// The number of an open attempt.
fn open_one(job: &Job, nth: usize) -> Option<u32> {
    let open: Vec<u32> =
        job.record.attempts.iter().filter(|a| a.holds_place()).map(|a| a.number).collect();
    open.get(nth % open.len().max(1)).copied()
}

fn befalls(job: &mut Job, blow: Blow, now: Ms) {
    match blow {
        Blow::Begins { share, at_most } => {
            let shares = job.shares();
            if let Some(share) = shares.get(share % shares.len().max(1)).cloned() {
                let number = open(job, share.first, share.count.min(at_most), "a");
                job.attempt_mut(number).unwrap().submitted = Some(now);
            }
        }
        Blow::Ends { attempt, state, doubt } => {
            if let Some(number) = open_one(job, attempt) {
                let attempt = job.attempt_mut(number).unwrap();
                (attempt.state, attempt.effect, attempt.finished) = (state, None, Some(now));
                job.settle(number, None, doubt, now);
            }
        }
        Blow::Expires { attempt } => {
            if let Some(number) = open_one(job, attempt) {
                job.expire(number, false, now);
            }
        }
        Blow::GivesUp { share } => {
            let shares = job.shares();
            if let Some(share) = shares.get(share % shares.len().max(1)) {
                job.give_up(share, now);
            }
        }
        Blow::Cancels => job.cancel(now),
        Blow::WaitingExpires => job.expire_waiting(now),
        Blow::ReadBack => {
            let text = serde_json::to_string(&job.record).unwrap();
            job.record = serde_json::from_str(&text).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_job_ends_once_and_decides_each_slot_once(
        n in 1..5u32,
        blows in prop::collection::vec(any_blow(), 1..40),
    ) {
        let mut job = job(n);
        for (now, blow) in (2u64..).zip(blows) {
            let before = job.record.clone();
            befalls(&mut job, blow.clone(), now);
            let record = &job.record;
            prop_assert_eq!(before.slots.len(), record.slots.len());
            for (was, is) in before.slots.iter().zip(&record.slots) {
                prop_assert!(*was == Slot::Open || was == is, "{was:?} became {is:?} by {blow:?}");
            }
            if before.status.is_terminal() {
                prop_assert_eq!(before.status, record.status, "{:?}", blow);
                prop_assert_eq!(&before.error, &record.error, "{:?}", blow);
                prop_assert_eq!(before.finished, record.finished, "{:?}", blow);
            }
            let decided = !record.slots.contains(&Slot::Open);
            prop_assert_eq!(record.status.is_terminal(), decided, "{:?}", blow);
            let succeeded = record.status == Status::Succeeded;
            prop_assert_eq!(decided && job.images().next().is_some(), succeeded, "{:?}", blow);
            prop_assert_eq!(record.error.is_some(), decided && !succeeded, "{:?}", blow);
        }
    }

    #[test]
    fn a_slot_has_one_open_attempt_or_waits_in_one_share(
        n in 1..5u32,
        blows in prop::collection::vec(any_blow(), 1..40),
    ) {
        let mut job = job(n);
        for (now, blow) in (2u64..).zip(blows) {
            befalls(&mut job, blow.clone(), now);
            let shares = job.shares();
            for (slot, stands) in (0u32..).zip(&job.record.slots) {
                let attempts = job.record.attempts.iter();
                let open = attempts.filter(|a| a.is_open() && a.covers(slot)).count();
                let within = |share: &&Share| (share.first..share.first + share.count).contains(&slot);
                let waits = shares.iter().filter(within).count();
                if *stands == Slot::Open {
                    prop_assert_eq!(open + waits, 1, "slot {} by {:?}", slot, blow);
                } else {
                    prop_assert_eq!((open, waits), (0, 0), "slot {} by {:?}", slot, blow);
                }
            }
        }
    }
}

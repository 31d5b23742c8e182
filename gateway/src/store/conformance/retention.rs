//! What is removed, and what is not.

use super::super::{Cuts, Swept};
use super::samples::{attempt, ended, job, late, next, note, pin, stored, succeeded, with_inputs};
use super::{Status, admitted, committed, each, key};
use crate::clock::{Ms, now_ms};
use crate::store::{Admitted, Exchange};

/// More than there is.
const ALL: usize = 100;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Only images are old.
fn images(inputs: Ms, results: Ms) -> Cuts {
    Cuts { inputs, results, ..Cuts::default() }
}

#[tokio::test]
async fn images_go_by_the_end_of_their_job_and_their_kind() {
    each(|place| async move {
        let store = place.open();
        let first = with_inputs("a", &["in"]);
        admitted(&*store, &first).await;
        let free = || store.unneeded(names(&["in", "out", "strange"]));
        assert_eq!(free().await, Ok(names(&["out", "strange"])));
        assert_eq!(store.sweep(images(Ms::MAX, Ms::MAX), ALL).await, Ok(Swept::default()));
        committed(&*store, &succeeded(&first, 5_000, &["out"])).await;
        assert_eq!(free().await, Ok(names(&["strange"])));
        let swept = store.sweep(images(5_000, 5_000), ALL).await.unwrap();
        assert_eq!(swept, Swept::default(), "as old as the cut is not older");
        let swept = store.sweep(images(5_001, 5_000), ALL).await.unwrap();
        assert_eq!(swept.images, names(&["in"]));
        let swept = store.sweep(images(5_001, 5_001), ALL).await.unwrap();
        assert_eq!(swept.images, names(&["out"]));
        assert_eq!(free().await, Ok(names(&["in", "out", "strange"])));
        assert!(store.load(&first.id).await.unwrap().is_some(), "the job stays");
    })
    .await;
}

#[tokio::test]
async fn an_image_stays_while_any_job_needs_it() {
    each(|place| async move {
        let store = place.open();
        let (first, second) = (with_inputs("a", &["shared"]), with_inputs("b", &["shared"]));
        admitted(&*store, &first).await;
        admitted(&*store, &second).await;
        committed(&*store, &ended(&first, Status::Failed, 2_000)).await;
        let swept = store.sweep(images(Ms::MAX, Ms::MAX), ALL).await.unwrap();
        assert_eq!(swept.images, names(&[]));
        assert_eq!(store.forget(&first.id).await, Ok(Some(names(&[]))));
        committed(&*store, &ended(&second, Status::Failed, 3_000)).await;
        assert_eq!(store.forget(&second.id).await, Ok(Some(names(&["shared"]))));
    })
    .await;
}

#[tokio::test]
async fn what_attempts_made_of_images_is_needed_too() {
    each(|place| async move {
        let store = place.open();
        let first = with_inputs("a", &["in"]);
        admitted(&*store, &first).await;
        let mut running = next(&first);
        let mut tried = attempt(1, "p");
        tried.inputs = vec![super::samples::image("adapted")];
        tried.blobs = vec![super::samples::image("lifted")];
        running.record.attempts = vec![tried, stored(2, "q", &["second"])];
        committed(&*store, &running).await;
        let all = names(&["adapted", "lifted", "second"]);
        assert_eq!(store.unneeded(all.clone()).await, Ok(names(&[])));
        running.record.attempts.remove(0);
        committed(&*store, &ended(&running, Status::Failed, 2_000)).await;
        let swept = store.sweep(images(Ms::MAX, 0), ALL).await.unwrap();
        assert_eq!(swept.images, names(&["adapted", "in"]));
        let swept = store.sweep(images(Ms::MAX, Ms::MAX), ALL).await.unwrap();
        assert_eq!(swept.images, names(&["lifted", "second"]));
    })
    .await;
}

#[tokio::test]
async fn a_job_with_something_left_to_do_keeps_everything() {
    each(|place| async move {
        let store = place.open();
        let first = with_inputs("a", &["in"]);
        admitted(&*store, &first).await;
        let mut expired = ended(&first, Status::Expired, 2_000);
        expired.record.attempts = vec![late(1, "p")];
        committed(&*store, &expired).await;
        let cuts = Cuts { jobs: Ms::MAX, ..images(Ms::MAX, Ms::MAX) };
        assert_eq!(store.sweep(cuts, ALL).await, Ok(Swept::default()));
        assert_eq!(store.shed(ALL).await, Ok(names(&[])));
        // What comes late has its whole time, and so has the rest of its job.
        let mut answered = next(&expired);
        answered.record.attempts = vec![stored(1, "p", &["late"])];
        answered.record.attempts[0].finished = Some(9_000);
        committed(&*store, &answered).await;
        let cuts = Cuts { jobs: 9_000, ..images(9_000, 9_000) };
        assert_eq!(store.sweep(cuts, ALL).await, Ok(Swept::default()));
        let swept = store.sweep(images(9_001, 9_001), ALL).await.unwrap();
        assert_eq!(swept.images, names(&["in", "late"]));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_goes_on_after_its_end_keeps_its_images_again() {
    each(|place| async move {
        let store = place.open();
        let first = with_inputs("a", &["in"]);
        admitted(&*store, &first).await;
        let over = ended(&first, Status::Failed, 2_000);
        committed(&*store, &over).await;
        let mut found = next(&over);
        found.record.attempts = vec![late(1, "p")];
        committed(&*store, &found).await;
        assert_eq!(store.sweep(images(Ms::MAX, 0), ALL).await, Ok(Swept::default()));
    })
    .await;
}

#[tokio::test]
async fn old_jobs_go_with_all_that_is_theirs() {
    each(|place| async move {
        let store = place.open();
        let (old, young) = (with_inputs("a", &["in", "shared"]), with_inputs("b", &["shared"]));
        assert_eq!(store.admit(&old, &key("k")).await, Ok(Admitted::New));
        admitted(&*store, &young).await;
        store.note(note(&old, 9_000));
        committed(&*store, &ended(&old, Status::Canceled, 2_000)).await;
        committed(&*store, &ended(&young, Status::Canceled, 2_001)).await;
        let cuts = Cuts { jobs: 2_001, keys: 1_000, ..Cuts::default() };
        assert_eq!(store.sweep(cuts, ALL).await, Ok(Swept::default()), "its key keeps it");
        let swept = store.sweep(Cuts { keys: 1_001, ..cuts }, ALL).await.unwrap();
        let images = names(&["in"]);
        assert_eq!(swept, Swept { jobs: 1, exchanges: 1, images, ..Swept::default() });
        assert_eq!(store.load(&old.id).await, Ok(None));
        assert_eq!(store.exchanges(&old.id).await, Ok(Vec::<Exchange>::new()));
        assert!(store.load(&young.id).await.unwrap().is_some());
        // Its key is free.
        assert_eq!(store.admit(&job("other"), &key("k")).await, Ok(Admitted::New));
    })
    .await;
}

#[tokio::test]
async fn notes_and_keys_go_by_their_own_age() {
    each(|place| async move {
        let store = place.open();
        let first = job("a");
        assert_eq!(store.admit(&first, &key("k")).await, Ok(Admitted::New));
        store.note(note(&first, 10));
        store.note(note(&first, 20));
        let swept = store.sweep(Cuts { exchanges: 20, ..Cuts::default() }, ALL).await.unwrap();
        assert_eq!(swept.exchanges, 1);
        assert_eq!(store.exchanges(&first.id).await.unwrap()[0].at, 20);
        store.sweep(Cuts { keys: 1_000, ..Cuts::default() }, ALL).await.unwrap();
        assert_eq!(store.admit(&job("a"), &key("k")).await, Ok(Admitted::Same(first.id)));
        store.sweep(Cuts { keys: 1_001, ..Cuts::default() }, ALL).await.unwrap();
        assert_eq!(store.admit(&job("a"), &key("k")).await, Ok(Admitted::New));
    })
    .await;
}

#[tokio::test]
async fn pins_go_when_no_loose_job_names_them() {
    each(|place| async move {
        let store = place.open();
        for number in 1..=3 {
            store.pin(pin(number), number.to_string()).await.unwrap();
        }
        let (mut running, mut expired) = (job("a"), job("b"));
        running.record.attempts = vec![attempt(1, "p")];
        admitted(&*store, &running).await;
        admitted(&*store, &expired).await;
        expired = ended(&expired, Status::Expired, 2_000);
        expired.record.attempts = vec![late(2, "p")];
        committed(&*store, &expired).await;
        let (lately, now) = (now_ms() - 3_600_000, now_ms() + 3_600_000);
        let sweep = |pins| store.sweep(Cuts { pins, ..Cuts::default() }, ALL);
        assert_eq!(sweep(lately).await.unwrap().pins, 0, "kept lately");
        assert_eq!(sweep(0).await.unwrap().pins, 0, "nobody looks at them");
        assert_eq!(sweep(now).await.unwrap().pins, 1);
        let kept = [store.pinned(pin(1)).await, store.pinned(pin(2)).await];
        assert!(kept.iter().all(|pin| matches!(pin, Ok(Some(_)))), "{kept:?}");
        assert_eq!(store.pinned(pin(3)).await, Ok(None));
        expired = next(&expired);
        expired.record.attempts = vec![stored(2, "p", &[])];
        committed(&*store, &expired).await;
        assert_eq!(sweep(now).await.unwrap().pins, 1);
        // One that was swept can be kept again.
        store.pin(pin(3), "again".to_owned()).await.unwrap();
        assert_eq!(store.pinned(pin(3)).await, Ok(Some("again".to_owned())));
    })
    .await;
}

#[tokio::test]
async fn a_sweep_is_bounded_and_says_that_there_is_more() {
    each(|place| async move {
        let store = place.open();
        for n in 0..5 {
            let job = job(&n.to_string());
            admitted(&*store, &job).await;
            committed(&*store, &ended(&job, Status::Failed, 2_000)).await;
        }
        let cuts = Cuts { jobs: Ms::MAX, ..Cuts::default() };
        let mut told = Vec::new();
        for _ in 0..3 {
            let swept = store.sweep(cuts, 2).await.unwrap();
            told.push((swept.jobs, swept.more));
        }
        assert_eq!(told, [(2, true), (2, true), (1, false)]);
    })
    .await;
}

#[tokio::test]
async fn the_jobs_that_ended_first_are_shed_first() {
    each(|place| async move {
        let store = place.open();
        let jobs = [("a", 3_000), ("b", 2_000), ("c", 4_000)].map(|(name, at)| {
            let first = with_inputs(name, &["shared", name]);
            (succeeded(&first, at, &[&format!("{name}-out")]), first)
        });
        for (over, first) in &jobs {
            admitted(&*store, first).await;
            committed(&*store, over).await;
        }
        assert_eq!(store.shed(2).await, Ok(names(&["a", "a-out", "b", "b-out"])));
        assert_eq!(store.shed(2).await, Ok(names(&["c", "c-out", "shared"])));
        assert_eq!(store.shed(2).await, Ok(names(&[])));
        assert!(store.load(&jobs[0].1.id).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn only_a_job_at_its_end_can_be_forgotten() {
    each(|place| async move {
        let store = place.open();
        let first = with_inputs("a", &["in"]);
        assert_eq!(store.forget(&first.id).await, Ok(None), "it is not there");
        assert_eq!(store.admit(&first, &key("k")).await, Ok(Admitted::New));
        store.note(note(&first, 10));
        assert_eq!(store.forget(&first.id).await, Ok(None), "it goes on");
        let mut expired = ended(&first, Status::Expired, 2_000);
        expired.record.attempts = vec![late(1, "p")];
        committed(&*store, &expired).await;
        assert_eq!(store.forget(&first.id).await, Ok(None), "an attempt of it goes on");
        let mut over = next(&expired);
        over.record.attempts = vec![stored(1, "p", &["out"])];
        committed(&*store, &over).await;
        assert_eq!(store.forget(&first.id).await, Ok(Some(names(&["in", "out"]))));
        assert_eq!(store.load(&first.id).await, Ok(None));
        assert_eq!(store.exchanges(&first.id).await, Ok(Vec::<Exchange>::new()));
        assert_eq!(store.unneeded(names(&["in"])).await, Ok(names(&["in"])));
        assert!(store.commit(&next(&over)).await.is_err(), "it does not come back");
        assert_eq!(store.admit(&job("b"), &key("k")).await, Ok(Admitted::New));
    })
    .await;
}

//! Places as they are held, dropped and handed over.

use super::*;

const X: AccountId = AccountId(1);

#[test]
fn a_place_that_is_dropped_goes_to_the_next_in_line() {
    let (live, mut freed) = Live::new();
    let first = live.take(X, 1);
    assert!(first.is_some() && live.take(X, 1).is_none());
    let [job, next] = [(); 2].map(|()| JobId::new());
    for (owner, job) in [("a", job), ("a", job), ("b", next)] {
        live.wait(X, owner, job);
    }
    assert!(freed.try_recv().is_err(), "none is free");
    drop(first);
    let (got, place) = freed.try_recv().unwrap();
    assert_eq!((got, place.account(), live.open(X)), (job, X, 1));
    assert!(live.take(X, 1).is_none(), "it is promised");
    // It is not needed any more.
    drop(place);
    let (got, place) = freed.try_recv().unwrap();
    assert_eq!(got, next);
    drop(place);
    assert!(freed.try_recv().is_err(), "a job stands in line once");
    assert_eq!(live.open(X), 0);
}

#[test]
fn whoever_comes_to_the_line_too_late_gets_its_place_at_once() {
    let (live, mut freed) = Live::new();
    drop(live.take(X, 1));
    let job = JobId::new();
    live.wait(X, "a", job);
    assert_eq!(freed.try_recv().unwrap().0, job);
}

#[test]
fn a_raised_limit_lets_those_who_wait_in_first_and_a_lowered_one_holds() {
    let (live, mut freed) = Live::new();
    let held: Vec<_> = (0..2).filter_map(|_| live.take(X, 2)).collect();
    let jobs: Vec<_> = (0..3).map(|_| JobId::new()).collect();
    jobs.iter().for_each(|job| live.wait(X, "a", *job));
    assert!(live.take(X, 4).is_none(), "the two new ones are for those in line");
    let mut got: Vec<_> = std::iter::from_fn(|| freed.try_recv().ok()).collect();
    assert_eq!(got.iter().map(|(job, _)| *job).collect::<Vec<_>>(), jobs[..2]);
    assert!(live.take(X, 1).is_none());
    drop(held);
    got.pop();
    assert!(freed.try_recv().is_err() && live.open(X) == 1, "one too many before");
    got.pop();
    assert_eq!(freed.try_recv().unwrap().0, jobs[2]);
}

#[test]
fn places_of_a_process_before_count_whatever_the_limit() {
    let (live, _freed) = Live::new();
    let held: Vec<_> = (0..3).map(|_| live.retake(X)).collect();
    assert!(live.take(X, 3).is_none());
    drop(held);
    assert!(live.take(X, 3).is_some());
}

#[test]
fn an_engine_that_is_gone_leaves_nothing_behind() {
    let (live, freed) = Live::new();
    let place = live.take(X, 1);
    for _ in 0..100_000 {
        live.wait(X, "a", JobId::new());
    }
    drop(freed);
    drop(place);
    assert_eq!((live.open(X), Arc::strong_count(&live)), (0, 1));
    // The same where places were on their way.
    let (live, freed) = Live::new();
    let place = live.take(X, 1);
    (0..9).for_each(|_| live.wait(X, "a", JobId::new()));
    drop(place);
    drop(freed);
    assert_eq!((live.open(X), Arc::strong_count(&live)), (0, 1));
}

#[test]
fn polls_are_spaced() {
    let (live, _freed) = Live::new();
    let at: Vec<_> = (0..3).map(|_| live.poll_at(X, 10, 1_000)).collect();
    assert_eq!(at, [1_000, 1_100, 1_200]);
}

#[test]
fn a_place_is_small() {
    assert!(size_of::<Place>() <= 32);
}

//! A gateway that is stopped at every place where it writes or speaks, and at random times. The
//! long form is `load crashes`, see the README.

#![expect(clippy::print_stdout, reason = "a failure has to say its seed and what was covered")]

use retouch_tests::crashes::{Kind, Matrix, Width, rounds};

/// Dies at every place of these orders, so many times at each. Fails unless the gateway came to
/// nearly all of them, a few apart: what is committed together depends on the moment.
async fn at_every_point(kinds: &[Kind], lives: usize) {
    let matrix = Matrix::recorded(kinds, Width::Short).await;
    let points = matrix.points().len();
    let tally = matrix.run(lives).await;
    println!("{points} points of {:?}: {tally:?}", matrix.calls());
    assert_eq!(tally.jobs, points * kinds.len());
    assert!(tally.deaths * 4 >= points * 3, "{tally:?}");
    // Few places lie between the commit that lets a submit go and its arrival.
    assert!(tally.unseen * 5 <= tally.jobs, "{tally:?}");
}

#[tokio::test]
async fn a_crash_at_any_point_of_a_polled_job_loses_nothing_and_charges_once() {
    at_every_point(&[Kind::Polled], 1).await;
}

#[tokio::test]
async fn two_crashes_at_any_point_of_several_jobs_lose_nothing_and_charge_once() {
    at_every_point(&[Kind::Sync, Kind::Failover, Kind::Risky], 2).await;
}

#[tokio::test]
async fn crashes_at_random_times_lose_nothing_and_charge_nothing_twice() {
    let seed = std::process::id().into();
    println!("seed {seed}");
    let tally = rounds(seed, 3, 70).await;
    println!("{tally:?}");
    assert!(tally.unknown > 0, "no kill met an edit on its way: {tally:?}");
    assert_eq!((tally.deaths, tally.jobs), (3, 3 * 70));
}

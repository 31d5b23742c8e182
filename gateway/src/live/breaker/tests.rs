//! Opens, tries once, closes or opens longer: by table and by property.

use proptest::prelude::*;

use super::*;

const BASE: Ms = 30_000;

fn probe(n: u32) -> Probe {
    Probe::new(n).unwrap()
}

/// Broken five times at `now`; until when it is open.
fn opened(breaker: &mut Breaker, now: Ms) -> Ms {
    let turn = (0..5).find_map(|_| breaker.broke(BASE, now));
    let Some(Turn::Opened { until, .. }) = turn else { panic!("{turn:?}") };
    until
}

#[test]
fn opens_then_one_job_tries_and_its_success_closes() {
    let mut breaker = Breaker::new(1);
    let until = opened(&mut breaker, 1_000_000);
    assert!((24_000..=36_000).contains(&(until - 1_000_000)), "{until}");
    assert_eq!(breaker.gate(until - 1), Gate::Open(until));
    assert_eq!(breaker.gate(until), Gate::Due);
    breaker.probe(probe(1));
    assert_eq!(breaker.gate(until), Gate::Probing);
    assert_eq!(breaker.worked(until + 5), Some(Turn::Closed));
    assert_eq!((breaker.gate(until + 5), breaker.in_a_row()), (Gate::Closed, 0));
}

#[test]
fn each_failed_try_opens_longer_up_to_five_minutes() {
    let mut breaker = Breaker::new(7);
    let mut until = opened(&mut breaker, 1_000_000);
    for n in 2..20 {
        breaker.probe(probe(n));
        let now = until + 1;
        let Some(Turn::Opened { until: next, .. }) = breaker.broke(BASE, now) else { panic!() };
        let want = (BASE * u64::from(n)).min(300_000);
        assert!((want * 4 / 5..=want * 6 / 5).contains(&(next - now)), "{n}: {}", next - now);
        until = next;
    }
}

#[test]
fn a_try_that_is_given_up_lets_the_next_one_try() {
    let mut breaker = Breaker::new(1);
    let until = opened(&mut breaker, 0);
    breaker.probe(probe(1));
    breaker.forget(probe(2));
    assert_eq!(breaker.gate(until), Gate::Probing, "another's place is no news");
    breaker.forget(probe(1));
    assert_eq!(breaker.gate(until), Gate::Due);
}

#[test]
fn what_was_begun_before_it_opened_says_nothing() {
    let mut breaker = Breaker::new(1);
    let until = opened(&mut breaker, 0);
    assert_eq!(breaker.worked(until - 1), None);
    assert_eq!(breaker.broke(BASE, until - 1), None);
    assert_eq!(breaker.gate(until - 1), Gate::Open(until));
}

#[test]
fn answered_questions_hide_no_broken_work_and_the_reverse() {
    let mut breaker = Breaker::new(1);
    for _ in 0..4 {
        breaker.broke(BASE, 0);
        breaker.answered(0);
    }
    assert!(breaker.broke(BASE, 0).is_some());
    let mut breaker = Breaker::new(1);
    for _ in 0..4 {
        breaker.silent(BASE, 0);
        breaker.worked(0);
    }
    let Some(Turn::Opened { until, .. }) = breaker.silent(BASE, 0) else { panic!() };
    breaker.probe(probe(1));
    assert_eq!(breaker.silent(BASE, until), None, "only work decides the try");
    assert_eq!(breaker.worked(until), Some(Turn::Closed));
}

#[test]
fn a_relapse_opens_longer_and_a_recovery_begins_anew() {
    for (healthy, times) in [(RELAPSE - 1, 2), (RELAPSE, 1)] {
        let mut breaker = Breaker::new(3);
        let until = opened(&mut breaker, 1_000_000);
        breaker.worked(until);
        let again = opened(&mut breaker, until + healthy) - (until + healthy);
        let want = BASE * times;
        assert!((want * 4 / 5..=want * 6 / 5).contains(&again), "{healthy}: {again}");
    }
}

#[derive(Clone, Debug)]
enum Move {
    Wait(Ms),
    Worked,
    Broke,
    Answered,
    Silent,
    Enter,
    Leave,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (0..60_000u64).prop_map(Move::Wait),
        Just(Move::Worked),
        Just(Move::Broke),
        Just(Move::Broke),
        Just(Move::Answered),
        Just(Move::Silent),
        Just(Move::Enter),
        Just(Move::Leave),
    ];
    prop::collection::vec(one, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// However it is used: never two tries at once, never open beyond the bound, every opening is
    /// told of once, and nobody is kept out for good.
    #[test]
    fn lets_one_try_at_a_time_and_is_never_stuck(seed: u64, moves in moves()) {
        let (mut breaker, mut now, mut trying, mut serial) = (Breaker::new(seed), 1, None, 0);
        for step in moves {
            let before = breaker.gate(now);
            let turn = match step {
                Move::Wait(ms) => { now += ms; None }
                Move::Worked => breaker.worked(now),
                Move::Broke => breaker.broke(BASE, now),
                Move::Answered => { breaker.answered(now); None }
                Move::Silent => breaker.silent(BASE, now),
                Move::Enter => {
                    if before == Gate::Due {
                        prop_assert_eq!(trying, None, "the one before is over");
                        serial += 1;
                        trying = Some(probe(serial));
                        breaker.probe(probe(serial));
                    }
                    None
                }
                Move::Leave => {
                    if let Some(place) = trying.take() { breaker.forget(place); }
                    None
                }
            };
            match turn {
                Some(Turn::Opened { until, .. }) => {
                    prop_assert!(!matches!(before, Gate::Open(_)));
                    prop_assert!(until > now && until <= now + 360_000);
                    trying = None;
                }
                Some(Turn::Closed) => {
                    prop_assert!(matches!(before, Gate::Due | Gate::Probing));
                    trying = None;
                }
                None => {}
            }
            prop_assert_eq!(breaker.gate(now) == Gate::Probing, trying.is_some() && !matches!(breaker.gate(now), Gate::Open(_) | Gate::Closed));
        }
        if let Some(place) = trying { breaker.forget(place); }
        prop_assert!(matches!(breaker.gate(now + 360_000), Gate::Closed | Gate::Due));
    }
}

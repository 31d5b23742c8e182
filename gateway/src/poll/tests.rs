//! Properties of the times for questions, and the claim that learning them pays.

use proptest::prelude::*;

use super::curve::PRICE;
use super::simulation::{Cost, Poller, SHAPES, run};
use super::*;

const KEY: Key<'static> = Key { api_type: "acme-edit", model: None };
const ASK: Ask = Ask { elapsed: 0, hint: 0, in_flight: 1, polls_per_second: 10, seed: 7 };

fn taught(seen: impl IntoIterator<Item = Seen>) -> Pace {
    let pace = Pace::default();
    for (now, seen) in (0..).zip(seen) {
        pace.learnt(KEY, seen, now);
    }
    pace
}

/// Around 20 s, each known to half a second.
fn steady(count: u64) -> impl Iterator<Item = Seen> {
    (0..count).map(|n| Seen { unfinished: Some(19_000 + n % 8 * 200), done: 19_500 + n % 8 * 200 })
}

#[test]
fn asks_cold_after_a_second_and_then_half_as_much_again() {
    let pace = Pace::default();
    let (mut elapsed, mut spacings) = (0, Vec::new());
    for _ in 0..9 {
        let at = pace.plan(KEY, Ask { elapsed, ..ASK }, elapsed);
        spacings.push(at - elapsed);
        elapsed = at;
    }
    assert!((800..=1_200).contains(&spacings[0]), "{spacings:?}");
    assert!((8_000..=12_000).contains(spacings.last().unwrap()), "{spacings:?}");
    assert!(spacings.windows(2).take(5).all(|pair| pair[1] > pair[0]), "{spacings:?}");
}

#[test]
fn asks_first_where_the_first_tasks_end() {
    let pace = taught(steady(40));
    for seed in 0..100 {
        let first = pace.plan(KEY, Ask { seed, ..ASK }, 0);
        assert!((19_000..=19_800).contains(&first), "{first}");
    }
    let typical = pace.quantiles(KEY).unwrap();
    assert!(typical.p10 < typical.p50 && typical.p50 < typical.p95, "{typical:?}");
    assert!((19_000..=21_000).contains(&typical.p50), "{typical:?}");
}

#[test]
fn says_nothing_before_enough_were_seen() {
    assert_eq!(taught(steady(7)).quantiles(KEY), None);
    assert!(taught(steady(8)).quantiles(KEY).is_some());
    let other = Key { model: Some("acme-2"), ..KEY };
    assert_eq!(taught(steady(8)).quantiles(other), None);
}

#[test]
fn a_first_wait_that_is_never_missed_shrinks() {
    let pace = taught(steady(96));
    for number in 0..400 {
        // It takes 2 s now; only questions tell.
        let (mut elapsed, mut unfinished) = (0, None);
        let seed = number;
        while elapsed < 2_000 {
            unfinished = (elapsed > 0).then_some(elapsed);
            elapsed = pace.plan(KEY, Ask { elapsed, seed, ..ASK }, elapsed);
        }
        pace.learnt(KEY, Seen { unfinished, done: elapsed }, number);
    }
    let typical = pace.quantiles(KEY).unwrap();
    assert!((1_000..=3_000).contains(&typical.p50), "{typical:?}");
}

#[test]
fn remembers_a_bounded_number_of_models() {
    let pace = Pace::default();
    for model in 0..1_000u64 {
        let name = model.to_string();
        pace.learnt(Key { model: Some(&name), ..KEY }, Seen { unfinished: None, done: 1 }, model);
    }
    let learnt = pace.lock();
    assert_eq!(learnt.len(), KEYS);
    assert!(learnt.contains_key("acme-edit 999") && !learnt.contains_key("acme-edit 0"));
}

#[test]
fn tells_a_client_to_come_back_when_something_may_have_changed() {
    let typical = Quantiles { p10: 8_000, p50: 12_000, p95: 40_000 };
    let told = [0, 7_500, 8_000, 11_900, 12_000, 39_000, 50_000].map(|at| typical.retry_after(at));
    assert_eq!(told, [8, 1, 4, 1, 10, 1, 10]);
    assert_eq!(retry_after(None, 5_000), 1);
}

/// Over every shape: cheaper than both fixed intervals at the price a question has, and no fixed
/// interval with the same lag asks noticeably less, not even where learning cannot help because tasks
/// end as if by chance. Over all shapes together: less lag than every 2 s, with two thirds of its
/// questions, and less than half the lag of every 5 s.
#[test]
fn learning_asks_less_and_lags_less() {
    let worth = |cost: Cost| cost.lag + cost.polls * PRICE / 1_000.0;
    let (mut learning, mut two, mut five) = (Vec::new(), Vec::new(), Vec::new());
    for shape in &SHAPES {
        let cost = run(shape, Poller::Learning);
        let fixed = [2_000, 5_000].map(|interval| run(shape, Poller::Fixed(interval)));
        for fixed in fixed {
            assert!(worth(cost) < 1.05 * worth(fixed), "{}: {cost:?} {fixed:?}", shape.name);
        }
        let as_late = run(shape, Poller::as_late_as(cost));
        assert!(cost.polls < 1.1 * as_late.polls, "{}: {cost:?} {as_late:?}", shape.name);
        learning.push(cost);
        two.push(fixed[0]);
        five.push(fixed[1]);
    }
    let [learning, two, five] = [learning, two, five].map(|costs| Cost::mean(&costs));
    assert!(learning.polls < two.polls * 0.67 && learning.lag < two.lag, "{learning:?} {two:?}");
    assert!(learning.lag < five.lag / 2.0, "{learning:?} {five:?}");
}

prop_compose! {
    fn seens()(durations in prop::collection::vec((0..400_000u64, 0..20_000u64, any::<bool>()), 0..200))
        -> Vec<Seen> {
        let seen = |(from, more, first): (u64, u64, bool)| {
            Seen { unfinished: (!first).then_some(from), done: from + more }
        };
        durations.into_iter().map(seen).collect()
    }
}

prop_compose! {
    fn asks()(
        elapsed in prop_oneof![0..600_000u64, Just(Ms::MAX)],
        hint in prop_oneof![Just(0), 0..1_000_000u64, Just(Ms::MAX)],
        in_flight in prop_oneof![0..100u32, Just(u32::MAX)],
        polls_per_second in prop_oneof![0..100u32, Just(u32::MAX)],
        seed in any::<u64>(),
    ) -> Ask {
        Ask { elapsed, hint, in_flight, polls_per_second, seed }
    }
}

proptest! {
    #[test]
    fn is_in_the_future_and_within_bounds(seen in seens(), ask in asks()) {
        let wait = taught(seen).plan(KEY, ask, 0);
        let budget = u64::from(ask.in_flight) * 1_000 / u64::from(ask.polls_per_second.max(1));
        let bound = budget.max(ask.hint.min(LONGEST_HINT));
        prop_assert!(wait >= LEAST * 2 / 5, "{wait}");
        prop_assert!(wait >= bound, "{wait} {bound}");
        prop_assert!(wait <= BLIND.max(bound + bound / 5 + 2), "{wait} {bound}");
    }

    #[test]
    fn waits_no_shorter_for_a_longer_hint_or_a_busier_account(
        seen in seens(), ask in asks(), longer in any::<u64>(), busier in any::<u32>(),
    ) {
        let pace = taught(seen);
        let wait = pace.plan(KEY, ask, 0);
        let hint = ask.hint.saturating_add(longer);
        let in_flight = ask.in_flight.saturating_add(busier);
        for ask in [Ask { hint, ..ask }, Ask { in_flight, ..ask }] {
            let longer = pace.plan(KEY, ask, 0);
            prop_assert!(longer >= wait, "{longer} {wait}");
        }
    }

    #[test]
    fn the_same_question_has_the_same_answer(seen in seens(), ask in asks(), now in any::<u32>()) {
        let (pace, now) = (taught(seen), Ms::from(now));
        prop_assert_eq!(pace.plan(KEY, ask, now), pace.plan(KEY, ask, 0) + now);
    }

    #[test]
    fn quantiles_rise_and_progress_never_falls_back(seen in seens(), at in 0..900_000u64, more in 0..60_000u64) {
        let Some(typical) = taught(seen).quantiles(KEY) else { return Ok(()) };
        prop_assert!(typical.p10 <= typical.p50 && typical.p50 <= typical.p95);
        let (before, after) = (typical.progress(at), typical.progress(at + more));
        prop_assert!((0.0..1.0).contains(&before) && before <= after, "{before} {after}");
        prop_assert!((1..=10).contains(&typical.retry_after(at)));
    }

    #[test]
    fn overdue_questions_are_spread(count in 0..2_000usize, rate in 0..50u32, seed in any::<u64>()) {
        let times: Vec<Ms> = spread(count, rate, 5_000, seed).collect();
        prop_assert_eq!(times.len(), count);
        prop_assert!(times.is_sorted());
        let least = 1_000.max(count as u64 * 1_000 / u64::from(rate.max(1)));
        prop_assert!(times.iter().all(|at| (5_000..=5_000 + least).contains(at)));
        // In any second: what the account allows, and one that stands at its edge.
        let most = (rate.max(1) as usize).max(count * 1_000 / least as usize) + 1;
        for (index, at) in times.iter().enumerate() {
            let second = times[index..].iter().take_while(|next| **next < at + 1_000);
            prop_assert!(second.count() <= most);
        }
    }
}

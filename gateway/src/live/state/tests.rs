//! What accounts and providers allow: by table for health, by property for places and days.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use retouch_sdk::Class;

use super::*;
use crate::live::Condition;

const X: AccountId = AccountId(7);
const NOON: Ms = 20_000 * 86_400_000 + 43_200_000;

fn limits(concurrency: u32, per_day: u32) -> Limits {
    let (timeout, cooldown) = (Duration::from_secs(600), Duration::from_secs(30));
    Limits { concurrency, polls_per_second: 10, timeout, per_day, cooldown }
}

fn who<'a>(id: &'a str, limits: &'a Limits) -> Who<'a> {
    Who { id, account: X, limits, sandbox: false }
}

fn known() -> Known {
    Known::new(1)
}

/// Broken five times; until when it is open.
fn break_it(known: &mut Known, who: Who<'_>, now: Ms) -> Ms {
    let notice = (0..5).find_map(|_| known.heard(who, Heard::Broke, now));
    let Some(Notice::NotAsked { until, why }) = notice else { panic!("{notice:?}") };
    assert_eq!(why, "it failed 5 times in a row");
    until
}

#[test]
fn one_place_tries_a_broken_provider_and_giving_it_back_lets_the_next_try() {
    let limits = limits(3, 0);
    let (mut known, who) = (known(), who("a", &limits));
    let until = break_it(&mut known, who, NOON);
    assert_eq!(known.standing(who, 0, NOON), Standing::Broken { until });
    let first = known.enter(who, 0, until).unwrap();
    assert!(first.probe.is_some());
    assert!(matches!(known.standing(who, 0, until), Standing::Probing { .. }));
    assert_eq!(known.enter(who, 0, until), None, "one at a time");
    known.leave(X, first.probe, until);
    let second = known.enter(who, 0, until).unwrap();
    assert!(second.probe.is_some() && second != first);
    assert_eq!(known.heard(who, Heard::Worked, until), Some(Notice::AskedAgain));
    assert_eq!(known.enter(who, 0, until), Some(Entry { probe: None }));
    assert_eq!(known.health("a", X, until).state, Condition::Ok);
}

#[test]
fn who_only_looks_changes_no_limit() {
    let (wide, narrow) = (limits(2, 0), limits(1, 0));
    let mut known = known();
    known.enter(who("wide", &wide), 0, NOON).unwrap();
    assert_eq!(known.look(who("narrow", &narrow), NOON), Standing::Full { places: 1 });
    assert!(known.account(X).has_room(), "by the limits that were asked with");
    assert_eq!(known.look(who("wide", &wide), NOON), Standing::Free { ill: 0, open: 1 });
}

#[test]
fn a_provider_breaks_alone_and_an_account_shuts_for_all_its_providers() {
    let limits = limits(3, 0);
    let mut known = known();
    let (one, two) = (who("one", &limits), who("two", &limits));
    let until = break_it(&mut known, one, NOON);
    assert_eq!(known.standing(two, 0, NOON), Standing::Free { ill: 0, open: 0 });
    for (heard, want, state) in [
        (
            Heard::Cool { for_ms: Some(5_000) },
            Standing::Cooling { until: NOON + 5_000 },
            Condition::Cooling,
        ),
        (
            Heard::Shut { class: Class::Quota, for_ms: None },
            Standing::Shut { class: Class::Quota, until: NOON + 600_000 },
            Condition::Shut,
        ),
    ] {
        assert!(matches!(known.heard(one, heard, NOON), Some(Notice::NotAsked { .. })));
        assert_eq!(known.heard(one, heard, NOON), None, "told once");
        assert_eq!(known.standing(two, 0, NOON), want);
        assert_eq!(known.health("two", X, NOON).state, state);
    }
    assert!(until < NOON + 600_000);
    assert_eq!(known.heard(two, Heard::Worked, NOON), Some(Notice::AskedAgain));
    assert_eq!(known.health("one", X, NOON).state, Condition::Open);
    assert_eq!(known.health("one", X, until).state, Condition::Probing);
}

#[test]
fn the_sandbox_is_never_ill() {
    let limits = limits(3, 0);
    let (mut known, plain) = (known(), who("a", &limits));
    let sandbox = Who { sandbox: true, ..plain };
    for heard in [Heard::Broke, Heard::Shut { class: Class::Auth, for_ms: None }] {
        assert!((0..9).all(|_| known.heard(sandbox, heard, NOON).is_none()));
    }
    assert_eq!(known.standing(sandbox, 0, NOON), Standing::Free { ill: 0, open: 0 });
}

#[test]
fn those_in_line_keep_their_order_while_the_account_cools() {
    let limits = limits(1, 0);
    let (mut known, who) = (known(), who("a", &limits));
    let [first, second] = [(); 2].map(|()| JobId::new());
    known.enter(who, 0, NOON).unwrap();
    known.account(X).wait("k", first);
    known.account(X).wait("k", second);
    known.heard(who, Heard::Cool { for_ms: Some(2_000) }, NOON);
    assert_eq!(known.leave(X, None, NOON), []);
    assert_eq!(known.let_in(NOON + 1_999), []);
    assert_eq!(known.enter(who, 0, NOON + 2_000), None, "no newcomer overtakes");
    assert_eq!(known.let_in(NOON + 2_000), [(X, vec![first])]);
    // Shut: they come one after the other to learn that.
    known.heard(who, Heard::Cool { for_ms: Some(2_000) }, NOON + 3_000);
    known.heard(who, Heard::Shut { class: Class::Auth, for_ms: None }, NOON + 3_000);
    assert_eq!(known.leave(X, None, NOON + 3_000), [second]);
}

#[test]
fn a_used_up_day_ends_at_midnight() {
    let limits = limits(3, 2);
    let (mut known, who) = (known(), who("a", &limits));
    let free = Standing::Free { ill: 0, open: 0 };
    known.account(X).day.count(1, NOON);
    assert_eq!(known.standing(who, 0, NOON), free);
    known.enter(who, 0, NOON).unwrap();
    // The one that is there may yet submit.
    assert_eq!(known.standing(who, 0, NOON), Standing::Full { places: 3 });
    known.account(X).day.count(1, NOON);
    let until = NOON + 43_200_000;
    assert_eq!(known.standing(who, 0, NOON), Standing::UsedUp { per_day: 2, until });
    known.leave(X, None, NOON);
    assert_eq!(known.standing(who, 0, until - 1), Standing::UsedUp { per_day: 2, until });
    assert_eq!(known.standing(who, 0, until), free);
    assert_eq!(known.health("a", X, until - 1).submits_today, 2);
}

#[derive(Clone, Debug)]
enum Move {
    Come(u8),
    Go(prop::sample::Index),
    Limit(u32),
    Cool(u64),
    Pass(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (0..4u8).prop_map(Move::Come),
        5 => any::<prop::sample::Index>().prop_map(Move::Go),
        1 => (1..5u32).prop_map(Move::Limit),
        1 => (0..3_000u64).prop_map(Move::Cool),
        2 => (0..2_000u64).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 1..300)
}

/// Jobs at one account, as the engine would handle them.
struct World {
    known: Known,
    limit: u32,
    now: Ms,
    inside: Vec<JobId>,
    waiting: Vec<(u8, JobId)>,
    /// For each who waits: which owners got in since their last one did, or since they came.
    rounds: HashMap<u8, Vec<u8>>,
}

impl World {
    fn come(&mut self, owner: u8) -> Result<(), TestCaseError> {
        let limits = limits(self.limit, 0);
        if self.known.enter(who("a", &limits), 0, self.now).is_some() {
            prop_assert!(self.waiting.is_empty(), "a newcomer overtook");
            self.inside.push(JobId::new());
        } else {
            let job = JobId::new();
            self.waiting.push((owner, job));
            self.rounds.entry(owner).or_default();
            self.known.account(X).wait(&owner.to_string(), job);
        }
        self.let_in()
    }

    fn let_in(&mut self) -> Result<(), TestCaseError> {
        let jobs = self.known.let_in(self.now).into_iter().flat_map(|(_, jobs)| jobs).collect();
        self.got_in(jobs)
    }

    fn got_in(&mut self, jobs: Vec<JobId>) -> Result<(), TestCaseError> {
        let open = self.known.account(X).open();
        prop_assert!(jobs.is_empty() || open <= self.limit, "more than the limit");
        for job in jobs {
            let index = self.waiting.iter().position(|(_, waits)| *waits == job).unwrap();
            let (owner, _) = self.waiting.remove(index);
            let earlier = self.waiting.iter().take(index).any(|(other, _)| *other == owner);
            prop_assert!(!earlier, "first come, first served");
            for (other, seen) in &mut self.rounds {
                if *other != owner {
                    prop_assert!(!seen.contains(&owner), "{owner} had two turns before {other}");
                    seen.push(owner);
                }
            }
            self.rounds.remove(&owner);
            if self.waiting.iter().any(|(other, _)| *other == owner) {
                self.rounds.insert(owner, Vec::new());
            }
            self.inside.push(job);
        }
        Ok(())
    }

    fn go(&mut self, index: usize) -> Result<(), TestCaseError> {
        self.inside.swap_remove(index);
        let jobs = self.known.leave(X, None, self.now);
        self.got_in(jobs)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn never_over_the_limit_nobody_lost_nobody_starved(moves in moves()) {
        let mut world = World {
            known: known(), limit: 2, now: NOON, inside: Vec::new(), waiting: Vec::new(),
            rounds: HashMap::new(),
        };
        for step in moves {
            match step {
                Move::Come(owner) => world.come(owner)?,
                Move::Go(index) => {
                    if !world.inside.is_empty() { world.go(index.index(world.inside.len()))?; }
                }
                Move::Limit(limit) => {
                    world.limit = limit;
                    // As the next look at the provider sets it.
                    let limits = limits(limit, 0);
                    world.known.standing(who("a", &limits), 0, world.now);
                    world.let_in()?;
                }
                Move::Cool(ms) => {
                    let limits = limits(world.limit, 0);
                    world.known.heard(who("a", &limits), Heard::Cool { for_ms: Some(ms) }, world.now);
                }
                Move::Pass(ms) => { world.now += ms; world.let_in()?; }
            }
            prop_assert_eq!(world.known.account(X).open() as usize, world.inside.len());
            prop_assert_eq!(world.known.account(X).waiting(), world.waiting.len());
        }
        world.now += 300_000;
        world.let_in()?;
        while !world.inside.is_empty() { world.go(0)?; }
        prop_assert!(world.waiting.is_empty(), "somebody was lost");
    }

    /// However places and submits fall over each other: never more submits than the day has.
    #[test]
    fn never_more_submits_than_the_day_has(
        per_day in 1..6u32, moves in prop::collection::vec((0..3u8, any::<prop::sample::Index>()), 1..100)
    ) {
        let limits = limits(3, per_day);
        let (mut known, who, mut places, mut submits) = (known(), who("a", &limits), Vec::new(), 0);
        for (step, index) in moves {
            match step {
                0 => places.extend(known.enter(who, 0, NOON).map(|_| false)),
                1 if !places.is_empty() => {
                    let at = index.index(places.len());
                    if !std::mem::replace(&mut places[at], true) {
                        known.account(X).day.count(1, NOON);
                        submits += 1;
                    }
                }
                2 if !places.is_empty() => {
                    places.swap_remove(index.index(places.len()));
                    known.leave(X, None, NOON);
                }
                _ => {}
            }
            prop_assert!(submits <= per_day);
        }
    }
}

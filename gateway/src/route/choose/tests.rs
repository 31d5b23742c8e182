//! The choice over tables: who stands how, who is taken, who is waited for.

use retouch_sdk::Class;

use super::*;

const FREE: Standing = Standing::Free { ill: 0, open: 0 };
const FULL: Standing = Standing::Full { places: 3 };
const COOLING: Standing = Standing::Cooling { until: 50 };
const BROKEN: Standing = Standing::Broken { until: 40 };
const PROBING: Standing = Standing::Probing { until: 45 };
const USED_UP: Standing = Standing::UsedUp { per_day: 9, until: 90 };
const NO_KEY: Standing = Standing::Shut { class: Class::Auth, until: 60 };
const NO_CREDIT: Standing = Standing::Shut { class: Class::Quota, until: 70 };

/// One of priority 0 at an account of its own.
fn one(n: usize, standing: Standing) -> Contender<'static> {
    Contender {
        id: ["a", "b", "c", "d"][n],
        account: AccountId(n as u64),
        preferred: false,
        default: false,
        priority: 0,
        when_full: WhenFull::Next,
        standing,
    }
}

#[test]
fn the_styles_provider_goes_before_the_default_and_every_priority() {
    let first = Contender { preferred: true, priority: -5, ..one(2, FREE) };
    let others =
        [Contender { default: true, ..one(0, FREE) }, Contender { priority: 9, ..one(1, FREE) }];
    let take = |standing| decided(&[others[0], others[1], Contender { standing, ..first }]).0;
    assert_eq!(take(FREE), Verdict::Take(2));
    assert_eq!(take(FULL), Verdict::Take(0));
}

fn decided(contenders: &[Contender<'static>]) -> (Verdict, Vec<String>) {
    let mut skipped = Vec::new();
    let mut numbered: Vec<_> = contenders.iter().copied().enumerate().collect();
    let verdict = decide(&mut numbered, &mut skipped);
    (verdict, skipped.into_iter().map(|skip| skip.provider).collect())
}

fn wait(line: &[u64], until: Option<Ms>) -> Verdict {
    Verdict::Wait { line: line.iter().copied().map(AccountId).collect(), until }
}

#[test]
fn takes_who_is_free_and_else_waits_for_whom_waiting_helps() {
    let shut = |class, until| Verdict::Nobody { shut: Some(Shut { class, until }) };
    for (standings, want, skips) in [
        (&[][..], Verdict::Nobody { shut: None }, 0),
        (&[FREE], Verdict::Take(0), 0),
        (&[FULL, FREE], Verdict::Take(1), 0),
        (&[FULL], wait(&[0], None), 1),
        (&[FULL, COOLING], wait(&[0, 1], Some(50)), 2),
        (&[COOLING, BROKEN], wait(&[0], Some(40)), 2),
        (&[BROKEN, PROBING], wait(&[], Some(40)), 2),
        (&[USED_UP], wait(&[], Some(90)), 1),
        (&[USED_UP, FULL], wait(&[1], Some(90)), 2),
        // Keys and credit do not come back by waiting.
        (&[NO_KEY, FREE], Verdict::Take(1), 0),
        (&[NO_KEY, FULL], wait(&[1], None), 2),
        (&[NO_KEY], shut(Class::Auth, 60), 1),
        (&[NO_CREDIT, NO_KEY], shut(Class::Quota, 70), 2),
    ] {
        let contenders: Vec<_> = standings.iter().enumerate().map(|(n, s)| one(n, *s)).collect();
        let (verdict, skipped) = decided(&contenders);
        assert_eq!(verdict, want, "{standings:?}");
        assert_eq!(skipped.len(), skips, "{standings:?}");
    }
}

#[test]
fn says_who_was_passed_over_on_the_way_to_a_better_ranked_one() {
    let ranked = |n, priority, standing| Contender { priority, ..one(n, standing) };
    let (verdict, skipped) =
        decided(&[ranked(0, 1, FREE), ranked(1, 9, NO_KEY), ranked(2, 5, FULL)]);
    assert_eq!((verdict, skipped), (Verdict::Take(0), vec!["b".to_owned(), "c".to_owned()]));
}

#[test]
fn the_default_goes_first_then_priority_then_health_then_the_emptier_one() {
    let free = |ill, open| Standing::Free { ill, open };
    for (contenders, want) in [
        ([one(0, free(0, 0)), Contender { default: true, ..one(1, free(4, 9)) }], 1),
        ([one(0, free(0, 0)), Contender { priority: 1, ..one(1, free(4, 9)) }], 1),
        ([Contender { priority: -1, ..one(0, free(0, 0)) }, one(1, free(4, 9))], 1),
        ([one(0, free(1, 0)), one(1, free(0, 9))], 1),
        ([one(0, free(0, 2)), one(1, free(0, 1))], 1),
        ([one(0, free(0, 1)), one(1, free(0, 1))], 0),
    ] {
        assert_eq!(decided(&contenders).0, Verdict::Take(want), "{contenders:?}");
    }
}

#[test]
fn stays_at_a_busy_one_whose_file_says_so() {
    let stay = |standing| Contender { when_full: WhenFull::Wait, priority: 1, ..one(0, standing) };
    for (standing, want) in [
        (FULL, wait(&[0], None)),
        (COOLING, wait(&[0], Some(50))),
        // Neither a failure nor a used-up day is a full account.
        (BROKEN, Verdict::Take(1)),
        (PROBING, Verdict::Take(1)),
        (USED_UP, Verdict::Take(1)),
        (NO_KEY, Verdict::Take(1)),
    ] {
        assert_eq!(decided(&[stay(standing), one(1, FREE)]).0, want, "{standing:?}");
    }
}

#[test]
fn stands_once_in_the_line_of_an_account_that_two_share() {
    let second = Contender { account: AccountId(0), ..one(1, FULL) };
    assert_eq!(decided(&[one(0, FULL), second]).0, wait(&[0], None));
}

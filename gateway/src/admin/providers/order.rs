//! Priorities for an order somebody wants: as few of them change as can be. Pure.

use serde_json::{Map, Value};

use crate::api::ApiError;

/// One provider in the order that is wanted, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    /// Its priority now.
    pub(super) priority: i64,
    /// Whether it was named. Those that were not come after those that were, as they were.
    pub(super) is_named: bool,
}

/// Between neighbours where everything is numbered anew.
const STEP: i64 = 10;

/// The order that a body asks for, the best first.
pub(super) fn ids(mut sent: Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let ids = sent.remove("ids");
    if let Some(name) = sent.keys().next() {
        let message = format!("there is no field `{name}`; did you mean `ids`?");
        return Err(ApiError::field("unknown_parameter", name, message));
    }
    let ids = ids.and_then(|ids| serde_json::from_value(ids).ok());
    ids.ok_or_else(|| ApiError::invalid("ids", "`ids` must be a list of providers' ids"))
}

/// The priorities under which the order holds: named ones fall strictly, the others stay among
/// themselves as they are, equal ones too.
pub(super) fn priorities(order: &[Rank]) -> Vec<i64> {
    let steps = steps(order);
    // Shifted so that the order holds wherever levels do not rise.
    let ranks = order.iter().zip(&steps);
    let mut levels: Vec<i128> =
        ranks.map(|(rank, step)| i128::from(rank.priority) + step).collect();
    let kept = longest_fall(order, &levels);
    let last = levels.iter().zip(&kept).rfind(|(_, is_kept)| **is_kept);
    let mut below = last.map_or(0, |(level, _)| *level);
    for (level, is_kept) in levels.iter_mut().zip(&kept).rev() {
        if *is_kept {
            below = *level;
        }
        *level = below;
    }
    let numbers = levels.iter().zip(&steps).map(|(level, step)| i64::try_from(level - step));
    numbers.collect::<Result<_, _>>().unwrap_or_else(|_| anew(order.len()))
}

/// How far below the first each has to be at least.
fn steps(order: &[Rank]) -> Vec<i128> {
    let mut step = 0;
    let mut above: Option<&Rank> = None;
    let mut steps = Vec::with_capacity(order.len());
    for rank in order {
        let is_level = |above: &Rank| !above.is_named && above.priority == rank.priority;
        step += i128::from(above.is_some_and(|above| !is_level(above)));
        above = Some(rank);
        steps.push(step);
    }
    steps
}

/// Which of the levels may stay: as many as can be that do not rise, rather those of unnamed ones.
fn longest_fall(order: &[Rank], levels: &[i128]) -> Vec<bool> {
    let mut best: Vec<((usize, usize), Option<usize>)> = Vec::with_capacity(levels.len());
    for (level, rank) in levels.iter().zip(order) {
        let above = levels.iter().zip(&best).enumerate().filter(|(_, (above, _))| *above >= level);
        let longest = above.max_by_key(|(_, (_, (length, _)))| *length);
        let (count, unnamed) = longest.map_or((0, 0), |(_, (_, (length, _)))| *length);
        let length = (count + 1, unnamed + usize::from(!rank.is_named));
        best.push((length, longest.map(|(index, _)| index)));
    }
    let mut kept = vec![false; levels.len()];
    let mut next = best.iter().enumerate().max_by_key(|(_, (length, _))| *length).map(|(i, _)| i);
    while let Some(index) = next {
        kept.get_mut(index).into_iter().for_each(|kept| *kept = true);
        next = best.get(index).and_then(|(_, before)| *before);
    }
    kept
}

/// Where the numbers at hand do not reach.
fn anew(length: usize) -> Vec<i64> {
    let length = i64::try_from(length).unwrap_or(i64::MAX / STEP);
    (1..=length).rev().map(|n| n * STEP).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(named: &[i64], rest: &[i64]) -> Vec<Rank> {
        let rank = |is_named| move |priority: &i64| Rank { priority: *priority, is_named };
        named.iter().map(rank(true)).chain(rest.iter().map(rank(false))).collect()
    }

    #[test]
    fn only_what_must_change_changes() {
        for (named, rest, want) in [
            (&[3, 2, 1][..], &[][..], &[3, 2, 1][..]),
            (&[0, 0, 0], &[], &[2, 1, 0]),
            (&[1, 3, 2], &[], &[4, 3, 2]),
            (&[5, 0], &[0, 0], &[5, 1, 0, 0]),
            (&[0], &[7, 7, 3], &[8, 7, 7, 3]),
            (&[9, 8], &[], &[9, 8]),
            (&[10, 10, 5], &[], &[11, 10, 5]),
            (&[2, 9, 1], &[0], &[10, 9, 1, 0]),
            (&[i64::MAX, i64::MAX], &[], &[20, 10]),
            (&[i64::MIN, i64::MIN], &[], &[i64::MIN + 1, i64::MIN]),
            (&[], &[], &[]),
        ] {
            assert_eq!(priorities(&order(named, rest)), want, "{named:?} {rest:?}");
        }
    }

    fn holds(before: &[Rank], after: &[i64]) -> bool {
        let pairs = before.windows(2).zip(after.windows(2));
        pairs.clone().all(|(was, is)| match was[0].is_named {
            true => is[0] > is[1],
            false => is[0].cmp(&is[1]) == was[0].priority.cmp(&was[1].priority),
        })
    }

    /// The fewest changes there can be, by trying every set that stays.
    fn fewest(order: &[Rank]) -> usize {
        let steps = steps(order);
        let level = |k: usize| i128::from(order[k].priority) + steps[k];
        let sets = 0..1_u32 << order.len();
        let stay = |set: u32| (0..order.len()).filter(move |k| set >> k & 1 == 1);
        let fit = sets.filter(|set| stay(*set).map(level).is_sorted_by(|a, b| a >= b));
        order.len() - fit.map(u32::count_ones).max().unwrap_or(0) as usize
    }

    proptest! {
        #[test]
        fn the_order_holds_with_the_fewest_changes(
            named in prop::collection::vec(-4..5_i64, 0..6),
            mut rest in prop::collection::vec(-4..5_i64, 0..5),
        ) {
            rest.sort_by_key(|priority| std::cmp::Reverse(*priority));
            let before = order(&named, &rest);
            let after = priorities(&before);
            prop_assert!(holds(&before, &after), "{:?}", after);
            let changes = before.iter().zip(&after).filter(|(was, is)| was.priority != **is).count();
            prop_assert_eq!(changes, fewest(&before), "{:?}", after);
        }

        #[test]
        fn it_holds_at_the_ends_of_the_numbers(
            mut all in prop::collection::vec(prop_oneof![Just(i64::MAX), Just(i64::MIN), any::<i64>()], 0..8),
            named in 0..8_usize,
        ) {
            let mut rest = all.split_off(named.min(all.len()));
            rest.sort_by_key(|priority| std::cmp::Reverse(*priority));
            let before = order(&all, &rest);
            let after = priorities(&before);
            prop_assert_eq!(after.len(), before.len());
            let mut pairs = after.windows(2).zip(before.windows(2));
            let falls = pairs.all(|(is, was)| is[0] > is[1] || !was[0].is_named && is[0] == is[1]);
            prop_assert!(falls, "{:?}", after);
        }
    }
}

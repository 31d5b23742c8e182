//! What clients want in a week: more by day than by night, now and then all at once, and each client
//! with manners of its own.

use super::chance::{Chance, Dice};
use crate::clock::Ms;
use crate::request::EditRequest;

/// One edit that somebody wants.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) at: Ms,
    pub(super) owner: &'static str,
    pub(super) request: EditRequest,
    /// Its idempotency key.
    pub(super) key: Option<String>,
    pub(super) manner: Manner,
}

/// How a client behaves after it has asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Waits for the end.
    Waits,
    /// Goes away after so long, mostly before it has an answer.
    HangsUp(Ms),
    /// Cancels after so long.
    Cancels(Ms),
    /// Asks the same again after so long.
    Repeats(Ms),
}

const HOUR: Ms = 3_600_000;
const OWNERS: [&str; 4] = ["ann", "bob", "cat", "dan"];

/// Everything that is wanted between these times, in order.
pub(super) fn wishes(chance: Chance, from: Ms, until: Ms, an_hour: u64) -> Vec<Wish> {
    let mut dice = chance.of("traffic", &[]);
    let mut times = Vec::new();
    for hour in 0..(until - from) / HOUR {
        // By night a quarter of what comes by day.
        let share = if (8..22).contains(&(hour % 24)) { 4 } else { 1 };
        for _ in 0..dice.between(0, an_hour * share / 2 + 2) {
            times.push(from + hour * HOUR + dice.between(0, HOUR));
        }
    }
    for _ in 0..3 {
        let burst = dice.between(from, until - HOUR);
        times.extend((0..40).map(|_| burst + dice.between(0, 5_000)));
    }
    times.sort_unstable();
    times.into_iter().zip(1..).map(|(at, number)| wish(&mut dice, at, number)).collect()
}

fn wish(dice: &mut Dice, at: Ms, number: u64) -> Wish {
    let n = if dice.in_1000(800) { 1 } else { dice.between(2, 5) };
    let provider = *dice.pick(&["alpha", "beta", "gamma", "delta", "eta"]);
    let request = EditRequest {
        prompt: format!("wish {number}"),
        n: u32::try_from(n).unwrap(),
        provider: dice.in_1000(150).then(|| provider.to_owned()),
        timeout: dice.in_1000(300).then(|| dice.between(30, 1_800)),
        ..EditRequest::default()
    };
    let soon = dice.skewed(1, 20 * 60_000);
    let manner = match dice.between(0, 10) {
        0 | 1 => Manner::HangsUp(soon % 40),
        2 => Manner::Cancels(soon),
        3 | 4 => Manner::Repeats(soon),
        _ => Manner::Waits,
    };
    let key = dice.in_1000(400).then(|| format!("key {number}"));
    let owner = OWNERS[dice.between(0, 4) as usize];
    Wish { at, owner, request, key, manner }
}

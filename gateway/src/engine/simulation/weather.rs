//! What is wrong at each provider and when: an hour without a network, a day with a revoked key.

use super::catalog;
use super::chance::Chance;
use crate::clock::Ms;

/// What is wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody answers the door.
    Down,
    /// Requests arrive; every other answer does not.
    Lossy,
    /// It takes the work and answers with an error page.
    ErrorPages,
    /// It says 429.
    Limited,
    /// It says 503, and that it took nothing.
    Full,
    /// The key is not accepted.
    Revoked,
    /// Work takes hours.
    Slow,
}

/// Every spell of a run.
#[derive(Debug)]
pub(super) struct Weather(Vec<Spell>);

#[derive(Debug)]
struct Spell {
    provider: &'static str,
    trouble: Trouble,
    from: Ms,
    until: Ms,
}

const HOUR: Ms = 3_600_000;

impl Weather {
    /// About one spell a day and provider.
    pub(super) fn new(chance: Chance, from: Ms, until: Ms) -> Self {
        let days = (until - from).div_ceil(24 * HOUR);
        let spells = catalog::ids().flat_map(|provider| {
            let mut dice = chance.of(provider, &[]);
            let spells: Vec<Spell> = (0..days)
                .map(|_| {
                    let trouble = *dice.pick(&[
                        Trouble::Down,
                        Trouble::Lossy,
                        Trouble::ErrorPages,
                        Trouble::Limited,
                        Trouble::Full,
                        Trouble::Revoked,
                        Trouble::Slow,
                    ]);
                    let longest = if trouble == Trouble::Revoked { 24 } else { 4 };
                    let begins = dice.between(from, until);
                    let ends = begins + dice.skewed(60_000, longest * HOUR);
                    Spell { provider, trouble, from: begins, until: ends.min(until) }
                })
                .collect();
            spells
        });
        Self(spells.collect())
    }

    /// Whether that is wrong there and then.
    pub(super) fn is(&self, trouble: Trouble, provider: &str, now: Ms) -> bool {
        let here = self.0.iter().filter(|spell| spell.provider == provider);
        here.filter(|spell| spell.trouble == trouble)
            .any(|spell| (spell.from..spell.until).contains(&now))
    }
}

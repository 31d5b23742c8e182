//! The choice of one moment among the candidates: whom to ask now, whom to wait for, or that nobody
//! is left. Who is passed over is said with the reason.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Candidates;
use crate::catalog::provider::WhenFull;
use crate::clock::Ms;
use crate::job::Skip;
use crate::live::{AccountId, Shut, Standing};
use crate::snapshot::Provider;

/// The choice.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Ask this one.
    Take(Arc<Provider>),
    /// Nobody can be asked now.
    Wait {
        /// The accounts to stand in line at.
        line: Vec<AccountId>,
        /// When to look again, should no place come free before.
        until: Option<Ms>,
    },
    /// Nobody is left.
    Nobody {
        /// Set when somebody is there whose key or credit is no good: the best of them.
        shut: Option<Shut>,
    },
}

/// A candidate as it is looked at in one moment.
#[derive(Clone, Copy, Debug)]
struct Contender<'a> {
    id: &'a str,
    account: AccountId,
    preferred: bool,
    default: bool,
    priority: i64,
    when_full: WhenFull,
    standing: Standing,
}

/// What became of the contenders; the index says who is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Take(usize),
    Wait { line: Vec<AccountId>, until: Option<Ms> },
    Nobody { shut: Option<Shut> },
}

/// The next of the candidates, given who was passed over or asked before and how each stands.
pub fn choose(
    candidates: &Candidates,
    passed: &[String],
    after_failure: bool,
    mut standing: impl FnMut(&Provider) -> Standing,
) -> (Choice, Vec<Skip>) {
    let mut skipped = Vec::new();
    let mut contenders = Vec::with_capacity(candidates.order.len());
    let left = candidates.order.iter().enumerate();
    for (index, provider) in left.filter(|(_, p)| !passed.contains(&p.file.id)) {
        if after_failure && let Some(reason) = barred_from_failover(provider) {
            skipped.push(Skip { provider: provider.file.id.clone(), reason: reason.to_owned() });
            continue;
        }
        let preferred = candidates.preferred.as_ref() == Some(&provider.file.id);
        contenders.push((index, Contender::of(provider, preferred, standing(provider))));
    }
    let choice = match decide(&mut contenders, &mut skipped) {
        Verdict::Take(index) => {
            let provider = candidates.order.get(index).cloned();
            provider.map_or(Choice::Nobody { shut: None }, Choice::Take)
        }
        Verdict::Wait { line, until } => Choice::Wait { line, until },
        Verdict::Nobody { shut } => Choice::Nobody { shut },
    };
    (choice, skipped)
}

/// Takes the first that is free in the order of the style's wish, default, priority, health and jobs
/// under way. A job stays at one that is only full for now if its file says `when_full = "wait"`.
fn decide(contenders: &mut [(usize, Contender<'_>)], skipped: &mut Vec<Skip>) -> Verdict {
    contenders.sort_by_key(|(_, c)| c.rank());
    let (mut line, mut until, mut waits, mut shut) = (Vec::new(), None::<Ms>, false, None);
    for (index, contender) in contenders {
        let standing = contender.standing;
        let busy = matches!(standing, Standing::Full { .. } | Standing::Cooling { .. });
        match standing {
            Standing::Free { .. } => return Verdict::Take(*index),
            Standing::Shut { class, until } => shut = shut.or(Some(Shut { class, until })),
            _ => {
                waits = true;
                until = [until, standing.until()].into_iter().flatten().min();
            }
        }
        skipped.push(Skip { provider: contender.id.to_owned(), reason: standing.reason() });
        if busy && !line.contains(&contender.account) {
            line.push(contender.account);
        }
        if busy && contender.when_full == WhenFull::Wait {
            break;
        }
    }
    if waits { Verdict::Wait { line, until } } else { Verdict::Nobody { shut } }
}

impl<'a> Contender<'a> {
    fn of(provider: &'a Provider, preferred: bool, standing: Standing) -> Self {
        Self {
            id: &provider.file.id,
            account: provider.account,
            preferred,
            default: provider.file.default,
            priority: provider.file.priority,
            when_full: provider.file.when_full,
            standing,
        }
    }

    /// Less goes first.
    fn rank(&self) -> impl Ord + use<> {
        let Self { preferred, default, priority, .. } = *self;
        (Reverse(preferred), Reverse(default), Reverse(priority), self.load())
    }

    /// Among equals the healthiest goes first, then the one with the fewest jobs.
    fn load(&self) -> (u32, u32) {
        match self.standing {
            Standing::Free { ill, open } => (ill, open),
            _ => (u32::MAX, u32::MAX),
        }
    }
}

fn barred_from_failover(provider: &Provider) -> Option<&'static str> {
    match provider.sandbox {
        true => Some("takes no part in failover"),
        false if provider.file.retry => None,
        false => Some("has retry = false and is not asked after another failed"),
    }
}

#[cfg(test)]
mod tests;

//! All that is known of accounts and providers, and what it allows. Pure: the time is given, and
//! places are counted here, held and handed over elsewhere.
//!
//! What is kept grows with the accounts and providers that were ever asked, and with who waits.

use std::collections::{BTreeMap, HashMap};

use super::AccountId;
use super::account::Account;
use super::breaker::{Breaker, Gate, Probe, Turn};
use super::day::tomorrow;
use super::health::Health;
use super::heard::Heard;
use super::standing::{Standing, trouble};
use crate::catalog::provider::Limits;
use crate::clock::Ms;
use crate::duration;
use crate::id::JobId;
use crate::snapshot::Provider;

/// How soon to look again what became of the one job that tries a provider.
const PROBE_LOOK: Ms = 5_000;

/// What there is to know of a provider beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who<'a> {
    pub(super) id: &'a str,
    pub(super) account: AccountId,
    pub(super) limits: &'a Limits,
    /// Its troubles are asked for, and none.
    pub(super) sandbox: bool,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Known {
    /// Sorted, so that all who may come in at one time come in the same order each time.
    accounts: BTreeMap<AccountId, Account>,
    breakers: HashMap<String, Breaker>,
    probes: u32,
    seed: u64,
}

/// What a job that came to a provider gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Set for the one job that tries it.
    pub(super) probe: Option<Probe>,
}

/// Something an operator should know, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A provider is not asked until then.
    NotAsked { until: Ms, why: String },
    /// It is asked again.
    AskedAgain,
}

impl<'a> Who<'a> {
    pub(super) fn of(provider: &'a Provider) -> Self {
        Self {
            id: &provider.file.id,
            account: provider.account,
            limits: &provider.file.limits,
            sandbox: provider.sandbox,
        }
    }
}

impl Known {
    /// Nothing.
    pub(super) fn new(seed: u64) -> Self {
        Self { accounts: BTreeMap::new(), breakers: HashMap::new(), probes: 0, seed }
    }

    /// An account, made where it is not known yet.
    pub(super) fn account(&mut self, account: AccountId) -> &mut Account {
        self.accounts.entry(account).or_default()
    }

    /// An account that is known.
    pub(super) fn known(&self, account: AccountId) -> Option<&Account> {
        self.accounts.get(&account)
    }

    /// Everybody who waits in some line.
    pub(super) fn in_line(&self) -> Vec<JobId> {
        self.accounts.values().flat_map(Account::in_line).collect()
    }

    /// How a provider stands for a job that holds `held` of its account's places already. Its limits
    /// of now hold from here on, also for whoever waits.
    pub(super) fn standing(&mut self, who: Who<'_>, held: u32, now: Ms) -> Standing {
        let gate = self.breakers.get(who.id).map_or(Gate::Closed, |breaker| breaker.gate(now));
        let ill = self.breakers.get(who.id).map_or(0, Breaker::in_a_row);
        let account = self.account(who.account);
        let left = account.day.left(who.limits.per_day, now);
        // Whoever has a place may yet submit once, so as many are let in as submits are left.
        account.limit(who.limits.concurrency.min(left));
        if let Some(shut) = account.trouble.is_shut(now) {
            return Standing::Shut { class: shut.class, until: shut.until };
        }
        match gate {
            Gate::Open(until) => return Standing::Broken { until },
            Gate::Probing => return Standing::Probing { until: now.saturating_add(PROBE_LOOK) },
            Gate::Closed | Gate::Due => {}
        }
        if left == 0 {
            return Standing::UsedUp { per_day: who.limits.per_day, until: tomorrow(now) };
        }
        if let Some(until) = account.trouble.is_cooling(now) {
            return Standing::Cooling { until };
        }
        let open = account.open().saturating_sub(held);
        let has_room = if held > 0 { open < left } else { account.has_room() };
        match has_room {
            true => Standing::Free { ill: if gate == Gate::Due { 0 } else { ill }, open },
            false => Standing::Full { places: who.limits.concurrency },
        }
    }

    /// How it stands, for who only looks: another provider's limits at that account hold on.
    pub(super) fn look(&mut self, who: Who<'_>, now: Ms) -> Standing {
        let limit = self.account(who.account).limit(0);
        let standing = self.standing(who, 0, now);
        self.account(who.account).limit(limit);
        standing
    }

    /// Takes a place at a provider that stands free, or makes use of the one held there.
    pub(super) fn enter(&mut self, who: Who<'_>, held: u32, now: Ms) -> Option<Entry> {
        let Standing::Free { .. } = self.standing(who, held, now) else { return None };
        if held == 0 {
            self.account(who.account).occupy();
        }
        let due = self.breakers.get_mut(who.id).filter(|breaker| breaker.gate(now) == Gate::Due);
        let probe = due.map(|breaker| {
            self.probes = self.probes.checked_add(1).unwrap_or(1);
            let probe = Probe::MIN.saturating_add(self.probes - 1);
            breaker.probe(probe);
            probe
        });
        Some(Entry { probe })
    }

    /// A place is given back; who gets it next.
    pub(super) fn leave(
        &mut self,
        account: AccountId,
        probe: Option<Probe>,
        now: Ms,
    ) -> Vec<JobId> {
        if let Some(probe) = probe {
            self.breakers.values_mut().for_each(|breaker| breaker.forget(probe));
        }
        let account = self.account(account);
        account.vacate();
        account.let_in(now)
    }

    /// Takes what was learnt of a provider.
    pub(super) fn heard(&mut self, who: Who<'_>, heard: Heard, now: Ms) -> Option<Notice> {
        if who.sandbox || heard == Heard::Nothing {
            return None;
        }
        let base = duration::ms(who.limits.cooldown);
        match heard {
            Heard::Nothing => None,
            Heard::Worked => {
                let opened = self.account(who.account).trouble.worked(now);
                let turn = self.breaker(who.id).worked(now);
                turn.map(Notice::of).or(opened.then_some(Notice::AskedAgain))
            }
            Heard::Answered => {
                self.account(who.account).trouble.answered(now);
                self.breaker(who.id).answered(now);
                None
            }
            Heard::Broke => self.breaker(who.id).broke(base, now).map(Notice::of),
            Heard::Silent => self.breaker(who.id).silent(base, now).map(Notice::of),
            Heard::Cool { for_ms } => {
                let trouble = &mut self.account(who.account).trouble;
                let news = trouble.cool(for_ms, now);
                let until = trouble.is_cooling(now).filter(|_| news)?;
                let why = "it was asked too often or has no capacity".to_owned();
                Some(Notice::NotAsked { until, why })
            }
            Heard::Shut { class, for_ms } => {
                let until = self.account(who.account).trouble.shut(class, for_ms, now)?;
                Some(Notice::NotAsked { until, why: format!("it {}", trouble(class)) })
            }
        }
    }

    /// Everybody who may come in by now, by account.
    pub(super) fn let_in(&mut self, now: Ms) -> Vec<(AccountId, Vec<JobId>)> {
        let accounts = self.accounts.iter_mut().map(|(id, account)| (*id, account.let_in(now)));
        accounts.filter(|(_, jobs)| !jobs.is_empty()).collect()
    }

    /// Sends away everybody who waits anywhere.
    pub(super) fn disband(&mut self) {
        self.accounts.values_mut().for_each(Account::disband);
    }

    /// How a provider is.
    pub(super) fn health(&self, provider: &str, account: AccountId, now: Ms) -> Health {
        Health::of(self.accounts.get(&account), self.breakers.get(provider), now)
    }

    fn breaker(&mut self, id: &str) -> &mut Breaker {
        let seed = self.seed.wrapping_add(self.breakers.len() as u64);
        self.breakers.entry(id.to_owned()).or_insert_with(|| Breaker::new(seed))
    }
}

impl Notice {
    fn of(turn: Turn) -> Self {
        match turn {
            Turn::Opened { until, why } => Self::NotAsked { until, why },
            Turn::Closed => Self::AskedAgain,
        }
    }
}

#[cfg(test)]
mod tests;

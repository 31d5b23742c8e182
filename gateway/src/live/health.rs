//! A provider's health, as operators read it.

use serde::Serialize;

use super::account::Account;
use super::breaker::{Breaker, Gate};
use super::standing::trouble;
use crate::clock::Ms;

/// How a provider is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// In one word.
    pub state: Condition,
    /// Until when, where that is known.
    pub until: Option<Ms>,
    /// Why it is not asked, in a sentence without its subject.
    pub why: Option<String>,
    /// Failures since it last went well.
    pub consecutive: u32,
    /// Jobs at its account.
    pub open: u32,
    /// Jobs that wait for a place there.
    pub waiting: usize,
    /// Submits at its account today.
    pub submits_today: u32,
}

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing is known against it.
    Ok,
    /// Asked too often; it is left alone for a moment.
    Cooling,
    /// It failed too often and is not asked.
    Open,
    /// One job tries it, or the next one will.
    Probing,
    /// Its key or its credit is no good.
    Shut,
}

impl Health {
    /// What is known, the worst first. Nothing known is no trouble.
    pub(super) fn of(account: Option<&Account>, breaker: Option<&Breaker>, now: Ms) -> Self {
        let gate = breaker.map_or(Gate::Closed, |breaker| breaker.gate(now));
        let cooling = account.and_then(|account| account.trouble.is_cooling(now));
        let why = || breaker.and_then(Breaker::why).map(str::to_owned);
        let (state, until, why) = match account.and_then(|account| account.trouble.is_shut(now)) {
            Some(shut) => (Condition::Shut, Some(shut.until), Some(trouble(shut.class).to_owned())),
            None => match (gate, cooling) {
                (Gate::Open(until), _) => (Condition::Open, Some(until), why()),
                (Gate::Due | Gate::Probing, _) => (Condition::Probing, None, why()),
                (Gate::Closed, Some(until)) => {
                    let why = "was asked too often or had no capacity".to_owned();
                    (Condition::Cooling, Some(until), Some(why))
                }
                (Gate::Closed, None) => (Condition::Ok, None, None),
            },
        };
        Self {
            state,
            until,
            why,
            consecutive: breaker.map_or(0, Breaker::in_a_row),
            open: account.map_or(0, Account::open),
            waiting: account.map_or(0, Account::waiting),
            submits_today: account.map_or(0, |account| account.day.submits(now)),
        }
    }
}

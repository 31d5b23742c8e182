//! What an account may be asked at once, how long an attempt may take, and what a picture costs.

use std::time::Duration;

use retouch_sdk::Cost;

use super::super::Limits;
use super::Reader;
use crate::catalog::document::Table;
use crate::duration;
use crate::plugin::label::Defaults;

/// Where neither the file nor the API type says otherwise.
const CONCURRENCY: u32 = 3;
const TIMEOUT: Duration = Duration::from_secs(600);
const COOLDOWN: Duration = Duration::from_secs(30);

impl<'a> Reader<'_, 'a> {
    pub(super) fn limits(&mut self, root: &mut Table<'a>, defaults: &Defaults) -> Limits {
        let mut table = self.document.table(root, "limits");
        let usual = defaults.limits.concurrency.unwrap_or(CONCURRENCY);
        let concurrency = self.at_least_one(&mut table, "concurrency").unwrap_or(usual);
        let polls = self.at_least_one(&mut table, "polls_per_second");
        let usual = defaults.limits.timeout.as_deref().and_then(duration::parse);
        let timeout = self.time(&mut table, "timeout", usual.unwrap_or(TIMEOUT));
        let cooldown = self.time(&mut table, "cooldown", COOLDOWN);
        let usual = defaults.limits.per_day.and_then(|n| u32::try_from(n).ok());
        let per_day = self.document.take(&mut table, "per_day", "a whole number");
        let per_day = per_day.or(usual).unwrap_or(0);
        self.document.close(&table);
        let polls_per_second = polls.unwrap_or(10.max(concurrency.saturating_mul(2)));
        Limits { concurrency, polls_per_second, timeout, per_day, cooldown }
    }

    fn at_least_one(&mut self, table: &mut Table<'a>, key: &'static str) -> Option<u32> {
        let line = table.line(key);
        let number: u32 = self.document.take(table, key, "a whole number of at least 1")?;
        if number == 0 {
            let mend = "write at least 1, or enabled = false";
            self.document.problem(Some(line), format!("limits.{key} is 0"), mend);
            return None;
        }
        Some(number)
    }

    fn time(&mut self, table: &mut Table<'a>, key: &'static str, usual: Duration) -> Duration {
        let line = table.line(key);
        let written: Option<String> = self.document.take(table, key, "a time such as \"10m\"");
        let Some(text) = written else { return usual };
        match duration::parse(&text) {
            Some(time) if !time.is_zero() => time,
            _ => {
                let what = format!("limits.{key} = \"{text}\" is not a time");
                self.document.problem(Some(line), what, "write it as 90s, 10m or 1h");
                usual
            }
        }
    }

    pub(super) fn price(&mut self, root: &mut Table<'a>) -> Option<Cost> {
        let line = root.line("price");
        let text: String = self.document.take(root, "price", "text such as \"0.40 CNY\"")?;
        let cost = cost(&text);
        if cost.is_none() {
            let what = format!("price = \"{text}\" is not a price");
            self.document.problem(Some(line), what, "write it as \"0.40 CNY\"");
        }
        cost
    }
}

fn cost(text: &str) -> Option<Cost> {
    let (amount, currency) = text.trim().split_once(' ')?;
    let currency = currency.trim_start();
    let decimal = amount.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let unit = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
    (decimal && amount.parse::<f64>().is_ok() && unit)
        .then(|| Cost { amount: amount.to_owned(), currency: currency.to_owned() })
}

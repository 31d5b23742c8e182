//! How providers decide: what they take and refuse, how long it takes them, what they say of it.

use serde_json::{Value, json};

use super::chance::Dice;
use super::ledger::{End, Task, Who};
use super::visit::{Said, Visit, cost, full, limited, page, policy};
use super::weather::Trouble;
use super::world::World;
use crate::clock::{Ms, now_ms};
use crate::images::Stored;

const HOUR: Ms = 3_600_000;

impl World {
    /// The picture that a task made.
    pub(super) fn picture(&self, task: &str, image: u64) -> &Stored {
        let first = self.chance.of(task, &[]).between(0, 1_000);
        &self.pictures[((first + image) % self.pictures.len() as u64) as usize]
    }

    /// Whether the pictures of a task were lost at the provider.
    pub(super) fn is_gone(&self, task: &str) -> bool {
        self.chance.of(task, &[1]).in_1000(8)
    }

    /// What reaches the provider is refused in so many words or taken.
    pub(super) fn take(&self, visit: &Visit, now: Ms) -> Result<String, Said> {
        let who = visit.who();
        let nth = self.nth(&format!("took {} {} {}", visit.provider, who.wish, who.attempt));
        let mut dice = self.chance.of(&visit.provider, &[who.wish, who.attempt.into(), nth]);
        if !self.is_calm() {
            self.refusal(visit, &mut dice)?;
        }
        if let Some(known) = visit.once.as_ref().and_then(|_| self.known(&visit.provider, &who)) {
            return Ok(known);
        }
        let id = format!("{}-{}-{}-{nth}", visit.provider, who.wish, who.attempt);
        let slow = self.is(Trouble::Slow, &visit.provider) || dice.in_1000(20);
        let lasts = match visit.provider.as_str() {
            "alpha" | "beta" | "delta" | "eta" if slow => dice.between(HOUR / 6, 3 * HOUR),
            "alpha" => dice.skewed(5_000, 60_000),
            "beta" => dice.skewed(20_000, 20 * 60_000),
            "gamma" => dice.skewed(5_000, 100_000),
            "delta" => dice.skewed(60_000, 40 * 60_000),
            _ => dice.skewed(10_000, 300_000),
        };
        let end = match dice.between(0, 100) {
            0..=4 => End::FailedFree,
            5 | 6 => End::FailedBilled,
            7 | 8 => End::Policy,
            _ => End::Done,
        };
        let images = u32::try_from(visit.body["n"].as_u64().unwrap_or(1)).unwrap();
        let task = Task {
            who,
            provider: visit.provider.clone(),
            key: visit.key.clone(),
            accepted: now,
            ends: now + lasts,
            end,
            images,
            told: 0,
            stopped: None,
        };
        self.ledger().tasks.insert(id.clone(), task);
        Ok(id)
    }

    /// What was taken for an attempt.
    pub(super) fn task_of(&self, job: &str, attempt: u32) -> Option<String> {
        let ledger = self.ledger();
        let mut tasks = ledger.tasks.iter();
        tasks
            .find(|(_, task)| task.who.job == job && task.who.attempt == attempt)
            .map(|(id, _)| id.clone())
    }

    fn known(&self, provider: &str, who: &Who) -> Option<String> {
        let ledger = self.ledger();
        let mut known = ledger.tasks.iter().filter(|(_, t)| t.provider == provider);
        known.find(|(_, task)| task.who == *who).map(|(id, _)| id.clone())
    }

    fn refusal(&self, visit: &Visit, dice: &mut Dice) -> Result<(), Said> {
        let here = |trouble| self.is(trouble, &visit.provider);
        if here(Trouble::Revoked) {
            return Err((401, Vec::new(), String::new()));
        }
        if here(Trouble::Limited) || dice.in_1000(15) {
            return Err(limited(dice));
        }
        if here(Trouble::Full) || dice.in_1000(10) {
            return Err(full());
        }
        if dice.in_1000(10) {
            return Err(policy());
        }
        // Took nothing, and does not say so.
        if dice.in_1000(6) { Err(page(503)) } else { Ok(()) }
    }

    pub(super) fn state(&self, visit: &Visit, task: &str, dice: &mut Dice) -> Value {
        let now = now_ms();
        let mut ledger = self.ledger();
        ledger.polls += 1;
        let Some(known) = ledger.tasks.get_mut(task) else { return json!({ "state": "lost" }) };
        if known.key != visit.key {
            let words = format!("{task} was asked for with {} at {now}", visit.key);
            ledger.foreign.push(words);
            return json!({ "state": "not yours" });
        }
        if known.stopped.is_some() {
            return json!({ "state": "failed", "billed": true });
        }
        // Some go back to what they said before.
        let backward = !self.is_calm() && dice.in_1000(60);
        if now < known.ends || backward {
            return json!({ "state": if backward { "queued" } else { "running" } });
        }
        known.told += 1;
        match known.end {
            End::Done => {
                drop(ledger);
                self.done(task)
            }
            End::FailedFree => json!({ "state": "failed", "billed": false }),
            End::FailedBilled => json!({ "state": "failed", "billed": true }),
            End::Policy => json!({ "state": "failed", "billed": false, "error": "policy" }),
        }
    }

    /// Each time with links of their own.
    pub(super) fn done(&self, task: &str) -> Value {
        let images = self.ledger().tasks[task].images;
        let now = now_ms();
        let links: Vec<String> =
            (0..images).map(|n| format!("https://cdn.example/{task}/{n}/{now}")).collect();
        json!({ "task": task, "state": "done", "urls": links, "cost": cost(images) })
    }

    pub(super) fn find(&self, provider: &str, who: &str, dice: &mut Dice) -> Value {
        let ledger = self.ledger();
        let mut there = ledger.tasks.iter().filter(|(_, task)| task.provider == provider);
        let found = there.find(|(_, t)| format!("{}/{}", t.who.job, t.who.attempt) == who);
        let lags = !self.is_calm() && dice.in_1000(100);
        found.filter(|_| !lags).map_or(json!({}), |(id, _)| json!({ "task": id }))
    }

    /// What has come to its end cannot be stopped.
    pub(super) fn stop(&self, task: &str) -> Said {
        let now = now_ms();
        match self.ledger().tasks.get_mut(task).filter(|task| now < task.ends) {
            Some(task) => {
                task.stopped.get_or_insert(now);
                (200, Vec::new(), json!({ "state": "ok" }).to_string())
            }
            None => (409, Vec::new(), json!({ "state": "too late" }).to_string()),
        }
    }
}

//! What must be true after a week, whatever happened in it: the jobs on disk against what clients were
//! told and what the providers' books say.

use std::collections::BTreeMap;
use std::fmt::Write;

use retouch_sdk::Billed;

use super::catalog::{AVAILABILITY_FIRST, HOLDS};
use super::ledger::{End, Ledger, Task};
use super::visit::cost;
use super::week::Week;
use crate::attempt::{Attempt, State};
use crate::clock::Ms;
use crate::id::JobId;
use crate::job::{Job, Slot, Status};

/// For what is under way when a job's time is over: a last question, a fetch, a place in line.
const SLACK: Ms = 15 * 60_000;
const MINUTE: Ms = 60_000;
/// The longest a job without a time-out of its own may wait, and how often the longest attempt fits in.
const LONGEST: Ms = 60 * MINUTE + 4 * 30 * MINUTE;

/// A person is waited for so long, at each of its attempts.
const HELD: Ms = 4 * 24 * 60 * MINUTE;

/// Everything that is wrong.
pub(super) fn faults(week: &Week) -> Vec<String> {
    let jobs: BTreeMap<String, Job> =
        week.disk.jobs().into_iter().map(|job| (job.id.to_string(), job)).collect();
    let ledger = week.world.ledger();
    let mut faults = kept_promises(week, &jobs);
    faults.extend(ledger.foreign.iter().cloned());
    faults.extend(unwritten(&ledger, &jobs));
    for job in jobs.values() {
        let books = Books { week, ledger: &ledger, job };
        let found = [
            books.came_to_an_end(),
            books.pays_once(),
            books.has_its_pictures(),
            books.submits_nothing_late(),
            books.is_honest(),
            books.counts_costs(),
        ];
        faults.extend(found.into_iter().flatten().map(|fault| books.tell(&fault)));
    }
    faults
}

/// What clients were told is so, and nothing is held for nobody.
fn kept_promises(week: &Week, jobs: &BTreeMap<String, Job>) -> Vec<String> {
    let memory = week.clients.memory();
    let promised = memory.promised.values().flatten();
    let gone = promised.filter(|id| !jobs.contains_key(&id.to_string()));
    let gone = gone.map(|id| format!("{id} was promised and is gone"));
    let leaked = week.leaked.iter().map(|account| format!("{account:?} has places in use"));
    let doubled = memory.promised.iter().filter(|(number, ids)| {
        // A key stands for one job, until that has failed and cost nothing.
        let keeps = |id: &&JobId| jobs.get(&id.to_string()).is_some_and(|j| !j.record.frees_key());
        week.has_key(**number) && ids.iter().rev().skip(1).any(|id| keeps(&id))
    });
    let doubled = doubled.map(|(_, ids)| format!("{ids:?} are jobs of one key"));
    gone.chain(leaked).chain(doubled).chain(memory.broken.iter().cloned()).collect()
}

/// Everything a provider got was written before.
fn unwritten(ledger: &Ledger, jobs: &BTreeMap<String, Job>) -> Vec<String> {
    let unwritten = ledger.submits.iter().filter(|submit| {
        let attempt = jobs.get(&submit.who.job).and_then(|job| job.attempt(submit.who.attempt));
        attempt.is_none_or(|attempt| attempt.provider != submit.provider)
    });
    unwritten.map(|submit| format!("{submit:?} is nowhere written")).collect()
}

/// One job beside the providers' books.
struct Books<'a> {
    week: &'a Week,
    ledger: &'a Ledger,
    job: &'a Job,
}

/// How long what was sent before may take to arrive.
const ON_ITS_WAY: Ms = 1_000;

impl Books<'_> {
    fn came_to_an_end(&self) -> Option<String> {
        let record = &self.job.record;
        let Some(finished) = record.finished.filter(|_| record.status.is_terminal()) else {
            return Some("has not ended".to_owned());
        };
        // Asked after for longer than a run lasts: what its provider has lost, and what only had a link
        // that is too old.
        let lost = |a: &Attempt| {
            let gone = |id: &String| self.week.world.is_gone(id);
            let once = matches!(a.state, State::Fetching(_)) && a.task.is_none();
            once || self.ids().any(|(of, id, _)| of.number == a.number && gone(id))
        };
        if record.attempts.iter().any(|a| a.is_late() && !lost(a)) {
            return Some("has something left to do".to_owned());
        }
        let longest = if record.attempts.iter().any(|a| a.provider == HOLDS) {
            LONGEST + HELD
        } else {
            LONGEST
        };
        let asked = self.job.request.timeout.map_or(longest, |seconds| seconds * 1_000);
        let latest = record.created + asked + SLACK;
        let down = self.week.down_between(record.created, finished);
        (finished > latest + down).then(|| format!("ended {} late", finished - latest - down))
    }

    /// At most one charge for a picture, unless the operator has said otherwise.
    fn pays_once(&self) -> Option<String> {
        let slots = 0..self.job.record.slots.len();
        slots.into_iter().find_map(|slot| self.pays_once_for(u32::try_from(slot).unwrap()))
    }

    fn pays_once_for(&self, slot: u32) -> Option<String> {
        let mut charges: Vec<(&Attempt, &Task)> =
            self.tasks().filter(|(a, _)| a.covers(slot)).collect();
        charges.sort_by_key(|(attempt, task)| (attempt.number, task.accepted));
        let twice: Vec<_> =
            charges.windows(2).filter(|pair| pair[1].1.accepted < pair[0].1.refunded()).collect();
        let may = |pair: &&[(&Attempt, &Task)]| {
            AVAILABILITY_FIRST.contains(&pair[0].1.provider.as_str())
                && pair[0].0.number != pair[1].0.number
                && pair[1].0.possible_duplicate_cost
        };
        match twice.as_slice() {
            [] => None,
            [pair] if may(pair) => None,
            _ => Some(format!("slot {slot} is paid for more than once: {charges:#?}")),
        }
    }

    fn has_its_pictures(&self) -> Option<String> {
        let record = &self.job.record;
        if (record.status == Status::Succeeded) != self.job.images().next().is_some() {
            return Some("has pictures and has not succeeded, or the other way round".to_owned());
        }
        let slots = (0u32..).zip(&record.slots);
        let mut made = slots.filter_map(|(slot, made)| match made {
            Slot::Done(images) => Some((slot, images)),
            Slot::Open | Slot::Failed(_) => None,
        });
        let strange = made.find(|(slot, images)| {
            let mut theirs = self.ids().filter(|(a, ..)| a.covers(*slot));
            !theirs.any(|(a, id, _)| {
                *images.first().unwrap() == *self.week.world.picture(id, u64::from(slot - a.slot))
            })
        });
        strange.map(|(slot, _)| format!("slot {slot} has a picture that nobody made for it"))
    }

    fn submits_nothing_late(&self) -> Option<String> {
        let id = self.job.id.to_string();
        let finished = self.job.record.finished?;
        let mut submits = self.ledger.submits.iter().filter(|submit| submit.who.job == id);
        let late = submits.find(|submit| submit.at > finished + ON_ITS_WAY)?;
        Some(format!("{late:?} went out after its end"))
    }

    /// Nothing charged is called free.
    fn is_honest(&self) -> Option<String> {
        let free = |a: &Attempt| a.failure().is_some_and(|f| f.billed == Billed::No);
        let charged = || self.tasks().filter(|(_, task)| task.is_charged());
        if let Some((attempt, _)) = charged().find(|(a, _)| free(a)) {
            return Some(format!("attempt {} was charged and says it was not", attempt.number));
        }
        let slots = (0u32..).zip(&self.job.record.slots);
        let mut free = slots.filter(|(_, slot)| match slot {
            Slot::Failed(error) => error.billed == Billed::No,
            Slot::Open | Slot::Done(_) => false,
        });
        let wrong = free.find(|(slot, _)| charged().any(|(a, _)| a.covers(*slot)));
        let whole = self.job.record.error.as_ref().is_some_and(|e| e.billed == Billed::No);
        match (wrong, whole && charged().next().is_some()) {
            (Some((slot, _)), _) => Some(format!("slot {slot} was charged and says it was not")),
            (None, true) => Some("was charged and says it was not".to_owned()),
            (None, false) => None,
        }
    }

    /// What a provider finished under an id we know is in the books here too, however late.
    fn counts_costs(&self) -> Option<String> {
        let mut known = self.ids().filter(|(attempt, id, task)| {
            let ours = attempt.task.as_ref().is_some_and(|task| task.id == **id);
            let theirs = task.end == End::Done && task.stopped.is_none();
            ours && theirs && !self.week.world.is_gone(id)
        });
        let missing = known.find(|(attempt, _, task)| {
            let said = attempt.cost.as_ref().map(|cost| cost.amount.clone());
            said != Some(cost(task.images)) || !attempt.charged
        });
        missing.map(|(attempt, ..)| format!("attempt {} cost more than it says", attempt.number))
    }

    /// A fault with what is known of its job, times in milliseconds from its admission.
    fn tell(&self, fault: &str) -> String {
        let record = &self.job.record;
        let since = |at: Ms| at.saturating_sub(record.created);
        let mut told = format!("{}: {fault}\n", self.job.request.prompt);
        writeln!(told, "  {:?} at {:?}", record.status, record.finished.map(since)).unwrap();
        for slot in &record.slots {
            writeln!(told, "  {slot:?}").unwrap();
        }
        for a in &record.attempts {
            let times = (since(a.started), a.submitted.map(since), a.finished.map(since));
            let late = a.given_up.as_ref().map(|given_up| since(given_up.at));
            let money = (&a.cost, a.charged, a.possible_duplicate_cost);
            let (number, provider, state, slots) = (a.number, &a.provider, &a.state, a.slots());
            writeln!(told, "  {number} {provider} for {slots:?} {times:?} late {late:?} {money:?}: {state:?} {:?} {:?}",
                a.task, a.effect.as_ref().map(|effect| (since(effect.at), &effect.request.url)))
                .unwrap();
        }
        for (id, task) in self.ids().map(|(_, id, task)| (id, task)) {
            let (from, until) = (since(task.accepted), since(task.ends));
            let (end, told_so) = (task.end, task.told);
            writeln!(told, "  {id} {from}..{until} {end:?} told {told_so} {:?}", task.stopped)
                .unwrap();
        }
        told
    }

    fn tasks(&self) -> impl Iterator<Item = (&Attempt, &Task)> {
        self.ids().map(|(attempt, _, task)| (attempt, task))
    }

    fn ids(&self) -> impl Iterator<Item = (&Attempt, &String, &Task)> {
        let id = self.job.id.to_string();
        let tasks = self.ledger.tasks.iter().filter(move |(_, task)| task.who.job == id);
        tasks.filter_map(|(id, task)| Some((self.job.attempt(task.who.attempt)?, id, task)))
    }
}

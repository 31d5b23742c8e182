//! The tables of the store in memory, and its verbs as plain functions: what SQLite does in SQL, said
//! again in the shortest way.

use std::collections::{BTreeMap, BTreeSet};

use super::super::columns::{Columns, Need, word};
use super::super::{Admitted, Claim, Cuts, Exchange, Filter, KEY_LIFE, Page, StoreError, Swept};
use crate::clock::Ms;
use crate::id::JobId;
use crate::images::Kind;
use crate::job::{Job, Outline};
use crate::pin::PinId;

/// How many jobs with the same content are looked at for a second try.
const TWINS: usize = 20;

#[derive(Default)]
pub(super) struct Tables {
    jobs: BTreeMap<JobId, Row>,
    keys: BTreeMap<(String, String), Key>,
    exchanges: BTreeMap<(JobId, u64), Exchange>,
    noted: u64,
    pins: BTreeMap<PinId, (String, Ms)>,
    images: BTreeMap<(JobId, Need), Option<Ms>>,
}

struct Row {
    job: Job,
    columns: Columns,
    fingerprint: String,
}

struct Key {
    job: JobId,
    fingerprint: String,
    at: Ms,
}

impl Tables {
    pub(super) fn jobs(&self) -> Vec<Job> {
        self.jobs.values().map(|row| row.job.clone()).collect()
    }

    pub(super) fn admit(&mut self, job: Job, claim: &Claim, most: u32) -> Admitted {
        let (fingerprint, at) = (job.request.fingerprint(), job.record.created);
        let found = self.find(&job.owner, &fingerprint, claim, at);
        if found != Admitted::New {
            return found;
        }
        if most > 0 && self.unfinished(&job.owner) >= u64::from(most) {
            return Admitted::TooMany;
        }
        if let Some(key) = &claim.key {
            let key = (job.owner.clone(), key.clone());
            self.keys.insert(key, Key { job: job.id, fingerprint: fingerprint.clone(), at });
        }
        self.put(job, fingerprint);
        Admitted::New
    }

    pub(super) fn find(&self, owner: &str, print: &str, claim: &Claim, now: Ms) -> Admitted {
        let Some(key) = &claim.key else { return self.twin(owner, print, claim.retry, now) };
        let known = self.keys.get(&(owner.to_owned(), key.clone()));
        let known = known.filter(|known| known.at > now.saturating_sub(KEY_LIFE));
        let Some(row) = known.and_then(|known| self.jobs.get(&known.job)) else {
            return Admitted::New;
        };
        match known {
            Some(known) if known.fingerprint != print => Admitted::KeyReused,
            _ if row.job.record.frees_key() => Admitted::New,
            _ => Admitted::Same(row.job.id),
        }
    }

    fn twin(&self, owner: &str, print: &str, is_retry: bool, now: Ms) -> Admitted {
        let same = |row: &&Row| row.job.owner == owner && row.fingerprint == print;
        let mut twins = self.jobs.values().rev().filter(same).take(TWINS);
        let joined = twins.find(|row| is_retry && row.job.record.is_joined_by_retry(now));
        joined.map_or(Admitted::New, |row| Admitted::Same(row.job.id))
    }

    pub(super) fn commit(&mut self, job: Job) -> Result<(), StoreError> {
        let before = self.jobs.get(&job.id).filter(|row| {
            let (old, new) = (&row.job.record, &job.record);
            old.rev + 1 == new.rev && (!old.status.is_terminal() || old.status == new.status)
        });
        let Some(before) = before else { return Err(StoreError::Conflict(job.id)) };
        let fingerprint = before.fingerprint.clone();
        self.put(job, fingerprint);
        Ok(())
    }

    fn put(&mut self, job: Job, fingerprint: String) {
        let columns = Columns::of(&job);
        for need in &columns.images {
            self.images.entry((job.id, need.clone())).or_default();
        }
        let own = self.images.range_mut((job.id, Need::default())..);
        for (_, ended) in own.take_while(|((owner, _), _)| *owner == job.id) {
            *ended = columns.finished;
        }
        self.jobs.insert(job.id, Row { job, columns, fingerprint });
    }

    pub(super) fn load(&self, id: JobId) -> Option<Job> {
        self.jobs.get(&id).map(|row| row.job.clone())
    }

    pub(super) fn loose_ends(&self) -> Vec<Outline> {
        let loose = self.jobs.values().filter(|row| row.columns.loose);
        let outline = |row: &Row| {
            let record = serde_json::to_string(&row.job.record).ok()?;
            Some(Outline { id: row.job.id, record: serde_json::from_str(&record).ok()? })
        };
        loose.filter_map(outline).collect()
    }

    pub(super) fn list(&self, filter: &Filter) -> Page {
        let wanted = |row: &&Row| {
            filter.owner.as_ref().is_none_or(|owner| row.job.owner == *owner)
                && filter.after.is_none_or(|after| row.job.id < after)
                && filter.status.is_none_or(|status| row.columns.status == status.as_str())
                && (filter.provider.is_none() || filter.provider == row.columns.provider)
        };
        let mut rows = self.jobs.values().rev().filter(wanted);
        let jobs = rows.by_ref().take(filter.limit).map(|row| row.job.clone()).collect();
        Page { jobs, has_more: rows.next().is_some() }
    }

    pub(super) fn unfinished(&self, owner: &str) -> u64 {
        let open = |row: &&Row| row.job.owner == owner && !row.columns.over;
        self.jobs.values().filter(open).count() as u64
    }

    pub(super) fn note(&mut self, exchange: Exchange) {
        let Some(job) = exchange.job else { return };
        self.noted += 1;
        self.exchanges.insert((job, self.noted), exchange);
    }

    pub(super) fn exchanges(&self, id: JobId) -> Vec<Exchange> {
        let own = self.exchanges.range((id, 0)..=(id, u64::MAX));
        own.map(|(_, exchange)| Exchange { job: None, ..exchange.clone() }).collect()
    }

    pub(super) fn pin(&mut self, id: PinId, content: String, now: Ms) {
        let pin = self.pins.entry(id).or_insert((content, now));
        pin.1 = pin.1.max(now);
    }

    pub(super) fn pinned(&self, id: PinId) -> Option<String> {
        self.pins.get(&id).map(|(content, _)| content.clone())
    }

    pub(super) fn rewrite_pins(&mut self, anew: &dyn Fn(&str) -> Option<String>) -> usize {
        let pins = self.pins.values_mut();
        pins.filter_map(|(content, _)| anew(content).map(|text| *content = text)).count()
    }

    pub(super) fn submits(&self, since: Ms) -> Vec<(String, u64)> {
        let mut counts = BTreeMap::<String, u64>::new();
        let recent = |row: &&Row| row.columns.loose || row.columns.finished >= Some(since);
        let rows = self.jobs.values().filter(recent);
        let attempts = rows.flat_map(|row| &row.job.record.attempts);
        for attempt in attempts.filter(|a| a.submitted.is_some_and(|at| at >= since)) {
            *counts.entry(attempt.provider.clone()).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    pub(super) fn forget(&mut self, id: JobId) -> Option<Vec<String>> {
        self.jobs.get(&id).filter(|row| row.columns.finished.is_some())?;
        let (_, names) = self.remove(&BTreeSet::from([id]));
        Some(self.unneeded(names))
    }

    /// Takes out all that is these jobs'; says how many notes there were, and which images.
    fn remove(&mut self, ids: &BTreeSet<JobId>) -> (usize, Vec<String>) {
        self.jobs.retain(|id, _| !ids.contains(id));
        self.keys.retain(|_, key| !ids.contains(&key.job));
        let before = self.exchanges.len();
        self.exchanges.retain(|(id, _), _| !ids.contains(id));
        (before - self.exchanges.len(), self.drop_images(|(id, _), _| ids.contains(id)))
    }

    fn drop_images(
        &mut self,
        mut goes: impl FnMut(&(JobId, Need), Option<Ms>) -> bool,
    ) -> Vec<String> {
        let mut names = Vec::new();
        self.images.retain(|image, ended| {
            let goes = goes(image, *ended);
            names.extend(goes.then(|| image.1.name.clone()));
            !goes
        });
        names
    }

    pub(super) fn sweep(&mut self, cuts: Cuts, most: usize) -> Swept {
        let mut full = false;
        let mut bounded = |count: usize| full |= count >= most;
        let mut names = self.sweep_images(Kind::Input, cuts.inputs, most);
        bounded(names.len());
        let results = self.sweep_images(Kind::Result, cuts.results, most);
        bounded(results.len());
        names.extend(results);
        let jobs = self.old_jobs(cuts, most);
        bounded(jobs.len());
        let (mut exchanges, theirs) = self.remove(&jobs);
        names.extend(theirs);
        let notes = self.exchanges.iter().map(|((job, seq), note)| (note.at, (*seq, *job)));
        let aged = first(notes, cuts.exchanges, most);
        bounded(aged.len());
        exchanges += aged.len();
        self.exchanges.retain(|(job, seq), _| !aged.contains(&(*seq, *job)));
        let keys = first(self.keys.iter().map(|(key, k)| (k.at, key.clone())), cuts.keys, most);
        bounded(keys.len());
        self.keys.retain(|key, _| !keys.contains(key));
        let pins = self.old_pins(cuts.pins, most);
        bounded(pins.len());
        self.pins.retain(|id, _| !pins.contains(id));
        let images = self.unneeded(names);
        Swept { jobs: jobs.len(), exchanges, pins: pins.len(), images, more: full }
    }

    fn sweep_images(&mut self, kind: Kind, cut: Ms, most: usize) -> Vec<String> {
        let own = self.images.iter().filter(|((_, need), _)| need.kind == word(kind));
        let ended = own.filter_map(|(image, ended)| Some(((*ended)?, image.clone())));
        let old = first(ended, cut, most);
        self.drop_images(|image, _| old.contains(image))
    }

    fn old_jobs(&self, cuts: Cuts, most: usize) -> BTreeSet<JobId> {
        let ended = |row: &Row| Some((row.columns.finished?, row.job.id));
        let keyed = self.keys.values().filter(|key| key.at >= cuts.keys).map(|key| key.job);
        let keyed: BTreeSet<JobId> = keyed.collect();
        let free = self.jobs.values().filter(|row| !keyed.contains(&row.job.id));
        first(free.filter_map(ended), cuts.jobs, most)
    }

    fn old_pins(&self, cut: Ms, most: usize) -> BTreeSet<PinId> {
        let loose = self.jobs.values().filter(|row| row.columns.loose);
        let named: BTreeSet<PinId> =
            loose.flat_map(|row| &row.job.record.attempts).filter_map(|a| a.pin).collect();
        let old = self.pins.iter().filter(|(id, (_, at))| *at < cut && !named.contains(id));
        old.map(|(id, _)| *id).take(most).collect()
    }

    pub(super) fn shed(&mut self, most: usize) -> Vec<String> {
        let ended = self.images.iter().filter_map(|((job, _), ended)| Some(((*ended)?, *job)));
        let jobs: BTreeSet<JobId> =
            ended.collect::<BTreeSet<_>>().into_iter().take(most).map(|(_, job)| job).collect();
        let names = self.drop_images(|(job, _), ended| ended.is_some() && jobs.contains(job));
        self.unneeded(names)
    }

    pub(super) fn unneeded(&self, names: Vec<String>) -> Vec<String> {
        let needed: BTreeSet<&str> =
            self.images.keys().map(|(_, need)| need.name.as_str()).collect();
        let names: BTreeSet<String> = names.into_iter().collect();
        names.into_iter().filter(|name| !needed.contains(name.as_str())).collect()
    }
}

/// Of what is older than the cut, the first `most`.
fn first<T: Ord>(rows: impl Iterator<Item = (Ms, T)>, cut: Ms, most: usize) -> BTreeSet<T> {
    let old: BTreeSet<(Ms, T)> = rows.filter(|(at, _)| *at < cut).collect();
    old.into_iter().take(most).map(|(_, row)| row).collect()
}

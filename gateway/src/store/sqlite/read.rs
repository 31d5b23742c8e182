//! The queries.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{Admitted, Claim, Exchange, Filter, KEY_LIFE, Page, StoreError};
use super::unavailable;
use crate::clock::Ms;
use crate::id::JobId;
use crate::job::{Job, Record};

const COLUMNS: &str = "SELECT id, owner, request, record FROM jobs";

pub(super) fn load(db: &Connection, id: &JobId) -> Result<Option<Job>, StoreError> {
    let columns = db
        .prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))
        .and_then(|mut select| select.query_row([id.as_str()], columns).optional())
        .map_err(unavailable)?;
    columns.map(job).transpose()
}

pub(super) fn unfinished(db: &Connection) -> Result<Vec<Job>, StoreError> {
    let mut select = db
        .prepare_cached(&format!("{COLUMNS} WHERE status IN ('queued', 'running') ORDER BY id"))
        .map_err(unavailable)?;
    let rows = select.query_map([], row).map_err(unavailable)?;
    let mut jobs = Vec::new();
    for row in rows {
        jobs.extend(row.map_err(unavailable)?.readable());
    }
    Ok(jobs)
}

pub(super) fn list(db: &Connection, filter: &Filter) -> Result<Page, StoreError> {
    let mut select = db
        .prepare_cached(&format!(
            "{COLUMNS} WHERE owner = ?1 AND (?2 IS NULL OR id < ?2) AND (?3 IS NULL OR status = ?3)
             AND (?4 IS NULL OR provider = ?4) ORDER BY id DESC"
        ))
        .map_err(unavailable)?;
    let arguments = params![
        filter.owner,
        filter.after.as_ref().map(JobId::as_str),
        filter.status.map(crate::job::Status::as_str),
        filter.provider
    ];
    let rows = select.query_map(arguments, row).map_err(unavailable)?;
    let mut page = Page::default();
    for row in rows {
        let Some(job) = row.map_err(unavailable)?.readable() else { continue };
        page.has_more = page.jobs.len() == filter.limit;
        if page.has_more {
            break;
        }
        page.jobs.push(job);
    }
    Ok(page)
}

pub(super) fn exchanges(db: &Connection, id: &JobId) -> Result<Vec<Exchange>, StoreError> {
    let mut select = db
        .prepare_cached("SELECT note FROM exchanges WHERE job = ?1 ORDER BY seq")
        .map_err(unavailable)?;
    let rows =
        select.query_map([id.as_str()], |row| row.get::<_, String>(0)).map_err(unavailable)?;
    rows.map(|note| read(&note.map_err(unavailable)?)).collect()
}

fn columns(row: &Row<'_>) -> rusqlite::Result<[String; 4]> {
    Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
}

/// The job a client's claim stands for, if any.
pub(super) fn find(
    db: &Connection,
    owner: &str,
    fingerprint: &str,
    claim: &Claim,
    now: Ms,
) -> Result<Admitted, StoreError> {
    if let Some(key) = &claim.key {
        match by_key(db, owner, key, now)? {
            Some((_, theirs)) if theirs != fingerprint => return Ok(Admitted::KeyReused),
            Some((job, _)) if !job.record.frees_key() => return Ok(Admitted::Same(job.id)),
            _ => {}
        }
    }
    // A key says more than a count of tries: where one was sent, only it decides.
    if claim.retry && claim.key.is_none() {
        let twins = by_fingerprint(db, owner, fingerprint)?;
        let joined = twins.into_iter().find(|job| job.record.is_joined_by_retry(now));
        return Ok(joined.map_or(Admitted::New, |job| Admitted::Same(job.id)));
    }
    Ok(Admitted::New)
}

fn by_key(
    db: &Connection,
    owner: &str,
    key: &str,
    now: Ms,
) -> Result<Option<(Job, String)>, StoreError> {
    let oldest = i64::try_from(now.saturating_sub(KEY_LIFE)).unwrap_or(i64::MAX);
    let found: Option<(String, String)> = db
        .prepare_cached(
            "SELECT job, fingerprint FROM keys WHERE owner = ?1 AND key = ?2 AND at > ?3",
        )
        .and_then(|mut select| {
            select
                .query_row(params![owner, key, oldest], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(unavailable)?;
    let Some((id, fingerprint)) = found else { return Ok(None) };
    let job = JobId::parse(&id).map(|id| load(db, &id)).transpose()?.flatten();
    Ok(job.map(|job| (job, fingerprint)))
}

/// The latest jobs with that content, newest first.
fn by_fingerprint(db: &Connection, owner: &str, fingerprint: &str) -> Result<Vec<Job>, StoreError> {
    let mut select = db
        .prepare_cached(&format!(
            "{COLUMNS} WHERE owner = ?1 AND fingerprint = ?2 ORDER BY id DESC LIMIT 20"
        ))
        .map_err(unavailable)?;
    let rows = select.query_map(params![owner, fingerprint], row).map_err(unavailable)?;
    let mut jobs = Vec::new();
    for row in rows {
        jobs.extend(row.map_err(unavailable)?.readable());
    }
    Ok(jobs)
}

/// A row whose columns may be damaged: a bad one must not keep the others from being served.
struct Found {
    id: String,
    columns: rusqlite::Result<[String; 4]>,
}

fn row(row: &Row<'_>) -> rusqlite::Result<Found> {
    let id = row.get_ref(0)?.as_bytes().map(|id| String::from_utf8_lossy(id).into_owned());
    Ok(Found { id: id.unwrap_or_default(), columns: columns(row) })
}

impl Found {
    fn readable(self) -> Option<Job> {
        let read = self.columns.map_err(|error| StoreError::Corrupt(error.to_string()));
        let read = read.and_then(job);
        read.inspect_err(
            |error| tracing::error!(job = %self.id, %error, "A stored job is left alone."),
        )
        .ok()
    }
}

fn job([id, owner, request, record]: [String; 4]) -> Result<Job, StoreError> {
    let id = JobId::parse(&id).ok_or_else(|| StoreError::Corrupt(format!("id {id}")))?;
    let record: Record = read(&record)?;
    if record.v != Record::VERSION {
        return Err(StoreError::Corrupt(format!("its layout is version {}", record.v)));
    }
    Ok(Job { id, owner, request: Arc::new(read(&request)?), record })
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

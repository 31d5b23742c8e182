//! The queries.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{Admitted, Claim, Exchange, Filter, KEY_LIFE, Page, StoreError};
use super::{signed, unavailable};
use crate::clock::Ms;
use crate::id::JobId;
use crate::job::{Job, Outline, Record, Sketch};
use crate::pin::PinId;

/// Greater than every id.
const BEYOND: &str = "~";
const COLUMNS: &str = "SELECT id, owner, request, record FROM jobs";

pub(super) fn load(db: &Connection, id: &JobId) -> Result<Option<Job>, StoreError> {
    let columns = db
        .prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))
        .and_then(|mut select| select.query_row([id.to_string()], columns).optional())
        .map_err(unavailable)?;
    columns.map(job).transpose()
}

pub(super) fn loose_ends(db: &Connection) -> Result<Vec<Outline>, StoreError> {
    let mut select = db
        .prepare_cached(
            "SELECT id, record FROM jobs INDEXED BY jobs_loose WHERE loose = 1 ORDER BY id",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([]).map_err(unavailable)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        jobs.extend(readable(row, outline(row)));
    }
    Ok(jobs)
}

/// Reads the record where the row lies: there may be very many, and little of each is kept.
fn outline(row: &Row<'_>) -> Result<Outline, StoreError> {
    let text = |column| {
        let text = row.get_ref(column).map(|value| value.as_str().map_err(damaged));
        text.map_err(unavailable)?
    };
    let (id, record) = (text(0)?, text(1)?);
    let id = JobId::parse(id).ok_or_else(|| StoreError::Corrupt(format!("id {id}")))?;
    let record: Sketch = read(record)?;
    version(record.v)?;
    Ok(Outline { id, record })
}

pub(super) fn submits(db: &Connection, since: Ms) -> Result<Vec<(String, u64)>, StoreError> {
    // What was submitted since then has not ended before: the two indexes bound the search.
    let mut select = db
        .prepare_cached(
            "SELECT json_extract(attempt.value, '$.provider') AS provider, count(*)
             FROM (SELECT record FROM jobs INDEXED BY jobs_loose WHERE loose = 1
                   UNION ALL
                   SELECT record FROM jobs WHERE loose = 0 AND finished >= ?1) AS job,
                  json_each(CASE WHEN json_valid(job.record) THEN job.record ELSE '{}' END,
                            '$.attempts') AS attempt
             WHERE attempt.type = 'object'
               AND json_extract(attempt.value, '$.submitted') >= ?1
               AND json_type(attempt.value, '$.provider') = 'text'
             GROUP BY provider ORDER BY provider",
        )
        .map_err(unavailable)?;
    let counts = select
        .query_map([signed(since)], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())));
    counts.and_then(Iterator::collect).map_err(unavailable)
}

pub(super) fn pinned(db: &Connection, id: PinId) -> Result<Option<String>, StoreError> {
    db.prepare_cached("SELECT content FROM pins WHERE id = ?1")
        .and_then(|mut select| select.query_row([id.to_string()], |row| row.get(0)).optional())
        .map_err(unavailable)
}

pub(super) fn list(db: &Connection, filter: &Filter) -> Result<Page, StoreError> {
    let (query, arguments) = listing(filter);
    let mut select = db.prepare_cached(&query).map_err(unavailable)?;
    let mut rows = select.query(rusqlite::params_from_iter(arguments)).map_err(unavailable)?;
    let mut page = Page::default();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let Some(job) = readable(row, whole(row)) else { continue };
        page.has_more = page.jobs.len() == filter.limit;
        if page.has_more {
            break;
        }
        page.jobs.push(job);
    }
    Ok(page)
}

/// Says only what is asked for, and always up to which id, so that one index answers it in order.
pub(super) fn listing(filter: &Filter) -> (String, Vec<String>) {
    let before = filter.after.map_or_else(|| BEYOND.to_owned(), |id| id.to_string());
    let mut query = format!("{COLUMNS} WHERE id < ?");
    let mut arguments = vec![before];
    let status = filter.status.map(|status| status.as_str().to_owned());
    let wanted = [
        ("owner", filter.owner.clone()),
        ("status", status),
        ("provider", filter.provider.clone()),
    ];
    for (column, wanted) in wanted {
        if let Some(wanted) = wanted {
            query.push_str(&format!(" AND {column} = ?"));
            arguments.push(wanted);
        }
    }
    query.push_str(" ORDER BY id DESC");
    (query, arguments)
}

/// From the index alone: only an owner's unfinished jobs are passed, however many others there are.
pub(super) fn unfinished(db: &Connection, owner: &str) -> Result<u64, StoreError> {
    db.prepare_cached(
        "SELECT count(*) FROM jobs INDEXED BY jobs_by_status
         WHERE owner = ?1 AND status IN ('queued', 'running')",
    )
    .and_then(|mut select| select.query_row([owner], |row| row.get::<_, i64>(0)))
    .map(i64::unsigned_abs)
    .map_err(unavailable)
}

pub(super) fn exchanges(db: &Connection, id: &JobId) -> Result<Vec<Exchange>, StoreError> {
    let mut select = db
        .prepare_cached("SELECT note FROM exchanges WHERE job = ?1 ORDER BY seq")
        .map_err(unavailable)?;
    let rows =
        select.query_map([id.to_string()], |row| row.get::<_, String>(0)).map_err(unavailable)?;
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
    let oldest = signed(now.saturating_sub(KEY_LIFE));
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
    let mut rows = select.query(params![owner, fingerprint]).map_err(unavailable)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        jobs.extend(readable(row, whole(row)));
    }
    Ok(jobs)
}

/// What was read of a row; a damaged one must not keep the others from being served.
fn readable<T>(row: &Row<'_>, read: Result<T, StoreError>) -> Option<T> {
    let id = || row.get_ref(0).ok()?.as_bytes().ok().map(String::from_utf8_lossy);
    let told = |error: &StoreError| {
        let job = id().unwrap_or_default();
        tracing::error!(%job, %error, "A stored job is left alone.");
    };
    read.inspect_err(told).ok()
}

fn whole(row: &Row<'_>) -> Result<Job, StoreError> {
    columns(row).map_err(damaged).and_then(job)
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

fn version(v: u32) -> Result<(), StoreError> {
    if v == Record::VERSION {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("its layout is version {v}")))
}

fn job([id, owner, request, record]: [String; 4]) -> Result<Job, StoreError> {
    let id = JobId::parse(&id).ok_or_else(|| StoreError::Corrupt(format!("id {id}")))?;
    let record: Record = read(&record)?;
    version(record.v)?;
    Ok(Job { id, owner, request: Arc::new(read(&request)?), record })
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

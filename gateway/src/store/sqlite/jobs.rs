//! Writing jobs: a new one with its key, a step of one, a note of one.

use rusqlite::{Connection, Transaction, params};

use super::super::columns::Columns;
use super::super::{Admitted, Claim, Exchange, StoreError};
use super::{read, signed, unavailable};
use crate::id::JobId;
use crate::job::Job;

/// A job as columns.
pub(super) struct Row {
    id: JobId,
    owner: String,
    columns: Columns,
    rev: i64,
    created: i64,
    record: String,
    /// Written once.
    request: Option<Request>,
}

struct Request {
    fingerprint: String,
    text: String,
}

impl Row {
    /// Of a job that is new.
    pub(super) fn first(job: &Job) -> Result<Self, StoreError> {
        let text = serde_json::to_string(&*job.request).map_err(corrupt)?;
        let request = Request { fingerprint: job.request.fingerprint(), text };
        Ok(Self { request: Some(request), ..Self::next(job)? })
    }

    /// Of one that was changed.
    pub(super) fn next(job: &Job) -> Result<Self, StoreError> {
        Ok(Self {
            id: job.id,
            owner: job.owner.clone(),
            columns: Columns::of(job),
            rev: signed(job.record.rev),
            created: signed(job.record.created),
            record: serde_json::to_string(&job.record).map_err(corrupt)?,
            request: None,
        })
    }
}

pub(super) fn admit(
    db: &Transaction<'_>,
    row: &Row,
    claim: &Claim,
    most: u32,
) -> Result<Admitted, StoreError> {
    let fingerprint = row.request.as_ref().map_or("", |request| &request.fingerprint);
    let found = read::find(db, &row.owner, fingerprint, claim, row.created.unsigned_abs())?;
    if found != Admitted::New {
        return Ok(found);
    }
    if most > 0 && read::unfinished(db, &row.owner)? >= u64::from(most) {
        return Ok(Admitted::TooMany);
    }
    insert(db, row)?;
    if let Some(key) = &claim.key {
        db.prepare_cached(
            "INSERT OR REPLACE INTO keys (owner, key, job, fingerprint, at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute(params![row.owner, key, row.id.to_string(), fingerprint, row.created])
        })
        .map_err(unavailable)?;
    }
    Ok(Admitted::New)
}

fn insert(db: &Transaction<'_>, row: &Row) -> Result<(), StoreError> {
    let Some(request) = &row.request else { return Ok(()) };
    db.prepare_cached(
        "INSERT INTO jobs (id, owner, status, provider, rev, created, fingerprint, request, record,
                           loose, finished)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            row.id.to_string(),
            row.owner,
            row.columns.status,
            row.columns.provider,
            row.rev,
            row.created,
            request.fingerprint,
            request.text,
            row.record,
            row.columns.loose,
            row.columns.finished.map(signed),
        ])
    })
    .map_err(unavailable)?;
    need_images(db, row)
}

/// A step that moves the job in no index, as most do: it writes the row's pages and no others.
const STEP: &str = "UPDATE jobs SET rev = ?4, record = ?5
    WHERE id = ?1 AND rev = ?4 - 1 AND status = ?2 AND provider IS ?3 AND loose = ?6
      AND finished IS ?7";
const TURN: &str = "UPDATE jobs SET status = ?2, provider = ?3, rev = ?4, record = ?5, loose = ?6,
                    finished = ?7
    WHERE id = ?1 AND rev = ?4 - 1 AND (status IN ('queued', 'running') OR status = ?2)";

/// The conditions are the whole of what keeps a second writer, and a changed end, out.
pub(super) fn replace(db: &Transaction<'_>, row: &Row) -> Result<(), StoreError> {
    let changed = || Ok(update(db, STEP, row)? || update(db, TURN, row)?);
    if changed().map_err(unavailable)? {
        need_images(db, row)
    } else {
        Err(StoreError::Conflict(row.id))
    }
}

fn update(db: &Connection, update: &str, row: &Row) -> rusqlite::Result<bool> {
    let changed = db.prepare_cached(update)?.execute(params![
        row.id.to_string(),
        row.columns.status,
        row.columns.provider,
        row.rev,
        row.record,
        row.columns.loose,
        row.columns.finished.map(signed),
    ])?;
    Ok(changed == 1)
}

/// Writes down which images the job needs, and from when on they age.
fn need_images(db: &Transaction<'_>, row: &Row) -> Result<(), StoreError> {
    let (id, ended) = (row.id.to_string(), row.columns.finished.map(signed));
    let written = || {
        let mut insert = db.prepare_cached(
            "INSERT OR IGNORE INTO images (job, name, kind, ended) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for need in &row.columns.images {
            insert.execute(params![id, need.name, need.kind, ended])?;
        }
        if row.columns.over {
            db.prepare_cached("UPDATE images SET ended = ?2 WHERE job = ?1 AND ended IS NOT ?2")?
                .execute(params![id, ended])?;
        }
        Ok(())
    };
    written().map_err(unavailable)
}

pub(super) fn note(db: &Transaction<'_>, exchange: &Exchange) -> Result<(), StoreError> {
    let Some(job) = exchange.job else { return Ok(()) };
    let note = serde_json::to_string(exchange).map_err(corrupt)?;
    db.prepare_cached("INSERT INTO exchanges (job, note, at) VALUES (?1, ?2, ?3)")
        .and_then(|mut insert| insert.execute(params![job.to_string(), note, signed(exchange.at)]))
        .map_err(unavailable)?;
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "used as the argument of map_err")]
fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

//! The writer: takes what is waiting, up to a bound, and commits it in one transaction. It never
//! waits for more: under load the last fsync is the timer.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::super::{Admitted, Claim, Exchange, StoreError};
use super::{read, unavailable};
use crate::id::JobId;
use crate::job::Job;

/// Transitions in one transaction.
const BATCH: usize = 200;

/// A write and who waits for it.
pub(super) struct Write {
    pub(super) op: Op,
    pub(super) done: Option<oneshot::Sender<Result<Admitted, StoreError>>>,
}

/// What to write.
pub(super) enum Op {
    Admit(Row, Claim),
    Commit(Row),
    Note(Exchange),
}

/// A job as columns.
pub(super) struct Row {
    id: JobId,
    owner: String,
    status: &'static str,
    provider: Option<String>,
    rev: i64,
    created: i64,
    fingerprint: String,
    request: String,
    record: String,
}

impl Row {
    pub(super) fn new(job: &Job) -> Result<Self, StoreError> {
        let corrupt = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
        let first = job.record.rev == 1;
        Ok(Self {
            id: job.id.clone(),
            owner: job.owner.clone(),
            status: job.record.status.as_str(),
            provider: job.leading().map(|a| a.provider.clone()),
            rev: i64::try_from(job.record.rev).unwrap_or(i64::MAX),
            created: i64::try_from(job.record.created).unwrap_or(i64::MAX),
            fingerprint: if first { job.request.fingerprint() } else { String::new() },
            request: if first {
                serde_json::to_string(&*job.request).map_err(corrupt)?
            } else {
                String::new()
            },
            record: serde_json::to_string(&job.record).map_err(corrupt)?,
        })
    }
}

/// Runs until every sender is gone.
pub(super) fn run(mut db: Connection, mut queue: mpsc::Receiver<Write>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        commit(&mut db, &mut batch);
    }
}

fn commit(db: &mut Connection, batch: &mut Vec<Write>) {
    let mut answers = Vec::with_capacity(batch.len());
    let committed = transaction(db, batch, &mut answers);
    for (index, write) in batch.drain(..).enumerate() {
        let Some(done) = write.done else { continue };
        let answer = match &committed {
            Ok(()) => answers.get(index).cloned().unwrap_or(Ok(Admitted::New)),
            Err(error) => Err(error.clone()),
        };
        // Nobody waits any more when a request was dropped; what was written stays.
        let _ = done.send(answer);
    }
}

fn transaction(
    db: &mut Connection,
    batch: &[Write],
    answers: &mut Vec<Result<Admitted, StoreError>>,
) -> Result<(), StoreError> {
    let transaction =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
    for write in batch {
        // A conflict concerns one job; anything else fails the whole batch.
        match apply(&transaction, &write.op) {
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            answer => answers.push(answer),
        }
    }
    transaction.commit().map_err(unavailable)
}

fn apply(db: &Transaction<'_>, op: &Op) -> Result<Admitted, StoreError> {
    match op {
        Op::Admit(row, claim) => return admit(db, row, claim),
        Op::Commit(row) => replace(db, row)?,
        Op::Note(exchange) => note(db, exchange)?,
    }
    Ok(Admitted::New)
}

fn admit(db: &Transaction<'_>, row: &Row, claim: &Claim) -> Result<Admitted, StoreError> {
    let found = read::find(db, &row.owner, &row.fingerprint, claim, row.created.unsigned_abs())?;
    if found != Admitted::New {
        return Ok(found);
    }
    insert(db, row)?;
    if let Some(key) = &claim.key {
        db.prepare_cached(
            "INSERT OR REPLACE INTO keys (owner, key, job, fingerprint, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| {
            insert.execute(params![row.owner, key, row.id.as_str(), row.fingerprint, row.created])
        })
        .map_err(unavailable)?;
    }
    Ok(Admitted::New)
}

fn insert(db: &Transaction<'_>, row: &Row) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO jobs (id, owner, status, provider, rev, created, fingerprint, request, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            row.id.as_str(),
            row.owner,
            row.status,
            row.provider,
            row.rev,
            row.created,
            row.fingerprint,
            row.request,
            row.record
        ])
    })
    .map_err(unavailable)?;
    Ok(())
}

fn replace(db: &Transaction<'_>, row: &Row) -> Result<(), StoreError> {
    let changed = db
        .prepare_cached(
            "UPDATE jobs SET status = ?2, provider = ?3, rev = ?4, record = ?5
             WHERE id = ?1 AND rev = ?4 - 1 AND status IN ('queued', 'running')",
        )
        .and_then(|mut update| {
            update.execute(params![row.id.as_str(), row.status, row.provider, row.rev, row.record])
        })
        .map_err(unavailable)?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Conflict(row.id.clone())) }
}

fn note(db: &Transaction<'_>, exchange: &Exchange) -> Result<(), StoreError> {
    let note = serde_json::to_string(exchange).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let job = exchange.job.as_ref().map(|id| id.as_str());
    db.prepare_cached("INSERT INTO exchanges (job, note) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute(params![job, note]))
        .map_err(unavailable)?;
    Ok(())
}

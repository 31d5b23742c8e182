//! The tables: made by the steps in `schema/`, one after the other, in one transaction. A step that
//! was once released is never changed; what is to be different is a new one.

use rusqlite::{Connection, TransactionBehavior};

use super::super::StoreError;
use super::{signed, unavailable};

/// Each brings the tables from the version before to its own.
const STEPS: [&str; 3] =
    [include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];
/// Pages, of 4 KiB, at which a commit itself checkpoints: the net under the thread that does it.
const AUTO_CHECKPOINT: u32 = 20_000;
/// What a burst has made the log grow to beyond this, in bytes, is given back.
const LOG_LIMIT: u32 = 32 << 20;

/// Makes a connection ready to write, and the tables those of this version.
pub(super) fn prepare(db: &mut Connection) -> Result<(), StoreError> {
    if db.is_readonly("main").map_err(unavailable)? {
        return Err(StoreError::Unavailable(
            "it is read-only; let this user write the file and its folder".to_owned(),
        ));
    }
    refuse_newer(db)?;
    db.pragma_update(None, "journal_mode", "WAL").map_err(unavailable)?;
    // FULL: a commit that was answered survives a power cut, not only a crash.
    db.pragma_update(None, "synchronous", "FULL").map_err(unavailable)?;
    db.pragma_update(None, "wal_autocheckpoint", AUTO_CHECKPOINT).map_err(unavailable)?;
    db.pragma_update(None, "journal_size_limit", LOG_LIMIT).map_err(unavailable)?;
    migrate(db)
}

/// Before anything is changed: also the journal's mode is the newer one's business.
fn refuse_newer(db: &Connection) -> Result<(), StoreError> {
    let version = version(db)?;
    if version <= STEPS.len() {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "it was made by a newer Retouch (tables {version}, this one knows {}); start that one",
        STEPS.len()
    )))
}

fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let from = version(db)?;
    let steps = STEPS.get(from..).unwrap_or_default();
    if steps.is_empty() {
        return Ok(());
    }
    if from > 0 {
        tracing::info!(from, to = STEPS.len(), "The database is brought up to date.");
    }
    let transaction =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
    for step in steps {
        transaction.execute_batch(step).map_err(unavailable)?;
    }
    let to = signed(STEPS.len() as u64);
    transaction.pragma_update(None, "user_version", to).map_err(unavailable)?;
    transaction.commit().map_err(unavailable)
}

fn version(db: &Connection) -> Result<usize, StoreError> {
    let version: i64 =
        db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unavailable)?;
    usize::try_from(version).map_err(|_| {
        StoreError::Unavailable(format!("its tables are version {version}, which is none of ours"))
    })
}

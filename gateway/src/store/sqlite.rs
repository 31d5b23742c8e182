//! SQLite: one writer thread that commits what is waiting in one transaction, and readers beside it.

mod read;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Admitted, Claim, Exchange, Filter, Page, Store, StoreError};
use crate::clock::Ms;
use crate::id::JobId;
use crate::job::Job;
use write::{Op, Write};

/// Version of the tables, kept in `user_version`.
const SCHEMA: i64 = 1;
/// Queries at once, each on a connection of its own.
const READERS: usize = 8;
/// Writes that may wait; beyond, senders wait too.
const QUEUE: usize = 4_096;

/// A database file.
pub struct Sqlite {
    writes: mpsc::Sender<Write>,
    readers: Arc<Readers>,
    writer: Option<std::thread::JoinHandle<()>>,
}

struct Readers {
    path: PathBuf,
    room: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// When it cannot be written, or a newer Retouch made it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path).map_err(unavailable)?;
        prepare(&mut connection)?;
        let (writes, queue) = mpsc::channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("retouch-store".to_owned())
            .spawn(move || write::run(connection, queue))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let readers = Arc::new(Readers {
            path: path.to_owned(),
            room: Semaphore::new(READERS),
            idle: Mutex::default(),
        });
        Ok(Self { writes, readers, writer: Some(writer) })
    }

    fn write(&self, op: Op) -> BoxFuture<'static, Result<Admitted, StoreError>> {
        let writes = self.writes.clone();
        Box::pin(async move {
            let (done, answer) = oneshot::channel();
            let gone = || StoreError::Unavailable("its writer has stopped".to_owned());
            writes.send(Write { op, done: Some(done) }).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        })
    }

    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let readers = self.readers.clone();
        Box::pin(async move {
            let gone = |_| StoreError::Unavailable("it is closed".to_owned());
            let _room = readers.room.acquire().await.map_err(gone)?;
            let readers = readers.clone();
            let read = tokio::task::spawn_blocking(move || readers.with(query)).await;
            read.map_err(|error| StoreError::Unavailable(error.to_string()))?
        })
    }
}

impl Store for Sqlite {
    fn admit(&self, job: &Job, claim: &Claim) -> BoxFuture<'static, Result<Admitted, StoreError>> {
        match write::Row::new(job) {
            Ok(row) => self.write(Op::Admit(row, claim.clone())),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn find(
        &self,
        owner: &str,
        fingerprint: &str,
        claim: &Claim,
        now: Ms,
    ) -> BoxFuture<'static, Result<Admitted, StoreError>> {
        let (owner, fingerprint, claim) = (owner.to_owned(), fingerprint.to_owned(), claim.clone());
        self.read(move |db| read::find(db, &owner, &fingerprint, &claim, now))
    }

    fn commit(&self, job: &Job) -> BoxFuture<'static, Result<(), StoreError>> {
        match write::Row::new(job) {
            Ok(row) => {
                let written = self.write(Op::Commit(row));
                Box::pin(async { written.await.map(|_| ()) })
            }
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn load(&self, id: &JobId) -> BoxFuture<'static, Result<Option<Job>, StoreError>> {
        let id = id.clone();
        self.read(move |db| read::load(db, &id))
    }

    fn unfinished(&self) -> BoxFuture<'static, Result<Vec<Job>, StoreError>> {
        self.read(read::unfinished)
    }

    fn list(&self, filter: Filter) -> BoxFuture<'static, Result<Page, StoreError>> {
        self.read(move |db| read::list(db, &filter))
    }

    fn note(&self, exchange: Exchange) {
        // A full queue drops the note rather than hold up a job.
        let _ = self.writes.try_send(Write { op: Op::Note(exchange), done: None });
    }

    fn exchanges(&self, id: &JobId) -> BoxFuture<'static, Result<Vec<Exchange>, StoreError>> {
        let id = id.clone();
        self.read(move |db| read::exchanges(db, &id))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // Closing the queue ends the writer after what is in it.
        let (closed, _) = mpsc::channel(1);
        self.writes = closed;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Readers {
    fn with<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(&self.path, flags).map_err(unavailable)?
            }
        };
        let answer = query(&connection);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        answer
    }
}

fn prepare(db: &mut Connection) -> Result<(), StoreError> {
    db.pragma_update(None, "journal_mode", "WAL").map_err(unavailable)?;
    // FULL: a commit that was answered survives a power cut, not only a crash.
    db.pragma_update(None, "synchronous", "FULL").map_err(unavailable)?;
    db.pragma_update(None, "wal_autocheckpoint", 20_000).map_err(unavailable)?;
    let version: i64 =
        db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unavailable)?;
    match version {
        SCHEMA => Ok(()),
        0 => create(db),
        newer => Err(StoreError::Unavailable(format!(
            "it was made by a newer Retouch (tables {newer}, this one knows {SCHEMA}); start that one"
        ))),
    }
}

fn create(db: &mut Connection) -> Result<(), StoreError> {
    let transaction = db.transaction().map_err(unavailable)?;
    transaction.execute_batch(include_str!("schema.sql")).map_err(unavailable)?;
    transaction.pragma_update(None, "user_version", SCHEMA).map_err(unavailable)?;
    transaction.commit().map_err(unavailable)
}

#[expect(clippy::needless_pass_by_value, reason = "used as the argument of map_err")]
fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests;

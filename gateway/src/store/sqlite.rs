//! SQLite: one writer thread that commits what is waiting in one transaction, and readers beside it.

mod checkpoint;
mod jobs;
mod read;
mod retain;
mod schema;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use futures_util::future::BoxFuture;
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::{AcquireError, Semaphore, mpsc, oneshot};

use super::{Admitted, Anew, Claim, Cuts, Exchange, Filter, Page, Store, StoreError, Swept};
use crate::clock::{Ms, now_ms};
use crate::id::JobId;
use crate::job::{Job, Outline};
use crate::pin::PinId;
use checkpoint::Checkpoints;
use write::{Task, Write};

/// Queries at once, each on a connection of its own.
const READERS: usize = 8;
/// Of these, how many may be of the kind that reads many rows: the others are there for what jobs
/// wait for.
const LONG_READERS: usize = 6;
/// Writes that may wait; beyond, senders wait too.
const QUEUE: usize = 4_096;

/// A database file.
pub struct Sqlite {
    writes: mpsc::Sender<Box<dyn Write>>,
    readers: Arc<Readers>,
    writer: Option<JoinHandle<()>>,
}

struct Readers {
    path: PathBuf,
    room: Semaphore,
    long: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens or makes the file, and brings its tables up to date.
    ///
    /// # Errors
    /// When it cannot be written, or a newer Retouch made it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path).map_err(unavailable)?;
        schema::prepare(&mut connection)?;
        let beside = Connection::open(path).map_err(unavailable)?;
        let checkpoints = Checkpoints::start(beside).map_err(no_thread)?;
        let (writes, queue) = mpsc::channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("retouch-store".to_owned())
            .spawn(move || write::run(connection, queue, checkpoints))
            .map_err(no_thread)?;
        let readers = Arc::new(Readers {
            path: path.to_owned(),
            room: Semaphore::new(READERS),
            long: Semaphore::new(LONG_READERS),
            idle: Mutex::default(),
        });
        Ok(Self { writes, readers, writer: Some(writer) })
    }

    fn write<T: Send + 'static>(
        &self,
        apply: impl Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        Box::pin(write(self.writes.clone(), apply))
    }

    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let readers = self.readers.clone();
        Box::pin(async move {
            let _room = readers.room.acquire().await.map_err(closed)?;
            let readers = readers.clone();
            let read = tokio::task::spawn_blocking(move || readers.with(query)).await;
            read.map_err(|error| StoreError::Unavailable(error.to_string()))?
        })
    }

    /// The same for what reads many rows.
    fn read_long<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (readers, read) = (self.readers.clone(), self.read(query));
        Box::pin(async move {
            let _long = readers.long.acquire().await.map_err(closed)?;
            read.await
        })
    }
}

impl Store for Sqlite {
    fn admit_among(
        &self,
        job: &Job,
        claim: &Claim,
        most: u32,
    ) -> BoxFuture<'static, Result<Admitted, StoreError>> {
        let claim = claim.clone();
        match jobs::Row::first(job) {
            Ok(row) => self.write(move |db| jobs::admit(db, &row, &claim, most)),
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
        match jobs::Row::next(job) {
            Ok(row) => self.write(move |db| jobs::replace(db, &row)),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn load(&self, id: &JobId) -> BoxFuture<'static, Result<Option<Job>, StoreError>> {
        let id = *id;
        self.read(move |db| read::load(db, &id))
    }

    fn loose_ends(&self) -> BoxFuture<'static, Result<Vec<Outline>, StoreError>> {
        self.read(read::loose_ends)
    }

    fn list(&self, filter: Filter) -> BoxFuture<'static, Result<Page, StoreError>> {
        self.read_long(move |db| read::list(db, &filter))
    }

    fn unfinished(&self, owner: &str) -> BoxFuture<'static, Result<u64, StoreError>> {
        let owner = owner.to_owned();
        self.read_long(move |db| read::unfinished(db, &owner))
    }

    fn note(&self, exchange: Exchange) {
        // A full queue drops the note rather than hold up a job.
        let _ = self.writes.try_send(Task::boxed(move |db| jobs::note(db, &exchange), None));
    }

    fn exchanges(&self, id: &JobId) -> BoxFuture<'static, Result<Vec<Exchange>, StoreError>> {
        let id = *id;
        self.read_long(move |db| read::exchanges(db, &id))
    }

    fn pin(&self, id: PinId, content: String) -> BoxFuture<'static, Result<(), StoreError>> {
        let now = now_ms();
        self.write(move |db| retain::pin(db, id, &content, now))
    }

    fn pinned(&self, id: PinId) -> BoxFuture<'static, Result<Option<String>, StoreError>> {
        self.read(move |db| read::pinned(db, id))
    }

    fn rewrite_pins(&self, anew: Anew) -> BoxFuture<'static, Result<usize, StoreError>> {
        self.write(move |db| retain::rewrite_pins(db, &*anew))
    }

    fn submits(&self, since: Ms) -> BoxFuture<'static, Result<Vec<(String, u64)>, StoreError>> {
        self.read(move |db| read::submits(db, since))
    }

    fn forget(&self, id: &JobId) -> BoxFuture<'static, Result<Option<Vec<String>>, StoreError>> {
        let id = *id;
        self.write(move |db| retain::forget(db, id))
    }

    fn sweep(&self, cuts: Cuts, most: usize) -> BoxFuture<'static, Result<Swept, StoreError>> {
        let pins = self.read_long(move |db| retain::old_pins(db, cuts.pins, most));
        let writes = self.writes.clone();
        Box::pin(async move {
            let pins = pins.await?;
            write(writes, move |db| retain::sweep(db, cuts, &pins, most)).await
        })
    }

    fn shed(&self, most: usize) -> BoxFuture<'static, Result<Vec<String>, StoreError>> {
        self.write(move |db| retain::shed(db, most))
    }

    fn unneeded(&self, names: Vec<String>) -> BoxFuture<'static, Result<Vec<String>, StoreError>> {
        self.read(move |db| retain::unneeded(db, names.into_iter().collect()))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // Closing the queue ends the writer after what is in it.
        let (closed, _) = mpsc::channel(1);
        self.writes = closed;
        // The last connection to close folds the log in, if it may write.
        lock(&self.readers.idle).clear();
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

impl Readers {
    fn with<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(&self.path, flags).map_err(unavailable)?
            }
        };
        let answer = query(&connection);
        lock(&self.idle).push(connection);
        answer
    }
}

async fn write<T: Send + 'static>(
    writes: mpsc::Sender<Box<dyn Write>>,
    apply: impl Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let gone = || StoreError::Unavailable("its writer has stopped".to_owned());
    let (done, answer) = oneshot::channel();
    writes.send(Task::boxed(apply, Some(done))).await.map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?
}

#[expect(clippy::needless_pass_by_value, reason = "used as the argument of map_err")]
fn closed(error: AcquireError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// As SQLite counts; beyond its largest number is the end of time.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::needless_pass_by_value, reason = "used as the argument of map_err")]
fn no_thread(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "used as the argument of map_err")]
fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests;

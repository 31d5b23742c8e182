//! Checkpoints beside the commits: what the log holds is copied into the database by a thread with a
//! connection of its own, when the writer pauses or has written much. It never holds a commit up.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// The writer pauses when nothing comes for so long.
const PAUSE: Duration = Duration::from_secs(1);
/// Writes, each of a few pages, after which a checkpoint does not wait for a pause.
const MANY: usize = 1_000;
/// Batches that may be told of while a checkpoint runs; more need not be counted.
const TOLD: usize = 64;

/// The thread, as the writer has it. It ends, and closes its connection, when this is dropped.
pub(super) struct Checkpoints {
    bell: Option<SyncSender<usize>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread.
    pub(super) fn start(db: Connection) -> std::io::Result<Self> {
        let (bell, rung) = sync_channel(TOLD);
        let thread = std::thread::Builder::new()
            .name("retouch-checkpoint".to_owned())
            .spawn(move || run(&db, &rung))?;
        Ok(Self { bell: Some(bell), thread: Some(thread) })
    }

    /// Tells of a commit and the number of its writes.
    pub(super) fn ring(&self, written: usize) {
        // A full bell has been heard already.
        let _ = self.bell.as_ref().map(|bell| bell.try_send(written));
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.bell = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn run(db: &Connection, rung: &Receiver<usize>) {
    while let Ok(mut written) = rung.recv() {
        while written < MANY {
            match rung.recv_timeout(PAUSE) {
                Ok(more) => written += more,
                Err(RecvTimeoutError::Timeout) => break,
                // The writer's connection closes last, and folds in what is left.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        checkpoint(db);
    }
}

/// Passive: it takes what it can have without waiting for anybody or making anybody wait.
fn checkpoint(db: &Connection) {
    let done = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = done {
        tracing::warn!(%error, "The database's log could not be folded in; it is tried again.");
    }
}

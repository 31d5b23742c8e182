//! The writer: takes what is waiting, up to a bound, and commits it in one transaction. It never
//! waits for more: under load the last fsync is the timer.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::super::StoreError;
use super::checkpoint::Checkpoints;
use super::unavailable;

/// Writes in one transaction.
const BATCH: usize = 200;

/// A write and who waits for it.
pub(super) trait Write: Send {
    /// Applies it. An error of its own concerns it alone; [`StoreError::Unavailable`] the whole
    /// transaction.
    fn apply(&mut self, db: &Transaction<'_>) -> Result<(), StoreError>;

    /// Tells what came of it.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A write that can be applied again, if the transaction it was in has failed.
pub(super) struct Task<T, F> {
    apply: F,
    answer: Option<Result<T, StoreError>>,
    done: Option<oneshot::Sender<Result<T, StoreError>>>,
}

impl<T, F> Task<T, F>
where
    T: Send + 'static,
    F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
{
    /// One whose answer is waited for.
    pub(super) fn boxed(
        apply: F,
        done: Option<oneshot::Sender<Result<T, StoreError>>>,
    ) -> Box<dyn Write> {
        Box::new(Self { apply, answer: None, done })
    }
}

impl<T, F> Write for Task<T, F>
where
    T: Send,
    F: Fn(&Transaction<'_>) -> Result<T, StoreError> + Send,
{
    fn apply(&mut self, db: &Transaction<'_>) -> Result<(), StoreError> {
        let answer = (self.apply)(db);
        let failed = match &answer {
            Err(error @ StoreError::Unavailable(_)) => Err(error.clone()),
            _ => Ok(()),
        };
        self.answer = Some(answer);
        failed
    }

    fn tell(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (committed, self.answer) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(answer)) => answer,
            (Ok(()), None) => return,
        };
        // Nobody waits any more when a request was dropped; what was written stays.
        let _ = self.done.map(|done| done.send(answer));
    }
}

/// Runs until every sender is gone. The checkpoints end before the connection is closed.
pub(super) fn run(
    mut db: Connection,
    mut queue: mpsc::Receiver<Box<dyn Write>>,
    checkpoints: Checkpoints,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        let written = batch.len();
        commit(&mut db, &mut batch);
        checkpoints.ring(written);
    }
    drop(checkpoints);
}

fn commit(db: &mut Connection, batch: &mut Vec<Box<dyn Write>>) {
    let committed = transaction(db, batch);
    // One write that cannot be must not take its neighbours with it.
    let apart = committed.is_err() && batch.len() > 1;
    for mut write in batch.drain(..) {
        let committed = match apart {
            true => transaction(db, std::slice::from_mut(&mut write)),
            false => committed.clone(),
        };
        write.tell(committed);
    }
}

fn transaction(db: &mut Connection, batch: &mut [Box<dyn Write>]) -> Result<(), StoreError> {
    let transaction =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
    for write in batch {
        write.apply(&transaction)?;
    }
    transaction.commit().map_err(unavailable)
}

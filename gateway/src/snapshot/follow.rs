//! Follows what happens to the files: looks at them four times a second, hears SIGHUP, and says
//! that there is a new snapshot, whoever asked for it. What was changed in the files themselves is
//! noted; what the operator's API changed has been noted there.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Reloader, Status};
use crate::catalog::watch::{EVERY, Picture, Steady, Watch};

/// The task that follows.
pub struct Follow {
    watch: Arc<Watch>,
    steady: Steady,
    reloader: Reloader,
    /// Called for each new snapshot.
    tell: Box<dyn Fn() + Send + Sync>,
    /// Called for each that is made of files somebody changed by themselves.
    note: Box<dyn Fn(Arc<Status>) -> BoxFuture<'static, ()> + Send + Sync>,
    closing: CancellationToken,
}

impl Follow {
    /// From how the files were before the running snapshot was built.
    pub fn new(
        (watch, before): (Watch, Picture),
        reloader: Reloader,
        tell: impl Fn() + Send + Sync + 'static,
        note: impl Fn(Arc<Status>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
        closing: CancellationToken,
    ) -> Self {
        let (watch, steady) = (Arc::new(watch), Steady::new(before));
        let (tell, note) = (Box::new(tell), Box::new(note));
        Self { watch, steady, reloader, tell, note, closing }
    }

    /// Until the end. What is wrong with the files is said by whoever builds.
    pub async fn run(mut self) {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP cannot be heard."))
            .ok();
        let mut statuses = self.reloader.statuses();
        let mut revision = statuses.borrow_and_update().revision;
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => self.look().await,
                () = heard(&mut hangup) => self.reload("SIGHUP").await,
                () = self.closing.cancelled() => return,
            }
            let now = statuses.borrow_and_update().revision;
            if now != revision {
                revision = now;
                (self.tell)();
            }
        }
    }

    async fn look(&mut self) {
        let watch = self.watch.clone();
        let Ok(picture) = tokio::task::spawn_blocking(move || watch.look()).await else { return };
        if self.steady.sees(picture) {
            self.reload("files changed").await;
        }
    }

    /// How it goes is told where it is looked for; there is nobody here to tell.
    async fn reload(&self, why: &'static str) {
        if let Some(status) = self.reloader.follow(why).await {
            (self.note)(status).await;
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

//! Follows what happens to the files: looks at them four times a second, hears SIGHUP, and says
//! that there is a new snapshot, whoever asked for it.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Reloader;
use crate::catalog::watch::{EVERY, Picture, Steady, Watch};

/// The task that follows.
pub struct Follow {
    watch: Arc<Watch>,
    steady: Steady,
    reloader: Reloader,
    /// Called for each new snapshot.
    tell: Box<dyn Fn() + Send + Sync>,
    closing: CancellationToken,
}

impl Follow {
    /// From how the files were before the running snapshot was built.
    pub fn new(
        (watch, before): (Watch, Picture),
        reloader: Reloader,
        tell: impl Fn() + Send + Sync + 'static,
        closing: CancellationToken,
    ) -> Self {
        let (watch, steady) = (Arc::new(watch), Steady::new(before));
        Self { watch, steady, reloader, tell: Box::new(tell), closing }
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
                () = heard(&mut hangup) => drop(self.reloader.reload("SIGHUP").await),
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
            // Either way it is told where it is looked for; there is nobody here to tell.
            drop(self.reloader.reload("files changed").await);
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

//! The person's wish to stop: Ctrl-C, or SIGTERM from whoever runs us.

use std::future::Future;

/// Waits for the first such signal. From the first call on neither ends the process by itself.
pub(super) async fn stopped() {
    tokio::select! {
        () = interrupt() => {}
        () = terminate() => {}
    }
}

/// Runs `work` to its end, or to the signal: then it is dropped and the answer is `None`.
pub(super) async fn unless_stopped<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stopped() => None,
    }
}

async fn interrupt() {
    // Without a handler Ctrl-C still ends the process, so there is nothing to wait for.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}

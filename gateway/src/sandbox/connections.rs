//! The accept loop: HTTP/1.1 on one listener, a bounded number of connections, an orderly end.
//!
//! It is its own so that an answer can be "none": [`Cut`] on a response drops the connection
//! before a byte is written, as a crashed server or a lost network would.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// More than the gateway's own pool and a load test open; each is a few kilobytes.
const MAX_CONNECTIONS: usize = 512;
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// After a failed accept: the usual cause, no free file descriptor, does not pass at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests under way may still take at the end.
const DRAIN: Duration = Duration::from_secs(2);

/// Put into a response's extensions: the connection is cut instead.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the sandbox was asked to lose this answer")]
pub(super) struct Cut;

/// Serves until `stop`, then lets running requests end for a short while.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            stream = accept(&listener), if connections.len() < MAX_CONNECTIONS => stream,
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        let router = router.clone();
        let service =
            service_fn(move |request: hyper::Request<Incoming>| answer(router.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        connections.spawn(graceful.watch(connection));
    }
    drop(listener);
    // Whatever is left afterwards is aborted with the set.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "the sandbox could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
) -> Result<axum::response::Response, Cut> {
    let Ok(response) = router.oneshot(request.map(Body::new)).await;
    match response.extensions().get::<Cut>() {
        Some(cut) => Err(*cut),
        None => Ok(response),
    }
}

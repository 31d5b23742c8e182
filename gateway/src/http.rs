//! The way in: one listener, its connections bounded in number and in patience.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A client that has not sent its headers by then is cut off.
const HEADERS: Duration = Duration::from_secs(10);
/// Pause after an accept that failed, for lack of file descriptors for example.
const BREATH: Duration = Duration::from_millis(100);

/// Who is at the other end of a request's connection; among the request's extensions. That may be a
/// proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// A bound listener.
pub struct Listener {
    socket: TcpListener,
    addr: SocketAddr,
    room: Arc<Semaphore>,
}

impl Listener {
    /// Binds; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is taken or not ours.
    pub async fn bind(addr: SocketAddr, connections: usize) -> std::io::Result<Self> {
        let socket = TcpListener::bind(addr).await?;
        let addr = socket.local_addr()?;
        Ok(Self { socket, addr, room: Arc::new(Semaphore::new(connections)) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `closing`, then lets the connections finish what they are at.
    pub async fn serve(self, router: Router, closing: CancellationToken) {
        let graceful = GracefulShutdown::new();
        let builder = builder();
        loop {
            let room = self.room.clone().acquire_owned();
            let permit = tokio::select! {
                Ok(permit) = room => permit,
                () = closing.cancelled() => break,
            };
            let stream = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = closing.cancelled() => break,
            };
            let stream = match stream {
                Ok((stream, peer)) => (stream, Peer(peer)),
                Err(error) => {
                    tracing::warn!(%error, "A connection could not be accepted.");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            connect(&builder, &graceful, stream, router.clone(), permit);
        }
        drop(self.socket);
        graceful.shutdown().await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(32 << 10)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

#[expect(
    clippy::disallowed_methods,
    reason = "`graceful` watches the connection and is waited for"
)]
fn connect(
    builder: &Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    (stream, peer): (TcpStream, Peer),
    router: Router,
    permit: tokio::sync::OwnedSemaphorePermit,
) {
    let service = TowerToHyperService::new(router.map_request(move |request| met(request, peer)));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let connection = graceful.watch(connection.into_owned());
    tokio::spawn(async move {
        // A client that breaks off is no news.
        let _ = connection.await;
        drop(permit);
    });
}

fn met<B>(mut request: Request<B>, peer: Peer) -> Request<B> {
    request.extensions_mut().insert(peer);
    request
}

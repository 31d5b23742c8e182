//! An HTTP server for scripted services.
//!
//! It runs on a thread of its own, so that a test which blocks never stops it, and can do what no
//! web framework offers: close the connection instead of answering.

use std::{io, net::SocketAddr, net::TcpListener, thread};

use axum::{Router, body::Body, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::oneshot, task::JoinSet};
use tower::ServiceExt;

/// A bound address that does not serve yet: services have to know their own address.
pub struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
}

/// A running server; ends when dropped.
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
}

/// In a response's extensions: close the connection instead.
#[derive(Clone, Copy, Debug)]
struct Cut;

/// The answer of a service that hangs up.
pub fn cut() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Cut);
    response
}

impl Bound {
    /// Binds a free port of the loopback interface.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    /// `http://127.0.0.1:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Begins to serve.
    pub fn serve(self, router: Router) -> Server {
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(accept(self.listener, router, stopped));
        });
        Server { stop: Some(stop) }
    }
}

impl Default for Bound {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

async fn accept(listener: TcpListener, router: Router, mut stopped: oneshot::Receiver<()>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(stream, router.clone()));
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            match response.extensions().get::<Cut>() {
                Some(Cut) => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                None => Ok(response),
            }
        }
    });
    // An error here is the client's hanging up, or our own cut.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn answers_and_hangs_up() {
        let bound = Bound::new();
        let origin = bound.origin();
        let router =
            Router::new().route("/", get(async || "here")).route("/cut", get(async || cut()));
        let _server = bound.serve(router);
        assert_eq!(reqwest::get(&origin).await.unwrap().text().await.unwrap(), "here");
        assert!(reqwest::get(format!("{origin}/cut")).await.unwrap_err().is_request());
    }
}

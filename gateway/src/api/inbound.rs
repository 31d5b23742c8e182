//! A request's body on its way in: watched, so that nothing piles up unseen, and read on for a
//! moment after a refusal, so that a client that still sends gets to read why.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt};

/// Bytes that may come without being anything yet: a form's preamble or the head of a part.
const UNSEEN: usize = 1 << 20;
/// How long a refused client is read on from; what it sends is thrown away.
const LINGER: Duration = Duration::from_secs(2);

/// A handle of a body; clones read the same one.
#[derive(Clone)]
pub(super) struct Inbound {
    body: Arc<Mutex<BodyDataStream>>,
    unseen: Arc<AtomicUsize>,
}

impl Inbound {
    /// Watches a body.
    pub(super) fn new(body: Body) -> Self {
        let body = Arc::new(Mutex::new(body.into_data_stream()));
        Self { body, unseen: Arc::default() }
    }

    /// Says that what came so far was something.
    pub(super) fn progress(&self) {
        self.unseen.store(0, Ordering::Relaxed);
    }

    /// Reads to the end, after all that means something: a request that breaks off is none.
    ///
    /// # Errors
    /// When it breaks off.
    pub(super) async fn ended(mut self) -> io::Result<()> {
        self.progress();
        while let Some(part) = self.next().await {
            part?;
        }
        Ok(())
    }

    /// Reads what still comes, for a moment: a connection closed over unread bytes is reset, and the
    /// answer with it.
    pub(super) async fn drain(mut self) {
        self.progress();
        let rest = async {
            while let Some(Ok(_)) = self.next().await {
                self.progress();
            }
        };
        // Who has not finished by then has only himself to blame.
        let _ = tokio::time::timeout(LINGER, rest).await;
    }
}

impl Stream for Inbound {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        let polled = body.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            let unseen = self.unseen.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            if unseen > UNSEEN {
                let error = io::Error::new(
                    io::ErrorKind::InvalidData,
                    "too much that is no part of a form",
                );
                return Poll::Ready(Some(Err(error)));
            }
        }
        polled.map(|item| item.map(|chunk| chunk.map_err(io::Error::other)))
    }
}

//! The only way out of this process.
//!
//! Executes the requests of plugins: images streamed in from the store, the key filled in at the last
//! moment, images lifted out of answers on the way back. Fetches result links. Every connection
//! passes the guard in [`egress`]. Nothing here tries again, follows a redirect on its own or reads a
//! proxy from the environment: what was sent once was sent once.

mod dialer;
mod download;
pub mod egress;
mod fill;
pub mod intake;
pub mod lift;
mod lost;
pub mod out;
pub mod probe;
mod send;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use retouch_sdk::{Request, ResponseHead, Sent};

use crate::images::{Images, Stored};
use crate::link::Links;
use crate::secret::Secret;
use dialer::Dialer;
use egress::{Egress, Origin};

pub use download::DownloadError;

/// Bounds that no request can exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes left of an answer after its images were lifted out.
    pub answer_bytes: usize,
    /// From dialling to the answer's end.
    pub exchange: Duration,
    /// From dialling to a download's end.
    pub download: Duration,
    /// How long a download may bring nothing.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer_bytes: 1 << 20,
            exchange: Duration::from_secs(30 * 60),
            download: Duration::from_secs(60),
            stall: Duration::from_secs(10),
        }
    }
}

/// The way out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Upstream {
    images: Arc<Images>,
    limits: Limits,
    dialer: Arc<Dialer>,
    links: Option<Arc<Links>>,
}

/// A request with all that its execution needs.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What the plugin asks for.
    pub request: &'a Request,
    /// The job's images by handle; the mask is the last.
    pub inputs: &'a [Stored],
    /// Written by the operator: may be private, and get the key.
    pub origins: &'a [Origin],
    /// The label's hosts, `*.x` for what lies under x: public only, and get the key over https.
    pub hosts: &'a [String],
    /// The provider's key.
    pub key: &'a Secret,
    /// The number of the first image in the answer: how many the attempt has already.
    pub first_blob: u32,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer, of whatever status.
    Answer(Answer),
    /// None.
    None {
        /// Whether the provider may have seen the request.
        sent: Sent,
        /// `timeout`, `connect`, `tls`, `reset`, `too_large` or `blocked`.
        class: &'static str,
        /// For operators; holds no key and no URL.
        detail: String,
    },
}

/// An answer without its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status, headers and where the body is.
    pub head: ResponseHead,
    /// The body; in JSON each image stands as `{"$blob": n, "bytes": …}`.
    pub body: Bytes,
    /// The images by number, durable in the store.
    pub blobs: Vec<Stored>,
}

/// Where requests go. The engine knows no more of the network; a simulation has one of its own.
pub trait Line: Send + Sync {
    /// Sends one request, once.
    fn exchange<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply>;

    /// Fetches a result into the image store.
    fn download<'a>(
        &'a self,
        url: &'a str,
        origins: &'a [Origin],
    ) -> BoxFuture<'a, Result<Stored, DownloadError>>;
}

impl Line for Upstream {
    fn exchange<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.exchange(call))
    }

    fn download<'a>(
        &'a self,
        url: &'a str,
        origins: &'a [Origin],
    ) -> BoxFuture<'a, Result<Stored, DownloadError>> {
        Box::pin(self.download(url, origins))
    }
}

/// The clients cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("outbound connections cannot be set up: {0}; check the system's CA certificates")]
pub struct SetupError(#[from] reqwest::Error);

impl Upstream {
    /// Sets up the clients.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(images: Arc<Images>, limits: Limits, egress: Egress) -> Result<Self, SetupError> {
        let dialer = Arc::new(Dialer::new(egress)?);
        Ok(Self { images, limits, dialer, links: None })
    }

    /// The same with links under which providers fetch inputs.
    #[must_use]
    pub fn with_links(mut self, links: Arc<Links>) -> Self {
        self.links = Some(links);
        self
    }
}

#[cfg(test)]
mod tests;

//! The sandbox: a provider of one's own that costs nothing.
//!
//! A server inside the process that speaks RunningHub's protocol and really edits pictures, so
//! that the first start of the gateway needs no account and an app can be tested against
//! trouble. It keeps everything in bounded memory, forgets it at its end, and never fetches an
//! address: an order's images are its own uploads or `data:` URIs.

mod caption;
mod connections;
mod edit;
mod page;
mod picture;
mod routes;
mod shelf;
mod studio;
mod task;
#[cfg(test)]
mod tests;
mod wire;
mod words;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use url::Url;
use uuid::Uuid;

use routes::Site;
use studio::Studio;
pub use words::{MISBEHAVIOURS, Misbehaviour};

/// A running sandbox. Dropping it stops it; [`Sandbox::shutdown`] also waits for the end.
#[derive(Debug)]
pub struct Sandbox {
    origin: Url,
    work: TaskTracker,
    stop: DropGuard,
}

/// How a sandbox behaves.
#[derive(Clone)]
pub struct Options {
    /// How long a task takes.
    pub speed: Speed,
    /// Whether `/v1/file/upload`, the path that the configuration guide names, exists beside
    /// the documented `/openapi/v2/media/upload/binary`. Without it that path is a 404.
    pub guide_upload: bool,
    /// Whether everything lies behind an unguessable path. For a sandbox that no page in a
    /// browser and no other user of the machine shall reach.
    pub hidden: bool,
    /// The time since some moment.
    pub now: Now,
}

/// Tells the time; a clock that is set back only makes tasks take longer.
pub type Now = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How long tasks take: evenly spread between two bounds, always the same for the same task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    shortest: Duration,
    longest: Duration,
}

impl Sandbox {
    /// Starts serving at `listen`; port 0 takes a free one.
    pub async fn start(listen: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = reachable(listener.local_addr()?);
        let prefix = match options.hidden {
            true => format!("/{}", Uuid::new_v4().simple()),
            false => String::new(),
        };
        let origin = Url::parse(&format!("http://{address}{prefix}")).map_err(io::Error::other)?;

        let (work, stop) = (TaskTracker::new(), CancellationToken::new());
        let (seed, _) = Uuid::new_v4().as_u64_pair();
        let studio = Arc::new(Studio::new(&options, seed, work.clone(), stop.clone()));
        let router = routes::router(Site { studio, prefix, guide_upload: options.guide_upload });
        #[expect(clippy::disallowed_methods, reason = "waited for in `shutdown`")]
        work.spawn(connections::serve(listener, router, stop.clone()));
        Ok(Self { origin, work, stop: stop.drop_guard() })
    }

    /// Where it is: the address that a provider's endpoints are appended to.
    pub fn origin(&self) -> &Url {
        &self.origin
    }

    /// Stops accepting, gives running requests a moment, and waits for all work to end.
    pub async fn shutdown(self) {
        drop(self.stop);
        self.work.close();
        self.work.wait().await;
    }
}

impl Speed {
    /// As soon as the picture is made.
    pub const IMMEDIATE: Self = Self::between(Duration::ZERO, Duration::ZERO);

    /// Tasks take at least `shortest` and at most `longest`.
    pub const fn between(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest }
    }

    /// The duration at a place in the spread: 0 the shortest, the largest number the longest.
    fn of(self, lot: u32) -> Duration {
        let spread = self.longest.saturating_sub(self.shortest);
        self.shortest + spread.mul_f64(f64::from(lot) / f64::from(u32::MAX))
    }
}

impl Default for Speed {
    /// One to three seconds: long enough to be seen, short enough to be waited for.
    fn default() -> Self {
        Self::between(Duration::from_secs(1), Duration::from_secs(3))
    }
}

impl Default for Options {
    fn default() -> Self {
        let now: Now = Arc::new(|| Duration::from_millis(crate::clock::now_ms()));
        Self { speed: Speed::default(), guide_upload: true, hidden: true, now }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { speed, guide_upload, hidden, now: _ } = self;
        f.debug_struct("Options")
            .field("speed", speed)
            .field("guide_upload", guide_upload)
            .field("hidden", hidden)
            .finish_non_exhaustive()
    }
}

/// An address to call, for one to listen at: nobody can call `0.0.0.0`.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

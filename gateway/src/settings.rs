//! The settings: how this process runs. Read once, at the start, in layers: built-in defaults, the
//! file, `RETOUCH_` variables, flags.

mod admin;
mod load;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalog::provider::Region;
use crate::duration;
use crate::size;

pub use load::{DEFAULT_FILE, Flags, Loaded, load};

/// Everything that is read at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Another address for `/admin` and `/metrics`; empty: the same.
    pub admin_listen: String,
    /// How clients reach us from outside; empty: links are built from the request.
    pub public_url: String,
    /// Database, images, plugin cache.
    pub data_dir: PathBuf,
    /// Besides the executable's own directory and its `plugins/` folder.
    pub plugin_dirs: Vec<PathBuf>,
    /// Which host of a provider is used.
    pub region: Region,
    /// How long a waiting edit waits.
    pub sync_timeout: Time,
    /// Where jobs are kept.
    pub store: Store,
    /// Where images are kept.
    pub images: Images,
    /// Where the catalog comes from.
    pub catalog: Source,
    /// The admin pages.
    pub admin: Admin,
    /// Outbound connections.
    pub egress: Egress,
    /// The API's listener.
    pub http: Http,
    /// Bounds.
    pub limits: Limits,
    /// How long things are kept.
    pub retention: Retention,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// `sqlite`.
    pub url: String,
}

/// `[images]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Images {
    /// `file`.
    pub url: String,
}

/// `[catalog]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `files`.
    pub source: String,
}

/// `[admin]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Admin {
    /// Extra Host names the pages answer to.
    pub hosts: Vec<String>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<String>,
    /// Sign-in over plain http beyond loopback.
    pub insecure_http: bool,
}

/// `[egress]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Egress {
    /// `host:port`, `*.suffix:port` or `CIDR:port` besides public addresses.
    pub allow: Vec<String>,
    /// An outbound proxy.
    pub proxy: String,
}

/// `[http]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// Origins whose pages may call the API.
    pub cors: Vec<String>,
}

/// `[limits]`; sizes in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Images in a request.
    pub images: usize,
    /// One image.
    pub image_bytes: u64,
    /// A whole request.
    pub request_bytes: u64,
    /// Width times height of one image.
    pub pixels: u64,
    /// Characters of a prompt.
    pub prompt: usize,
    /// Keys of `metadata`.
    pub metadata: usize,
    /// The longest `?wait=`.
    pub wait: Time,
    /// The longest page of a list.
    pub page: usize,
    /// The longest `timeout` a request may ask for.
    pub timeout: Time,
    /// Jobs that may wait for a provider.
    pub waiting: usize,
    /// Jobs under way that are kept in memory; more wait on disk until something is due.
    pub in_memory: usize,
    /// How long one may.
    pub queue_wait: Time,
    /// Connections at once.
    pub connections: usize,
    /// Providers one job may be submitted to.
    pub attempts: u32,
}

/// `[retention]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retention {
    /// Result images.
    pub results: Time,
    /// Input images.
    pub inputs: Time,
    /// Jobs.
    pub jobs: Time,
    /// Exchanges.
    pub exchanges: Time,
    /// All images together.
    pub size: Size,
}

/// A duration written as `9m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    text: &'static str,
    /// Its length.
    pub duration: Duration,
}

impl Time {
    const fn new(text: &'static str, seconds: u64) -> Self {
        Self { text, duration: Duration::from_secs(seconds) }
    }

    /// Milliseconds.
    pub fn ms(self) -> u64 {
        duration::ms(self.duration)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let error = || serde::de::Error::custom("a time such as 30s, 9m30s, 1h or 7d");
        duration::parse(&text).map(|duration| Self { text: "", duration }).ok_or_else(error)
    }
}

/// A size written as `20GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    text: &'static str,
    /// In bytes.
    pub bytes: u64,
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let error = || serde::de::Error::custom("a size such as 500MB, 20GB or 1TiB");
        size::parse(&text).map(|bytes| Self { text: "", bytes }).ok_or_else(error)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            admin_listen: String::new(),
            public_url: String::new(),
            data_dir: PathBuf::from("data"),
            plugin_dirs: Vec::new(),
            region: Region::Domestic,
            sync_timeout: Time::new("9m30s", 570),
            store: Store { url: "sqlite".to_owned() },
            images: Images { url: "file".to_owned() },
            catalog: Source { source: "files".to_owned() },
            admin: Admin::default(),
            egress: Egress::default(),
            http: Http::default(),
            limits: Limits::default(),
            retention: Retention {
                results: Time::new("7d", 7 * 86_400),
                inputs: Time::new("1d", 86_400),
                jobs: Time::new("90d", 90 * 86_400),
                exchanges: Time::new("7d", 7 * 86_400),
                size: Size { text: "20GB", bytes: 20_000_000_000 },
            },
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            images: 16,
            image_bytes: 50 << 20,
            request_bytes: 100 << 20,
            pixels: 50_000_000,
            prompt: 32_000,
            metadata: 16,
            wait: Time::new("1m", 60),
            page: 100,
            timeout: Time::new("30m", 1800),
            waiting: 10_000,
            in_memory: 1_000,
            queue_wait: Time::new("1h", 3600),
            connections: 4_096,
            attempts: 4,
        }
    }
}

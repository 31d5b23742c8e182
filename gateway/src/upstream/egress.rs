//! The guard of the only way out: where a request may go, and whether the key may go with it.
//!
//! An origin that the operator wrote may be dialled, wherever it leads, and gets the key. A host of
//! the plugin's label gets the key too, but only over https and at public addresses. All else is
//! public only and never sees a key. `[egress] allow` widens where we may dial, never who gets a key.
//! URLs are parsed once, by the parser of the client that dials.

mod address;
mod allow;
mod resolve;

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use allow::{Allow, Target, under};

pub(crate) use address::Net;
pub use address::is_public;
pub use allow::BadAllow;
pub(super) use resolve::{Gate, Refused};

/// Links signed for object stores carry tokens of some KiB; nothing longer is a link.
const LONGEST: usize = 8 * 1024;
/// What public services listen on.
const PUBLIC_PORTS: [u16; 2] = [80, 443];
/// Names that never lead to the public internet.
const LOCAL: [&str; 9] = [
    "localhost",
    "local",
    "internal",
    "home.arpa",
    "lan",
    "onion",
    "test",
    "invalid",
    "localdomain",
];

/// Scheme, host and port, as the operator wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// Why a URL is not dialled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Not a URL that is dialled at all.
    #[error("not a link that can be fetched: {0}")]
    Malformed(&'static str),
    /// A host that is not public.
    #[error("{0} is not on the public internet; add it to egress.allow if it should be reached")]
    NotPublic(String),
    /// A port that is not public.
    #[error("port {0} is neither 80 nor 443; add the host with its port to egress.allow")]
    Port(u16),
    /// From https to http.
    #[error("a redirect leads from https to http")]
    Downgrade,
}

/// How a URL is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Wherever its name leads.
    Open,
    /// Only to addresses that pass the gate of this port.
    Gated(u16),
    /// By way of the operator's proxy, which looks names up itself.
    Proxied,
}

/// A URL that may be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) url: Url,
    pub(super) route: Route,
    /// Whether the key may go there.
    pub(super) key: bool,
}

/// Who may be dialled besides public addresses: the settings' list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    allow: Vec<Allow>,
    proxy: Option<Url>,
}

/// A proxy that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("egress.proxy is no proxy; write it as http://host:port")]
pub struct BadProxy;

impl Origin {
    /// The origin of an absolute http or https URL; `None` for anything else.
    pub fn parse(url: &str) -> Option<Self> {
        Self::of(&Url::parse(url).ok()?)
    }

    /// The origin of a parsed URL.
    pub fn of(url: &Url) -> Option<Self> {
        let known = matches!(url.scheme(), "http" | "https");
        let (host, port) = (url.host_str()?.to_owned(), url.port_or_known_default()?);
        known.then(|| Self { scheme: url.scheme().to_owned(), host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

impl Egress {
    /// Reads the settings' list.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn parse<S: AsRef<str>>(allow: &[S]) -> Result<Self, BadAllow> {
        let allow =
            allow.iter().map(|line| Allow::parse(line.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { allow, proxy: None })
    }

    /// The same by way of a proxy; an empty one is none. What leads inside by its own words (an
    /// address that is not public, a local name) is dialled directly. Where other names lead is then
    /// the proxy's to judge: it is the one that looks them up.
    ///
    /// # Errors
    /// When it is no http URL with a host.
    pub fn with_proxy(mut self, proxy: &str) -> Result<Self, BadProxy> {
        if !proxy.is_empty() {
            let url = Url::parse(proxy).map_err(|_| BadProxy)?;
            let fits = matches!(url.scheme(), "http" | "https") && url.host().is_some();
            self.proxy = Some(fits.then_some(url).ok_or(BadProxy)?);
        }
        Ok(self)
    }

    /// Where everything goes by way of, if set.
    pub(super) fn proxy(&self) -> Option<&Url> {
        self.proxy.as_ref()
    }

    /// Judges a URL: may it be dialled, how, and with the key?
    pub(super) fn judge(
        &self,
        url: &str,
        origins: &[Origin],
        hosts: &[String],
    ) -> Result<Pass, Blocked> {
        let url = read(url)?;
        let origin = Origin::of(&url).ok_or(Blocked::Malformed("it has no host"))?;
        if origins.contains(&origin) {
            let route = self.by_proxy(&url, Route::Open);
            return Ok(Pass { url, route, key: true });
        }
        let name = origin.host.strip_suffix('.').unwrap_or(&origin.host);
        let key = origin.scheme == "https" && hosts.iter().any(|pattern| matches(pattern, name));
        let route = self.by_proxy(&url, self.route(&url, name, origin.port)?);
        Ok(Pass { url, route, key })
    }

    /// What an address must pass to be dialled at `port`.
    pub(super) fn gate(&self, port: u16) -> Gate {
        let nets = self.allow.iter().filter(|allow| allow.port == port);
        let nets = nets.filter_map(|allow| match &allow.what {
            Target::Net(net) => Some(*net),
            Target::Host(_) | Target::Under(_) => None,
        });
        Gate::new(nets.collect::<Vec<Net>>(), PUBLIC_PORTS.contains(&port))
    }

    /// The ports that need a gate of their own.
    pub(super) fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.allow.iter().map(|allow| allow.port).collect();
        ports.extend(PUBLIC_PORTS);
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    fn by_proxy(&self, url: &Url, direct: Route) -> Route {
        let inside = match url.host() {
            Some(Host::Ipv4(v4)) => !is_public(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => !is_public(IpAddr::V6(v6)),
            Some(Host::Domain(name)) => is_local(name),
            None => true,
        };
        if self.proxy.is_none() || inside { direct } else { Route::Proxied }
    }

    fn route(&self, url: &Url, name: &str, port: u16) -> Result<Route, Blocked> {
        if self.allow.iter().any(|allow| allow.names(name, port)) {
            return Ok(Route::Open);
        }
        let gate = self.gate(port);
        if gate.is_shut() {
            return Err(Blocked::Port(port));
        }
        // A resolver is never asked about addresses, so they are judged here.
        let fine = match url.host() {
            Some(Host::Ipv4(v4)) => gate.admits(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => gate.admits(IpAddr::V6(v6)),
            Some(Host::Domain(_)) => !is_local(name),
            None => false,
        };
        if fine { Ok(Route::Gated(port)) } else { Err(Blocked::NotPublic(name.to_owned())) }
    }
}

/// The URL, if it is one that is ever dialled.
fn read(text: &str) -> Result<Url, Blocked> {
    if text.len() > LONGEST {
        return Err(Blocked::Malformed("it is too long"));
    }
    let mut url = Url::parse(text).map_err(|_| Blocked::Malformed("it is no absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Blocked::Malformed("it is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Blocked::Malformed("it contains a user name"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// One name without a dot is looked up in the machine's own domain, which is not public.
fn is_local(name: &str) -> bool {
    !name.contains('.') || LOCAL.iter().any(|top| name == *top || under(name, top))
}

/// Whether a host is one of the label's: a name, or `*.` and what it must lie under.
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(suffix) => suffix.contains('.') && under(host, &suffix.to_ascii_lowercase()),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests;

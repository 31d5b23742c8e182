//! Where the operator's pages are: the names they answer to, the proxies that are believed, and, for
//! one request, who sent it and whether what is said can be overheard. Looks at headers only.

use std::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use url::{Host, Url};

use crate::access::{is_loopback_host, proxied};
use crate::http::Peer;
use crate::settings::Settings;
use crate::upstream::egress::Net;

/// What the start says of it.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    listen: SocketAddr,
    public: Option<Url>,
    hosts: Vec<Host>,
    proxies: Vec<Net>,
    allows_plain: bool,
}

/// How one request came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Whose it is, as far as that is known.
    pub(super) from: Option<IpAddr>,
    /// Encrypted between the browser and us or a proxy that we believe.
    pub(super) is_https: bool,
    /// From the browser's own machine, by no proxy.
    pub(super) is_near: bool,
    /// Under a name that is ours: no other was pointed at us.
    pub(super) is_ours: bool,
    /// Nobody between can read it, or the operator said that it does not matter.
    pub(super) is_private: bool,
    /// Scheme and host as the browser has them.
    pub(super) origin: String,
}

/// What a request says of the page that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// One of ours, or the user themselves.
    Own,
    /// Another; which header shows it.
    Foreign(&'static str),
    /// Nothing; no browser leaves it out of what changes something.
    Unsaid,
}

impl Site {
    /// As it is set; what cannot be read has been refused before.
    pub(crate) fn new(settings: &Settings, listen: SocketAddr) -> Self {
        let hosts = settings.admin.hosts.iter();
        let proxies = settings.admin.trusted_proxies.iter();
        Self {
            listen,
            public: Url::parse(&settings.public_url).ok(),
            hosts: hosts.filter_map(|name| Host::parse(name).ok()).collect(),
            proxies: proxies.filter_map(|text| Net::parse(text)).collect(),
            allows_plain: settings.admin.insecure_http,
        }
    }

    /// How clients reach us, as far as the start knows: no slash at its end.
    pub(super) fn address(&self) -> String {
        if let Some(public) = &self.public {
            return public.as_str().trim_end_matches('/').to_owned();
        }
        let ip = self.listen.ip();
        let unspecified = SocketAddr::from(([127, 0, 0, 1], self.listen.port()));
        format!("http://{}", if ip.is_unspecified() { unspecified } else { self.listen })
    }

    /// Whether that is an address for all of this machine's: others know it by another.
    pub(super) fn is_everywhere(&self) -> bool {
        self.public.is_none() && self.listen.ip().is_unspecified()
    }

    /// How the sender of a request reaches us: no slash at its end.
    pub(super) fn base(&self, arrival: &Arrival) -> String {
        if self.public.is_some() { self.address() } else { arrival.origin.clone() }
    }

    /// How a request came.
    pub(super) fn arrival(&self, parts: &Parts) -> Arrival {
        let peer = parts.extensions.get::<Peer>().map(|Peer(peer)| peer.ip().to_canonical());
        self.met(&parts.headers, peer)
    }

    fn met(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Arrival {
        let is_believed = peer.is_some_and(|peer| self.believes(peer));
        let told = |name: &str| if is_believed { last(headers, name) } else { None };
        let named = told("x-forwarded-host").or_else(|| last(headers, header::HOST.as_str()));
        let host = named.as_deref().and_then(host_of);
        let is_near = named.as_deref().is_some_and(is_loopback_host) && proxied(headers).is_none();
        let is_https = match told("x-forwarded-proto") {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            None if is_near => false,
            None => self.public_is_https(host.as_ref(), headers),
        };
        Arrival {
            from: if is_believed { self.sender(headers, peer) } else { peer },
            is_https,
            is_near,
            is_ours: host.is_some_and(|host| self.is_named(&host)),
            is_private: is_https || is_near || self.allows_plain,
            origin: origin(is_https, named.as_deref().unwrap_or_default()),
        }
    }

    /// Whether a page of that origin is one of ours, where a proxy does not pass on how it was called.
    fn is_public_origin(&self, text: &str) -> bool {
        self.public.as_ref().is_some_and(|public| public.origin().ascii_serialization() == text)
    }

    /// What a request says of the page that sent it.
    pub(super) fn page(&self, arrival: &Arrival, headers: &HeaderMap) -> Page {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        match (text("sec-fetch-site"), text("origin")) {
            (Some("same-origin" | "none"), _) => Page::Own,
            (Some(_), _) => Page::Foreign("Sec-Fetch-Site"),
            (None, Some(from)) if from.eq_ignore_ascii_case(&arrival.origin) => Page::Own,
            (None, Some(from)) if self.is_public_origin(from) => Page::Own,
            (None, Some(_)) => Page::Foreign("Origin"),
            (None, None) => Page::Unsaid,
        }
    }

    /// A name that was pointed at us by somebody else is none of these. An address cannot be pointed
    /// anywhere, so that listening on all of them allows each.
    fn is_named(&self, host: &Host) -> bool {
        let public = self.public.as_ref().and_then(Url::host);
        let listens_on = |ip: IpAddr| self.listen.ip().is_unspecified() || self.listen.ip() == ip;
        is_loopback_host(&host.to_string())
            || public.is_some_and(|public| public.to_owned() == *host)
            || self.hosts.contains(host)
            || match host {
                Host::Domain(_) => false,
                Host::Ipv4(ip) => listens_on((*ip).into()),
                Host::Ipv6(ip) => listens_on((*ip).into()),
            }
    }

    /// Where no proxy says so, `public_url` does: for requests that came by it.
    fn public_is_https(&self, host: Option<&Host>, headers: &HeaderMap) -> bool {
        let Some(public) = self.public.as_ref().filter(|url| url.scheme() == "https") else {
            return false;
        };
        let is_called = public.host().map(|host| host.to_owned()).as_ref() == host;
        is_called || proxied(headers).is_some()
    }

    /// The last of those it went through whom no proxy of ours vouches for.
    fn sender(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        let mut sender = peer;
        for hop in all(headers, "x-forwarded-for").iter().rev() {
            let Some(address) = address(hop) else { break };
            sender = Some(address);
            if !self.believes(address) {
                break;
            }
        }
        sender
    }

    fn believes(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|net| net.contains(address))
    }
}

/// The values of a header that may stand several times or hold a list.
fn all(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|value| value.trim().to_owned()).collect()
}

/// What was said last, which is what the proxy next to us said.
fn last(headers: &HeaderMap, name: &str) -> Option<String> {
    all(headers, name).pop().filter(|value| !value.is_empty())
}

fn host_of(authority: &str) -> Option<Host> {
    Url::parse(&format!("http://{authority}")).ok()?.host().map(|host| host.to_owned())
}

fn origin(is_https: bool, authority: &str) -> String {
    format!("{}://{authority}", if is_https { "https" } else { "http" })
}

/// With or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse().ok().or_else(|| text.parse().ok().map(|both: SocketAddr| both.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests;

//! The HTTP clients: one that dials what the operator wrote, one per port whose look-ups pass that
//! port's gate, since a look-up does not see the port, and one for the operator's proxy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Proxy, redirect, retry};

use super::egress::{Blocked, Egress, Gate, Origin, Pass, Route};

/// Reaching another continent takes half a second; three are for a lost packet.
const CONNECT: Duration = Duration::from_secs(3);
/// Servers close idle connections after five seconds or more. One that is closed while a paid
/// submit is written to it would leave open whether that was taken.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept per host.
const IDLE_PER_HOST: usize = 32;

#[derive(Debug)]
pub(super) struct Dialer {
    egress: Egress,
    open: Client,
    gated: BTreeMap<u16, (Client, Gate)>,
    proxied: Option<Client>,
}

impl Dialer {
    pub(super) fn new(egress: Egress) -> Result<Self, reqwest::Error> {
        let mut gated = BTreeMap::new();
        for port in egress.ports() {
            let gate = egress.gate(port);
            let client = builder().dns_resolver(gate.clone()).build()?;
            gated.insert(port, (client, gate));
        }
        let proxied = match egress.proxy() {
            Some(proxy) => Some(builder().proxy(Proxy::all(proxy.clone())?).build()?),
            None => None,
        };
        Ok(Self { egress, open: builder().build()?, gated, proxied })
    }

    /// Judges a URL; see [`Egress`].
    pub(super) fn judge(
        &self,
        url: &str,
        origins: &[Origin],
        hosts: &[String],
    ) -> Result<Pass, Blocked> {
        self.egress.judge(url, origins, hosts)
    }

    /// The client for a route; `None` for a port that nothing opens.
    pub(super) fn client(&self, route: Route) -> Option<&Client> {
        match route {
            Route::Open => Some(&self.open),
            Route::Proxied => self.proxied.as_ref(),
            Route::Gated(port) => self.gated.get(&port).map(|(client, _)| client),
        }
    }

    /// Where everything goes by way of, if set.
    pub(super) fn proxy(&self) -> Option<&url::Url> {
        self.egress.proxy()
    }

    /// Whether what lies at that address may be fetched, whoever named it.
    pub(super) fn admits(&self, port: u16, address: std::net::IpAddr) -> bool {
        self.gated.get(&port).is_some_and(|(_, gate)| gate.admits(address))
    }

    /// Whether a connection went where its route allows. It cannot be otherwise; if it ever is, what
    /// came over it must not be used.
    pub(super) fn confirms(&self, route: Route, peer: Option<SocketAddr>) -> bool {
        match (route, peer) {
            (Route::Open | Route::Proxied, _) => true,
            (Route::Gated(port), Some(peer)) => {
                self.gated.get(&port).is_some_and(|(_, gate)| gate.admits(peer.ip()))
            }
            (Route::Gated(_), None) => false,
        }
    }
}

/// HTTP/1.1 throughout: at least one provider's CDN accepts HTTP/2 and then resets it, and on a
/// connection of its own a request's fate is its own.
fn builder() -> ClientBuilder {
    Client::builder()
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .user_agent(concat!("retouch/", env!("CARGO_PKG_VERSION")))
}

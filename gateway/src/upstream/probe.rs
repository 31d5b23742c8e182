//! The way to a provider, looked at stage by stage: its name, a connection, a first answer. It says
//! what was seen and judges nothing. It sends no key and nothing that anybody is charged for.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use super::Upstream;
use super::egress::{Origin, Route};
use super::lost::Lost;

/// A healthy resolver answers within milliseconds.
const LOOK_UP: Duration = Duration::from_secs(4);
/// To the other side of the world and a lost packet.
const CONNECT: Duration = Duration::from_secs(4);
/// With the handshake before it.
const ANSWER: Duration = Duration::from_secs(8);
/// More addresses are no service's.
const MOST: usize = 16;

/// What was seen on the way. A stage that was not reached is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The name or address that was looked up: the proxy's where there is one.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// Whether it is the operator's proxy.
    pub proxied: bool,
    /// Whether the provider is spoken to over TLS.
    pub tls: bool,
    /// Where the name leads.
    pub addresses: Option<Stage<Vec<IpAddr>>>,
    /// Those of them that are no public address and that nothing allows to fetch results from.
    pub shut_out: Vec<IpAddr>,
    /// Which address took a connection.
    pub connected: Option<Stage<SocketAddr>>,
    /// What the provider answers to a bare request.
    pub answered: Option<Stage<Seen>>,
}

/// How one stage went, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage<T> {
    /// Milliseconds.
    pub took_ms: u64,
    /// What came, or why nothing did: class and words.
    pub came: Result<T, (&'static str, String)>,
}

/// A first answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// HTTP status.
    pub status: u16,
    /// The server's clock, as it says it.
    pub date: Option<String>,
}

impl Upstream {
    /// Goes the way to a provider's base URL as its requests would.
    pub async fn probe(&self, host: &str, origins: &[Origin]) -> Way {
        let mut way = Way::default();
        let pass = match self.dialer.judge(host, origins, &[]) {
            Ok(pass) => pass,
            Err(blocked) => {
                way.addresses =
                    Some(Stage { took_ms: 0, came: Err(("blocked", blocked.to_string())) });
                return way;
            }
        };
        let proxy = self.dialer.proxy().filter(|_| pass.route == Route::Proxied);
        let first = proxy.unwrap_or(&pass.url);
        way.proxied = proxy.is_some();
        way.tls = pass.url.scheme() == "https";
        way.name = first.host_str().unwrap_or_default().to_owned();
        way.port = first.port_or_known_default().unwrap_or(443);
        let addresses = timed(LOOK_UP, look_up(first)).await;
        let found = addresses.came.clone().unwrap_or_default();
        way.shut_out = match way.proxied {
            true => Vec::new(),
            false => found.iter().filter(|ip| !self.dialer.admits(443, **ip)).copied().collect(),
        };
        way.addresses = Some(addresses);
        if found.is_empty() {
            return way;
        }
        let connected = timed(CONNECT, connect(&found, way.port)).await;
        let stands = connected.came.is_ok();
        way.connected = Some(connected);
        if stands {
            way.answered = Some(timed(ANSWER, self.greet(pass.url, pass.route)).await);
        }
        way
    }

    /// A bare request to the base URL, without a key.
    async fn greet(&self, url: Url, route: Route) -> Result<Seen, (&'static str, String)> {
        let client =
            self.dialer.client(route).ok_or(("blocked", "nothing opens this port".into()))?;
        let sent = client.head(url).send().await.map_err(|error| {
            let lost = Lost::transport(error);
            (lost.class, lost.detail)
        });
        let answer = sent?;
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        Ok(Seen { status: answer.status().as_u16(), date: date.map(str::to_owned) })
    }
}

async fn look_up(url: &Url) -> Result<Vec<IpAddr>, (&'static str, String)> {
    match url.host() {
        Some(Host::Ipv4(ip)) => Ok(vec![IpAddr::V4(ip)]),
        Some(Host::Ipv6(ip)) => Ok(vec![IpAddr::V6(ip)]),
        Some(Host::Domain(name)) => {
            let found = lookup_host((name, 0)).await.map_err(|e| ("dns", e.to_string()))?;
            let mut found: Vec<IpAddr> = found.take(MOST).map(|address| address.ip()).collect();
            found.dedup();
            if found.is_empty() {
                Err(("dns", "the name has no address".into()))
            } else {
                Ok(found)
            }
        }
        None => Err(("dns", "the address has no host".into())),
    }
}

/// To the first address that takes a connection.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<SocketAddr, (&'static str, String)> {
    let mut last = ("connect", "there is no address".to_owned());
    for ip in addresses {
        let address = SocketAddr::new(*ip, port);
        match TcpStream::connect(address).await {
            Ok(_) => return Ok(address),
            Err(error) => last = ("connect", format!("{address}: {error}")),
        }
    }
    Err(last)
}

async fn timed<T>(
    limit: Duration,
    stage: impl Future<Output = Result<T, (&'static str, String)>>,
) -> Stage<T> {
    let begun = Instant::now();
    let late = || Err(("timeout", format!("nothing within {} s", limit.as_secs())));
    let came = timeout(limit, stage).await.unwrap_or_else(|_| late());
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Stage { took_ms, came }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::images::Images;
    use crate::upstream::Limits;
    use crate::upstream::egress::Egress;

    async fn way(host: &str, proxy: &str, written: bool) -> Way {
        let dir = tempfile::tempdir().unwrap();
        let images = Arc::new(Images::open(dir.path()).unwrap());
        let egress = Egress::default().with_proxy(proxy).unwrap();
        let upstream = Upstream::new(images, Limits::default(), egress).unwrap();
        let origins: Vec<Origin> = Origin::parse(host).into_iter().filter(|_| written).collect();
        upstream.probe(host, &origins).await
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_ends_the_way() {
        let way = way("http://127.0.0.1:1", "", true).await;
        assert_eq!(way.addresses.unwrap().came.unwrap(), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(way.connected.unwrap().came.unwrap_err().0, "connect");
        assert_eq!((way.answered, way.proxied, way.tls), (None, false, false));
    }

    #[tokio::test]
    async fn where_a_proxy_is_set_it_is_the_proxy_that_is_looked_up() {
        let way = way("https://api.example", "http://127.0.0.1:1", true).await;
        assert_eq!(
            (way.name.as_str(), way.port, way.proxied, way.tls),
            ("127.0.0.1", 1, true, true)
        );
        assert!(way.connected.unwrap().came.is_err() && way.shut_out.is_empty());
    }

    #[tokio::test]
    async fn what_is_not_dialled_is_not_looked_up() {
        let way = way("http://10.0.0.5", "", false).await;
        assert_eq!(way.addresses.unwrap().came.unwrap_err().0, "blocked");
        assert_eq!(way.connected, None);
    }

    #[tokio::test]
    async fn what_takes_no_tls_is_told_from_what_takes_no_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("https://{}", listener.local_addr().unwrap());
        // The probe's own connection first, then the client's: what answers is no TLS.
        let plain = async {
            let _first = listener.accept().await.unwrap();
            let (mut second, _) = listener.accept().await.unwrap();
            second.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let _ = second.read_to_end(&mut Vec::new()).await;
        };
        let (way, ()) = tokio::join!(way(&host, "", true), plain);
        assert!(way.connected.unwrap().came.is_ok());
        assert_eq!(way.answered.unwrap().came.unwrap_err().0, "tls");
    }
}

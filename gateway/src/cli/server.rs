//! Which server a command talks to.
//!
//! The one that was named (`--server`, `RETOUCH_SERVER`); else the one that works on the data folder,
//! wherever it listens, or the one at the configured address; else, for an edit, one inside this
//! process that lives as long as the command does. Two such edits share a data folder by taking
//! turns.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use url::Url;

use super::{
    args::Common,
    client::{Client, Found},
    env, host,
    host::Host,
    out::Out,
    stop::Stop,
};
use crate::settings::Loaded;

/// How long a server at the configured address may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long another command's server may keep the data folder: edits take minutes, but whoever
/// waits longer wants to know.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Between two looks at the folder.
const AGAIN: Duration = Duration::from_millis(500);

/// A server, and whether it is our own.
pub(super) struct Place {
    pub(super) client: Client,
    own: Option<(Host, PathBuf)>,
}

impl Place {
    /// The server that was named or is configured, else one of our own.
    pub(super) async fn any(common: &Common, out: Out) -> Result<Self, Stop> {
        let settings = match named(common, out)? {
            Some(client) => return Ok(Self { client, own: None }),
            None => host::settings(common)?,
        };
        let mut waited = Duration::ZERO;
        let mut told = Told::default();
        loop {
            let (first, last) = places(common, &settings);
            for listen in first.into_iter().chain([last]) {
                if let Some(client) = listening(listen, &mut told, out).await? {
                    return Ok(Self { client, own: None });
                }
            }
            match Host::of_command(settings.clone()).await {
                Ok(own) => {
                    let client = local(own.address(), out)?;
                    return Ok(Self { client, own: Some((own, host::data_dir(&settings))) });
                }
                Err(Stop::InUse(_)) if waited < LONGEST_WAIT => {
                    told.in_use(&host::data_dir(&settings), out);
                    tokio::time::sleep(AGAIN).await;
                    waited += AGAIN;
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Where the jobs are kept, if the server is our own and ends with us.
    pub(super) fn data_dir(&self) -> Option<&Path> {
        self.own.as_ref().map(|(_, data)| data.as_path())
    }

    /// Leaves the server; our own one stops, with its jobs kept.
    pub(super) async fn leave(self) {
        if let Some((own, _)) = self.own {
            own.stop().await;
        }
    }
}

/// The server that was named, works on the data folder or is configured; whether it is there shows at
/// the first request.
pub(super) async fn existing(common: &Common, out: Out) -> Result<Client, Stop> {
    if let Some(client) = named(common, out)? {
        return Ok(client);
    }
    let settings = host::settings(common)?;
    let (first, last) = places(common, &settings);
    if let Some(first) = first {
        let client = local(first, out)?;
        // One in a container may have the folder too, at an address that is none of this machine's.
        if client.probe(PATIENCE).await != Found::Nobody {
            return Ok(client);
        }
    }
    local(last, out)
}

/// Where a server is looked for, and where if it is not there. An address on the command line goes
/// before the one of whoever has the data folder.
fn places(common: &Common, settings: &Loaded) -> (Option<SocketAddr>, SocketAddr) {
    let configured = host::listen(settings);
    match host::at_work(settings) {
        None => (None, configured),
        Some(at_work) if common.listen.is_some() => (Some(configured), at_work),
        Some(at_work) => (Some(at_work), configured),
    }
}

fn named(common: &Common, out: Out) -> Result<Option<Client>, Stop> {
    let Some(server) = common.server.as_deref().filter(|server| !server.is_empty()) else {
        return Ok(None);
    };
    let url = address(server)
        .ok_or_else(|| Stop::Usage(out.words.say("client.bad_server", &[("server", &server)])))?;
    client(url, out).map(Some)
}

/// What has been said while a server is looked for: each once.
#[derive(Default)]
struct Told {
    other: bool,
    in_use: bool,
}

impl Told {
    fn other(&mut self, server: &str, out: Out) {
        if !std::mem::replace(&mut self.other, true) {
            out.note("server.other", &[("server", &server)]);
        }
    }

    fn in_use(&mut self, data: &Path, out: Out) {
        if !std::mem::replace(&mut self.in_use, true) {
            out.note("server.in_use", &[("data", &data.display())]);
        }
    }
}

async fn listening(listen: SocketAddr, told: &mut Told, out: Out) -> Result<Option<Client>, Stop> {
    if listen.port() == 0 {
        return Ok(None);
    }
    let client = local(listen, out)?;
    match client.probe(PATIENCE).await {
        Found::Gateway => return Ok(Some(client)),
        Found::Other => told.other(client.server(), out),
        Found::Nobody => {}
    }
    Ok(None)
}

/// The server of a listener on this machine.
fn local(listen: SocketAddr, out: Out) -> Result<Client, Stop> {
    let base = format!("http://{}", reachable(listen));
    match address(&base) {
        Some(base) => client(base, out),
        None => Err(Stop::Usage(out.words.say("client.bad_server", &[("server", &base)]))),
    }
}

fn client(base: Url, out: Out) -> Result<Client, Stop> {
    Client::new(base, env::client_key(), out)
}

/// The address of a server as people write it.
fn address(server: &str) -> Option<Url> {
    let url = Url::parse(server).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// How to reach a listener from this machine: one that listens everywhere listens on loopback.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_http_address() {
        let table = [
            ("http://127.0.0.1:8000", true),
            ("https://retouch.example/base/", true),
            ("localhost:8000", false),
            ("127.0.0.1:8000", false),
            ("ftp://host", false),
            ("http://", false),
            ("", false),
        ];
        for (server, good) in table {
            assert_eq!(address(server).is_some(), good, "{server}");
        }
    }

    #[test]
    fn a_listener_everywhere_is_reached_on_loopback() {
        let table = [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "[::1]:8000"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ];
        for (listen, expected) in table {
            assert_eq!(listen.parse().map(reachable), expected.parse(), "{listen}");
        }
    }
}

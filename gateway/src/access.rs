//! Who may call: anybody on this machine while nothing is set up, the holders of a key afterwards.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use url::Url;

/// How the API is guarded.
#[derive(Clone, Debug)]
pub enum Access {
    /// No key exists and only this machine can connect.
    Open,
    /// One key, from the environment; its SHA-256.
    Key([u8; 32]),
    /// Others can connect and nobody has set a key: nothing is answered.
    SetUp,
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No key, or a wrong one.
    Key,
    /// Open mode, and the request may come from elsewhere; which sign of it.
    Foreign(&'static str),
    /// A key has to be set first.
    SetUp,
}

/// The owner of jobs made in open mode and of those made with the key from the environment: setting
/// that key must not hide the jobs from before.
pub const OPERATOR: &str = "operator";

impl Access {
    /// By what is set. A `public_url` means others reach us, so open mode ends.
    pub fn new(listen: SocketAddr, public_url: &str, key: Option<&str>) -> Self {
        match key {
            Some(key) => Self::Key(Sha256::digest(key.as_bytes()).into()),
            None if listen.ip().is_loopback() && public_url.is_empty() => Self::Open,
            None => Self::SetUp,
        }
    }

    /// Whose request this is.
    ///
    /// # Errors
    /// Why it is turned away.
    pub fn owner(&self, headers: &HeaderMap) -> Result<&'static str, Refused> {
        match self {
            Self::Open => local(headers).map(|()| OPERATOR).map_err(Refused::Foreign),
            Self::Key(hash) => {
                let given = bearer(headers).ok_or(Refused::Key)?;
                // Comparing hashes tells nothing of the key by its timing.
                let given: [u8; 32] = Sha256::digest(given.as_bytes()).into();
                if given == *hash { Ok(OPERATOR) } else { Err(Refused::Key) }
            }
            Self::SetUp => Err(Refused::SetUp),
        }
    }
}

/// The key a request carries.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// A page in a browser, a name that was pointed at us and a proxy all leave a sign.
fn local(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let host = text("host");
    if !host.is_some_and(is_loopback_host) {
        return Err("Host");
    }
    if let Some(origin) = text("origin") {
        let own = host.is_some_and(|host| origin == format!("http://{host}"));
        if !own {
            return Err("Origin");
        }
    }
    if text("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Err("Sec-Fetch-Site");
    }
    for (name, shown) in [("forwarded", "Forwarded"), ("via", "Via")] {
        if headers.contains_key(name) {
            return Err(shown);
        }
    }
    let forwarded = headers.keys().any(|name| name.as_str().starts_with("x-forwarded-"));
    if forwarded { Err("X-Forwarded-*") } else { Ok(()) }
}

fn is_loopback_host(host: &str) -> bool {
    match Url::parse(&format!("http://{host}")).ok().as_ref().and_then(Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn open_mode_answers_only_this_machine() {
        for (pairs, want) in [
            (&[("host", "127.0.0.1:8000")][..], Ok(OPERATOR)),
            (&[("host", "localhost:8000"), ("authorization", "Bearer x")], Ok(OPERATOR)),
            (&[("host", "[::1]:8000")], Ok(OPERATOR)),
            (&[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000")], Ok(OPERATOR)),
            (&[], Err(Refused::Foreign("Host"))),
            (&[("host", "evil.example")], Err(Refused::Foreign("Host"))),
            (&[("host", "localhost.evil.example")], Err(Refused::Foreign("Host"))),
            (
                &[("host", "127.0.0.1:8000"), ("origin", "http://evil.example")],
                Err(Refused::Foreign("Origin")),
            ),
            (
                &[("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:9000")],
                Err(Refused::Foreign("Origin")),
            ),
            (&[("host", "127.0.0.1:8000"), ("origin", "null")], Err(Refused::Foreign("Origin"))),
            (
                &[("host", "localhost"), ("sec-fetch-site", "cross-site")],
                Err(Refused::Foreign("Sec-Fetch-Site")),
            ),
            (
                &[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")],
                Err(Refused::Foreign("X-Forwarded-*")),
            ),
            (
                &[("host", "localhost"), ("forwarded", "for=1.2.3.4")],
                Err(Refused::Foreign("Forwarded")),
            ),
            (&[("host", "localhost"), ("via", "1.1 proxy")], Err(Refused::Foreign("Via"))),
        ] {
            assert_eq!(Access::Open.owner(&headers(pairs)), want, "{pairs:?}");
        }
    }

    #[test]
    fn a_key_ends_open_mode_and_a_foreign_address_without_one_answers_nothing() {
        let local = "127.0.0.1:1".parse().unwrap();
        let all = "0.0.0.0:1".parse().unwrap();
        let keyed = Access::new(local, "", Some("k"));
        assert_eq!(keyed.owner(&headers(&[("authorization", "Bearer k")])), Ok(OPERATOR));
        assert_eq!(keyed.owner(&headers(&[("authorization", "Bearer kk")])), Err(Refused::Key));
        assert_eq!(keyed.owner(&headers(&[])), Err(Refused::Key));
        assert_eq!(Access::new(all, "", None).owner(&headers(&[])), Err(Refused::SetUp));
        assert_eq!(
            Access::new(local, "https://x.example", None).owner(&headers(&[])),
            Err(Refused::SetUp)
        );
    }
}

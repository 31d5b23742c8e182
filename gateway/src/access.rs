//! Who may call: anybody on this machine while nothing is set up, the holders of a key afterwards.
//! What is set up is looked at anew for each request, so that a key made or revoked counts at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, header};
use url::Url;

use crate::catalog::key::{Hash, Key, Keys, Scope, Standing, hash};
use crate::clock::Ms;

/// What the start says of how the API is guarded; the rest is in the catalog's keys.
#[derive(Clone, Debug)]
pub struct Access {
    /// The key from the environment.
    operator: Option<Hash>,
    /// Only this machine can connect.
    is_local: bool,
    /// Whether the operator has a password.
    has_password: Arc<AtomicBool>,
}

/// How the API is guarded just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No key exists and only this machine can connect.
    Open,
    /// There are keys, be they revoked; or others can connect, and the operator has a password.
    Keyed,
    /// Others can connect and there is neither key nor password: nothing is answered.
    SetUp,
}

/// Whose request it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Of the key from the environment, or anybody in open mode.
    Operator,
    /// Of a key of the catalog.
    Key(Arc<Key>),
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No key, or a wrong one.
    Key,
    /// The right key, but it was taken back.
    Revoked,
    /// The right key, but its time is over.
    Expired,
    /// The key may not be used for this.
    Scope(Scope),
    /// Open mode, and the request may come from elsewhere; which sign of it.
    Foreign(&'static str),
    /// A key has to be set first.
    SetUp,
}

/// The owner of jobs made in open mode and of those made with the key from the environment: setting
/// that key must not hide the jobs from before. No key of the catalog can have this id.
pub const OPERATOR: &str = "operator";

impl Access {
    /// By what is set. A `public_url` means others reach us, so there is no open mode then.
    pub fn new(listen: SocketAddr, public_url: &str, key: Option<&str>) -> Self {
        let is_local = listen.ip().is_loopback() && public_url.is_empty();
        Self { operator: key.map(hash), is_local, has_password: Arc::default() }
    }

    /// The same, told by somebody else whether the operator has a password.
    #[must_use]
    pub fn with_password(self, has_password: Arc<AtomicBool>) -> Self {
        Self { has_password, ..self }
    }

    /// How the API is guarded while there are these keys.
    pub fn mode(&self, keys: &Keys) -> Mode {
        match (self.operator.is_some() || !keys.is_empty(), self.is_local) {
            (true, _) => Mode::Keyed,
            (false, true) => Mode::Open,
            // A password is for the pages alone: where only this machine connects, it closes no API.
            (false, false) if self.has_password.load(Ordering::Acquire) => Mode::Keyed,
            (false, false) => Mode::SetUp,
        }
    }

    /// Whose request this is.
    ///
    /// # Errors
    /// Why it is turned away.
    pub fn holder(&self, keys: &Keys, headers: &HeaderMap, now: Ms) -> Result<Holder, Refused> {
        match self.mode(keys) {
            Mode::Open => local(headers).map(|()| Holder::Operator).map_err(Refused::Foreign),
            Mode::Keyed => self.known(keys, bearer(headers).ok_or(Refused::Key)?, now),
            Mode::SetUp => Err(Refused::SetUp),
        }
    }

    /// Whose request it still is that was let in a while ago, by the keys there are now.
    ///
    /// # Errors
    /// Why they are sent away.
    pub fn still(&self, keys: &Keys, holder: &Holder, now: Ms) -> Result<Holder, Refused> {
        match holder {
            // Their key was given at the start; without one they came in while all was open.
            Holder::Operator if self.operator.is_some() || self.mode(keys) == Mode::Open => {
                Ok(Holder::Operator)
            }
            Holder::Operator => Err(Refused::Key),
            Holder::Key(key) => active(keys.by_id(&key.id), now),
        }
    }

    fn known(&self, keys: &Keys, given: &str, now: Ms) -> Result<Holder, Refused> {
        // Comparing hashes tells nothing of the key by its timing.
        if self.operator == Some(hash(given)) {
            return Ok(Holder::Operator);
        }
        active(keys.find(given), now)
    }
}

/// How a key stands is told only to who has it.
fn active(key: Option<&Arc<Key>>, now: Ms) -> Result<Holder, Refused> {
    let key = key.ok_or(Refused::Key)?;
    match key.standing(now) {
        Standing::Active => Ok(Holder::Key(key.clone())),
        Standing::Expired => Err(Refused::Expired),
        Standing::Revoked => Err(Refused::Revoked),
    }
}

impl Holder {
    /// The owner of the jobs they make.
    pub fn owner(&self) -> &str {
        match self {
            Self::Operator => OPERATOR,
            Self::Key(key) => &key.id,
        }
    }

    /// Lets them do what that scope is for.
    ///
    /// # Errors
    /// When their key does not have it.
    pub fn may(&self, scope: Scope) -> Result<(), Refused> {
        match self {
            Self::Key(key) if !key.scopes.contains(&scope) => Err(Refused::Scope(scope)),
            Self::Key(_) | Self::Operator => Ok(()),
        }
    }
}

/// The key a request carries.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// A name that was pointed at us leaves a sign, and so does all that [`near`] finds.
fn local(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let is_one = hosts.next().is_none();
    if is_one && host.is_some_and(is_loopback_host) { near(headers) } else { Err("Host") }
}

/// Whether nothing shows that a request comes from elsewhere: a page in a browser and a proxy leave a
/// sign, whatever name they call us by.
///
/// # Errors
/// The header that shows it.
pub(crate) fn near(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let host = text("host");
    if let Some(origin) = text("origin") {
        let own = host.is_some_and(|host| origin == format!("http://{host}"));
        if !own {
            return Err("Origin");
        }
    }
    // A page at another port of this machine is of the same site, and as foreign.
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err("Sec-Fetch-Site");
    }
    proxied(headers).map_or(Ok(()), Err)
}

/// The header by which a proxy shows.
pub(crate) fn proxied(headers: &HeaderMap) -> Option<&'static str> {
    // None is for certain; the first two and X-Forwarded-* are what standards and most proxies write.
    let names = [
        ("forwarded", "Forwarded"),
        ("via", "Via"),
        ("x-real-ip", "X-Real-IP"),
        ("x-client-ip", "X-Client-IP"),
        ("x-original-host", "X-Original-Host"),
        ("true-client-ip", "True-Client-IP"),
        ("cf-connecting-ip", "CF-Connecting-IP"),
    ];
    let named = names.into_iter().find(|(name, _)| headers.contains_key(*name));
    let is_forwarded = || headers.keys().any(|name| name.as_str().starts_with("x-forwarded-"));
    named.map(|(_, shown)| shown).or_else(|| is_forwarded().then_some("X-Forwarded-*"))
}

/// Whether a name always leads to the machine of whoever uses it.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    if host.contains('@') {
        return false; // No browser names a host so.
    }
    match Url::parse(&format!("http://{host}")).ok().as_ref().and_then(Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;

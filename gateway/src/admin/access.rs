//! Who is the operator: the holder of the admin token, whoever signed in with the password, and, while
//! neither is set and no client key exists, anybody at this machine. A client's key never is: who
//! holds one could make us pay twice.

mod cookie;
mod extract;
pub(crate) mod password;
mod session;
pub(super) mod setup;
pub(super) mod sign_in;
mod site;
mod tries;

use std::fmt;
use std::net::IpAddr;

use axum::http::Method;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use crate::access::{self, Access, Mode, bearer, near};
use crate::catalog::key::Keys;
use crate::clock::{Ms, now_ms};
use crate::secret::Secret;
use password::{Current, Known, Turns};
use session::{Found, Sessions};
use setup::Link;
use site::{Arrival, Page};
use tries::Tries;

pub(crate) use extract::Address;
pub(crate) use site::Site;

/// How the operator is known.
#[derive(Debug)]
pub(crate) struct Guard {
    /// SHA-256 of the admin token, where one is set.
    token: Option<[u8; 32]>,
    site: Site,
    password: Current,
    turns: Turns,
    sessions: Sessions,
    tries: Tries,
    link: Link,
    /// Held by whoever changes the password.
    changing: tokio::sync::Mutex<()>,
}

/// A request's sender who may do anything, and how they proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// At this machine, while nothing is set up.
    Local,
    /// With the admin token.
    Token,
    /// Signed in; how the session begins.
    Session(String),
}

/// A session that a request brings, and under which password it goes on.
#[derive(Clone, Debug)]
pub(super) struct Brought {
    pub(super) token: Secret,
    found: Found,
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No admin token, or a wrong one.
    Token,
    /// None is set, and no password either.
    NoToken,
    /// There is a password, and nobody is signed in.
    SignIn,
    /// Under a name that is not ours.
    Host,
    /// A page from elsewhere sent it, or may have; which header says so.
    Foreign(&'static str),
    /// A password or session could be overheard.
    Plain,
    /// As any other request would be.
    Access(access::Refused),
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Token => f.write_str("token"),
            Self::Session(id) => write!(f, "session:{id}"),
        }
    }
}

impl Guard {
    /// With that token. One that is the client key too would make every client the operator: it
    /// counts as none.
    pub(crate) fn new(
        token: Option<&str>,
        client_key: Option<&str>,
        site: Site,
        password: Current,
    ) -> Self {
        let shared = |token: &str| client_key.is_some_and(|key| key.trim() == token);
        let token = token.map(str::trim).filter(|token| !token.is_empty() && !shared(token));
        Self {
            token: token.map(hash),
            site,
            password,
            turns: Turns::new(),
            sessions: Sessions::default(),
            tries: Tries::default(),
            link: Link::default(),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Whether nobody can be known by a token.
    pub(crate) fn is_without_token(&self) -> bool {
        self.token.is_none()
    }

    /// Whether there is a password to sign in with, be it one that cannot be read just now.
    pub(crate) fn has_password(&self, now: Ms) -> bool {
        self.password.known(now) != Known::Unset
    }

    /// Whether somebody could still be the operator once a client key has ended open mode.
    pub(crate) fn can_be_known(&self) -> bool {
        self.token.is_some() || self.has_password(now_ms())
    }

    /// Lets the operator through.
    ///
    /// # Errors
    /// Why somebody is turned away.
    pub(crate) fn admit(
        &self,
        access: &Access,
        keys: &Keys,
        parts: &Parts,
        now: Ms,
    ) -> Result<Operator, Refused> {
        let headers = &parts.headers;
        let given = bearer(headers);
        if self.is_token(given) && given.and_then(|sent| keys.find(sent)).is_none() {
            return Ok(Operator::Token);
        }
        let arrival = self.site.arrival(parts);
        if let Some(Brought { token, found }) = self.brought(&arrival, parts, now) {
            self.may_use_cookie(&arrival, parts)?;
            self.sessions.touch(&token, now);
            return Ok(Operator::Session(found.id));
        }
        let has_password = self.has_password(now);
        match access.mode(keys) {
            // Whoever sets one of them wants it asked for.
            Mode::Open if self.token.is_none() && !has_password => local(&arrival, parts),
            Mode::SetUp => Err(Refused::Access(access::Refused::SetUp)),
            Mode::Open | Mode::Keyed
                if has_password && (given.is_none() || self.token.is_none()) =>
            {
                Err(Refused::SignIn)
            }
            Mode::Open | Mode::Keyed if self.token.is_some() => Err(Refused::Token),
            Mode::Open | Mode::Keyed => Err(Refused::NoToken),
        }
    }

    /// The session that a request brings, whatever else is wrong with it.
    pub(super) fn brought(&self, arrival: &Arrival, parts: &Parts, now: Ms) -> Option<Brought> {
        let token = cookie::token(&parts.headers, arrival.is_https)?;
        let Known::Set(password) = self.password.known(now) else { return None };
        let found = self.sessions.find(&token, password.fingerprint(), now)?;
        Some(Brought { token, found })
    }

    /// A browser sends its cookie with whatever a page makes it send.
    ///
    /// # Errors
    /// When that may have been a page from elsewhere, or others could read along.
    pub(super) fn may_use_cookie(&self, arrival: &Arrival, parts: &Parts) -> Result<(), Refused> {
        self.may_get_cookie(arrival)?;
        if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        match self.site.page(arrival, &parts.headers) {
            Page::Own => Ok(()),
            Page::Foreign(header) => Err(Refused::Foreign(header)),
            Page::Unsaid => Err(Refused::Foreign("Origin")),
        }
    }

    /// Whether somebody may sign in who came like that.
    ///
    /// # Errors
    /// When a page from elsewhere does it for them, or others could read along.
    pub(super) fn may_sign_in(&self, arrival: &Arrival, parts: &Parts) -> Result<(), Refused> {
        self.may_get_cookie(arrival)?;
        match self.site.page(arrival, &parts.headers) {
            // No browser sends neither; what is no browser has no cookies of anybody.
            Page::Own | Page::Unsaid => Ok(()),
            Page::Foreign(header) => Err(Refused::Foreign(header)),
        }
    }

    /// Whether somebody who came like that may be given a session.
    ///
    /// # Errors
    /// When the name is not ours, or others could read along.
    pub(super) fn may_get_cookie(&self, arrival: &Arrival) -> Result<(), Refused> {
        match (arrival.is_ours, arrival.is_private) {
            (false, _) => Err(Refused::Host),
            (true, false) => Err(Refused::Plain),
            (true, true) => Ok(()),
        }
    }

    /// The address a request came from.
    pub(super) fn sender(&self, parts: &Parts) -> Option<IpAddr> {
        self.site.arrival(parts).from
    }

    /// Hashes are compared, which tells nothing of the token by its timing.
    fn is_token(&self, given: Option<&str>) -> bool {
        self.token.is_some() && given.map(hash) == self.token
    }
}

/// Open mode, as for any request; only that the operator may have named more hosts.
fn local(arrival: &Arrival, parts: &Parts) -> Result<Operator, Refused> {
    let refused = |header| Refused::Access(access::Refused::Foreign(header));
    if !arrival.is_ours {
        return Err(refused("Host"));
    }
    near(&parts.headers).map(|()| Operator::Local).map_err(refused)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests;

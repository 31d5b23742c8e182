//! Who is the operator: whoever open mode lets in, and else the holder of the admin token. A
//! client's key never is: who holds one could make us pay twice.

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::access::{self, Access, Mode, bearer};
use crate::catalog::key::Keys;
use crate::clock::now_ms;

/// How the operator is known.
#[derive(Debug)]
pub(crate) struct Guard {
    /// SHA-256 of the admin token, where one is set.
    token: Option<[u8; 32]>,
}

/// A request's sender who may do anything, and how they proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// At this machine, while nothing is set up.
    Local,
    /// With the admin token.
    Token,
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No admin token, or a wrong one.
    Token,
    /// None is set.
    NoToken,
    /// As any other request would be.
    Access(access::Refused),
}

impl Guard {
    /// With that token. One that is the client key too would make every client the operator: it
    /// counts as none.
    pub(crate) fn new(token: Option<&str>, client_key: Option<&str>) -> Self {
        let shared = |token: &str| client_key.is_some_and(|key| key.trim() == token);
        let token = token.map(str::trim).filter(|token| !token.is_empty() && !shared(token));
        Self { token: token.map(hash) }
    }

    /// Whether nobody can be known by a token.
    pub(crate) fn is_without_token(&self) -> bool {
        self.token.is_none()
    }

    /// Lets the operator through.
    ///
    /// # Errors
    /// Why somebody is turned away.
    pub(crate) fn admit(
        &self,
        access: &Access,
        keys: &Keys,
        headers: &HeaderMap,
    ) -> Result<Operator, Refused> {
        if self.is_token(headers) && bearer(headers).and_then(|sent| keys.find(sent)).is_none() {
            return Ok(Operator::Token);
        }
        match access.mode(keys) {
            // Whoever sets a token wants it asked for.
            Mode::Open if self.token.is_none() => {
                let holder = access.holder(keys, headers, now_ms());
                holder.map(|_| Operator::Local).map_err(Refused::Access)
            }
            Mode::SetUp => Err(Refused::Access(access::Refused::SetUp)),
            Mode::Keyed if self.token.is_none() => Err(Refused::NoToken),
            Mode::Open | Mode::Keyed => Err(Refused::Token),
        }
    }

    /// Hashes are compared, which tells nothing of the token by its timing.
    fn is_token(&self, headers: &HeaderMap) -> bool {
        let given = bearer(headers).map(hash);
        self.token.is_some() && given == self.token
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: (&str, &str) = ("host", "127.0.0.1:8000");
    const PAGE: (&str, &str) = ("origin", "http://evil.example");

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    fn access(key: Option<&str>, address: &str) -> Access {
        Access::new(address.parse().unwrap(), "", key)
    }

    #[test]
    fn only_an_operator_gets_in() {
        let bearer = |token| ("authorization", token);
        let (key, token, wrong) =
            (bearer("Bearer client"), bearer("Bearer admin"), bearer("Bearer admin2"));
        let foreign = Err(Refused::Access(access::Refused::Foreign("Origin")));
        let set_up = Err(Refused::Access(access::Refused::SetUp));
        let (local, all) = ("127.0.0.1:1", "0.0.0.0:1");
        for (set, client_key, address, sent, want) in [
            (None, None, local, vec![LOCAL], Ok(Operator::Local)),
            (None, None, local, vec![LOCAL, key], Ok(Operator::Local)),
            (None, None, local, vec![LOCAL, PAGE], foreign),
            (Some("admin"), None, local, vec![LOCAL], Err(Refused::Token)),
            (Some("admin"), None, local, vec![LOCAL, PAGE], Err(Refused::Token)),
            (Some("admin"), None, local, vec![LOCAL, token], Ok(Operator::Token)),
            (None, Some("client"), local, vec![LOCAL], Err(Refused::NoToken)),
            (None, Some("client"), local, vec![LOCAL, key], Err(Refused::NoToken)),
            (Some("admin"), Some("client"), local, vec![LOCAL], Err(Refused::Token)),
            (Some("admin"), Some("client"), local, vec![LOCAL, key], Err(Refused::Token)),
            (Some("admin"), Some("client"), local, vec![LOCAL, wrong], Err(Refused::Token)),
            (Some("admin"), Some("client"), all, vec![token], Ok(Operator::Token)),
            (Some("client"), Some("client"), local, vec![LOCAL, key], Err(Refused::NoToken)),
            (
                Some(" "),
                Some("client"),
                local,
                vec![LOCAL, bearer("Bearer  ")],
                Err(Refused::NoToken),
            ),
            (None, None, all, vec![LOCAL], set_up),
            (Some("admin"), None, all, vec![LOCAL, wrong], set_up),
            (Some("admin"), None, all, vec![token], Ok(Operator::Token)),
        ] {
            let guard = Guard::new(set, client_key);
            let admitted =
                guard.admit(&access(client_key, address), &Keys::default(), &headers(&sent));
            assert_eq!(admitted, want, "token {set:?}, key {client_key:?}, {address}, {sent:?}");
        }
    }

    #[test]
    fn it_does_not_show_the_token() {
        assert!(!format!("{:?}", Guard::new(Some("admin"), None)).contains("admin"));
    }
}

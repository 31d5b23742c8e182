//! Name look-up that returns only addresses that may be dialled.
//!
//! The connection is made to exactly the addresses that were checked here, so a name that leads
//! elsewhere at a second look-up gains nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{Net, is_public};

/// A healthy resolver answers within milliseconds, one that is asked twice within two seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// More is no service's answer.
const MOST: usize = 16;

/// What an address must be to be dialled at one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::upstream) struct Gate {
    nets: Vec<Net>,
    public: bool,
}

/// Why a name's addresses are not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::upstream) enum Refused {
    #[error("the name leads to an address that is not public")]
    NotPublic,
    #[error("the name has more than {MOST} addresses")]
    TooMany,
    #[error("the name has no address")]
    Nowhere,
    #[error("the name was not resolved in time")]
    Slow,
}

impl Refused {
    /// Whether that is our rule and not the network's state.
    pub(in crate::upstream) fn is_rule(self) -> bool {
        matches!(self, Self::NotPublic | Self::TooMany)
    }
}

impl Gate {
    pub(super) fn new(nets: Vec<Net>, public: bool) -> Self {
        Self { nets, public }
    }

    /// Whether nothing passes.
    pub(super) fn is_shut(&self) -> bool {
        !self.public && self.nets.is_empty()
    }

    /// Whether the address may be dialled.
    pub(in crate::upstream) fn admits(&self, address: IpAddr) -> bool {
        (self.public && is_public(address)) || self.nets.iter().any(|net| net.contains(address))
    }

    /// All addresses or none: a name with one address inside is not to be trusted with the rest.
    fn admit(&self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        match addresses.len() {
            0 => Err(Refused::Nowhere),
            n if n > MOST => Err(Refused::TooMany),
            _ if addresses.iter().all(|address| self.admits(address.ip())) => Ok(addresses),
            _ => Err(Refused::NotPublic),
        }
    }
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let gate = self.clone();
        Box::pin(async move {
            // Port 0: the client puts the URL's own.
            let asked = tokio::net::lookup_host((name.as_str(), 0));
            let found =
                tokio::time::timeout(PATIENCE, asked).await.map_err(|_| Refused::Slow)??;
            let admitted = gate.admit(found.take(MOST + 1).collect())?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|a| SocketAddr::new(a.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn one_private_address_condemns_the_name() {
        let gate = Gate::new(Vec::new(), true);
        assert_eq!(gate.admit(at(&["8.8.8.8", "2606:4700::1"])).map(|a| a.len()), Ok(2));
        assert_eq!(gate.admit(at(&["8.8.8.8", "127.0.0.1"])), Err(Refused::NotPublic));
        assert_eq!(gate.admit(at(&["8.8.8.8", "fd00:ec2::254"])), Err(Refused::NotPublic));
        assert_eq!(gate.admit(Vec::new()), Err(Refused::Nowhere));
        assert_eq!(gate.admit(at(&["8.8.8.8"; 17])), Err(Refused::TooMany));
    }

    #[test]
    fn an_allowed_network_passes_beside_the_public_or_alone() {
        let tun = Net::parse("198.18.0.0/15").unwrap();
        assert!(Gate::new(vec![tun], true).admit(at(&["198.18.0.9", "8.8.8.8"])).is_ok());
        assert!(Gate::new(vec![tun], false).admit(at(&["198.18.0.9", "8.8.8.8"])).is_err());
        assert!(Gate::new(Vec::new(), false).is_shut());
    }

    #[tokio::test]
    async fn the_machines_own_name_is_refused_as_a_resolver_would_find_it() {
        let gate = Gate::new(Vec::new(), true);
        let refused = gate.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert_eq!(refused.downcast_ref::<Refused>(), Some(&Refused::NotPublic));
        let loopback =
            Gate::new(vec![Net::parse("127.0.0.0/8").unwrap(), Net::parse("::1").unwrap()], false);
        assert!(loopback.resolve("localhost".parse().unwrap()).await.is_ok());
    }
}

//! `[egress] allow`: what the operator lets us dial besides public addresses.

use super::address::Net;

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allow {
    pub(super) what: Target,
    pub(super) port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// That name, wherever it leads.
    Host(String),
    /// Any name under it, wherever it leads.
    Under(String),
    /// Names that lead there, and the addresses themselves.
    Net(Net),
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "egress.allow: `{0}` is not host:port, *.suffix:port or CIDR:port; write for example \"10.0.0.5:8188\""
)]
pub struct BadAllow(String);

impl Allow {
    pub(super) fn parse(text: &str) -> Result<Self, BadAllow> {
        Self::read(text.trim()).ok_or_else(|| BadAllow(text.to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let (what, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let inner = what.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
        let what = match Net::parse(inner.unwrap_or(what)) {
            Some(net) => Target::Net(net),
            None => Target::name(what)?,
        };
        Some(Self { what, port })
    }

    /// Whether a name at a port is allowed wherever it leads.
    pub(super) fn names(&self, host: &str, port: u16) -> bool {
        self.port == port
            && match &self.what {
                Target::Host(name) => name == host,
                Target::Under(suffix) => under(host, suffix),
                Target::Net(_) => false,
            }
    }
}

impl Target {
    fn name(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (name, under) = lower.strip_prefix("*.").map_or((lower.as_str(), false), |n| (n, true));
        // A name as the URL parser would write it is the only one that can ever match.
        let domain =
            matches!(url::Host::parse(name).ok()?, url::Host::Domain(host) if host == name);
        (domain && !name.contains('*'))
            .then(|| if under { Self::Under(name.to_owned()) } else { Self::Host(name.to_owned()) })
    }
}

/// Whether `host` lies under `suffix`, which itself does not.
pub(super) fn under(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

//! Where a task is asked for: the URLs that fal gave, as far as they lead to fal.
//!
//! They are told by an answer and get the key, so one that leads anywhere else is not used; fal's
//! documented form stands in for it. The gateway judges each URL once more when it is sent.

use serde::{Deserialize, Serialize};

use crate::wire::Receipt;

/// fal's own domains.
const DOMAINS: [&str; 2] = ["fal.run", "falrun.com"];
/// URLs are stored with every step.
const MAX_URL_BYTES: usize = 2_000;

/// A task that fal has taken, and where it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    pub(crate) id: String,
    pub(crate) status_url: String,
    pub(crate) response_url: String,
    pub(crate) cancel_url: String,
    /// The status said that it went wrong, though only the result says how.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) failed: bool,
}

impl Ticket {
    pub(crate) fn of(receipt: Receipt, host: &str, application: &str) -> Self {
        let base = format!("{}/{application}/requests/{}", host.trim_end_matches('/'), receipt.id);
        let given = |url: Option<String>, end: &str| {
            url.filter(|url| leads_to_fal(url, host)).unwrap_or_else(|| format!("{base}{end}"))
        };
        Self {
            status_url: given(receipt.status_url, "/status"),
            response_url: given(receipt.response_url, ""),
            cancel_url: given(receipt.cancel_url, "/cancel"),
            id: receipt.id,
            failed: false,
        }
    }
}

/// The owner and the application of a model: tasks are known under these, without what follows.
pub(crate) fn application(id: &str) -> String {
    id.split('/').take(2).collect::<Vec<_>>().join("/")
}

/// Whether a URL leads to the provider's own host, or over https to one of fal's.
fn leads_to_fal(url: &str, host: &str) -> bool {
    // Braces would make a place for the key, backslashes another host of it.
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'{' | b'}' | b'\\' | b'"');
    if url.len() > MAX_URL_BYTES || !url.bytes().all(plain) {
        return false;
    }
    let (Some(origin), Some(own)) = (origin(url), origin(host)) else { return false };
    if origin == own {
        return true;
    }
    let (scheme, name) = origin;
    let under = |domain: &&str| {
        name.strip_suffix(*domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    };
    scheme == "https" && DOMAINS.iter().any(under)
}

/// Scheme and host, with its port.
fn origin(url: &str) -> Option<(&str, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let name = rest.split(['/', '?', '#']).next()?;
    (!name.is_empty() && !name.contains('@')).then(|| (scheme, name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::{application, leads_to_fal};

    #[test]
    fn believes_no_url_that_leads_elsewhere() {
        for (url, host, believed) in [
            ("https://queue.fal.run/fal-ai/x/requests/7", "https://queue.fal.run", true),
            ("https://queue.falrun.com/fal-ai/x", "https://queue.fal.run", true),
            ("https://FAL.run/x", "https://queue.fal.run", true),
            ("http://127.0.0.1:9/x", "http://127.0.0.1:9/fal", true),
            ("http://queue.fal.run/x", "https://queue.fal.run", false),
            ("http://127.0.0.1:90/x", "http://127.0.0.1:9", false),
            ("https://queue.fal.run.evil.example/x", "https://queue.fal.run", false),
            ("https://evilfal.run/x", "https://queue.fal.run", false),
            ("https://queue.fal.run@evil.example/x", "https://queue.fal.run", false),
            ("https://evil.example/?.fal.run", "https://queue.fal.run", false),
            ("https://evil.example#.fal.run", "https://queue.fal.run", false),
            ("https://evil.example\\.fal.run", "https://queue.fal.run", false),
            ("https://queue.fal.run:8443/x", "https://queue.fal.run", false),
            ("https://queue.fal.run/{{secret:api_key}}", "https://queue.fal.run", false),
            ("https://queue.fal.run/a b", "https://queue.fal.run", false),
            ("//queue.fal.run/x", "https://queue.fal.run", false),
            ("", "https://queue.fal.run", false),
        ] {
            assert_eq!(leads_to_fal(url, host), believed, "{url} at {host}");
        }
        let long = format!("https://queue.fal.run/{}", "x".repeat(2_000));
        assert!(!leads_to_fal(&long, "https://queue.fal.run"));
    }

    #[test]
    fn knows_tasks_by_owner_and_application() {
        assert_eq!(application("fal-ai/flux-pro/kontext/max"), "fal-ai/flux-pro");
        assert_eq!(application("fal-ai/x"), "fal-ai/x");
    }
}

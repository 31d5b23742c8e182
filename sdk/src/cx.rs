//! The surroundings of a step: who asks, when, and how to begin a request.

use crate::{Context, Request};

/// Given to every step. The only clock and the only randomness a plugin has.
#[derive(Clone, Debug)]
pub struct Cx {
    /// Which step of which attempt this is.
    pub context: Context,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// When the attempt's time is over, in the same count.
    pub deadline_ms: u64,
}

impl Cx {
    /// A question: safe to send twice.
    pub fn get(&self, host: &str, path: &str) -> Request {
        self.request("GET", host, path)
    }

    /// A POST, taken to be [`crate::Effect::Unsafe`] until [`Request::safe`] or
    /// [`Request::idempotent`] says otherwise.
    pub fn post(&self, host: &str, path: &str) -> Request {
        self.request("POST", host, path)
    }

    /// Any method. `path` may also be an absolute URL that an answer gave.
    pub fn request(&self, method: &str, host: &str, path: &str) -> Request {
        Request::new(format!("e{}", self.context.step), method, join(host, path))
    }
}

fn join(host: &str, path: &str) -> String {
    if path.starts_with("http://") || path.starts_with("https://") {
        return path.to_owned();
    }
    format!("{}/{}", host.trim_end_matches('/'), path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn joins_with_exactly_one_slash() {
        for (host, path, want) in [
            ("https://a.example", "/x", "https://a.example/x"),
            ("https://a.example/", "x", "https://a.example/x"),
            ("https://a.example/base/", "/x", "https://a.example/base/x"),
            ("https://a.example", "https://b.example/y", "https://b.example/y"),
        ] {
            assert_eq!(join(host, path), want);
        }
    }
}

//! Ids: sorted by time, unguessable, safe in URLs and file names.

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::LazyLock;

/// Crockford's alphabet in lower case keeps the order of the bytes.
static BASE32: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    spec.encoding().ok()
});

/// A job's id: `job_` and a version 7 UUID in base32.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// A new one, later than all before it on this machine.
    pub fn new() -> Self {
        Self(format!("job_{}", sorted()))
    }

    /// Reads what a client sent; `None` when it cannot be an id of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let tail = text.strip_prefix("job_")?;
        let fits =
            (8..=40).contains(&tail.len()) && tail.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A new request id: `req_…`.
pub fn request() -> String {
    format!("req_{}", sorted())
}

/// 64 random bits.
pub fn seed() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}

fn sorted() -> String {
    let id = uuid::Uuid::now_v7();
    match &*BASE32 {
        Some(base32) => base32.encode(id.as_bytes()),
        None => id.simple().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let ids: Vec<_> = (0..100).map(|_| JobId::new()).collect();
        assert!(ids.is_sorted());
        for id in ids {
            assert_eq!(JobId::parse(id.as_str()), Some(id));
        }
    }

    #[test]
    fn refuses_what_is_no_id() {
        for text in ["", "job_", "job_../../etc", "job_%00aaaaaaaa", "task_0123456789"] {
            assert_eq!(JobId::parse(text), None, "{text}");
        }
    }
}

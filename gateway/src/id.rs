//! Ids: sorted by time, unguessable, safe in URLs and file names.

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::LazyLock;

/// Crockford's alphabet in lower case keeps the order of the bytes.
static BASE32: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    spec.encoding().ok()
});

/// A job's id: a version 7 UUID, written as `job_` and 26 digits of base32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(u128);

impl JobId {
    /// A new one, later than all before it on this machine.
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7().as_u128())
    }

    /// Reads what a client sent; `None` when it cannot be an id of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE32.as_ref()?.decode(text.strip_prefix("job_")?.as_bytes()).ok()?;
        Some(Self(u128::from_be_bytes(bytes.try_into().ok()?)))
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_be_bytes();
        match &*BASE32 {
            Some(base32) => write!(f, "job_{}", base32.encode_display(&bytes)),
            None => write!(f, "job_{:032x}", self.0),
        }
    }
}

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a job's id"))
    }
}

/// A new request id: `req_…`.
pub fn request() -> String {
    format!("req_{}", sorted())
}

/// A new id of an operator's action: `act_…`.
pub fn action() -> String {
    format!("act_{}", sorted())
}

/// 64 random bits.
pub fn seed() -> u64 {
    #[cfg(test)]
    if let Some(seed) = simulated::next() {
        return seed;
    }
    uuid::Uuid::now_v7().as_u64_pair().1
}

fn sorted() -> String {
    let id = uuid::Uuid::now_v7();
    match &*BASE32 {
        Some(base32) => base32.encode(id.as_bytes()),
        None => id.simple().to_string(),
    }
}

/// Seeds that are the same at every run of a simulation. They hold for the thread.
#[cfg(test)]
pub mod simulated {
    use std::cell::Cell;

    thread_local! {
        static NEXT: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// From now on seeds follow from that one.
    pub fn start(seed: u64) {
        NEXT.set(Some(seed));
    }

    pub(super) fn next() -> Option<u64> {
        let seed = NEXT.get()?;
        NEXT.set(Some(seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)));
        Some(seed ^ (seed >> 32))
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
            let text = id.to_string();
            assert_eq!((JobId::parse(&text), text.len()), (Some(id), 30));
        }
    }

    #[test]
    fn refuses_what_is_no_id() {
        for text in
            ["", "job_", "job_../../etc", "job_%00aaaaaaaa", "task_0123456789", "job_0123456789"]
        {
            assert_eq!(JobId::parse(text), None, "{text}");
        }
    }
}

//! The time. Everything that decides takes `now_ms` as an argument; only edges ask here.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub type Ms = u64;

/// Now, by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now_ms() -> Ms {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(Ms::MAX)
}

/// Unix seconds, as clients see times.
pub const fn seconds(ms: Ms) -> u64 {
    ms / 1000
}

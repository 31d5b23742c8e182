//! The time. Everything that decides takes `now_ms` as an argument; only edges ask here.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub type Ms = u64;

/// Now, by the machine's clock; in a simulation, by its own.
pub fn now_ms() -> Ms {
    #[cfg(test)]
    if let Some(now) = simulated::now_ms() {
        return now;
    }
    machine_ms()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn machine_ms() -> Ms {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(Ms::MAX)
}

/// Unix seconds, as clients see times.
pub const fn seconds(ms: Ms) -> u64 {
    ms / 1000
}

/// A clock that follows the runtime's paused one, so that a week passes in the time of its work. It
/// holds for the thread it was started on; a simulation runs on one.
#[cfg(test)]
pub mod simulated {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::Ms;

    thread_local! {
        static START: Cell<Option<(Ms, Instant)>> = const { Cell::new(None) };
    }

    /// Starts at that time. The runtime's clock must be paused.
    pub fn start(at: Ms) {
        START.set(Some((at, Instant::now())));
    }

    pub(super) fn now_ms() -> Option<Ms> {
        let (at, began) = START.get()?;
        let passed = Instant::now().duration_since(began).as_millis();
        Some(at + u64::try_from(passed).unwrap_or(Ms::MAX))
    }
}

//! What a plugin says goes to the gateway's log: `tracing` events, and where a panic happened.
//!
//! A library has its own copy of `tracing` and of `std`, so without this its events would be lost
//! and its panics printed past the log. The gateway's log already knows the job and the trace: it
//! is called inside the step, on the same thread. Spans are not forwarded; the gateway has its own.

use std::fmt;
use std::panic::PanicHookInfo;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Level, Metadata};

use crate::private::abi;

/// The gateway's log, as the host table offers it.
pub(crate) trait Log: Send + Sync + 'static {
    /// Whether a line of that level would be kept.
    fn enabled(&self, level: i32) -> bool;
    /// Writes a line; `fields` is a JSON object or empty.
    fn line(&self, level: i32, target: &str, message: &str, fields: &[u8]);
}

/// Sends the events and panics of this copy of `tracing` and `std` to `log`, from now on.
pub(crate) fn install(log: &'static dyn Log) {
    // A second call, or a program that has its own subscriber, keeps the first.
    let _ = tracing::subscriber::set_global_default(Forward { log });
    std::panic::set_hook(Box::new(move |info| panicked(log, info)));
}

struct Forward {
    log: &'static dyn Log,
}

impl Subscriber for Forward {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The gateway's levels can change while the plugin is loaded, so nothing is cached.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.log.enabled(number(*metadata.level()))
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        let level = number(*metadata.level());
        self.log.line(level, metadata.target(), &line.message, &line.fields());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

const fn number(level: Level) -> i32 {
    match level {
        Level::ERROR => abi::RETOUCH_LOG_ERROR,
        Level::WARN => abi::RETOUCH_LOG_WARN,
        Level::INFO => abi::RETOUCH_LOG_INFO,
        Level::DEBUG => abi::RETOUCH_LOG_DEBUG,
        Level::TRACE => abi::RETOUCH_LOG_TRACE,
    }
}

/// One event: its message, and its other fields as JSON.
#[derive(Default)]
struct Line {
    message: String,
    rest: Map<String, Value>,
}

impl Line {
    fn fields(&self) -> Vec<u8> {
        if self.rest.is_empty() {
            return Vec::new();
        }
        serde_json::to_vec(&self.rest).unwrap_or_default()
    }

    fn put(&mut self, field: &Field, value: Value) {
        self.rest.insert(field.name().to_owned(), value);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" { self.message = text } else { self.put(field, text.into()) }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// Reports a panic with its location; the exported shims turn it into a status.
fn panicked(log: &dyn Log, info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let fields = serde_json::to_vec(&serde_json::json!({ "location": location }));
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let what = text.unwrap_or("a panic without text");
    let message = format!("plugin panicked: {what}");
    log.line(abi::RETOUCH_LOG_ERROR, "panic", &message, &fields.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Kept {
        lines: Mutex<Vec<String>>,
    }

    impl Log for Kept {
        fn enabled(&self, level: i32) -> bool {
            level <= abi::RETOUCH_LOG_INFO
        }

        fn line(&self, level: i32, target: &str, message: &str, fields: &[u8]) {
            let fields = std::str::from_utf8(fields).unwrap();
            self.lines.lock().unwrap().push(format!("{level} {target} {message} {fields}"));
        }
    }

    #[test]
    fn forwards_level_target_message_and_fields() {
        let log: &'static Kept = Box::leak(Box::default());
        tracing::subscriber::with_default(Forward { log }, || {
            tracing::info!(target: "acme", status = 200_u64, slow = true, "answer read");
            tracing::warn!(target: "acme", "tried {}", 2);
            tracing::debug!(target: "acme", "not kept");
            tracing::info_span!("a span").in_scope(|| tracing::error!(target: "acme", "inside"));
        });
        let lines = log.lines.lock().unwrap();
        let expected = [
            r#"3 acme answer read {"status":200,"slow":true}"#,
            "2 acme tried 2 ",
            "1 acme inside ",
        ];
        assert_eq!(*lines, expected);
    }
}

//! What a plugin logs while a test calls it.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, with_default};
use tracing::{Event, Metadata};

/// Runs `work`, and gives with its result every event it logged on this thread, as text.
pub(super) fn listen<R>(work: impl FnOnce() -> R) -> (R, String) {
    let heard = Arc::new(Mutex::new(String::new()));
    let result = with_default(Listener { heard: Arc::clone(&heard) }, work);
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (result, heard)
}

struct Listener {
    heard: Arc<Mutex<String>>,
}

struct Line<'a>(&'a mut String);

impl Subscriber for Listener {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Other tests on other threads listen at the same time, so nothing is cached.
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        event.record(&mut Line(&mut heard));
        heard.push('\n');
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        span.record(&mut Line(&mut heard));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        values.record(&mut Line(&mut heard));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

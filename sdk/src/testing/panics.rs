//! Where a plugin panics: caught with its place and its words, so that a failed test can say both.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    /// What the hook saw last on this thread; a caught panic itself does not say where it was.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `work`; a panic in it becomes `file:line:column: message`.
pub(super) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            LAST.replace(described(info));
            // It prints the panic and, where asked to, the way there.
            before(info);
        }));
    });
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| LAST.take())
}

fn described(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("a panic without text");
    match info.location() {
        Some(place) => format!("{place}: {text}"),
        None => text.to_owned(),
    }
}

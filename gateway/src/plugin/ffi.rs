//! The loader and the calls into plugins: the only unsafe code of the gateway.
//!
//! A library is opened once and never closed: threads, exit handlers and jobs may still need it.
//! Its table is copied as far as the library says it goes, so a missing function is `None` and
//! never a jump into nothing. What a plugin hands back is copied and bounded inside the call. A
//! library can still end the process (abort, stack overflow, wild write): in-process plugins are
//! trusted, which is why they are judged by their label first.
#![expect(unsafe_code, reason = "opening libraries and calling their C functions")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use retouch_abi as abi;
use retouch_abi::{Bytes, EntryFn, Host, Plugin, Sink, Step};
use tracing::Level;

use super::library::{StepAnswer, StepCall};
use super::sink::Collected;
use super::{Fault, PluginError};

/// Every library of this process by the path of its private copy. They are never unloaded, so this
/// only grows; opening one again finds it here.
static LOADED: Mutex<BTreeMap<PathBuf, Code>> = Mutex::new(BTreeMap::new());

// A log line's parts are cut at these lengths, so that a plugin cannot flood a line.
const MAX_TARGET: usize = 256;
const MAX_MESSAGE: usize = 8 << 10;
const MAX_FIELDS: usize = 16 << 10;

/// A loaded library's functions.
#[derive(Clone, Copy)]
pub(super) struct Code {
    plugin: Plugin,
    host: &'static Host,
}

// SAFETY: the ABI lets every function of the table be called from any thread, and the host table
// is never written after it was made; its `ctx` is a leaked, immutable `Context`.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

/// An instance made by a library; destroyed when dropped.
pub(super) struct Handle {
    instance: NonNull<c_void>,
    code: Code,
}

// SAFETY: the ABI lets steps of one instance run at once on any threads, and `destroy` on any
// thread once none runs; `Drop` has the instance for itself.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// Maps a private copy into the process and fetches its table.
pub(super) fn open(path: &Path, plugin: &str) -> Result<Code, Fault> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = loaded.get(path) {
        return Ok(*code);
    }
    // NOW: a missing symbol fails here and not at the first job. NODELETE: see above.
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: this runs the library's constructors. The operator trusts the file, its label was
    // accepted, and these are the judged bytes, in a folder only we write.
    let library = unsafe { Library::open(Some(path), flags) }.map_err(|error| refused(&error))?;
    let library = ManuallyDrop::new(library);
    let host: &'static Host = Box::leak(Box::new(host_table(plugin)));
    let table = table(&library, host)?;
    let code = Code { plugin: table, host };
    loaded.insert(path.to_owned(), code);
    Ok(code)
}

fn refused(error: &libloading::Error) -> Fault {
    // What the loader itself says is only in the cause.
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let words = cause.unwrap_or_else(|| error.to_string());
    let mend = if words.contains("GLIBC") {
        "build it on a system whose glibc is not newer than this one's"
    } else if words.contains("failed to map") {
        "its copy lies on a file system mounted noexec; choose another data_dir"
    } else {
        "build it again on this system"
    };
    Fault::new(format!("cannot be loaded: {words}"), mend)
}

fn table(library: &Library, host: &'static Host) -> Result<Plugin, Fault> {
    let mend = "build it again with the SDK or the header of ABI 1";
    // SAFETY: a symbol of this name has this type, by the ABI the label claims.
    let entry = unsafe { library.get::<EntryFn>(abi::ENTRY_SYMBOL) }
        .map_err(|_| Fault::new(format!("does not export {}", abi::ENTRY_SYMBOL), mend))?;
    // SAFETY: the host table lives as long as the process, and so does the returned one, which
    // starts with its size.
    let table = unsafe { abi::read_prefix(entry(host)) };
    let table = table.ok_or_else(|| Fault::new("says that it cannot work here", "see its log"))?;
    if (table.size as usize) < abi::PLUGIN_REQUIRED {
        let what = format!("has a function table of {} bytes, too short for ABI 1", table.size);
        return Err(Fault::new(what, mend));
    }
    let functions = [
        ("create", table.create.is_some()),
        ("destroy", table.destroy.is_some()),
        ("step", table.step.is_some()),
    ];
    match functions.iter().find(|(_, there)| !there) {
        Some((name, _)) => Err(Fault::new(format!("has no function `{name}`"), mend)),
        None => Ok(table),
    }
}

impl Code {
    /// Makes an instance from a provider's configuration.
    pub(super) fn create(&self, config: &[u8]) -> Result<Handle, PluginError> {
        let create = self.plugin.create.ok_or(PluginError::Broken("it has no create"))?;
        let mut instance: *mut c_void = std::ptr::null_mut();
        let (status, written) = with_sink(|sink| {
            // SAFETY: the library's own function with live arguments; it keeps only the host.
            unsafe { create(self.host, Bytes::new(config), &raw mut instance, sink) }
        });
        written.judge(status)?;
        let instance = NonNull::new(instance);
        let instance = instance.ok_or(PluginError::Broken("it created a null instance"))?;
        Ok(Handle { instance, code: *self })
    }

    /// A table that is part of the test itself, called as any other.
    #[cfg(test)]
    pub(super) fn of_table(plugin: Plugin, name: &str) -> Self {
        Self { plugin, host: Box::leak(Box::new(host_table(name))) }
    }

    /// Code that does nothing, for tests that need only a label.
    #[cfg(test)]
    pub(super) fn absent() -> Self {
        let size = size_of::<Plugin>() as u32;
        let none =
            Plugin { size, abi_minor: 0, create: None, destroy: None, step: None, extension: None };
        Self { plugin: none, host: Box::leak(Box::new(host_table("absent"))) }
    }
}

impl Handle {
    /// Runs one step.
    pub(super) fn step(&self, call: StepCall<'_>) -> Result<StepAnswer, PluginError> {
        let step = self.code.plugin.step.ok_or(PluginError::Broken("it has no step"))?;
        let attach: Vec<Bytes> = call.attach.iter().map(|bytes| Bytes::new(bytes)).collect();
        let input = Step {
            size: size_of::<Step>() as u32,
            flags: 0,
            event: Bytes::new(call.event),
            state: Bytes::new(call.state),
            attach: attach.as_ptr(),
            attach_len: attach.len(),
            now_ms: call.now_ms,
            deadline_ms: call.deadline_ms,
        };
        let (status, written) = with_sink(|sink| {
            // SAFETY: the instance is this library's and not destroyed; everything the step and
            // the sink point to outlives the call.
            unsafe { step(self.instance.as_ptr(), &raw const input, sink) }
        });
        let (outcome, state) = written.judge(status)?.into_answer()?;
        Ok(StepAnswer { outcome, state })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(destroy) = self.code.plugin.destroy {
            // SAFETY: made by this library's `create`, destroyed only here; no step is running,
            // since each borrows this handle.
            unsafe { destroy(self.instance.as_ptr()) };
        }
    }
}

/// Makes a call with a sink that lives as long as the call, and returns what was written to it.
fn with_sink(call: impl FnOnce(*const Sink) -> i32) -> (i32, Collected) {
    let mut collected = Collected::default();
    let sink = Sink {
        size: size_of::<Sink>() as u32,
        reserved: 0,
        ctx: (&raw mut collected).cast(),
        write: Some(write),
    };
    let status = call(&raw const sink);
    (status, collected)
}

unsafe extern "C" fn write(ctx: *mut c_void, channel: u32, ptr: *const u8, len: usize) -> i32 {
    let Some(mut collected) = NonNull::new(ctx.cast::<Collected>()) else {
        return abi::RETOUCH_E_INPUT;
    };
    // SAFETY: the `ctx` of the sink of the call that is running, used by nothing else meanwhile:
    // a sink is for the call's own thread.
    let collected = unsafe { collected.as_mut() };
    let Some(room) = collected.room(channel, len) else {
        return abi::RETOUCH_E_INTERNAL;
    };
    // SAFETY: the plugin lends `len` bytes, of which `room` are at most as many.
    collected.append(channel, unsafe { Bytes { ptr, len: room }.as_slice() });
    abi::RETOUCH_OK
}

/// What the host's functions know: whose table it is.
struct Context {
    plugin: String,
}

fn host_table(plugin: &str) -> Host {
    let context = Box::leak(Box::new(Context { plugin: plugin.to_owned() }));
    Host {
        size: size_of::<Host>() as u32,
        abi_minor: abi::ABI_MINOR,
        ctx: (&raw mut *context).cast(),
        log_enabled: Some(log_enabled),
        log: Some(log),
        extension: None,
    }
}

unsafe extern "C" fn log_enabled(_ctx: *mut c_void, level: i32) -> i32 {
    // A subscriber that panics must not unwind into the plugin.
    let enabled = catch_unwind(|| match level {
        ..=abi::RETOUCH_LOG_ERROR => tracing::enabled!(target: "plugin", Level::ERROR),
        abi::RETOUCH_LOG_WARN => tracing::enabled!(target: "plugin", Level::WARN),
        abi::RETOUCH_LOG_INFO => tracing::enabled!(target: "plugin", Level::INFO),
        abi::RETOUCH_LOG_DEBUG => tracing::enabled!(target: "plugin", Level::DEBUG),
        _ => tracing::enabled!(target: "plugin", Level::TRACE),
    });
    i32::from(enabled.unwrap_or(false))
}

unsafe extern "C" fn log(
    ctx: *mut c_void,
    level: i32,
    target: Bytes,
    message: Bytes,
    fields: Bytes,
) {
    let Some(context) = NonNull::new(ctx.cast::<Context>()) else { return };
    // SAFETY: the `ctx` of our own host table: leaked and never written.
    let context = unsafe { context.as_ref() };
    // SAFETY: the plugin lends the three texts for this call.
    let (source, message, fields) =
        unsafe { (text(target, MAX_TARGET), text(message, MAX_MESSAGE), text(fields, MAX_FIELDS)) };
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "plugin", $level,
                plugin = %context.plugin, source = %source, fields = %fields, "{message}"
            )
        };
    }
    // A subscriber that panics must not unwind into the plugin; its own hook has reported it.
    let _ = catch_unwind(AssertUnwindSafe(|| match level {
        ..=abi::RETOUCH_LOG_ERROR => line!(Level::ERROR),
        abi::RETOUCH_LOG_WARN => line!(Level::WARN),
        abi::RETOUCH_LOG_INFO => line!(Level::INFO),
        abi::RETOUCH_LOG_DEBUG => line!(Level::DEBUG),
        _ => line!(Level::TRACE),
    }));
}

/// At most `limit` bytes as readable text.
///
/// # Safety
/// `bytes` is readable and unchanged during `'a`.
unsafe fn text<'a>(bytes: Bytes, limit: usize) -> Cow<'a, str> {
    let bytes = Bytes { ptr: bytes.ptr, len: bytes.len.min(limit) };
    // SAFETY: the caller's promise, for as many bytes or fewer.
    String::from_utf8_lossy(unsafe { bytes.as_slice() })
}

/// Whose rights this process has, for the question who else could change a file.
pub(super) fn effective_user() -> u32 {
    // SAFETY: reads a number and cannot fail.
    unsafe { libc::geteuid() }
}

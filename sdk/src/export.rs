//! The exported symbols of a plugin: `export_plugin!` and the guarded functions behind it.
//!
//! This is the only file of the SDK with unsafe code. Raw memory is turned into slices here and
//! nowhere else, and nothing unwinds out of here: a panic becomes a status and a message. It keeps
//! nothing of what the host lends to a call; only the host table, which lives as long as the
//! process, is remembered for the log.
#![expect(unsafe_code, reason = "the C boundary: borrowed pointers come in, a table goes out")]

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use retouch_abi as abi;
use retouch_abi::{Bytes, Host, Plugin, Sink};

use crate::ApiType;
use crate::drive::{self, Call, Driver, StepError};
use crate::forward::{self, Log};

/// Exports a plugin: its label and its API types.
///
/// The first argument is the path of `label.json`, relative to the file with the macro; the second
/// lists every type that implements [`ApiType`]. The members `abi`, `panic`, `sdk`, `target` and
/// `envelope` are added to the label. Once in a crate, which is a `cdylib`.
///
/// ```
/// # use retouch_sdk::prelude::*;
/// # struct AcmeEdit;
/// # struct AcmeUpscale;
/// # macro_rules! api_type {
/// #     ($name:ident, $id:literal) => {
/// #         impl ApiType for $name {
/// #             const ID: &'static str = $id;
/// #             type Config = Value;
/// #             type State = ();
/// #             fn new(_: Value) -> Result<Self, ConfigError> { Ok(Self) }
/// #             fn start(&self, _: &Cx, _: &Job) -> Step<()> { Ok(Done::default().into()) }
/// #             fn resume(&self, _: &Cx, (): (), _: &Event) -> Step<()> { Ok(Done::default().into()) }
/// #         }
/// #     };
/// # }
/// # api_type!(AcmeEdit, "acme-edit");
/// # api_type!(AcmeUpscale, "acme-upscale");
/// # // There is no label beside this file.
/// # macro_rules! include_str {
/// #     ($label:tt) => { r#"{ "types": [{ "id": "acme-edit" }, { "id": "acme-upscale" }] }"# };
/// # }
/// retouch_sdk::export_plugin!("../label.json", [AcmeEdit, AcmeUpscale]);
/// ```
#[macro_export]
macro_rules! export_plugin {
    ($label:literal, [$($api_type:ty),+ $(,)?]) => {
        const _: () = {
            use $crate::private as sdk;
            use $crate::private::abi;

            const AUTHOR: &str = include_str!($label);
            const PARTS: &[&str] = &sdk::label(cfg!(panic = "unwind"), AUTHOR);

            #[used]
            #[unsafe(export_name = "retouch_label")]
            static LABEL: abi::label::Label<{ abi::label::length(PARTS) }> =
                abi::label::Label::new(PARTS);

            $(const _: () = assert!(
                abi::label::quotes(AUTHOR, <$api_type as $crate::ApiType>::ID),
                concat!("the label names no API type with the ID of ", stringify!($api_type)),
            );)+

            enum Library {}

            impl sdk::Export for Library {
                const TYPES: &'static [sdk::Entry] = &[$(sdk::Entry::of::<$api_type>()),+];
            }

            static TABLE: abi::Plugin = sdk::table::<Library>();

            #[unsafe(export_name = "retouch_entry_1")]
            unsafe extern "C" fn entry(host: *const abi::Host) -> *const abi::Plugin {
                // SAFETY: only the host calls this, with its own table, which is never freed.
                unsafe { sdk::enter(host, &TABLE) }
            }
        };
    };
}

/// The text of a label: what the SDK knows, then what the author's file says.
pub const fn label(unwinds: bool, author: &'static str) -> [&'static str; 10] {
    [
        r#"{"abi":1,"envelope":[1,1],"panic":""#,
        if unwinds { "unwind" } else { "abort" },
        r#"","sdk":"rust/"#,
        env!("CARGO_PKG_VERSION"),
        r#"","target":""#,
        std::env::consts::ARCH,
        "-",
        std::env::consts::OS,
        r#"","#,
        abi::label::members(author),
    ]
}

/// What every plugin library of the SDK is made of; `export_plugin!` implements it.
pub trait Export: 'static {
    /// The API types on offer.
    const TYPES: &'static [Entry];
}

/// One API type of a library: its id and how an instance is made.
#[derive(Clone, Copy)]
pub struct Entry {
    id: &'static str,
    create: Create,
}

type Create = fn(&[u8]) -> Result<Box<dyn Driver>, StepError>;

impl Entry {
    /// The entry of one API type.
    pub const fn of<T: ApiType>() -> Self {
        Self { id: T::ID, create: drive::create::<T> }
    }
}

/// The function table of a library.
pub const fn table<L: Export>() -> Plugin {
    Plugin {
        size: size_of::<Plugin>() as u32,
        abi_minor: abi::ABI_MINOR,
        create: Some(create::<L>),
        destroy: Some(destroy),
        step: Some(step),
        extension: None,
    }
}

/// Remembers the host for the log and hands out the table; null when even that panics.
///
/// # Safety
/// `host` is null, or a host table that is never freed.
pub unsafe fn enter(host: *const Host, table: &'static Plugin) -> *const Plugin {
    static LOG: OnceLock<HostLog> = OnceLock::new();
    // SAFETY: the caller's promise.
    let host = unsafe { abi::read_prefix(host) };
    let ready = catch_unwind(|| {
        // A host may call this more than once; the first call counts.
        if let Some(host) = host
            && LOG.set(HostLog(host)).is_ok()
            && let Some(log) = LOG.get()
        {
            forward::install(log);
        }
    });
    match ready {
        Ok(()) => table,
        Err(payload) => {
            std::mem::forget(payload);
            std::ptr::null()
        }
    }
}

unsafe extern "C" fn create<L: Export>(
    _host: *const Host,
    config: Bytes,
    instance: *mut *mut c_void,
    sink: *const Sink,
) -> i32 {
    // SAFETY: the host lends its sink and the config for this call.
    let (out, config) = unsafe { (Out::borrow(sink), config.as_slice()) };
    guarded(&out, || {
        if instance.is_null() {
            return Err(input("create was given nowhere to put the instance"));
        }
        let driver = pick(L::TYPES, config)?;
        // SAFETY: not null, and the host's own variable for this call.
        unsafe { instance.write(Box::into_raw(Box::new(driver)).cast()) };
        Ok(())
    })
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    if instance.is_null() {
        return;
    }
    let dropped = catch_unwind(|| {
        // SAFETY: made by `create` from such a box, and ended only once, with no step running.
        drop(unsafe { Box::from_raw(instance.cast::<Box<dyn Driver>>()) });
    });
    if let Err(payload) = dropped {
        std::mem::forget(payload);
    }
}

unsafe extern "C" fn step(instance: *mut c_void, step: *const abi::Step, sink: *const Sink) -> i32 {
    // SAFETY: the host lends its sink and the step for this call.
    let (out, step) = unsafe { (Out::borrow(sink), abi::read_prefix(step)) };
    guarded(&out, || {
        let step = step.ok_or_else(|| input("step was called without its input"))?;
        if instance.is_null() {
            return Err(input("step was called without an instance"));
        }
        // SAFETY: made by `create`; steps only share it, and none runs after `destroy`.
        let driver = unsafe { &*instance.cast::<Box<dyn Driver>>() };
        // SAFETY: what the step points to is lent for this call.
        let answer = driver.step(unsafe { call(&step) })?;
        out.give(abi::RETOUCH_CH_STATE, &answer.state)?;
        out.give(abi::RETOUCH_CH_OUTCOME, &answer.outcome)
    })
}

/// # Safety
/// What `step` points to is readable and unchanged during `'a`.
unsafe fn call<'a>(step: &abi::Step) -> Call<'a> {
    let attach: &[Bytes] = if step.attach.is_null() {
        &[]
    } else {
        // SAFETY: not null, and the caller's promise.
        unsafe { std::slice::from_raw_parts(step.attach, step.attach_len) }
    };
    // SAFETY: the caller's promise.
    unsafe {
        Call {
            event: step.event.as_slice(),
            state: step.state.as_slice(),
            attach: attach.iter().map(|bytes| bytes.as_slice()).collect(),
            now_ms: step.now_ms,
            deadline_ms: step.deadline_ms,
        }
    }
}

fn pick(types: &[Entry], config: &[u8]) -> Result<Box<dyn Driver>, StepError> {
    let wanted = drive::config_type(config)?;
    if let Some(entry) = types.iter().find(|entry| entry.id == wanted) {
        return (entry.create)(config);
    }
    let known: Vec<&str> = types.iter().map(|entry| entry.id).collect();
    let message = format!("is no API type of this plugin, which has {}", known.join(", "));
    let problem = serde_json::json!({ "field": "type", "message": message });
    Err(StepError { status: abi::RETOUCH_E_CONFIG, message: problem.to_string() })
}

fn input(message: &str) -> StepError {
    StepError { status: abi::RETOUCH_E_INPUT, message: message.to_owned() }
}

/// Runs the body of a shim. Nothing unwinds out of it; what goes wrong is a status and a message.
fn guarded(out: &Out, body: impl FnOnce() -> Result<(), StepError>) -> i32 {
    let StepError { status, message } = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return abi::RETOUCH_OK,
        Ok(Err(error)) => error,
        Err(payload) => StepError { status: abi::RETOUCH_E_PANIC, message: words(payload) },
    };
    // Nothing is left to tell a host that refuses even this.
    let _ = out.give(abi::RETOUCH_CH_ERROR, message.as_bytes());
    status
}

/// A panic's text. The payload is forgotten, not dropped: its drop might panic again.
fn words(payload: Box<dyn Any + Send>) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "a panic without text".to_owned(),
    };
    std::mem::forget(payload);
    text
}

/// The host's sink, borrowed for one call.
struct Out(Option<Sink>);

impl Out {
    /// # Safety
    /// `sink` is null, or a sink that stays usable as long as this value.
    unsafe fn borrow(sink: *const Sink) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { abi::read_prefix(sink) })
    }

    fn give(&self, channel: u32, bytes: &[u8]) -> Result<(), StepError> {
        let Some(Sink { ctx, write: Some(write), .. }) = self.0 else {
            return Err(input("the host gave no sink"));
        };
        // SAFETY: the sink's own function and context; the bytes are copied before it returns.
        let status = unsafe { write(ctx, channel, bytes.as_ptr(), bytes.len()) };
        if status == abi::RETOUCH_OK {
            return Ok(());
        }
        let message = format!("the host refused {} bytes on channel {channel}", bytes.len());
        Err(StepError { status: abi::RETOUCH_E_INTERNAL, message })
    }
}

/// The host's log.
struct HostLog(Host);

// SAFETY: the host lets its log be called on any thread; `ctx` is never read here.
unsafe impl Send for HostLog {}
// SAFETY: as above.
unsafe impl Sync for HostLog {}

impl Log for HostLog {
    fn enabled(&self, level: i32) -> bool {
        let Some(log_enabled) = self.0.log_enabled else { return true };
        // SAFETY: the host's own function and context.
        unsafe { log_enabled(self.0.ctx, level) != 0 }
    }

    fn line(&self, level: i32, target: &str, message: &str, fields: &[u8]) {
        let Some(log) = self.0.log else { return };
        let (target, message) = (Bytes::new(target.as_bytes()), Bytes::new(message.as_bytes()));
        // SAFETY: the host's own function and context; it copies what it keeps.
        unsafe { log(self.0.ctx, level, target, message, Bytes::new(fields)) };
    }
}

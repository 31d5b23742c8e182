//! The C ABI between Retouch and its provider plugins, as Rust sees it.
//!
//! `include/retouch_plugin.h` is the source of truth and explains every field; this crate mirrors
//! it word for word. Sizes and offsets are asserted below and compared with a C compiler's in
//! `tests/layout.rs`. The gateway reads plugins through these types, `retouch-sdk` writes them.
//!
//! Nothing here may be removed, moved or given another meaning while the major version is 1.
#![expect(unsafe_code, reason = "borrowed bytes and size-prefixed tables are raw memory by nature")]

pub mod label;

use std::ffi::{c_char, c_void};
use std::mem::{MaybeUninit, offset_of};

/// The header itself, for tools that hand it to authors in other languages.
pub const HEADER: &str = include_str!("../include/retouch_plugin.h");

/// The major version: part of the entry symbol's name.
pub const ABI_MAJOR: u32 = 1;
/// The minor version: grows when fields are added at the end of a struct.
pub const ABI_MINOR: u32 = 0;

/// The exported function that returns the plugin's table.
pub const ENTRY_SYMBOL: &str = "retouch_entry_1";
/// The exported bytes that say what a plugin is; see [`label::Label`].
pub const LABEL_SYMBOL: &str = "retouch_label";

// Status codes: what `create`, `step` and a sink's `write` return. Names as in the header.
/// Success.
pub const RETOUCH_OK: i32 = 0;
/// The plugin caught a panic of its own.
pub const RETOUCH_E_PANIC: i32 = -1;
/// The event or the call makes no sense.
pub const RETOUCH_E_INPUT: i32 = -2;
/// `create`: the config is wrong.
pub const RETOUCH_E_CONFIG: i32 = -3;
/// The state is not one this version can read.
pub const RETOUCH_E_STATE: i32 = -4;
/// A kind of event the plugin does not know.
pub const RETOUCH_E_UNSUPPORTED: i32 = -5;
/// Anything else.
pub const RETOUCH_E_INTERNAL: i32 = -6;

// Channels: where a result goes when it is written to a sink.
/// The outcome, JSON.
pub const RETOUCH_CH_OUTCOME: u32 = 0;
/// Why a call failed, as text.
pub const RETOUCH_CH_ERROR: u32 = 1;
/// The job's new state.
pub const RETOUCH_CH_STATE: u32 = 2;
/// Reserved for attachments, from here upward; refused in ABI 1.0.
pub const RETOUCH_CH_ATTACH0: u32 = 16;

// The most bytes a plugin may hand over, by kind.
/// An outcome: 1 MiB.
pub const RETOUCH_MAX_OUTCOME: usize = 1 << 20;
/// A job's state: 64 KiB.
pub const RETOUCH_MAX_STATE: usize = 64 << 10;
/// An error's text: 8 KiB, cut there.
pub const RETOUCH_MAX_ERROR: usize = 8 << 10;
/// A label: 256 KiB.
pub const RETOUCH_MAX_LABEL: usize = 256 << 10;

// Levels of a log line.
/// A person must act.
pub const RETOUCH_LOG_ERROR: i32 = 1;
/// Something is odd.
pub const RETOUCH_LOG_WARN: i32 = 2;
/// Worth knowing.
pub const RETOUCH_LOG_INFO: i32 = 3;
/// For finding faults.
pub const RETOUCH_LOG_DEBUG: i32 = 4;
/// Everything.
pub const RETOUCH_LOG_TRACE: i32 = 5;

/// `retouch_bytes`: borrowed, valid until the call returns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    pub ptr: *const u8,
    pub len: usize,
}

/// `retouch_sink`: how a plugin hands over results; the host copies inside `write`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Sink {
    pub size: u32,
    pub reserved: u32,
    pub ctx: *mut c_void,
    pub write: Option<WriteFn>,
}

/// `retouch_host`: what a plugin may ask of the host.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    pub size: u32,
    pub abi_minor: u32,
    pub ctx: *mut c_void,
    pub log_enabled: Option<LogEnabledFn>,
    pub log: Option<LogFn>,
    pub extension: Option<HostExtensionFn>,
}

/// `retouch_step`: the input of one step.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Step {
    pub size: u32,
    pub flags: u32,
    pub event: Bytes,
    pub state: Bytes,
    pub attach: *const Bytes,
    pub attach_len: usize,
    pub now_ms: u64,
    pub deadline_ms: u64,
}

/// `retouch_plugin`: the table a plugin offers.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Plugin {
    pub size: u32,
    pub abi_minor: u32,
    pub create: Option<CreateFn>,
    pub destroy: Option<DestroyFn>,
    pub step: Option<StepFn>,
    pub extension: Option<PluginExtensionFn>,
}

pub type WriteFn = unsafe extern "C" fn(*mut c_void, u32, *const u8, usize) -> i32;
pub type LogEnabledFn = unsafe extern "C" fn(*mut c_void, i32) -> i32;
pub type LogFn = unsafe extern "C" fn(*mut c_void, i32, Bytes, Bytes, Bytes);
pub type HostExtensionFn = unsafe extern "C" fn(*mut c_void, *const c_char) -> *const c_void;
pub type CreateFn = unsafe extern "C" fn(*const Host, Bytes, *mut *mut c_void, *const Sink) -> i32;
pub type DestroyFn = unsafe extern "C" fn(*mut c_void);
pub type StepFn = unsafe extern "C" fn(*mut c_void, *const Step, *const Sink) -> i32;
pub type PluginExtensionFn = unsafe extern "C" fn(*const c_char) -> *const c_void;
/// The type of the exported `retouch_entry_1`.
pub type EntryFn = unsafe extern "C" fn(*const Host) -> *const Plugin;

impl Bytes {
    /// Lends a slice to the other side.
    pub const fn new(slice: &[u8]) -> Self {
        Self { ptr: slice.as_ptr(), len: slice.len() }
    }

    /// The bytes as a slice; a null pointer reads as empty, whatever its length claims.
    ///
    /// # Safety
    /// `ptr` is null, or readable for `len` bytes that nobody writes during `'a`.
    pub const unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: not null, and the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// A struct that starts with its own size and may be longer or shorter on the other side.
///
/// # Safety
/// The type is `repr(C)`, starts with `size: u32`, holds only integers, raw pointers and optional
/// functions (so all zeros are a value of it), and no field wider than the type's alignment spans
/// a multiple of it except [`Bytes`], which is two such fields.
pub unsafe trait SizePrefixed: Copy {}

// SAFETY: see the definitions above; the asserts below hold the offsets.
unsafe impl SizePrefixed for Sink {}
// SAFETY: as above.
unsafe impl SizePrefixed for Host {}
// SAFETY: as above.
unsafe impl SizePrefixed for Step {}
// SAFETY: as above.
unsafe impl SizePrefixed for Plugin {}

/// Copies a size-prefixed struct as far as its `size` says it goes. What lies beyond reads as zero,
/// that is as an absent function; what we do not know of is left out. `None` for a null pointer.
///
/// # Safety
/// `ptr` is null, or aligned and readable for four bytes and for as many as those four say.
pub unsafe fn read_prefix<T: SizePrefixed>(ptr: *const T) -> Option<T> {
    if ptr.is_null() {
        return None;
    }
    // SAFETY: not null, and every such struct starts with its size.
    let size = unsafe { ptr.cast::<u32>().read() } as usize;
    // Whole words only: a size that ends inside a pointer must not yield half of one.
    let known = size.min(size_of::<T>()) / align_of::<T>() * align_of::<T>();
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes are readable there (the caller) and writable here (at most the size of
    // T); all zeros, and any prefix of whole fields over zeros, are a value of T (SizePrefixed).
    unsafe {
        ptr.cast::<u8>().copy_to_nonoverlapping(copy.as_mut_ptr().cast::<u8>(), known);
        Some(copy.assume_init())
    }
}

/// The size of the ABI 1.0 part of a plugin's table that a host cannot do without.
pub const PLUGIN_REQUIRED: usize = offset_of!(Plugin, extension);

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Bytes>() == 16);
    assert!(size_of::<Sink>() == 24 && offset_of!(Sink, write) == 16);
    assert!(size_of::<Host>() == 40 && offset_of!(Host, ctx) == 8);
    assert!(offset_of!(Host, log_enabled) == 16 && offset_of!(Host, log) == 24);
    assert!(offset_of!(Host, extension) == 32);
    assert!(size_of::<Step>() == 72 && offset_of!(Step, event) == 8);
    assert!(offset_of!(Step, state) == 24 && offset_of!(Step, attach) == 40);
    assert!(offset_of!(Step, now_ms) == 56 && offset_of!(Step, deadline_ms) == 64);
    assert!(size_of::<Plugin>() == 40 && offset_of!(Plugin, create) == 8);
    assert!(offset_of!(Plugin, destroy) == 16 && offset_of!(Plugin, step) == 24);
    assert!(PLUGIN_REQUIRED == 32);
};

#[cfg(test)]
mod tests {
    use super::*;

    fn host(size: usize) -> Host {
        unsafe extern "C" fn log_enabled(_: *mut c_void, _: i32) -> i32 {
            1
        }
        Host {
            size: u32::try_from(size).unwrap(),
            abi_minor: 7,
            ctx: std::ptr::dangling_mut(),
            log_enabled: Some(log_enabled),
            log: None,
            extension: None,
        }
    }

    #[test]
    fn reads_a_table_only_as_far_as_it_says() {
        let cases = [
            (0, false, false),
            (8, false, false),
            (16, true, false),
            (20, true, false), // ends inside log_enabled: absent, not half a pointer
            (24, true, true),
            (40, true, true),
            (400, true, true), // a newer, longer table: what we know of it
        ];
        for (size, has_ctx, has_log_enabled) in cases {
            // The 400 claims more than is there, but no more than our own size is ever read.
            let host = host(size);
            // SAFETY: a whole Host lies there.
            let read = unsafe { read_prefix(&raw const host) }.unwrap();
            assert_eq!(!read.ctx.is_null(), has_ctx, "size {size}");
            assert_eq!(read.log_enabled.is_some(), has_log_enabled, "size {size}");
        }
        // SAFETY: null is allowed.
        assert!(unsafe { read_prefix::<Host>(std::ptr::null()) }.is_none());
    }

    #[test]
    fn reads_null_bytes_as_empty() {
        let null = Bytes { ptr: std::ptr::null(), len: 5 };
        // SAFETY: null is allowed.
        assert!(unsafe { null.as_slice() }.is_empty());
        // SAFETY: a static slice.
        assert_eq!(unsafe { Bytes::new(b"abc").as_slice() }, b"abc");
    }
}

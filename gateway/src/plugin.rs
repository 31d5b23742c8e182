//! Plugins: found, judged by their label, copied, loaded, called.
//!
//! A file's label is read from its bytes before any of its code can run; what does not fit is
//! refused in words that name the file, what is wrong and how to mend it. A library that was
//! loaded stays mapped until the process ends, so a [`Registry`] can be replaced at any time while
//! jobs still hold instances of the old one. Nothing here knows any provider.

mod cache;
mod choice;
mod elf;
mod ffi;
mod finder;
pub mod label;
mod library;
mod lock;
mod registry;
mod shelf;
mod sink;
mod trust;
mod version;

use std::fmt;
use std::path::{Path, PathBuf};

pub use finder::{Dirs, Finder};
pub use label::{ApiType, Label};
pub use library::{Instance, Library, StepAnswer, StepCall};
pub use registry::Registry;
pub use shelf::Shelf;
pub use trust::{Trusted, trust};

/// A plugin file that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// The file or folder, as it was found.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file.display(), self.what, self.mend)
    }
}

/// What is wrong and how to mend it, of a file the caller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl Fault {
    fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }

    /// The same, with the file it is about.
    pub fn of(self, file: &Path) -> Refusal {
        Refusal { file: file.to_owned(), what: self.what, mend: self.mend }
    }
}

/// A call of a plugin that gave no answer. Except for [`PluginError::Config`] it is the plugin's
/// fault, not the operator's or the client's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// It panicked and caught itself.
    #[error("the plugin panicked: {0}")]
    Panicked(String),
    /// It refuses a provider's configuration; `field` is empty where it names none.
    #[error("{}{message}", Prefix(field))]
    Config { message: String, field: String },
    /// It cannot read the state it wrote.
    #[error("the plugin cannot read the job's state: {0}")]
    State(String),
    /// It cannot make sense of the event.
    #[error("the plugin cannot read the event: {0}")]
    Input(String),
    /// It does not know this kind of event.
    #[error("the plugin does not support this event: {0}")]
    Unsupported(String),
    /// It failed in another way.
    #[error("the plugin failed with status {status}: {message}")]
    Failed { status: i32, message: String },
    /// It wrote more than the ABI allows.
    #[error("the plugin wrote more than {limit} bytes as its {what}")]
    TooLarge { what: &'static str, limit: usize },
    /// It broke the ABI's rules.
    #[error("the plugin breaks the ABI: {0}")]
    Broken(&'static str),
}

struct Prefix<'a>(&'a str);

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

impl PluginError {
    /// What a status other than success means, with the text from the error channel.
    fn from_status(status: i32, text: String) -> Self {
        match status {
            retouch_abi::RETOUCH_E_PANIC => Self::Panicked(text),
            retouch_abi::RETOUCH_E_CONFIG => Self::config(text),
            retouch_abi::RETOUCH_E_STATE => Self::State(text),
            retouch_abi::RETOUCH_E_INPUT => Self::Input(text),
            retouch_abi::RETOUCH_E_UNSUPPORTED => Self::Unsupported(text),
            _ => Self::Failed { status, message: text },
        }
    }

    /// The text may be a JSON object that names the field.
    fn config(text: String) -> Self {
        #[derive(serde::Deserialize)]
        struct Named {
            field: String,
            message: String,
        }
        match serde_json::from_str(&text) {
            Ok(Named { field, message }) => Self::Config { message, field },
            Err(_) => Self::Config { message: text, field: String::new() },
        }
    }
}

/// What a file says of itself and the SHA-256 of its bytes, without loading it. Whether it would
/// be loaded is for [`Label::fit`] to say.
///
/// # Errors
/// When it cannot be read or is no plugin.
pub fn inspect(file: &Path) -> Result<(Label, String), Refusal> {
    let read = || {
        let bytes = cache::read(file)?;
        let label = Label::of_file(&bytes)?.ok_or_else(|| {
            let mend = "name a library that exports retouch_label";
            Fault::new("is no Retouch plugin", mend)
        })?;
        Ok((label, cache::sha256(&bytes)))
    };
    read().map_err(|fault: Fault| fault.of(file))
}

#[cfg(test)]
mod tests;

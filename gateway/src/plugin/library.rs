//! A loaded plugin and its instances, safe to use from any thread.
//!
//! An instance keeps its library alive in name and number: what was running when a plugin was
//! replaced is finished by the bytes it began with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ffi::{Code, Handle};
use super::{Label, PluginError};

/// One plugin, loaded.
pub struct Library {
    label: Label,
    sha256: String,
    file: PathBuf,
    code: Code,
}

/// One configured provider at one API type. Destroyed with its last owner.
pub struct Instance {
    handle: Handle,
    library: Arc<Library>,
}

/// The input of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepCall<'a> {
    /// The event as JSON.
    pub event: &'a [u8],
    /// What the last step wrote; empty at the start.
    pub state: &'a [u8],
    /// Bodies that are no JSON, named by index in the event.
    pub attach: &'a [&'a [u8]],
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// When the attempt is given up; 0: never.
    pub deadline_ms: u64,
}

/// What a step wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepAnswer {
    /// The outcome as JSON text, at most 1 MiB; UTF-8, not yet parsed.
    pub outcome: Vec<u8>,
    /// The job's new state, at most 64 KiB.
    pub state: Vec<u8>,
}

impl Library {
    pub(super) fn new(label: Label, sha256: String, file: PathBuf, code: Code) -> Self {
        Self { label, sha256, file, code }
    }

    /// What it says of itself.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// The SHA-256 of its bytes in small hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Where it was found; what runs is a private copy.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Makes an instance for one provider; `type` in its configuration names the API type.
    ///
    /// # Errors
    /// [`PluginError::Config`] when the plugin refuses the configuration, another when it fails.
    pub fn create(self: &Arc<Self>, config: &serde_json::Value) -> Result<Instance, PluginError> {
        let handle = self.code.create(config.to_string().as_bytes())?;
        Ok(Instance { handle, library: Arc::clone(self) })
    }
}

impl Instance {
    /// Runs one step: microseconds, no I/O.
    ///
    /// # Errors
    /// When the plugin gave no answer, or none that fits the ABI.
    pub fn step(&self, call: StepCall<'_>) -> Result<StepAnswer, PluginError> {
        self.handle.step(call)
    }

    /// The plugin it belongs to.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, sha256, file, .. } = self;
        write!(f, "Library({} {} {sha256} {})", label.id, label.version, file.display())
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({:?})", self.library)
    }
}

//! A pin: the provider as it was when an attempt was submitted to it, so that the attempt is finished
//! with the key, the origin, the options and the plugin that began it, whatever changed since.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalog::provider::ProviderFile;
use crate::master::{MasterKey, SealError};
use crate::snapshot::Provider;

/// What is kept of a provider; its key is sealed for its origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pin {
    /// Version of this layout.
    pub v: u32,
    /// What its file said.
    pub file: ProviderFile,
    /// The base URL that was in use.
    pub host: String,
    /// The plugin's SHA-256.
    pub plugin: String,
    /// The plugin's id; empty in pins that were made before it was kept.
    #[serde(default)]
    pub plugin_id: String,
    /// The sealed key.
    pub key: String,
}

impl Pin {
    /// Of the layout that is written.
    pub const VERSION: u32 = 1;

    /// What is to be kept of a provider.
    ///
    /// # Errors
    /// When its key cannot be sealed.
    pub fn of(provider: &Provider, master: &MasterKey) -> Result<Self, SealError> {
        Ok(Self {
            v: Self::VERSION,
            file: provider.file.clone(),
            host: provider.host.clone(),
            plugin: provider.library.sha256().to_owned(),
            plugin_id: provider.library.label().id.clone(),
            key: master.seal(&provider.key, &provider.host)?,
        })
    }
}

/// Names a pin by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PinId(pub u128);

impl PinId {
    /// Names a provider as it is. The key goes in, so that a new key makes a new pin; it cannot be
    /// guessed from the name without the master key.
    pub fn of(provider: &Provider, master: &MasterKey) -> Self {
        let file = serde_json::to_vec(&provider.file).unwrap_or_default();
        let mut hash = blake3::Hasher::new_keyed(&master.derive("retouch 2026 pin names v1"));
        for part in [
            &file[..],
            provider.host.as_bytes(),
            provider.library.sha256().as_bytes(),
            provider.key.expose().as_bytes(),
        ] {
            hash.update(&(part.len() as u64).to_be_bytes()).update(part);
        }
        let mut name = [0; 16];
        hash.finalize_xof().fill(&mut name);
        Self(u128::from_be_bytes(name))
    }

    /// Reads 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for PinId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for PinId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PinId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a pin's id"))
    }
}

//! A pin: the provider as it was when an attempt was submitted to it, so that the attempt is finished
//! with the key, the origin, the options and the plugin that began it, whatever changed since.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::catalog::provider::ProviderFile;
use crate::master::{MasterKey, SealError, Succession};
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

    /// A kept pin with its key sealed anew and nothing else changed, whatever version kept it; `None`
    /// where that was done before. Its name stays, though the new key would give it another.
    ///
    /// # Errors
    /// When neither key opens it, or it is none.
    pub fn resealed(content: &str, keys: &Succession) -> Result<Option<String>, SealError> {
        let mut pin: serde_json::Map<String, Value> =
            serde_json::from_str(content).map_err(|_| SealError::Form)?;
        let text = |field| pin.get(field).and_then(Value::as_str).ok_or(SealError::Form);
        let Some(sealed) = keys.reseal(text("key")?, text("host")?)? else { return Ok(None) };
        pin.insert("key".to_owned(), sealed.into());
        serde_json::to_string(&pin).map(Some).map_err(|_| SealError::Form)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_pin_sealed_anew_differs_in_its_key_alone() {
        let key = || MasterKey::make().unwrap();
        let keys = Succession { old: key(), new: key() };
        let (host, secret) = ("https://one.example", Secret::new("sk-canary"));
        let pin = |sealed: &str| json!({ "v": 9, "of": "tomorrow", "host": host, "key": sealed });
        let before = pin(&keys.old.seal(&secret, host).unwrap());
        let after = Pin::resealed(&before.to_string(), &keys).unwrap().unwrap();
        assert_eq!(Pin::resealed(&after, &keys), Ok(None));
        let after: Value = serde_json::from_str(&after).unwrap();
        let sealed = after["key"].as_str().unwrap();
        assert_eq!(keys.new.unseal(sealed, host), Ok(secret.clone()));
        assert_eq!(after, pin(sealed));
        for (content, error) in [
            (pin(&key().seal(&secret, host).unwrap()).to_string(), SealError::Key),
            (json!({ "v": 1 }).to_string(), SealError::Form),
            ("damaged".to_owned(), SealError::Form),
        ] {
            assert_eq!(Pin::resealed(&content, &keys), Err(error), "{content}");
        }
    }
}

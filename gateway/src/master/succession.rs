//! A master key and the one that takes its place: what the first has sealed is sealed with the second.
//! Doing so twice changes nothing, so that it can be broken off anywhere and begun again.

use super::{MasterKey, SealError};
use crate::secret::Secret;

/// The two keys.
#[derive(Clone, Debug)]
pub struct Succession {
    /// The key that was in use.
    pub old: MasterKey,
    /// The key that will be.
    pub new: MasterKey,
}

/// A secret that one of two keys has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is sealed with the old key.
    Old(Secret),
    /// It is sealed with the new one already.
    New,
}

impl Succession {
    /// Opens a text with whichever key it was sealed with for that place.
    ///
    /// # Errors
    /// When it was with neither.
    pub fn open(&self, text: &str, place: &str) -> Result<Opened, SealError> {
        match self.new.unseal(text, place) {
            Ok(_) => Ok(Opened::New),
            Err(_) => self.old.unseal(text, place).map(Opened::Old),
        }
    }

    /// The text sealed with the new key for the same place; `None` where it is that already.
    ///
    /// # Errors
    /// When neither key opens it, or the system gives no randomness.
    pub fn reseal(&self, text: &str, place: &str) -> Result<Option<String>, SealError> {
        match self.open(text, place)? {
            Opened::Old(secret) => self.new.seal(&secret, place).map(Some),
            Opened::New => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_old_key_sealed_is_the_new_ones_once() {
        let key = || MasterKey::make().unwrap();
        let both = Succession { old: key(), new: key() };
        let secret = Secret::new("sk-canary");
        let sealed = both.old.seal(&secret, "here").unwrap();
        let again = both.reseal(&sealed, "here").unwrap().unwrap();
        assert_eq!(both.new.unseal(&again, "here"), Ok(secret.clone()));
        assert_eq!(both.old.unseal(&again, "here"), Err(SealError::Key));
        assert_eq!(both.reseal(&again, "here"), Ok(None));
        for (text, place, error) in [
            (sealed.as_str(), "there", SealError::Key),
            (&key().seal(&secret, "here").unwrap(), "here", SealError::Key),
            ("sk-plain", "here", SealError::Form),
        ] {
            assert_eq!(both.reseal(text, place), Err(error), "{text}");
        }
    }
}

//! The installation's master key: signs links and seals what must be kept secret on disk. It is in
//! `RETOUCH_MASTER_KEY`, or in a file only its owner may read, made once.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use crate::secret::Secret;

/// What a sealed text begins with, so that the form can change.
pub const SEALED: &str = "enc:v1:";
/// Bytes of the key.
const KEY: usize = 32;
/// Bytes of a nonce: random ones never meet.
const NONCE: usize = 24;

/// The key. It is nowhere shown.
#[derive(Clone)]
pub struct MasterKey([u8; KEY]);

/// A sealed text that cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is none.
    #[error("it is not sealed by Retouch")]
    Form,
    /// Made with another key or for another place, or changed since.
    #[error("it was sealed with another master key or for another host; write the secret anew")]
    Key,
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Random,
}

impl MasterKey {
    /// The one in `text` if there is any, else the one in `data_dir`, which is made if it is missing.
    ///
    /// # Errors
    /// When it can be neither read nor made, or the text is too short to be one.
    pub fn open(text: Option<&str>, data_dir: &Path) -> io::Result<Self> {
        let key = match text {
            Some(text) => Self::of(text)?,
            None => Self(read(&data_dir.join("master.key"))?),
        };
        key.belongs_to(data_dir)?;
        Ok(key)
    }

    /// Refuses a key that is not the one the folder was sealed with: nothing in it could be opened,
    /// and paid work under way would be lost.
    fn belongs_to(&self, data_dir: &Path) -> io::Result<()> {
        let path = data_dir.join("master.check");
        let mine = HEXLOWER.encode(&self.derive("retouch 2026 master key check v1"));
        match fs::read_to_string(&path) {
            Ok(theirs) if theirs.trim() == mine => Ok(()),
            Ok(_) => {
                let what = format!(
                    "{} was used with another master key; give that one (RETOUCH_MASTER_KEY or \
                     master.key), or remove {} to go on without what it sealed",
                    data_dir.display(),
                    path.display()
                );
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_once(&path, mine.as_bytes())
            }
            Err(error) => Err(error),
        }
    }

    /// Of a text of at least 32 characters.
    ///
    /// # Errors
    /// When it is shorter.
    pub fn of(text: &str) -> io::Result<Self> {
        if text.len() < KEY {
            let what = format!("RETOUCH_MASTER_KEY needs at least {KEY} random characters");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Self(blake3::derive_key("retouch 2026 master key v1", text.as_bytes())))
    }

    /// A key of its own for one purpose.
    pub fn derive(&self, purpose: &str) -> [u8; KEY] {
        blake3::derive_key(purpose, &self.0)
    }

    /// Seals a secret for one place, such as the origins it may be sent to.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn seal(&self, secret: &Secret, place: &str) -> Result<String, SealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Random)?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher().encrypt(&nonce.into(), payload).map_err(|_| SealError::Key)?;
        let bytes = [&nonce[..], &sealed].concat();
        Ok(format!("{SEALED}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Opens what was sealed for that place.
    ///
    /// # Errors
    /// When it is no sealed text, or not one of this key and place.
    pub fn unseal(&self, text: &str, place: &str) -> Result<Secret, SealError> {
        let text = text.strip_prefix(SEALED).ok_or(SealError::Form)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| SealError::Form)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(SealError::Form)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let plain = self.cipher().decrypt(&(*nonce).into(), payload).map_err(|_| SealError::Key)?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| SealError::Key)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.derive("retouch 2026 sealed secrets v1").into())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Only the owner may read the file; it is never written half-way.
fn read(path: &Path) -> io::Result<[u8; KEY]> {
    match fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            let what =
                format!("{} does not hold {KEY} bytes; restore it from a backup", path.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; KEY];
            getrandom::fill(&mut key).map_err(io::Error::other)?;
            write_once(path, &key).map(|()| key)
        }
        Err(error) => Err(error),
    }
}

fn write_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("tmp");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> MasterKey {
        MasterKey::of(&text.repeat(KEY)).unwrap()
    }

    #[test]
    fn a_secret_opens_with_its_key_at_its_place_only() {
        let secret = Secret::new("sk-canary".to_owned());
        let sealed = key("a").seal(&secret, "https://one").unwrap();
        assert!(sealed.starts_with(SEALED) && !sealed.contains("canary"));
        assert_eq!(key("a").unseal(&sealed, "https://one"), Ok(secret.clone()));
        assert_eq!(key("a").unseal(&sealed, "https://two"), Err(SealError::Key));
        assert_eq!(key("b").unseal(&sealed, "https://one"), Err(SealError::Key));
        assert_ne!(key("a").seal(&secret, "https://one"), Ok(sealed), "each has its own nonce");
    }

    #[test]
    fn what_is_not_sealed_is_refused() {
        for text in ["", "sk-plain", "enc:v1:", "enc:v1:***", "enc:v1:AAAA", "enc:v2:AAAA"] {
            assert_eq!(key("a").unseal(text, ""), Err(SealError::Form), "{text}");
        }
    }

    #[test]
    fn the_file_is_made_once_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let first = MasterKey::open(None, dir.path()).unwrap();
        assert_eq!(first.0, MasterKey::open(None, dir.path()).unwrap().0);
        let mode = fs::metadata(dir.path().join("master.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(MasterKey::open(Some("short"), dir.path()).is_err());
        let other = "another key of thirty-two characters";
        let error = MasterKey::open(Some(other), dir.path()).unwrap_err().to_string();
        assert!(error.contains("another master key") && error.contains("master.check"), "{error}");
        fs::remove_file(dir.path().join("master.check")).unwrap();
        assert!(MasterKey::open(Some(other), dir.path()).is_ok());
    }
}

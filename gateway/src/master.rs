//! The installation's master key: signs links and seals what must be kept secret on disk. It is in
//! `RETOUCH_MASTER_KEY`, or in a file only its owner may read, made once. What proves it the right one
//! for a data folder lies in that folder; no key is ever shown.

mod file;
mod next;
mod succession;

use std::io;
use std::path::Path;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};

use crate::secret::Secret;
pub use next::Next;
pub use succession::{Opened, Succession};

/// What a sealed text begins with, so that the form can change.
pub const SEALED: &str = "enc:v1:";
/// The key's file in the data folder.
pub const FILE: &str = "master.key";
/// What the key of a data folder is checked against.
pub const CHECK: &str = "master.check";
/// Bytes of the key.
const KEY: usize = 32;
/// Bytes of a nonce: random ones never meet.
const NONCE: usize = 24;

/// The key. It is nowhere shown.
#[derive(Clone, PartialEq, Eq)]
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
    /// When it can be neither read nor made, the text is too short to be one, it is not the one of
    /// this folder, or another is about to take its place.
    pub fn open(text: Option<&str>, data_dir: &Path) -> io::Result<Self> {
        if let Some(key) = Self::existing(text, data_dir)? {
            key.leave_check(data_dir)?;
            return Ok(key);
        }
        Self::make()?.keep(data_dir)?;
        // Another process may have been quicker; then theirs is the key.
        let key = Self::kept(data_dir)?.ok_or_else(|| {
            invalid(format!("{} leads to a file that is not there", data_dir.join(FILE).display()))
        })?;
        key.leave_check(data_dir)?;
        Ok(key)
    }

    /// What [`Self::open`] would open, if it would make none. Nothing is written.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn existing(text: Option<&str>, data_dir: &Path) -> io::Result<Option<Self>> {
        if Next::read(data_dir)?.is_some() {
            return Err(invalid(format!(
                "a change of the master key of {} was broken off; finish it with `retouch key \
                 rotate-master`",
                data_dir.display()
            )));
        }
        match Self::found(text, data_dir)? {
            Some(key) if key.is_of(data_dir)? => Ok(Some(key)),
            None if !data_dir.join(CHECK).exists() => Ok(None),
            // Another one, or one that was lost: no new key takes its place unasked.
            Some(_) | None => Err(foreign(data_dir)),
        }
    }

    /// The key in `text`, else in `data_dir`, whatever it is good for.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn found(text: Option<&str>, data_dir: &Path) -> io::Result<Option<Self>> {
        match text {
            Some(text) => Self::of(text).map(Some),
            None => Self::kept(data_dir),
        }
    }

    /// Of a text of at least 32 characters.
    ///
    /// # Errors
    /// When it is shorter.
    pub fn of(text: &str) -> io::Result<Self> {
        if text.len() < KEY {
            return Err(invalid(format!("a master key needs at least {KEY} random characters")));
        }
        Ok(Self(blake3::derive_key("retouch 2026 master key v1", text.as_bytes())))
    }

    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn make() -> io::Result<Self> {
        let mut key = [0; KEY];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        Ok(Self(key))
    }

    /// What says of a key which one it is, without a way back to it.
    pub fn check(&self) -> String {
        HEXLOWER.encode(&self.derive("retouch 2026 master key check v1"))
    }

    /// Whether nothing in the folder was sealed with another key: that could not be opened, and paid
    /// work under way would be lost.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn is_of(&self, data_dir: &Path) -> io::Result<bool> {
        let theirs = file::text(&data_dir.join(CHECK))?;
        Ok(theirs.is_none_or(|theirs| theirs.trim() == self.check()))
    }

    /// Makes this the key that the folder is checked against from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn claim(&self, data_dir: &Path) -> io::Result<()> {
        file::replace(&data_dir.join(CHECK), self.check().as_bytes())
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

    /// The key in the folder's file.
    fn kept(data_dir: &Path) -> io::Result<Option<Self>> {
        let path = data_dir.join(FILE);
        let Some(bytes) = file::bytes(&path)? else { return Ok(None) };
        let key = bytes.try_into().map_err(|_| {
            let path = path.display();
            invalid(format!("{path} does not hold {KEY} bytes; restore it from a backup"))
        })?;
        Ok(Some(Self(key)))
    }

    /// Puts it in the folder's file, unless a key is there.
    fn keep(&self, data_dir: &Path) -> io::Result<()> {
        file::create(&data_dir.join(FILE), &self.0)
    }

    /// Notes which key the folder is sealed with, where that is not known yet.
    fn leave_check(&self, data_dir: &Path) -> io::Result<()> {
        file::create(&data_dir.join(CHECK), self.check().as_bytes())?;
        if self.is_of(data_dir)? { Ok(()) } else { Err(foreign(data_dir)) }
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// What is said of a key that is not the one of the folder.
pub(crate) fn foreign(data_dir: &Path) -> io::Error {
    invalid(format!(
        "{} was used with another master key; give that one (RETOUCH_MASTER_KEY or {FILE}), or remove \
         {} to go on without what it sealed",
        data_dir.display(),
        data_dir.join(CHECK).display()
    ))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::fs;

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

    #[test]
    fn looking_for_the_key_makes_none_and_judges_as_a_start_does() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(MasterKey::existing(None, dir.path()).unwrap(), None);
        assert_eq!(MasterKey::existing(None, &dir.path().join("none")).unwrap(), None);
        let text = "a key of at least thirty-two characters";
        assert!(MasterKey::existing(Some(text), dir.path()).unwrap().is_some());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        let first = MasterKey::open(None, dir.path()).unwrap();
        assert_eq!(MasterKey::existing(None, dir.path()).unwrap(), Some(first));
        for text in [text, "short"] {
            assert!(MasterKey::existing(Some(text), dir.path()).is_err());
        }
        let names = ["master.check", "master.key"];
        let mut found: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().collect();
        found.sort_by_key(fs::DirEntry::file_name);
        assert!(found.iter().map(fs::DirEntry::file_name).eq(names), "no temporary is left");
    }

    #[test]
    fn a_lost_key_is_not_replaced_by_another() {
        let dir = tempfile::tempdir().unwrap();
        MasterKey::open(None, dir.path()).unwrap();
        fs::remove_file(dir.path().join(FILE)).unwrap();
        let error = MasterKey::open(None, dir.path()).unwrap_err().to_string();
        assert!(error.contains("another master key"), "{error}");
        assert!(!dir.path().join(FILE).exists());
    }

    #[test]
    fn processes_that_start_at_once_have_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let open = || MasterKey::open(None, dir.path()).unwrap();
        let keys: Vec<MasterKey> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == open()));
    }

    #[test]
    fn neither_start_nor_look_while_another_key_takes_its_place() {
        let dir = tempfile::tempdir().unwrap();
        MasterKey::open(None, dir.path()).unwrap();
        Next::Made(MasterKey::make().unwrap()).mark(dir.path()).unwrap();
        for error in [
            MasterKey::open(None, dir.path()).unwrap_err(),
            MasterKey::existing(None, dir.path()).unwrap_err(),
        ] {
            assert!(error.to_string().contains("retouch key rotate-master"), "{error}");
        }
    }
}

//! Signed links: to results for clients, to inputs for providers that fetch them. Each works without
//! a key, for an hour.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;

use crate::clock::seconds;
use crate::id::JobId;

/// How long a link works, in seconds.
const LIFE: u64 = 3_600;
/// Bytes of the master key.
const KEY: usize = 32;

/// Signs links with a key of this installation.
#[derive(Clone)]
pub struct Links {
    key: [u8; KEY],
    public_url: String,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

impl Links {
    /// Reads the installation's master key, or makes it once.
    /// `public_url` is how providers reach us; empty: they cannot.
    ///
    /// # Errors
    /// When the key can be neither read nor made.
    pub fn open(data_dir: &Path, public_url: &str) -> io::Result<Self> {
        let master = master_key(&data_dir.join("master.key"))?;
        let key = blake3::derive_key("retouch 2026 image links v1", &master);
        Ok(Self { key, public_url: public_url.trim_end_matches('/').to_owned() })
    }

    /// Where a provider fetches an input, if it can reach us.
    pub fn input_url(&self, name: &str, now_ms: u64) -> Option<String> {
        if self.public_url.is_empty() {
            return None;
        }
        let expires = seconds(now_ms) + LIFE;
        let sig = BASE64URL_NOPAD.encode(self.sign_input(name, expires).as_bytes());
        Some(format!("{}/io/in/{name}.{expires}.{sig}", self.public_url))
    }

    /// The name of the input that such a link's last part stands for.
    pub fn input<'t>(&self, token: &'t str, now_ms: u64) -> Option<&'t str> {
        let (rest, sig) = token.rsplit_once('.')?;
        let (name, expires) = rest.split_once('.')?;
        let expires: u64 = expires.parse().ok()?;
        let sig = BASE64URL_NOPAD.decode(sig.as_bytes()).ok()?;
        let given = blake3::Hash::from_slice(&sig).ok()?;
        let valid = expires >= seconds(now_ms) && given == self.sign_input(name, expires);
        valid.then_some(name)
    }

    /// The query of a link made now.
    pub fn query(&self, job: &JobId, image: usize, now_ms: u64) -> String {
        let expires = seconds(now_ms) + LIFE;
        let sig = BASE64URL_NOPAD.encode(self.sign(job, image, expires).as_bytes());
        format!("exp={expires}&sig={sig}")
    }

    /// Whether a link is ours and not too old.
    pub fn is_valid(
        &self,
        job: &JobId,
        image: usize,
        expires: u64,
        sig: &str,
        now_ms: u64,
    ) -> bool {
        let given = BASE64URL_NOPAD
            .decode(sig.as_bytes())
            .ok()
            .and_then(|sig| blake3::Hash::from_slice(&sig).ok());
        // Hashes compare in constant time.
        expires >= seconds(now_ms) && given == Some(self.sign(job, image, expires))
    }

    fn sign_input(&self, name: &str, expires: u64) -> blake3::Hash {
        blake3::keyed_hash(&self.key, format!("in/{name}/{expires}").as_bytes())
    }

    fn sign(&self, job: &JobId, image: usize, expires: u64) -> blake3::Hash {
        blake3::keyed_hash(&self.key, format!("{job}/{image}/{expires}").as_bytes())
    }
}

/// Only the owner may read the file; it is never written half-way.
fn master_key(path: &Path) -> io::Result<[u8; KEY]> {
    match fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            let what =
                format!("{} does not hold {KEY} bytes; restore it from a backup", path.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; KEY];
            getrandom::fill(&mut key).map_err(io::Error::other)?;
            write_once(path, &key)
        }
        Err(error) => Err(error),
    }
}

fn write_once(path: &Path, key: &[u8; KEY]) -> io::Result<[u8; KEY]> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("tmp");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    Ok(*key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_one_image_for_an_hour_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let job = JobId::new();
        let query = Links::open(dir.path(), "https://us.example/").unwrap().query(&job, 0, 5_000);
        let (exp, sig) = query.strip_prefix("exp=").unwrap().split_once("&sig=").unwrap();
        let exp: u64 = exp.parse().unwrap();
        let links = Links::open(dir.path(), "https://us.example/").unwrap();
        assert!(links.is_valid(&job, 0, exp, sig, 5_000));
        assert!(!links.is_valid(&job, 1, exp, sig, 5_000), "another image");
        assert!(!links.is_valid(&job, 0, exp + 1, sig, 5_000), "another time");
        assert!(!links.is_valid(&JobId::new(), 0, exp, sig, 5_000), "another job");
        assert!(!links.is_valid(&job, 0, exp, sig, 4_000_000), "too late");
    }

    #[test]
    fn a_provider_fetches_one_input_for_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let links = Links::open(dir.path(), "https://us.example/").unwrap();
        let url = links.input_url("abc", 5_000).unwrap();
        let token = url.strip_prefix("https://us.example/io/in/").unwrap();
        assert_eq!(links.input(token, 5_000), Some("abc"));
        assert_eq!(links.input(token, 4_000_000), None, "too late");
        assert_eq!(links.input(&token.replace("abc", "abd"), 5_000), None, "another image");
        assert_eq!(Links::open(dir.path(), "").unwrap().input_url("abc", 0), None);
    }
}

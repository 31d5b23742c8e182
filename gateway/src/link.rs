//! Signed links: to results for clients, to inputs for providers that fetch them. Each works without
//! a key, for an hour.

use data_encoding::BASE64URL_NOPAD;

use crate::clock::seconds;
use crate::id::JobId;
use crate::master::MasterKey;

/// How long a link works, in seconds.
const LIFE: u64 = 3_600;
/// Signs links with a key of this installation.
#[derive(Clone)]
pub struct Links {
    key: [u8; 32],
    public_url: String,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

impl Links {
    /// Signs with that installation's key. `public_url` is how providers reach us; empty: they cannot.
    pub fn new(master: &MasterKey, public_url: &str) -> Self {
        let key = master.derive("retouch 2026 image links v1");
        Self { key, public_url: public_url.trim_end_matches('/').to_owned() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_one_image_for_an_hour_also_after_a_restart() {
        let key = MasterKey::of("a key of thirty-two characters or more").unwrap();
        let job = JobId::new();
        let query = Links::new(&key, "https://us.example/").query(&job, 0, 5_000);
        let (exp, sig) = query.strip_prefix("exp=").unwrap().split_once("&sig=").unwrap();
        let exp: u64 = exp.parse().unwrap();
        let links = Links::new(&key, "https://us.example/");
        assert!(links.is_valid(&job, 0, exp, sig, 5_000));
        assert!(!links.is_valid(&job, 1, exp, sig, 5_000), "another image");
        assert!(!links.is_valid(&job, 0, exp + 1, sig, 5_000), "another time");
        assert!(!links.is_valid(&JobId::new(), 0, exp, sig, 5_000), "another job");
        assert!(!links.is_valid(&job, 0, exp, sig, 4_000_000), "too late");
    }

    #[test]
    fn a_provider_fetches_one_input_for_an_hour() {
        let key = MasterKey::of("a key of thirty-two characters or more").unwrap();
        let links = Links::new(&key, "https://us.example/");
        let url = links.input_url("abc", 5_000).unwrap();
        let token = url.strip_prefix("https://us.example/io/in/").unwrap();
        assert_eq!(links.input(token, 5_000), Some("abc"));
        assert_eq!(links.input(token, 4_000_000), None, "too late");
        assert_eq!(links.input(&token.replace("abc", "abd"), 5_000), None, "another image");
        assert_eq!(Links::new(&key, "").input_url("abc", 0), None);
    }
}

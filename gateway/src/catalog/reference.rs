//! How a secret is written in a file: literally, sealed for the hosts it may be sent to, or as a
//! reference to where it is kept.

use std::collections::BTreeSet;
use std::path::Path;

use super::provider::{Hosts, SANDBOX};
use super::text;
use crate::master::{MasterKey, SealError};
use crate::secret::Secret;
use crate::upstream::egress::Origin;

/// What is wrong with a written secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The problem, without the secret.
    pub what: String,
    /// The mend.
    pub mend: String,
}

/// What a provider's key is sealed for: its origins, whichever of them is in use. Another file with
/// the same ones may hold the same text; where one is another, the key is unreadable.
pub fn place(hosts: &Hosts) -> String {
    let origins = [&hosts.domestic, &hosts.overseas].into_iter().filter_map(|host| {
        let is_sandbox = host == SANDBOX;
        if is_sandbox { Some(host.clone()) } else { Origin::parse(host).map(|o| o.to_string()) }
    });
    origins.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

/// Whether a written secret is sealed, readable or not.
pub fn is_sealed(written: &str) -> bool {
    written.trim().starts_with("enc:")
}

/// The secret that `written` stands for: a literal, `${env:NAME}`, `${file:/path}`, or `enc:v1:…` that
/// was sealed with `master` for `place`.
///
/// # Errors
/// When the reference leads nowhere, or the seal does not open.
pub fn resolve(
    written: &str,
    master: Option<&MasterKey>,
    place: &str,
) -> Result<Secret, Unresolved> {
    let Some(inner) = written.strip_prefix("${").and_then(|w| w.strip_suffix('}')) else {
        return if is_sealed(written) {
            unsealed(written, master, place)
        } else {
            literal(written)
        };
    };
    match inner.split_once(':') {
        Some(("env", name)) => from_env(name),
        Some(("file", path)) => from_file(path),
        _ => Err(unresolved(
            "is a reference of an unknown kind",
            "write ${env:NAME} or ${file:/path}",
        )),
    }
}

fn literal(written: &str) -> Result<Secret, Unresolved> {
    let text = written.trim();
    if text.is_empty() {
        return Err(unresolved("is empty", "write the account's key, or ${env:NAME}"));
    }
    if text.starts_with("${") {
        let mend = "write ${env:NAME} or ${file:/path}, and nothing behind it";
        return Err(unresolved("is a reference without its end", mend));
    }
    sendable(text)
}

fn unsealed(written: &str, master: Option<&MasterKey>, place: &str) -> Result<Secret, Unresolved> {
    let anew = "write the key anew";
    let Some(master) = master else {
        return Err(unresolved(
            "is sealed, and there is no master key to open it with: RETOUCH_MASTER_KEY is not set, and \
             the data folder has no master.key",
            "give the one it was sealed with, name its folder with --data, or write the key anew",
        ));
    };
    match master.unseal(written.trim(), place) {
        Ok(secret) => sendable(secret.expose()),
        Err(SealError::Form) => Err(unresolved("is sealed in a form nobody can read", anew)),
        Err(SealError::Key | SealError::Random) => {
            Err(unresolved("was sealed for other hosts or with another master key", anew))
        }
    }
}

fn from_env(name: &str) -> Result<Secret, Unresolved> {
    #[expect(clippy::disallowed_methods, reason = "the operator names the variable")]
    let value = std::env::var(name).unwrap_or_default();
    if value.trim().is_empty() {
        let what = format!("names the variable {name}, which is not set");
        return Err(unresolved(what, format!("export {name}=… before the start")));
    }
    sendable(value.trim())
}

fn from_file(path: &str) -> Result<Secret, Unresolved> {
    match text::read(Path::new(path)) {
        Ok(text) if !text.trim().is_empty() => sendable(text.trim()),
        Ok(_) => Err(unresolved(
            format!("names the file {path}, which is empty"),
            "write the key into it",
        )),
        Err(error) => {
            let what = format!("names the file {path}, which cannot be read: {error}");
            Err(unresolved(what, "check path and permissions"))
        }
    }
}

/// A key travels in a header, so it must be able to stand in one.
fn sendable(text: &str) -> Result<Secret, Unresolved> {
    if text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Ok(Secret::new(text.to_owned()));
    }
    Err(unresolved("holds a character no key has", "copy it again, without spaces or quotes"))
}

fn unresolved(what: impl Into<String>, mend: impl Into<String>) -> Unresolved {
    Unresolved { what: what.into(), mend: mend.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(written: &str) -> Result<Secret, Unresolved> {
        resolve(written, None, "")
    }

    fn hosts(domestic: &str, overseas: &str) -> Hosts {
        Hosts { domestic: domestic.to_owned(), overseas: overseas.to_owned() }
    }

    #[test]
    fn resolves_literals_and_says_what_is_missing() {
        assert_eq!(plain("k-1").map(|s| s.expose().to_owned()), Ok("k-1".to_owned()));
        for (written, what) in [
            ("", "is empty"),
            ("${env:RETOUCH_NO_SUCH}", "names the variable RETOUCH_NO_SUCH, which is not set"),
            ("${vault:x}", "is a reference of an unknown kind"),
            ("${env:NAME", "is a reference without its end"),
            ("two words", "holds a character no key has"),
            ("密钥", "holds a character no key has"),
        ] {
            assert_eq!(plain(written).err().map(|e| e.what), Some(what.to_owned()), "{written}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn a_place_is_the_origins_whatever_their_order_and_spelling() {
        for (domestic, overseas, want) in [
            ("https://a.example", "", "https://a.example:443"),
            ("https://a.example", "https://a.example:443", "https://a.example:443"),
            ("https://A.example/", "http://b.example", "http://b.example:80 https://a.example:443"),
            ("http://b.example", "https://a.example", "http://b.example:80 https://a.example:443"),
            ("sandbox:", "", "sandbox:"),
            ("", "", ""),
        ] {
            assert_eq!(place(&hosts(domestic, overseas)), want, "{domestic} {overseas}");
        }
    }

    #[test]
    fn a_seal_opens_with_its_key_for_its_origins() {
        let (master, other) = (MasterKey::make().unwrap(), MasterKey::make().unwrap());
        let here = place(&hosts("https://a.example", "https://b.example"));
        let there = place(&hosts("https://a.example", "https://evil.example"));
        let sealed = |text: &str| master.seal(&Secret::new(text), &here).unwrap();
        let key = sealed("sk-1");
        assert_eq!(resolve(&key, Some(&master), &here), Ok(Secret::new("sk-1")));
        let elsewhere = "was sealed for other hosts or with another master key";
        for (written, master, place, what) in [
            (key.as_str(), Some(&master), &there, elsewhere),
            (&key, Some(&other), &here, elsewhere),
            (&key, None, &here, "is sealed, and there is no master key"),
            ("enc:v2:AAAA", Some(&master), &here, "is sealed in a form nobody can read"),
            ("enc:", Some(&master), &here, "is sealed in a form nobody can read"),
            (&sealed("two words"), Some(&master), &here, "holds a character no key has"),
        ] {
            let error = resolve(written, master, place).unwrap_err();
            assert!(error.what.starts_with(what), "{error:?}");
            assert!(!error.mend.is_empty());
        }
    }
}

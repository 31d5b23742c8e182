//! `config/plugins.lock`: which plugins from `plugin_dirs` the operator trusts, byte for byte.
//!
//! ```toml
//! [[plugin]]
//! id = "acme.images"
//! version = "1.4.0"
//! sha256 = "…"
//! ```
//! Whoever can write beside the executable can replace it, so plugins there need no line.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::catalog::text;

use super::{Fault, Label, Refusal, ffi};

/// The lock file's lines.
#[derive(Debug)]
pub(super) struct Lock {
    file: PathBuf,
    trusted: Vec<Trusted>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trusted {
    id: String,
    version: String,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    plugin: Vec<Trusted>,
}

impl Lock {
    /// Reads the file. One that is missing trusts nothing; one that is wrong trusts nothing either
    /// and is itself refused.
    pub(super) fn read(file: &Path) -> (Self, Option<Refusal>) {
        let refused = |what: String, mend: &str| Fault::new(what, mend).of(file);
        let (trusted, refusal) = match text::read(file) {
            Ok(text) => match toml::from_str::<Document>(&text) {
                Ok(document) => (document.plugin, None),
                Err(error) => {
                    let line = error.span().map_or(1, |span| line(&text, span.start));
                    let what = format!("line {line}: {}", error.message());
                    let mend = "each [[plugin]] has id, version and sha256";
                    (Vec::new(), Some(refused(what, mend)))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), None),
            Err(error) => {
                let what = format!("cannot be read: {error}");
                (Vec::new(), Some(refused(what, "check its permissions")))
            }
        };
        (Self { file: file.to_owned(), trusted }, refusal)
    }

    /// Whether exactly these bytes of this plugin are trusted.
    pub(super) fn admits(&self, label: &Label, sha256: &str) -> Result<(), Fault> {
        let (id, version) = (&label.id, &label.version);
        if self.trusted.iter().any(|t| t.id == *id && t.version == *version && t.sha256 == sha256) {
            return Ok(());
        }
        let lock = self.file.display();
        let line =
            format!("[[plugin]] id = \"{id}\", version = \"{version}\", sha256 = \"{sha256}\"");
        if self.trusted.iter().any(|trusted| trusted.id == *id) {
            let what = format!("is not the `{id}` that {lock} lists");
            return Err(Fault::new(what, format!("if you trust the new file, list it: {line}")));
        }
        let what = format!("`{id}` is not listed in {lock}");
        Err(Fault::new(what, format!("if you trust it, add: {line}")))
    }
}

/// Whether nobody but root and us can change a file or folder of `plugin_dirs`.
pub(super) fn guarded(path: &Path) -> Result<(), Fault> {
    let unreadable =
        |error| Fault::new(format!("cannot be read: {error}"), "check its permissions");
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let owner = metadata.uid();
    let shown = path.display();
    if owner != 0 && owner != ffi::effective_user() {
        let what = format!("belongs to another user (uid {owner})");
        return Err(Fault::new(what, format!("make it yours: chown $(id -u) {shown}")));
    }
    if metadata.mode() & 0o022 != 0 {
        let what = "can be written by its group or by anyone";
        return Err(Fault::new(what, format!("take that away: chmod go-w {shown}")));
    }
    Ok(())
}

fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn label() -> Label {
        let json = br#"{"abi":1,"id":"acme","version":"1.0.0","types":[{"id":"acme-edit"}]}"#;
        Label::parse(json).unwrap()
    }

    fn lock(text: &str) -> (Lock, Option<Refusal>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plugins.lock");
        fs::write(&file, text).unwrap();
        Lock::read(&file)
    }

    #[test]
    fn admits_exactly_what_is_listed() {
        let line = |version, sha256| {
            format!("[[plugin]]\nid = \"acme\"\nversion = \"{version}\"\nsha256 = \"{sha256}\"\n")
        };
        let cases = [
            (line("1.0.0", "ab"), "", ""),
            (line("0.9.0", "cd") + &line("1.0.0", "ab"), "", ""),
            (line("1.0.0", "cd"), "is not the `acme`", "sha256 = \"ab\""),
            (line("1.1.0", "ab"), "is not the `acme`", "sha256 = \"ab\""),
            (String::new(), "`acme` is not listed", "add: [[plugin]]"),
        ];
        for (text, what, mend) in cases {
            let (lock, refusal) = lock(&text);
            assert_eq!(refusal, None);
            let fault = lock.admits(&label(), "ab").err();
            assert_eq!(fault.is_some(), !what.is_empty(), "{text}");
            if let Some(fault) = fault {
                assert!(fault.what.contains(what), "{}", fault.what);
                assert!(fault.mend.contains(mend), "{}", fault.mend);
            }
        }
    }

    #[test]
    fn a_wrong_file_trusts_nothing_and_is_named() {
        let (lock, refusal) = lock("[[plugin]]\nid = \"acme\"\nversion = 1\n");
        assert!(lock.trusted.is_empty());
        assert!(refusal.unwrap().what.contains("line 3"));
        let (lock, refusal) = Lock::read(Path::new("/nonexistent/plugins.lock"));
        assert!(lock.trusted.is_empty() && refusal.is_none());
    }

    #[test]
    fn guards_against_others_who_write() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, fine) in [(0o755, true), (0o700, true), (0o775, false), (0o757, false)] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(guarded(dir.path()).is_ok(), fine, "{mode:o}");
        }
    }
}

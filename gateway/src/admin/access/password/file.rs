//! `data/admin.toml`: the password's argon2id string, for its owner alone to read.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Hashed;
use crate::catalog::save;

/// Its name in the data folder.
const FILE: &str = "admin.toml";
/// How it begins.
const HEADER: &str = "\
# The operator's password, as an argon2id hash only. Set another with `retouch admin set-password`;
# a gateway that runs takes it up, and whoever is signed in has to sign in again.
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    password: String,
}

/// Where it is.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// What it says; nothing where it is not there.
///
/// # Errors
/// In words for the operator, when it cannot be used.
pub(super) fn read(file: &Path) -> Result<Option<Hashed>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}

/// Sets the password in a data folder, and says in which file.
///
/// # Errors
/// When it cannot be written; the old one stands then.
pub(crate) fn write(data_dir: &Path, hashed: &Hashed) -> io::Result<PathBuf> {
    let file = path(data_dir);
    replace(&file, hashed).map(|()| file)
}

/// Replaces it.
///
/// # Errors
/// When it cannot be written; the old one stands then.
pub(super) fn replace(file: &Path, hashed: &Hashed) -> io::Result<()> {
    save::replace(file, &format!("{HEADER}password = \"{}\"\n", hashed.0))
}

fn parse(text: &str) -> Result<Hashed, String> {
    // Without the line it is about, which may hold the hash.
    let stored: Stored = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    Hashed::parse(&stored.password).map_err(|unfit| unfit.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::tests::CHEAP;
    use super::*;

    #[test]
    fn what_is_written_is_read_and_only_by_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&path(dir.path())), Ok(None));
        let hashed = Hashed::parse(CHEAP).unwrap();
        let file = write(dir.path(), &hashed).unwrap();
        assert_eq!(read(&file), Ok(Some(hashed)));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_used_is_said_without_the_hash() {
        let whole = format!("password = \"{CHEAP}\"\n");
        assert!(parse(&whole).is_ok());
        for text in [
            "",
            "password = 1",
            "password = \"letmein1\"",
            &whole[..whole.len() - 3],
            &format!("{whole}pasword = 1\n"),
            &format!("{whole}{whole}"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(!why.is_empty() && !why.contains("$argon2id") && !why.contains("letmein"));
        }
    }
}

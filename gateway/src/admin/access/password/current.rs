//! The password that holds just now: the environment's, or else the file's as it is at this moment.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use super::{Hashed, file};
use crate::clock::Ms;
use crate::stamp::Stamp;

/// Where the password comes from.
#[derive(Debug)]
pub(crate) struct Current {
    source: Source,
    is_set: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Source {
    /// The environment, for as long as the process lives.
    Fixed(Hashed),
    /// A file, which is looked at again when it has changed.
    File { path: PathBuf, seen: Mutex<Seen> },
}

#[derive(Debug)]
struct Seen {
    stamp: Option<Stamp>,
    at: Ms,
    known: Known,
}

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// There is none.
    Unset,
    /// Its string.
    Set(Hashed),
    /// There is a file that cannot be used: nobody can know the password, and it is not unset.
    Broken(String),
}

impl Current {
    /// The environment's.
    pub(crate) fn fixed(hashed: Hashed) -> Self {
        Self { source: Source::Fixed(hashed), is_set: Arc::new(AtomicBool::new(true)) }
    }

    /// The one in the data folder, if there is one.
    ///
    /// # Errors
    /// When its file cannot be used.
    pub(crate) fn of_file(data_dir: &Path, now: Ms) -> io::Result<Self> {
        let path = file::path(data_dir);
        let seen = Seen::look(&path, now);
        if let Known::Broken(why) = &seen.known {
            let what = format!("{}: {why}", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let is_set = Arc::new(AtomicBool::new(seen.known != Known::Unset));
        Ok(Self { source: Source::File { path, seen: Mutex::new(seen) }, is_set })
    }

    /// Whether there is one, for those who may not look at files to find out. It is as new as the last
    /// [`Self::known`].
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        self.is_set.clone()
    }

    /// Whether only the environment can change it.
    pub(in crate::admin) fn is_fixed(&self) -> bool {
        matches!(self.source, Source::Fixed(_))
    }

    /// What is known now. Reads the file where it has changed.
    pub(in crate::admin) fn known(&self, now: Ms) -> Known {
        let (path, seen) = match &self.source {
            Source::Fixed(hashed) => return Known::Set(hashed.clone()),
            Source::File { path, seen } => (path, seen),
        };
        let mut seen = lock(seen);
        if !seen.holds(path) {
            let before = std::mem::replace(&mut *seen, Seen::look(path, now));
            if before.known != seen.known {
                self.is_set.store(seen.known != Known::Unset, Ordering::Release);
                tell(path, &before.known, &seen.known);
            }
        }
        seen.known.clone()
    }

    /// Sets another one, for good.
    ///
    /// # Errors
    /// When it cannot be written, or only the environment can change it.
    pub(in crate::admin) async fn replace(&self, hashed: Hashed, now: Ms) -> io::Result<()> {
        let Source::File { path, .. } = &self.source else {
            return Err(io::Error::other("the environment sets the password"));
        };
        let path = path.clone();
        let write = move || file::replace(&path, &hashed);
        tokio::task::spawn_blocking(write).await??;
        self.known(now);
        Ok(())
    }
}

impl Seen {
    fn look(path: &Path, now: Ms) -> Self {
        // First the stamp: what is written in between is found the next time.
        let stamp = Stamp::of(path);
        let known = match file::read(path) {
            Ok(None) => Known::Unset,
            Ok(Some(hashed)) => Known::Set(hashed),
            Err(why) => Known::Broken(why),
        };
        Self { stamp, at: now, known }
    }

    fn holds(&self, path: &Path) -> bool {
        let is_settled = self.stamp.is_none_or(|stamp| stamp.is_settled(self.at));
        is_settled && Stamp::of(path) == self.stamp
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Set(_) => f.write_str("set"),
            Self::Broken(why) => write!(f, "broken, so that nobody can sign in: {why}"),
        }
    }
}

fn tell(file: &Path, before: &Known, now: &Known) {
    let file = file.display();
    if matches!((before, now), (Known::Unset, Known::Set(_))) {
        tracing::info!(%file, "The operator has a password from now on.");
    } else {
        tracing::warn!(%file, password = %now, "The operator's password has changed; whoever was signed in is not any more.");
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::CHEAP;
    use super::*;

    #[test]
    fn a_file_is_taken_up_when_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let current = Current::of_file(dir.path(), 0).unwrap();
        let is_set = current.flag();
        let path = file::path(dir.path());
        let hashed = Hashed::parse(CHEAP).unwrap();
        let mut now = 0;
        let mut look = || {
            now += 1;
            (current.known(now), is_set.load(Ordering::Acquire))
        };
        assert_eq!(look(), (Known::Unset, false));
        fs::write(&path, format!("password = \"{CHEAP}\"")).unwrap();
        assert_eq!(look(), (Known::Set(hashed), true));
        fs::write(&path, "password = \"").unwrap();
        let (known, is_set) = look();
        assert!(matches!(known, Known::Broken(_)) && is_set, "what is broken is not unset");
        fs::remove_file(&path).unwrap();
        assert_eq!(look(), (Known::Unset, false));
    }

    #[test]
    fn a_start_with_a_broken_one_names_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(file::path(dir.path()), "password = \"x\"").unwrap();
        let error = Current::of_file(dir.path(), 0).unwrap_err().to_string();
        assert!(error.contains("admin.toml") && error.contains("set-password"), "{error}");
    }
}

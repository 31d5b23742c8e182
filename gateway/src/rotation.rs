//! Another master key in the place of the one in use, while no gateway runs: whatever the old one has
//! sealed is sealed with the new one, under the same names.
//!
//! Nothing is written before everything was looked at. From then on a mark stands in the data folder
//! until the end: no gateway starts, and wherever it is broken off, running it again finishes it. What
//! the old key has signed, which is links, ends with it.

mod files;
mod keys;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::catalog::files::Files;
use crate::catalog::last_good::LastGood;
use crate::catalog::save;
use crate::master::{self, Next, Succession};
use crate::pin::Pin;
use crate::plugin::Registry;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::store::lock::{Lock, LockError};
use crate::store::sqlite::Sqlite;
use crate::store::{DATABASE, Store, StoreError};
use keys::Keys;

/// Where everything lies.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The folder with `providers/`.
    pub config_dir: &'a Path,
    /// The data folder.
    pub data_dir: &'a Path,
    /// The plugins: API types know hosts that a file does not name.
    pub plugins: &'a Registry,
}

/// What the environment gives.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `RETOUCH_MASTER_KEY`
    pub current: Option<Secret>,
    /// `RETOUCH_NEW_MASTER_KEY`
    pub new: Option<Secret>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Whether it had been broken off before; the rest of this then tells only what was left to do.
    pub resumed: bool,
    /// The providers' files that hold a sealed key.
    pub files: Vec<PathBuf>,
    /// Pins.
    pub pins: usize,
    /// Whether a copy of the last good catalog was sealed anew.
    pub last_good: bool,
    /// The new key's file; `None`: it is in `RETOUCH_NEW_MASTER_KEY`.
    pub key_file: Option<PathBuf>,
}

/// Why the old key is still the key, or, with the mark, neither is.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// There is nothing to replace.
    #[error("there is no master key in {}; the first start makes one", .0.display())]
    NoKey(PathBuf),
    /// The key in use is in the environment, so the new one must be.
    #[error("RETOUCH_MASTER_KEY is in use; put the key to come into RETOUCH_NEW_MASTER_KEY")]
    NoNewKey,
    /// The key in use is in a file, so a new one is made.
    #[error(
        "the master key is in a file, and a new one is made; unset RETOUCH_NEW_MASTER_KEY, which \
         counts only beside RETOUCH_MASTER_KEY"
    )]
    NewKeyUnused,
    /// Both are one.
    #[error("RETOUCH_NEW_MASTER_KEY is the key in use; put another one there")]
    SameKey,
    /// What was broken off began with variables that are not set now.
    #[error(
        "this change began with RETOUCH_MASTER_KEY and RETOUCH_NEW_MASTER_KEY; set both as they were \
         then"
    )]
    OtherVariables,
    /// It began with a file.
    #[error("this change began with the key in master.key; unset RETOUCH_MASTER_KEY")]
    OtherFile,
    /// It began with another key to come.
    #[error("RETOUCH_NEW_MASTER_KEY is not the key this change began with; put that one there")]
    OtherNewKey,
    /// A key that is none, or not the one of this folder.
    #[error("the master key cannot be used: {0}")]
    Key(io::Error),
    /// The data folder is somebody's.
    #[error(transparent)]
    Held(#[from] LockError),
    /// Files with sealed keys that nobody can open, or that cannot be read.
    #[error("{}", lines(.0))]
    Problems(Vec<Problem>),
    /// Files or folders that cannot be written.
    #[error("{} cannot be written: {error}; let this user write there", .path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file that nothing can take the place of.
    #[error(
        "{} is mounted by itself and cannot be replaced; mount the folder it is in instead, or take \
         the mount away while the master key changes", .0.display()
    )]
    Mounted(PathBuf),
    /// An editor was faster.
    #[error("somebody else wrote to the providers' files meanwhile; run this again")]
    Overtaken,
    /// Somebody else is at the configuration.
    #[error("another process holds the lock of {} (flock); try again once it is done", .0.display())]
    Busy(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It went wrong after it was begun.
    #[error("{0}; mend that and run this again: until then no gateway starts")]
    Unfinished(Box<Self>),
}

/// Does it all.
///
/// # Errors
/// See [`RotationError`]; only [`RotationError::Unfinished`] leaves anything changed.
pub async fn run(place: Place<'_>, given: &Given) -> Result<Done, RotationError> {
    taken(place, given, Step::ALL.len()).await
}

/// Takes the first so many steps.
async fn taken(place: Place<'_>, given: &Given, most: usize) -> Result<Done, RotationError> {
    if !place.data_dir.is_dir() {
        return Err(RotationError::NoKey(place.data_dir.to_owned()));
    }
    let lock = Lock::take(place.data_dir, Duration::ZERO).await?;
    let keys = Keys::read(place.data_dir, given)?;
    let done = async {
        let mut rotation = Rotation::prepare(place, keys, lock)?;
        for step in Step::ALL.into_iter().take(most) {
            rotation.take(step).await?;
        }
        Ok(rotation.done)
    };
    let done: Result<Done, RotationError> = done.await;
    done.map_err(|error| match Next::read(place.data_dir) {
        Ok(None) => error,
        Ok(Some(_)) | Err(_) => RotationError::Unfinished(Box::new(error)),
    })
}

/// The steps, each of which may be taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// From here on it must be finished.
    Mark,
    /// Keys in the providers' files.
    Files,
    /// Keys that attempts under way go on with.
    Pins,
    /// The copy of the catalog.
    LastGood,
    /// The folder is the new key's.
    Claim,
    /// The new key is the folder's.
    Settle,
}

impl Step {
    const ALL: [Self; 6] =
        [Self::Mark, Self::Files, Self::Pins, Self::LastGood, Self::Claim, Self::Settle];
}

struct Rotation<'a> {
    place: Place<'a>,
    keys: Succession,
    next: Next,
    store: Option<Sqlite>,
    done: Done,
    _data: Lock,
    _config: Option<File>,
}

impl<'a> Rotation<'a> {
    /// Looks at everything there is to do.
    fn prepare(place: Place<'a>, keys: Keys, lock: Lock) -> Result<Self, RotationError> {
        let Place { config_dir, data_dir, plugins } = place;
        let Keys { keys, next, resumed } = keys;
        let config =
            save::lock(config_dir).map_err(|_| RotationError::Busy(config_dir.to_owned()))?;
        save::complete(config_dir).map_err(|error| unwritable(config_dir, error))?;
        let changes = files::resealed(&Files::read(config_dir), plugins, &keys);
        files::assert_writable(config_dir, &changes.map_err(RotationError::Problems)?)?;
        let database = data_dir.join(DATABASE);
        let store = database.exists().then(|| Sqlite::open(&database)).transpose()?;
        let key_file = matches!(next, Next::Made(_)).then(|| data_dir.join(master::FILE));
        let done = Done { resumed, key_file, ..Done::default() };
        Ok(Self { place, keys, next, store, done, _data: lock, _config: config })
    }

    async fn take(&mut self, step: Step) -> Result<(), RotationError> {
        match step {
            Step::Mark => self.mark(),
            Step::Files => self.reseal_files(),
            Step::Pins => self.reseal_pins().await,
            Step::LastGood => self.reseal_last_good(),
            Step::Claim => self.claim(),
            Step::Settle => self.settle(),
        }
    }

    fn mark(&self) -> Result<(), RotationError> {
        self.next.mark(self.place.data_dir).map_err(|error| self.data(error))
    }

    /// Where it fails in the run that has left the mark, the mark goes: the old key is the key still.
    fn reseal_files(&mut self) -> Result<(), RotationError> {
        let before = Files::read(self.place.config_dir);
        self.reseal(&before).inspect_err(|error| {
            let is_unwritten =
                matches!(error, RotationError::Overtaken | RotationError::Problems(_))
                    || files::are_as_before(self.place.config_dir, &before);
            if is_unwritten && !self.done.resumed {
                self.done.files.clear();
                // Where it cannot go, the next run finishes what it says.
                let _ = self.next.withdraw(self.place.data_dir);
            }
        })
    }

    fn reseal(&mut self, before: &Files) -> Result<(), RotationError> {
        let Place { config_dir, plugins, .. } = self.place;
        let files = files::resealed(before, plugins, &self.keys);
        let files = files.map_err(RotationError::Problems)?;
        if files.is_empty() {
            return Ok(());
        }
        self.done.files = files.iter().map(|(file, _)| file.clone()).collect();
        let changes: Vec<_> = files.into_iter().map(|(file, text)| (file, Some(text))).collect();
        let is_still = || changes.iter().all(|(file, _)| before.is_still(file));
        match save::write_while(config_dir, &changes, is_still) {
            Ok(true) => Ok(()),
            Ok(false) => Err(RotationError::Overtaken),
            Err(error) => Err(files::unwritten(config_dir, &changes, error)),
        }
    }

    async fn reseal_pins(&mut self) -> Result<(), RotationError> {
        let Some(store) = &self.store else { return Ok(()) };
        let keys = self.keys.clone();
        // One that neither key opens was lost before.
        let anew = move |content: &str| Pin::resealed(content, &keys).ok().flatten();
        self.done.pins = store.rewrite_pins(Box::new(anew)).await?;
        Ok(())
    }

    fn reseal_last_good(&mut self) -> Result<(), RotationError> {
        let Place { data_dir, plugins, .. } = self.place;
        let anew = |file: &Path, text: &str| {
            let is_provider = file.starts_with("providers");
            is_provider.then(|| files::of(file, text, plugins, &self.keys).ok().flatten()).flatten()
        };
        let resealed = LastGood::reseal(data_dir, &self.keys, anew);
        self.done.last_good = resealed.map_err(|error| self.data(error))?;
        Ok(())
    }

    fn claim(&self) -> Result<(), RotationError> {
        self.keys.new.claim(self.place.data_dir).map_err(|error| self.data(error))
    }

    fn settle(&self) -> Result<(), RotationError> {
        self.next.settle(self.place.data_dir).map_err(|error| self.data(error))
    }

    fn data(&self, error: io::Error) -> RotationError {
        unwritable(self.place.data_dir, error)
    }
}

fn unwritable(path: &Path, error: io::Error) -> RotationError {
    RotationError::Unwritable { path: path.to_owned(), error }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

//! Looks for plugins in their folders, again and again: what did not change since the last look is
//! neither read nor loaded again. What a look comes to is a [`Registry`].

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use super::choice::{choose, settle_types};
use super::lock::{self, Lock};
use super::version::Version;
use super::{Fault, Label, Library, Refusal, Registry, Shelf, cache, ffi};
use crate::clock::{Ms, now_ms};
use crate::stamp::Stamp;

/// Versions that stay in memory until a restart, before that is said.
const MANY: usize = 32;

/// Where plugins are looked for.
#[derive(Clone, Debug)]
pub struct Dirs {
    /// Folders whose plugins need no line in the lock: the executable's own and its `plugins/`.
    pub own: Vec<PathBuf>,
    /// `plugin_dirs` of the settings.
    pub listed: Vec<PathBuf>,
    /// `config/plugins.lock`.
    pub lock: PathBuf,
}

impl Dirs {
    /// The running executable's folders, with the settings' own.
    ///
    /// # Errors
    /// When the system does not say where the executable is.
    pub fn of_executable(plugin_dirs: Vec<PathBuf>, lock: PathBuf) -> io::Result<Self> {
        let executable = std::env::current_exe()?;
        let beside = executable.parent().unwrap_or(Path::new("/")).to_owned();
        let plugins = beside.join("plugins");
        Ok(Self { own: vec![beside, plugins], listed: plugin_dirs, lock })
    }
}

/// Who looks.
pub struct Finder {
    dirs: Dirs,
    cache: PathBuf,
    /// Files as they were found, with their stamp and when it was taken.
    seen: HashMap<PathBuf, (Stamp, Ms, Found)>,
    /// What was loaded, by hash.
    loaded: HashMap<String, Arc<Library>>,
}

/// What a file is: a plugin, none, or one that cannot be used.
type Found = Result<Option<Arc<Known>>, Fault>;

/// What there is to know of a plugin's file without loading it.
#[derive(Debug)]
struct Known {
    label: Label,
    version: Version,
    sha256: String,
}

/// A file that is a plugin by its label, not yet loaded.
pub(super) struct Candidate {
    pub(super) file: PathBuf,
    pub(super) label: Label,
    pub(super) version: Version,
    pub(super) sha256: String,
}

impl Finder {
    /// In those folders; private copies go to `cache`.
    pub fn new(dirs: Dirs, cache: PathBuf) -> Self {
        Self { dirs, cache, seen: HashMap::new(), loaded: HashMap::new() }
    }

    /// Where it looks.
    pub fn dirs(&self) -> &Dirs {
        &self.dirs
    }

    /// Looks through the folders and loads what fits.
    pub fn scan(&mut self) -> Registry {
        let mut refusals = Vec::new();
        let found = self.find(&mut refusals);
        let chosen = choose(found, &mut refusals);
        let chosen = settle_types(chosen, &mut refusals);
        let mut libraries = Vec::new();
        for candidate in chosen {
            match self.load(&candidate) {
                Ok(library) => libraries.push(library),
                Err(fault) => refusals.push(fault.of(&candidate.file)),
            }
        }
        Registry::of(libraries, refusals)
    }

    /// A plugin by the private copy of its bytes, if it would still be trusted where it was found.
    pub fn kept_copy(&self, sha256: &str, file: &Path) -> Option<Arc<Library>> {
        let library = Shelf::new(self.cache.clone()).get(sha256).ok()?;
        let own = self.dirs.own.iter().any(|dir| file.parent() == Some(dir));
        let listed = || Lock::read(&self.dirs.lock).0.admits(library.label(), sha256).is_ok();
        (own || listed()).then_some(library)
    }

    fn find(&mut self, refusals: &mut Vec<Refusal>) -> Vec<Candidate> {
        let (lock, refusal) = Lock::read(&self.dirs.lock);
        let mut troubles = Vec::from_iter(refusal);
        let files = files(&self.dirs, &mut troubles);
        let there: BTreeSet<&PathBuf> = files.iter().map(|(file, _)| file).collect();
        self.seen.retain(|file, _| there.contains(file));
        let mut found = Vec::new();
        for (file, is_own) in &files {
            match self.judge(file, (!is_own).then_some(&lock)) {
                Ok(Some(candidate)) => found.push(candidate),
                Ok(None) => {}
                Err(fault) => refusals.push(fault.of(file)),
            }
        }
        refusals.append(&mut troubles);
        found
    }

    /// Judges a file; `None` when it is no plugin at all.
    fn judge(&mut self, file: &Path, lock: Option<&Lock>) -> Result<Option<Candidate>, Fault> {
        let Some(known) = self.known(file)? else { return Ok(None) };
        if let Some(lock) = lock {
            lock::guarded(file)?;
            lock.admits(&known.label, &known.sha256)?;
        }
        let Known { label, version, sha256 } = &*known;
        let (label, version, sha256) = (label.clone(), version.clone(), sha256.clone());
        Ok(Some(Candidate { file: file.to_owned(), label, version, sha256 }))
    }

    fn known(&mut self, file: &Path) -> Found {
        let stamp = Stamp::of(file);
        if let (Some(stamp), Some((known_by, at, found))) = (stamp, self.seen.get(file))
            && *known_by == stamp
            && stamp.is_settled(*at)
        {
            return found.clone();
        }
        let at = now_ms();
        let found = read(file, stamp);
        match stamp {
            Some(stamp) => drop(self.seen.insert(file.to_owned(), (stamp, at, found.clone()))),
            None => drop(self.seen.remove(file)),
        }
        found
    }

    fn load(&mut self, candidate: &Candidate) -> Result<Arc<Library>, Fault> {
        let Candidate { file, label, sha256, .. } = candidate;
        if let Some(library) = self.loaded.get(sha256).filter(|known| known.file() == file) {
            return Ok(library.clone());
        }
        let bytes = cache::read(file)?;
        if cache::sha256(&bytes) != *sha256 {
            return Err(unfinished());
        }
        let copy = cache::store(&bytes, sha256, &self.cache)?;
        let code = ffi::open(&copy, &label.id)?;
        let library = Arc::new(Library::new(label.clone(), sha256.clone(), file.clone(), code));
        let is_new = self.loaded.insert(sha256.clone(), library.clone()).is_none();
        let versions = self.loaded.len();
        if is_new && versions.is_multiple_of(MANY) {
            tracing::warn!(
                versions,
                "Every version of a plugin stays in memory; a restart gives it back."
            );
        }
        Ok(library)
    }
}

/// Reads and judges a file.
fn read(file: &Path, stamp: Option<Stamp>) -> Found {
    let bytes = cache::read(file)?;
    if Stamp::of(file) != stamp {
        return Err(unfinished());
    }
    let Some(label) = Label::of_file(&bytes)? else {
        return Ok(None);
    };
    label.fit()?;
    let version = Version::parse(&label.version)
        .ok_or_else(|| Fault::new("has no version", "mend the plugin's label.json"))?;
    let sha256 = cache::sha256(&bytes);
    Ok(Some(Arc::new(Known { label, version, sha256 })))
}

fn unfinished() -> Fault {
    Fault::new("is being written", "wait until it is whole")
}

/// The libraries to look at, and whether they lie in a folder of our own.
fn files(dirs: &Dirs, troubles: &mut Vec<Refusal>) -> Vec<(PathBuf, bool)> {
    let mut found = Vec::new();
    for dir in &dirs.own {
        match libraries_in(dir) {
            Ok(files) => found.extend(files.into_iter().map(|file| (file, true))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => troubles.push(unreadable(&error).of(dir)),
        }
    }
    let own: BTreeSet<PathBuf> =
        dirs.own.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
    for dir in &dirs.listed {
        // Named twice; what lies there is already in.
        if dir.canonicalize().is_ok_and(|dir| own.contains(&dir)) {
            continue;
        }
        let files = libraries_in(dir).map_err(|error| unreadable(&error));
        match files.and_then(|files| lock::guarded(dir).map(|()| files)) {
            Ok(files) => found.extend(files.into_iter().map(|file| (file, false))),
            Err(fault) => troubles.push(fault.of(dir)),
        }
    }
    found
}

fn unreadable(error: &io::Error) -> Fault {
    let what = format!("cannot be searched for plugins: {error}");
    Fault::new(what, "make the folder readable, or take it out of plugin_dirs")
}

/// The files of a folder that end in `.so`, in order.
fn libraries_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let file = entry?.path();
        if file.extension().is_some_and(|ending| ending == "so") && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

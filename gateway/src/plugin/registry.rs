//! Which plugins there are: one immutable answer to what lay in the folders at one moment.
//!
//! Building one never fails as a whole: what cannot be used is listed with its reason, the rest
//! works. The result depends only on the files, not on the order in which they are found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use super::label::ApiType;
use super::lock::{self, Lock};
use super::version::Version;
use super::{Fault, Label, Library, Refusal, cache, ffi};

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

/// The plugins in use, and the files that are not and why.
#[derive(Debug, Default)]
pub struct Registry {
    libraries: Vec<Arc<Library>>,
    /// API type id → which library, which of its types.
    types: BTreeMap<String, (usize, usize)>,
    refusals: Vec<Refusal>,
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

impl Registry {
    /// Looks through the folders and loads what fits; private copies go to `cache`.
    pub fn scan(dirs: &Dirs, cache: &Path) -> Self {
        let mut refusals = Vec::new();
        let found = find(dirs, &mut refusals);
        let chosen = choose(found, &mut refusals);
        let chosen = settle_types(chosen, &mut refusals);
        let mut libraries = Vec::new();
        for candidate in chosen {
            let file = candidate.file.clone();
            match candidate.load(cache) {
                Ok(library) => libraries.push(Arc::new(library)),
                Err(fault) => refusals.push(fault.of(&file)),
            }
        }
        Self::of(libraries, refusals)
    }

    fn of(libraries: Vec<Arc<Library>>, mut refusals: Vec<Refusal>) -> Self {
        let mut types = BTreeMap::new();
        for (which, library) in libraries.iter().enumerate() {
            for (index, api_type) in library.label().types.iter().enumerate() {
                types.insert(api_type.id.clone(), (which, index));
            }
        }
        refusals.sort_by(|a, b| a.file.cmp(&b.file));
        Self { libraries, types, refusals }
    }

    /// The plugins in use, by id.
    pub fn libraries(&self) -> &[Arc<Library>] {
        &self.libraries
    }

    /// What is not used, by file.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// The API type of that id and the plugin that offers it.
    pub fn api_type(&self, id: &str) -> Option<(&Arc<Library>, &ApiType)> {
        let (which, index) = self.types.get(id)?;
        let library = self.libraries.get(*which)?;
        Some((library, library.label().types.get(*index)?))
    }

    /// Plugins that have labels but no code, for tests of what only reads labels.
    #[cfg(test)]
    pub(crate) fn of_labels(labels: impl IntoIterator<Item = Label>) -> Self {
        let library = |label: Label| {
            let file = PathBuf::from(format!("{}.so", label.id));
            Arc::new(Library::new(label, cache::sha256(b""), file, ffi::Code::absent()))
        };
        Self::of(labels.into_iter().map(library).collect(), Vec::new())
    }

    /// Plugins that are part of the test itself: a label and a table each, and no file.
    #[cfg(test)]
    pub(crate) fn of_tables(
        tables: impl IntoIterator<Item = (Label, retouch_abi::Plugin)>,
    ) -> Self {
        let library = |(label, table): (Label, retouch_abi::Plugin)| {
            let file = PathBuf::from(format!("{}.so", label.id));
            let sha256 = cache::sha256(format!("{} {}", label.id, label.version).as_bytes());
            let code = ffi::Code::of_table(table, &label.id);
            Arc::new(Library::new(label, sha256, file, code))
        };
        Self::of(tables.into_iter().map(library).collect(), Vec::new())
    }
}

/// A file that is a plugin by its label, not yet loaded.
struct Candidate {
    file: PathBuf,
    label: Label,
    version: Version,
    sha256: String,
    bytes: Vec<u8>,
}

impl Candidate {
    /// Reads and judges a file; `None` when it is no plugin at all.
    fn read(file: &Path, lock: Option<&Lock>) -> Result<Option<Self>, Fault> {
        let bytes = cache::read(file)?;
        let Some(label) = Label::of_file(&bytes)? else {
            return Ok(None);
        };
        label.fit()?;
        let version = Version::parse(&label.version)
            .ok_or_else(|| Fault::new("has no version", "mend the plugin's label.json"))?;
        let sha256 = cache::sha256(&bytes);
        if let Some(lock) = lock {
            lock::guarded(file)?;
            lock.admits(&label, &sha256)?;
        }
        Ok(Some(Self { file: file.to_owned(), label, version, sha256, bytes }))
    }

    fn load(self, cache: &Path) -> Result<Library, Fault> {
        let copy = cache::store(&self.bytes, &self.sha256, cache)?;
        let code = ffi::open(&copy, &self.label.id)?;
        Ok(Library::new(self.label, self.sha256, self.file, code))
    }
}

fn find(dirs: &Dirs, refusals: &mut Vec<Refusal>) -> Vec<Candidate> {
    let (lock, refusal) = Lock::read(&dirs.lock);
    let mut found = Vec::new();
    let mut consider = |file: &Path, lock: Option<&Lock>| match Candidate::read(file, lock) {
        Ok(Some(candidate)) => found.push(candidate),
        Ok(None) => {}
        Err(fault) => refusals.push(fault.of(file)),
    };
    let mut troubles = Vec::from_iter(refusal);
    for dir in &dirs.own {
        match libraries_in(dir) {
            Ok(files) => files.iter().for_each(|file| consider(file, None)),
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
            Ok(files) => files.iter().for_each(|file| consider(file, Some(&lock))),
            Err(fault) => troubles.push(fault.of(dir)),
        }
    }
    refusals.append(&mut troubles);
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

/// One file for each plugin id: the highest version. Two files that claim the same version with
/// other bytes are both refused, since nobody can say which is meant.
fn choose(found: Vec<Candidate>, refusals: &mut Vec<Refusal>) -> Vec<Candidate> {
    let mut by_id: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for candidate in found {
        let same = by_id.entry(candidate.label.id.clone()).or_default();
        if same.iter().all(|other| other.sha256 != candidate.sha256) {
            same.push(candidate);
        }
    }
    let mut chosen = Vec::new();
    for (_, mut same) in by_id {
        let Some(highest) = same.iter().map(|candidate| candidate.version.clone()).max() else {
            continue;
        };
        for older in same.extract_if(.., |candidate| candidate.version < highest) {
            let Candidate { label, file, .. } = older;
            let (plugin, version, file) = (label.id, label.version, file.display());
            tracing::debug!(plugin, version, %file, "older version of a plugin passed over");
        }
        if same.len() == 1 {
            chosen.append(&mut same);
            continue;
        }
        for candidate in &same {
            let label = &candidate.label;
            let what = format!(
                "is {} {}, as is {}, with other bytes",
                label.id,
                label.version,
                others(&same, candidate)
            );
            refusals.push(Fault::new(what, "remove the one you do not mean").of(&candidate.file));
        }
    }
    chosen
}

/// Takes out every plugin that offers an API type another offers too.
fn settle_types(chosen: Vec<Candidate>, refusals: &mut Vec<Refusal>) -> Vec<Candidate> {
    let mut claims: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for candidate in &chosen {
        for api_type in &candidate.label.types {
            claims.entry(&api_type.id).or_default().push(candidate);
        }
    }
    let mut out = BTreeSet::new();
    for (api_type, rivals) in claims.into_iter().filter(|(_, rivals)| rivals.len() > 1) {
        for candidate in &rivals {
            let others = others(rivals.iter().copied(), candidate);
            let what = format!("offers the API type `{api_type}`, as does {others}");
            refusals.push(Fault::new(what, "remove one of them").of(&candidate.file));
            out.insert(candidate.sha256.clone());
        }
    }
    chosen.into_iter().filter(|candidate| !out.contains(&candidate.sha256)).collect()
}

fn others<'a>(all: impl IntoIterator<Item = &'a Candidate>, but: &Candidate) -> String {
    let others = all.into_iter().filter(|candidate| candidate.file != but.file);
    let files: Vec<String> = others.map(|candidate| candidate.file.display().to_string()).collect();
    files.join(", ")
}

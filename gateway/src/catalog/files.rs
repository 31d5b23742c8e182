//! The texts a catalog is made from, read in one go: what lies on disk, with an overlay of what
//! somebody is about to write, or as they once were. Checking them is for others.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::key::{self, Keys};
use super::text;
use crate::problem::Problem;

/// Shipped in the binary for a start without any configuration.
pub(super) const SANDBOX: &str = include_str!("../../../config/providers/sandbox.toml");
/// Its place once there is a folder.
pub(super) const SANDBOX_FILE: &str = "providers/sandbox.toml";
/// Its place until then, which is none on disk.
const BUILT_IN: &str = "(built in) providers/sandbox.toml";
/// The folders of the catalog below the configuration's own.
pub const FOLDERS: [&str; 2] = ["providers", "styles"];
/// The single files of the catalog.
pub const SINGLE: [&str; 1] = ["keys.toml"];

/// A file or folder that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// How it fails.
    pub kind: io::ErrorKind,
    /// In the system's words.
    pub why: String,
}

/// A file's text, or why there is none.
pub type Text = Result<String, Unread>;

/// Every file with its text. A folder that cannot be read stands here too, under its own path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    dir: PathBuf,
    texts: BTreeMap<PathBuf, Text>,
}

/// Files as they would be after a change.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    changes: BTreeMap<PathBuf, Option<String>>,
}

impl Overlay {
    /// With that text in a file, named by its path below the configuration's folder, such as
    /// `providers/acme.toml`, or by its whole path.
    #[must_use]
    pub fn with(mut self, file: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.changes.insert(file.into(), Some(text.into()));
        self
    }

    /// Without that file.
    #[must_use]
    pub fn without(mut self, file: impl Into<PathBuf>) -> Self {
        self.changes.insert(file.into(), None);
        self
    }

    /// Whether it gives a file so much text that it would not be read back.
    pub fn is_too_large(&self, dir: &Path, file: &Path) -> bool {
        let mut given = self.changes.iter().filter(|(named, _)| at(dir, named) == *file);
        given.any(|(_, text)| text.as_ref().is_some_and(|t| text::fits(t, most(file)).is_err()))
    }

    /// Each file with its new text; `None`: it goes.
    pub fn changes(&self) -> impl Iterator<Item = (&Path, Option<&str>)> {
        self.changes.iter().map(|(file, text)| (file.as_path(), text.as_deref()))
    }
}

impl Files {
    /// What lies below the configuration's folder, or the built-in sandbox where there is no such
    /// folder. One that cannot be read hides none of the others.
    pub fn read(dir: &Path) -> Self {
        let mut files = Self { dir: dir.to_owned(), texts: BTreeMap::new() };
        if !dir.is_dir() {
            files.texts.insert(PathBuf::from(BUILT_IN), Ok(SANDBOX.to_owned()));
            return files;
        }
        for folder in FOLDERS.map(|folder| dir.join(folder)) {
            match listed(&folder) {
                Ok(paths) => {
                    files.texts.extend(paths.into_iter().map(|path| (path.clone(), text(&path))));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => drop(files.texts.insert(folder, Err(Unread::from(&error)))),
            }
        }
        for file in SINGLE.map(|file| dir.join(file)) {
            match text(&file) {
                Err(unread) if unread.kind == io::ErrorKind::NotFound => {}
                text => drop(files.texts.insert(file, text)),
            }
        }
        files
    }

    /// What lies below a folder that was only just made: the sandbox, which was built in until then.
    pub fn founded(dir: &Path) -> Self {
        Self::restored(dir, [(PathBuf::from(SANDBOX_FILE), SANDBOX.to_owned())])
    }

    /// Files as they were, named below the configuration's folder.
    pub fn restored(dir: &Path, texts: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let texts = texts.into_iter().map(|(file, text)| (at(dir, &file), Ok(text)));
        Self { dir: dir.to_owned(), texts: texts.collect() }
    }

    /// The same with the client keys of others, where these are in order. Keys stand for themselves:
    /// one that was revoked must be refused, whatever else is wrong beside it.
    #[must_use]
    pub fn with_keys_of(mut self, others: &Self) -> Self {
        if let Some((file, Ok(text))) = others.single(key::FILE) {
            let (_, problems) = Keys::parse(file, text);
            if !problems.iter().any(Problem::is_error) {
                self.texts.insert(file.to_owned(), Ok(text.clone()));
            }
        }
        self
    }

    /// One file's text, named below the configuration's folder or by its whole path, if it can be read.
    pub fn get(&self, file: &Path) -> Option<&str> {
        self.texts.get(&at(&self.dir, file))?.as_deref().ok()
    }

    /// Whether a file on the disk still says what it says here.
    pub fn is_still(&self, file: &Path) -> bool {
        let file = at(&self.dir, file);
        let now = match text(&file) {
            Err(unread) if unread.kind == io::ErrorKind::NotFound => None,
            text => Some(text),
        };
        self.texts.get(&file) == now.as_ref()
    }

    /// The configuration's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether there is nothing but what is built in.
    pub fn is_built_in(&self) -> bool {
        self.texts.keys().any(|file| is_built_in(file))
    }

    /// The same after a change.
    #[must_use]
    pub fn overlaid(mut self, overlay: &Overlay) -> Self {
        // The first file of a catalog takes the built-in one's place.
        self.texts.retain(|file, _| !is_built_in(file) || overlay.changes.is_empty());
        for (file, text) in &overlay.changes {
            let file = at(&self.dir, file);
            match text {
                Some(text) => {
                    // What is too large would not be read back.
                    let fits = text::fits(text, most(&file)).map(|()| text.clone());
                    self.texts.insert(file, fits.map_err(|error| Unread::from(&error)));
                }
                None => drop(self.texts.remove(&file)),
            }
        }
        self
    }

    /// The files of one of the [`FOLDERS`], by name.
    pub fn of_folder<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a Path, &'a Text)> {
        let of = move |path: &Path| {
            let is_in = |path: &Path| path.file_name().is_some_and(|name| name == folder);
            path.parent().is_some_and(is_in)
                || path == self.dir.join(folder)
                || (folder == "providers" && is_built_in(path))
        };
        self.texts
            .iter()
            .map(|(path, text)| (path.as_path(), text))
            .filter(move |(path, _)| of(path))
    }

    /// One of the [`SINGLE`] files, if it is there.
    pub fn single(&self, file: &str) -> Option<(&Path, &Text)> {
        let (path, text) = self.texts.get_key_value(&self.dir.join(file))?;
        Some((path, text))
    }

    /// What could be read, named below the configuration's folder.
    pub fn readable(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.texts.iter().filter_map(|(path, text)| {
            let name = path.strip_prefix(&self.dir).unwrap_or(path);
            Some((name, text.as_deref().ok()?))
        })
    }
}

impl From<&io::Error> for Unread {
    fn from(error: &io::Error) -> Self {
        Self { kind: error.kind(), why: error.to_string() }
    }
}

/// Whether a file of a catalog's folder is meant: `name.toml`, not hidden.
pub fn is_meant(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|ending| ending == "toml")
}

fn is_built_in(path: &Path) -> bool {
    path == Path::new(BUILT_IN)
}

/// A file's whole path, named by that or below the configuration's folder.
pub(super) fn at(dir: &Path, file: &Path) -> PathBuf {
    if is_built_in(file) || file.starts_with(dir) { file.to_owned() } else { dir.join(file) }
}

/// The most bytes a file of the catalog may have.
pub(super) fn most(file: &Path) -> u64 {
    let is_of_keys = file.file_name().is_some_and(|name| name == key::FILE);
    if is_of_keys { key::MOST } else { text::MOST }
}

fn text(path: &Path) -> Text {
    text::read_within(path, most(path)).map_err(|error| Unread::from(&error))
}

fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_meant(&path) {
            paths.push(path);
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &Files) -> Vec<String> {
        files.readable().map(|(file, text)| format!("{}={text}", file.display())).collect()
    }

    fn place() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in FOLDERS {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for (file, text) in [
            ("providers/b.toml", "b"),
            ("providers/a.toml", "a"),
            ("providers/.a.toml.swp", "no"),
            ("providers/.hidden.toml", "no"),
            ("providers/notes.txt", "no"),
            ("styles/s.toml", "s"),
            ("keys.toml", "k"),
            ("retouch.toml", "no"),
        ] {
            fs::write(dir.path().join(file), text).unwrap();
        }
        dir
    }

    #[test]
    fn reads_what_belongs_to_a_catalog() {
        let dir = place();
        let files = Files::read(dir.path());
        let all = ["keys.toml=k", "providers/a.toml=a", "providers/b.toml=b", "styles/s.toml=s"];
        assert_eq!(names(&files), all);
        let styles: Vec<_> = files.of_folder("styles").map(|(_, text)| text.clone()).collect();
        assert_eq!(styles, [Ok("s".to_owned())]);
        assert_eq!(
            files.single("keys.toml").map(|(_, text)| text.clone()),
            Some(Ok("k".to_owned()))
        );
    }

    #[test]
    fn an_overlay_replaces_adds_and_removes() {
        let dir = place();
        let overlay = Overlay::default()
            .with("providers/a.toml", "new")
            .with(dir.path().join("styles/t.toml"), "t")
            .without("providers/b.toml")
            .without("keys.toml");
        let files = Files::read(dir.path()).overlaid(&overlay);
        assert_eq!(names(&files), ["providers/a.toml=new", "styles/s.toml=s", "styles/t.toml=t"]);
    }

    #[test]
    fn without_a_folder_there_is_the_sandbox_until_a_file_comes() {
        let dir = tempfile::tempdir().unwrap();
        let none = dir.path().join("none");
        let files = Files::read(&none);
        assert_eq!(files.of_folder("providers").count(), 1);
        let files = files.overlaid(&Overlay::default().with("providers/a.toml", "a"));
        assert_eq!(names(&files), ["providers/a.toml=a"]);
    }

    #[test]
    fn only_keys_in_order_are_taken_from_others() {
        let dir = place();
        let files = Files::read(dir.path());
        for (text, is_taken) in [("# none", true), ("[[keys]]\n", false), ("[[keys", false)] {
            let change = Overlay::default().with("keys.toml", text).without("providers/a.toml");
            let taken = files.clone().with_keys_of(&files.clone().overlaid(&change));
            let want = if is_taken { text } else { "k" };
            assert_eq!(taken.single("keys.toml").unwrap().1.as_deref(), Ok(want));
            assert_eq!(taken.readable().count(), 4, "nothing else is");
        }
        let none = files.clone().overlaid(&Overlay::default().without("keys.toml"));
        assert_eq!(files.clone().with_keys_of(&none), files, "open mode does not come back");
    }

    #[test]
    fn files_come_back_as_they_were() {
        let dir = place();
        let files = Files::read(dir.path());
        let kept: Vec<_> = files.readable().map(|(f, t)| (f.to_owned(), t.to_owned())).collect();
        assert_eq!(Files::restored(dir.path(), kept), files);
    }

    #[test]
    fn what_cannot_be_read_hides_nothing_else() {
        let dir = place();
        fs::write(dir.path().join("providers/c.toml"), b"\xff\xfe").unwrap();
        let files = Files::read(dir.path());
        let unread: Vec<_> =
            files.of_folder("providers").filter(|(_, text)| text.is_err()).collect();
        assert_eq!((unread.len(), files.readable().count()), (1, 4));
    }
}

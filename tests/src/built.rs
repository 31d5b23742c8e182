//! Where the things under test lie: what cargo built, and the repository itself.
//!
//! Follows the running test's own path, so that any target directory and profile works.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The gateway's executable.
pub fn executable() -> PathBuf {
    existing(profile().join("retouch"))
}

/// A plugin library of the workspace, such as `libretouch_runninghub.so`.
pub fn plugin(file: &str) -> PathBuf {
    existing(profile().join(file))
}

/// A library that is an example of this crate, such as `libacme.so`.
pub fn example(file: &str) -> PathBuf {
    existing(profile().join("examples").join(file))
}

/// The Python interpreter that has the packages of `tests/requirements.txt`.
pub fn python() -> PathBuf {
    existing(target().join("python/bin/python"))
}

/// The Node packages of `tests/clients/node/package.json`.
pub fn node_modules() -> PathBuf {
    existing(target().join("node/node_modules"))
}

/// A fresh directory on the file system of the build, so that its products can be linked into it.
pub fn scratch() -> tempfile::TempDir {
    let parent = target().join("scratch");
    std::fs::create_dir_all(&parent).unwrap();
    tempfile::Builder::new().prefix("test-").tempdir_in(parent).unwrap()
}

/// Puts `file` into `folder` under its own name, without copying where the file system can.
pub fn place(file: &Path, folder: &Path) -> PathBuf {
    let there = folder.join(file.file_name().unwrap());
    // Placed before: to copy a file onto a link of itself would empty both.
    if there.exists() {
        return there;
    }
    if std::fs::hard_link(file, &there).is_err() {
        std::fs::copy(file, &there).unwrap();
    }
    there
}

/// `target/release`: a test runs from its `deps` folder, a program from itself.
fn profile() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let folder = executable.parent().unwrap();
    if folder.ends_with("deps") { folder.parent().unwrap().to_owned() } else { folder.to_owned() }
}

fn target() -> PathBuf {
    profile().parent().unwrap().to_owned()
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is not there: ./tests/run makes it", path.display());
    path
}

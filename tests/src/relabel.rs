//! A built plugin under another version: the text of its label is changed, its code is not. And files
//! put where a running gateway finds them, in the ways in which people do that.

use std::{fs, path::Path};

use crate::Plugin;

/// The library, calling itself `version`, which must be as long as the one it has.
pub fn versioned(plugin: Plugin, version: &str) -> Vec<u8> {
    let library = fs::read(plugin.library()).unwrap();
    replaced(library, r#""version": "0.1.0""#, &format!(r#""version": "{version}""#))
}

/// The same library, writing and reading this version of its state and no other.
pub fn with_state(library: Vec<u8>, version: u8) -> Vec<u8> {
    let state = |v: u8| format!(r#""state": {{ "writes": {v}, "reads": [{v}] }}"#);
    replaced(library, &state(1), &state(version))
}

/// Writes a file beside and renames it into place, as editors and careful scripts do.
pub fn put(file: &Path, content: impl AsRef<[u8]>) {
    let beside = file.with_extension("new~");
    fs::write(&beside, content).unwrap();
    fs::rename(&beside, file).unwrap();
}

fn replaced(mut library: Vec<u8>, old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len(), "{old} must be as long as {new}");
    let at = library.windows(old.len()).position(|window| window == old.as_bytes());
    let Some(at) = at else { panic!("the label has no {old}") };
    library[at..at + old.len()].copy_from_slice(new.as_bytes());
    library
}

//! The files the sandbox holds: uploads and results, in memory, in bounded space.
//!
//! When there is no more room the oldest go first. Putting a file again makes it the newest,
//! so an upload whose name is its content costs its bytes once.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

const MAX_FILES: usize = 512;
const MAX_BYTES: usize = 256 << 20;

#[derive(Debug)]
pub(super) struct Shelf {
    files: HashMap<String, Bytes>,
    /// Oldest first; each name of `files` once.
    ages: VecDeque<String>,
    bytes: usize,
    max_files: usize,
    max_bytes: usize,
}

impl Default for Shelf {
    fn default() -> Self {
        Self::with_room(MAX_FILES, MAX_BYTES)
    }
}

impl Shelf {
    fn with_room(max_files: usize, max_bytes: usize) -> Self {
        let (files, ages) = (HashMap::new(), VecDeque::new());
        Self { files, ages, bytes: 0, max_files, max_bytes }
    }

    /// Puts a file on the shelf. One that is larger than the whole shelf is not kept.
    pub(super) fn put(&mut self, name: &str, file: Bytes) {
        self.take(name);
        if file.len() > self.max_bytes {
            return;
        }
        while self.ages.len() >= self.max_files || self.bytes + file.len() > self.max_bytes {
            let Some(oldest) = self.ages.front().cloned() else { break };
            self.take(&oldest);
        }
        self.bytes += file.len();
        self.ages.push_back(name.to_owned());
        self.files.insert(name.to_owned(), file);
    }

    pub(super) fn get(&self, name: &str) -> Option<Bytes> {
        self.files.get(name).cloned()
    }

    fn take(&mut self, name: &str) {
        if let Some(file) = self.files.remove(name) {
            self.bytes -= file.len();
            self.ages.retain(|kept| kept != name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zeros(length: usize) -> Bytes {
        vec![0; length].into()
    }

    fn names(shelf: &Shelf) -> Vec<&str> {
        shelf.ages.iter().map(String::as_str).collect()
    }

    #[test]
    fn the_oldest_leave_when_there_are_too_many_files() {
        let mut shelf = Shelf::with_room(2, 100);
        for name in ["a", "b", "c"] {
            shelf.put(name, zeros(1));
        }
        assert_eq!(names(&shelf), ["b", "c"]);
        assert_eq!((shelf.get("a"), shelf.bytes), (None, 2));
    }

    #[test]
    fn the_oldest_leave_when_there_are_too_many_bytes() {
        let mut shelf = Shelf::with_room(10, 100);
        for (name, length) in [("a", 40), ("b", 40), ("c", 70)] {
            shelf.put(name, zeros(length));
        }
        assert_eq!((names(&shelf), shelf.bytes), (vec!["c"], 70));
        shelf.put("huge", zeros(101));
        assert_eq!(names(&shelf), ["c"]);
    }

    #[test]
    fn a_file_put_again_is_the_newest_and_counts_once() {
        let mut shelf = Shelf::with_room(2, 100);
        for name in ["a", "b", "a", "c"] {
            shelf.put(name, zeros(10));
        }
        assert_eq!((names(&shelf), shelf.bytes), (vec!["a", "c"], 20));
    }
}

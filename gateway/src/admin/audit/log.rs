//! The log's files: `audit.jsonl` below the data folder and, when it is full, `audit.1.jsonl` and so on,
//! of which a few are kept. Lines are only ever appended, whole and synced; what a crash tore is passed
//! over when it is read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// A file is put aside before it grows beyond this. One at a time is read whole for a page.
const FULL: u64 = 8 << 20;
/// Files there are at most, the one that is written to among them.
const FILES: usize = 4;
/// Only the gateway's own user reads what operators did.
const MODE: u32 = 0o600;

/// The files.
#[derive(Debug)]
pub(super) struct Log {
    dir: PathBuf,
    full: u64,
    /// Held while a line is written, and while a page is read: files change their names.
    turn: Mutex<()>,
}

/// Some records, newest first.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) records: Vec<Value>,
    /// Whether there are older ones.
    pub(super) has_more: bool,
}

impl Log {
    /// Below that folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let log = Self { dir: dir.to_owned(), full: FULL, turn: Mutex::default() };
        log.file()?;
        Ok(log)
    }

    /// Adds a line, which must not hold a line's end. When this returns, it survives a crash.
    ///
    /// # Errors
    /// When it cannot be written; part of it may have been.
    pub(super) fn append(&self, line: &str) -> io::Result<()> {
        let _turn = self.turn();
        let mut file = self.file()?;
        let mut length = file.metadata()?.len();
        if length > 0 && length + line.len() as u64 >= self.full {
            self.put_aside()?;
            (file, length) = (self.file()?, 0);
        }
        let before = if length > 0 && is_torn(&mut file)? { "\n" } else { "" };
        // In one call, so that a line is torn only by a crash or a full disk.
        file.write_all(format!("{before}{line}\n").as_bytes())?;
        file.sync_all()?;
        if length == 0 { File::open(&self.dir)?.sync_all() } else { Ok(()) }
    }

    /// Reads at most so many, from the newest on or from the one after that id. Nothing where there
    /// is no such id any more.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn page(&self, after: Option<&str>, limit: usize) -> io::Result<Page> {
        let _turn = self.turn();
        let mut page = Page::default();
        let mut is_reached = after.is_none();
        for nth in 0..FILES {
            let text = read(&self.nth(nth), self.full)?;
            // What stands after the last line's end is torn, or just not there.
            for line in text.split(|byte| *byte == b'\n').rev().skip(1) {
                let Ok(record) = serde_json::from_slice::<Value>(line) else { continue };
                if !is_reached {
                    is_reached = record.get("id").and_then(Value::as_str) == after;
                } else if page.records.len() == limit {
                    page.has_more = true;
                    return Ok(page);
                } else {
                    page.records.push(record);
                }
            }
        }
        Ok(page)
    }

    /// The file that is written to. Opened anew for each line: an administrator may move it away.
    fn file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(MODE).open(self.nth(0))
    }

    /// Moves every file on by one, the oldest out. Broken off, it leaves a gap, which harms nothing.
    fn put_aside(&self) -> io::Result<()> {
        for nth in (0..FILES - 1).rev() {
            match fs::rename(self.nth(nth), self.nth(nth + 1)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                moved => moved?,
            }
        }
        Ok(())
    }

    /// The file so many before the one that is written to.
    fn nth(&self, nth: usize) -> PathBuf {
        match nth {
            0 => self.dir.join("audit.jsonl"),
            nth => self.dir.join(format!("audit.{nth}.jsonl")),
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the last line has no end.
fn is_torn(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// A file's bytes; none where there is no file. One that somebody else made longer is cut off.
fn read(path: &Path, full: u64) -> io::Result<Vec<u8>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut text = Vec::new();
    // A line in a new file may be longer than what is full.
    file.take(full.saturating_mul(2)).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    fn log(full: u64) -> (tempfile::TempDir, Log) {
        let dir = tempfile::tempdir().unwrap();
        let log = Log { full, ..Log::open(dir.path()).unwrap() };
        (dir, log)
    }

    fn add(log: &Log, ids: std::ops::Range<u32>) {
        for id in ids {
            log.append(&json!({ "id": id.to_string() }).to_string()).unwrap();
        }
    }

    fn ids(page: &Page) -> Vec<u32> {
        page.records.iter().map(|r| r["id"].as_str().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn pages_go_back_from_the_newest_to_the_oldest() {
        // Some ten lines a file.
        let (_dir, log) = log(110);
        assert_eq!(log.page(None, 5).unwrap(), Page::default());
        add(&log, 0..25);
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = log.page(after.as_deref(), 4).unwrap();
            seen.extend(ids(&page));
            after = seen.last().map(ToString::to_string);
            if !page.has_more {
                break;
            }
        }
        assert_eq!(seen, (0..25).rev().collect::<Vec<_>>());
        assert_eq!(log.page(Some("no such"), 5).unwrap(), Page::default());
        assert_eq!(log.page(Some("0"), 5).unwrap(), Page::default());
    }

    #[test]
    fn only_the_last_files_are_kept_and_none_grows_beyond_its_bound() {
        let (dir, log) = log(110);
        add(&log, 0..200);
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap()).collect();
        assert_eq!(files.len(), FILES);
        assert!(files.iter().all(|file| file.metadata().unwrap().len() <= 110));
        let kept = ids(&log.page(None, 1_000).unwrap());
        let oldest = *kept.last().unwrap();
        assert_eq!(kept, (oldest..200).rev().collect::<Vec<_>>());
        assert!(oldest > 150, "{oldest}");
    }

    #[test]
    fn a_line_too_long_for_a_file_has_one_of_its_own() {
        let (_dir, log) = log(30);
        let long = json!({ "id": "1", "detail": "x".repeat(25) }).to_string();
        add(&log, 0..1);
        log.append(&long).unwrap();
        add(&log, 2..3);
        assert_eq!(ids(&log.page(None, 9).unwrap()), [2, 1, 0]);
    }

    #[test]
    fn a_torn_line_is_passed_over_and_the_next_stands_alone() {
        let (dir, log) = log(FULL);
        add(&log, 0..2);
        let path = dir.path().join("audit.jsonl");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"id\":\"torn").unwrap();
        assert_eq!(ids(&log.page(None, 9).unwrap()), [1, 0]);
        let log = Log::open(dir.path()).unwrap();
        add(&log, 2..3);
        assert_eq!(ids(&log.page(None, 9).unwrap()), [2, 1, 0]);
        // Also one that breaks off within a character.
        file.write_all(b"{\"id\":\"\xe4\xbb").unwrap();
        add(&log, 3..4);
        assert_eq!(ids(&log.page(None, 9).unwrap()), [3, 2, 1, 0]);
    }

    #[test]
    fn a_gap_in_the_files_costs_no_record() {
        let (dir, log) = log(110);
        add(&log, 0..25);
        let all = ids(&log.page(None, 99).unwrap());
        // A crash between two renames.
        fs::rename(dir.path().join("audit.2.jsonl"), dir.path().join("audit.3.jsonl")).unwrap();
        assert_eq!(ids(&log.page(None, 99).unwrap()), all);
        add(&log, 25..32);
        assert_eq!(ids(&log.page(None, 99).unwrap()).last(), all.last());
    }

    #[test]
    fn the_files_are_the_gateways_own_and_may_be_moved_away() {
        let (dir, log) = log(FULL);
        let path = dir.path().join("audit.jsonl");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        add(&log, 0..1);
        fs::rename(&path, dir.path().join("elsewhere")).unwrap();
        add(&log, 1..2);
        assert_eq!(ids(&log.page(None, 9).unwrap()), [1]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    }
}

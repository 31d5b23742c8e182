//! A file of the configuration read whole. It never waits for a pipe or device that somebody put in
//! its place, and never fills the memory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The most bytes a file may have: a thousand times what the longest has.
pub const MOST: u64 = 1 << 20;

/// What the file says.
///
/// # Errors
/// When it cannot be read, is no file, is larger than [`MOST`] or is not UTF-8.
pub fn read(path: &Path) -> io::Result<String> {
    read_within(path, MOST)
}

/// What a file says that may have so many bytes.
///
/// # Errors
/// As [`read`].
pub fn read_within(path: &Path, most: u64) -> io::Result<String> {
    let file = open(path)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut text = String::new();
    // What the system says of its size may be outdated, or 0 where it makes the text up.
    file.take(most.saturating_add(1)).read_to_string(&mut text)?;
    fits(&text, most).map(|()| text)
}

/// Refuses a text that would not be read back.
///
/// # Errors
/// When it has more bytes.
pub fn fits(text: &str, most: u64) -> io::Result<()> {
    if text.len() as u64 > most {
        let what = format!("it is larger than {} KiB", most >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(())
}

/// Opening a pipe waits for its other end unless told not to.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn reads_files_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("text"), "text").unwrap();
        std::os::unix::fs::symlink("text", at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RWXU).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("device")).unwrap();
        fs::write(at("large"), vec![b'a'; 1 << 20]).unwrap();
        fs::write(at("larger"), vec![b'a'; (1 << 20) + 1]).unwrap();
        fs::write(at("latin"), b"\xe9").unwrap();
        let found = |name: &str| read(&at(name)).map(|text| text.len()).map_err(|e| e.kind());
        for (name, want) in [
            ("text", Ok(4)),
            ("link", Ok(4)),
            ("folder", Err(io::ErrorKind::InvalidInput)),
            ("pipe", Err(io::ErrorKind::InvalidInput)),
            ("device", Err(io::ErrorKind::InvalidInput)),
            ("large", Ok(1 << 20)),
            ("larger", Err(io::ErrorKind::FileTooLarge)),
            ("latin", Err(io::ErrorKind::InvalidData)),
            ("none", Err(io::ErrorKind::NotFound)),
        ] {
            assert_eq!(found(name), want, "{name}");
        }
    }
}

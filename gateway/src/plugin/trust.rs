//! Adding a plugin to `config/plugins.lock`: its bytes as they are now are trusted. Comments and all
//! else that stands there stay as they are.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::lock::Lock;
use super::{Fault, Label, Refusal, inspect};

/// What was trusted.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// The plugin.
    pub label: Label,
    /// Of its bytes.
    pub sha256: String,
    /// Whether it was trusted before.
    pub already: bool,
}

/// Lists a plugin's file in the lock.
///
/// # Errors
/// When the file is no plugin this gateway can run, or the lock cannot be read or written.
pub fn trust(file: &Path, lock: &Path) -> Result<Trusted, Refusal> {
    let (label, sha256) = inspect(file)?;
    label.fit().map_err(|fault| fault.of(file))?;
    let (known, refusal) = Lock::read(lock);
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let already = known.admits(&label, &sha256).is_ok();
    if !already {
        add(&label, &sha256, lock).map_err(|error| {
            let mend = "make its folder writable, or add the lines by hand";
            Fault::new(format!("cannot be written: {error}"), mend).of(lock)
        })?;
        if let Err(fault) = Lock::read(lock).0.admits(&label, &sha256) {
            return Err(fault.of(lock));
        }
    }
    Ok(Trusted { label, sha256, already })
}

/// All of it or nothing.
fn add(label: &Label, sha256: &str, lock: &Path) -> io::Result<()> {
    let before = match fs::read_to_string(lock) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let gap = if before.is_empty() { "" } else { "\n" };
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    // Neither id nor version can hold a quote: the label was found well formed.
    let (id, version) = (&label.id, &label.version);
    let line =
        format!("[[plugin]]\nid = \"{id}\"\nversion = \"{version}\"\nsha256 = \"{sha256}\"\n");
    let folder = lock.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut fresh = tempfile::Builder::new().prefix(".plugins.lock.").tempfile_in(folder)?;
    fresh.write_all(format!("{before}{end}{gap}{line}").as_bytes())?;
    fresh.as_file().sync_all()?;
    if let Ok(there) = fs::metadata(lock) {
        fresh.as_file().set_permissions(there.permissions())?;
    }
    fresh.persist(lock)?;
    fs::File::open(folder)?.sync_all()
}

//! Plugins by the hash of their bytes, whichever version is in use now: attempts are finished with the
//! one that began them. The private copies a registry makes are never removed while they are needed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Fault, Label, Library, Refusal, cache, ffi};

/// The shelf.
#[derive(Debug)]
pub struct Shelf {
    copies: PathBuf,
    loaded: Mutex<HashMap<String, Arc<Library>>>,
}

impl Shelf {
    /// Of the private copies in that folder.
    pub fn new(copies: PathBuf) -> Self {
        Self { copies, loaded: Mutex::default() }
    }

    /// Puts one there that is loaded.
    pub fn put(&self, library: &Arc<Library>) {
        self.lock().entry(library.sha256().to_owned()).or_insert_with(|| library.clone());
    }

    /// The plugin with that SHA-256, loaded from its copy if need be.
    ///
    /// # Errors
    /// When there is no copy, or it is not what it was.
    pub fn get(&self, sha256: &str) -> Result<Arc<Library>, Refusal> {
        if let Some(library) = self.lock().get(sha256) {
            return Ok(library.clone());
        }
        let file = self.copies.join(format!("{sha256}.so"));
        let library = Arc::new(self.load(&file, sha256).map_err(|fault| fault.of(&file))?);
        self.put(&library);
        Ok(library)
    }

    fn load(&self, file: &std::path::Path, sha256: &str) -> Result<Library, Fault> {
        let bytes = cache::read(file)?;
        let mend = "put the plugin's file back that its jobs began with";
        if cache::sha256(&bytes) != sha256 {
            return Err(Fault::new("is not what it was", mend));
        }
        let label = Label::of_file(&bytes)?.ok_or_else(|| Fault::new("is no plugin", mend))?;
        label.fit()?;
        let copy = cache::store(&bytes, sha256, &self.copies)?;
        let code = ffi::open(&copy, &label.id)?;
        Ok(Library::new(label, sha256.to_owned(), file.to_owned(), code))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Library>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Which plugins there are: one immutable answer to what lay in the folders at one moment.
//!
//! Building one never fails as a whole: what cannot be used is listed with its reason, the rest
//! works. The result depends only on the files, not on the order in which they are found.

use std::collections::BTreeMap;
use std::path::Path;
#[cfg(test)]
use std::path::PathBuf;
use std::sync::Arc;

use super::label::ApiType;
use super::{Dirs, Finder, Library, Refusal};
#[cfg(test)]
use super::{Label, cache, ffi};

/// The plugins in use, and the files that are not and why.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    libraries: Vec<Arc<Library>>,
    /// API type id → which library, which of its types.
    types: BTreeMap<String, (usize, usize)>,
    refusals: Vec<Refusal>,
}

impl Registry {
    /// Looks through the folders and loads what fits; private copies go to `cache`.
    pub fn scan(dirs: &Dirs, cache: &Path) -> Self {
        Finder::new(dirs.clone(), cache.to_owned()).scan()
    }

    pub(super) fn of(libraries: Vec<Arc<Library>>, mut refusals: Vec<Refusal>) -> Self {
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

    /// Those of a running registry that are not here as they are there: replaced, refused or gone.
    pub fn superseded(&self, running: &Self) -> Vec<Arc<Library>> {
        let same =
            |old: &&Arc<Library>| self.libraries.iter().any(|new| new.sha256() == old.sha256());
        running.libraries.iter().filter(|old| !same(old)).cloned().collect()
    }

    /// The same with these plugins, each in the place of another of its id.
    #[must_use]
    pub fn keeping(&self, kept: &[Arc<Library>]) -> Self {
        let is_kept = |library: &Library| kept.iter().any(|k| k.label().id == library.label().id);
        let others = self.libraries.iter().filter(|library| !is_kept(library));
        // First, so that whoever is here has the API types it shares with one that is kept.
        let libraries = kept.iter().chain(others).cloned().collect();
        Self::of(libraries, self.refusals.clone())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(plugins: &[(&str, &str, &str)]) -> Registry {
        let label = |(id, version, api_type): &(&str, &str, &str)| {
            let json = format!(
                r#"{{"abi":1,"id":"{id}","version":"{version}","types":[{{"id":"{api_type}"}}]}}"#
            );
            let label = Label::parse(json.as_bytes()).unwrap();
            let sha256 = cache::sha256(json.as_bytes());
            let file = PathBuf::from(format!("{id}.so"));
            Arc::new(Library::new(label, sha256, file, ffi::Code::absent()))
        };
        Registry::of(plugins.iter().map(label).collect(), Vec::new())
    }

    fn versions(registry: &Registry) -> Vec<String> {
        let shown =
            |library: &Arc<Library>| format!("{} {}", library.label().id, library.label().version);
        let mut all: Vec<String> = registry.libraries().iter().map(shown).collect();
        all.sort();
        all
    }

    #[test]
    fn knows_what_was_replaced_or_is_gone_and_can_keep_it() {
        let running = registry(&[("a", "1.0.0", "a"), ("b", "1.0.0", "b"), ("c", "1.0.0", "c")]);
        let found = registry(&[("a", "1.0.0", "a"), ("b", "2.0.0", "b"), ("d", "1.0.0", "d")]);
        let superseded = found.superseded(&running);
        let ids: Vec<&str> = superseded.iter().map(|old| old.label().id.as_str()).collect();
        assert_eq!(ids, ["b", "c"]);
        let kept = found.keeping(&superseded);
        assert_eq!(versions(&kept), ["a 1.0.0", "b 1.0.0", "c 1.0.0", "d 1.0.0"]);
        let (library, _) = kept.api_type("b").unwrap();
        assert_eq!(library.label().version, "1.0.0");
        assert_eq!(versions(&found.keeping(&[])), versions(&found));
    }

    #[test]
    fn an_api_type_that_moved_belongs_to_whoever_was_found_with_it() {
        let running = registry(&[("a", "1.0.0", "edit")]);
        let found = registry(&[("b", "1.0.0", "edit")]);
        let kept = found.keeping(&found.superseded(&running));
        assert_eq!(kept.api_type("edit").unwrap().0.label().id, "b");
    }
}

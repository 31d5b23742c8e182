//! What a check looks at: the settings' file, the providers' and styles' files, the plugins.
//!
//! Found in the folders themselves, so that a file which nothing reads shows too.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::out::Out;

/// Everything there is to look at.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Survey {
    settings: PathBuf,
    has_settings: bool,
    /// The providers' folder; none where the built-in sandbox stands for the whole catalog.
    folder: Option<PathBuf>,
    providers: Vec<String>,
    /// The styles' folder, where there is one with a style in it.
    style_folder: Option<PathBuf>,
    styles: Vec<String>,
    not_read: Vec<PathBuf>,
    /// None where they could not be looked for.
    pub(super) plugins: Option<Vec<String>>,
}

impl Survey {
    /// Looks beside the settings' file.
    pub(super) fn new(settings: PathBuf) -> Self {
        let config = settings.parent().unwrap_or(Path::new("")).to_owned();
        let has_settings = settings.is_file();
        let mut survey = Self {
            settings,
            has_settings,
            folder: None,
            providers: Vec::new(),
            style_folder: None,
            styles: Vec::new(),
            not_read: Vec::new(),
            plugins: None,
        };
        if config.is_dir() {
            let folder = config.join("providers");
            survey.providers = survey.look(&folder);
            survey.folder = Some(folder);
            let folder = config.join("styles");
            survey.styles = survey.look(&folder);
            survey.style_folder = Some(folder).filter(|_| !survey.styles.is_empty());
        }
        survey
    }

    /// One line: `config/retouch.toml, 2 providers in config/providers (a, b), 1 plugin (x)`.
    pub(super) fn line(&self, out: Out) -> String {
        let key = if self.has_settings { "check.settings" } else { "check.no_settings" };
        let mut parts = vec![out.words.say(key, &[("file", &self.settings.display())])];
        parts.push(match &self.folder {
            None => out.words.say("check.built_in", &[]),
            Some(folder) => {
                let keys = ["check.no_providers", "check.provider", "check.providers"];
                counted(keys, &self.providers, &folder.display().to_string(), out)
            }
        });
        if let Some(folder) = &self.style_folder {
            let keys = ["check.styles", "check.style", "check.styles"];
            parts.push(counted(keys, &self.styles, &folder.display().to_string(), out));
        }
        if let Some(plugins) = &self.plugins {
            let keys = ["check.no_plugins", "check.plugin", "check.plugins"];
            parts.push(counted(keys, plugins, "", out));
        }
        parts.join(&out.words.say("check.comma", &[]))
    }

    /// Says which files beside those of the catalog nothing reads.
    pub(super) fn strays(&self, out: Out) {
        for stray in &self.not_read {
            out.note("check.not_read", &[("file", &stray.display())]);
        }
    }

    /// The ids in a folder.
    fn look(&mut self, folder: &Path) -> Vec<String> {
        let mut ids = Vec::new();
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_toml = path.extension().is_some_and(|extension| extension == "toml");
            match (name.starts_with('.'), is_toml) {
                (false, true) => {
                    let id = path.file_stem().unwrap_or_default().to_string_lossy();
                    ids.push(id.into_owned());
                }
                // An editor's own file.
                (true, false) => {}
                _ => self.not_read.push(path),
            }
        }
        ids
    }
}

/// How many and which, under the key for none, one or several.
fn counted(keys: [&str; 3], names: &[String], folder: &str, out: Out) -> String {
    let [none, one, several] = keys;
    let key = match names.len() {
        0 => none,
        1 => one,
        _ => several,
    };
    let listed = names.join(", ");
    out.words.say(key, &[("count", &names.len()), ("names", &listed), ("folder", &folder)])
}

#[cfg(test)]
mod tests {
    use super::{
        super::words::{Language, Words},
        *,
    };

    fn line(survey: &Survey) -> String {
        survey.line(Out { words: Words::of(Language::En), json: false })
    }

    #[test]
    fn names_what_is_read_and_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        fs::create_dir_all(config.join("providers")).unwrap();
        for file in ["b.toml", "a.toml", "vendor.txt", "c.TOML", ".d.toml", ".a.toml.swp"] {
            fs::write(config.join("providers").join(file), "").unwrap();
        }
        fs::create_dir_all(config.join("styles")).unwrap();
        fs::write(config.join("styles").join("oil.toml"), "").unwrap();
        let mut survey = Survey::new(config.join("retouch.toml"));
        assert_eq!(survey.providers, ["a", "b"]);
        assert_eq!(survey.styles, ["oil"]);
        let strays: Vec<_> = survey.not_read.iter().flat_map(|path| path.file_name()).collect();
        assert_eq!(strays, [".d.toml", "c.TOML", "vendor.txt"]);

        survey.plugins = Some(vec!["x".to_owned()]);
        let at = config.display();
        assert_eq!(
            line(&survey),
            format!(
                "defaults (there is no {at}/retouch.toml), 2 providers in {at}/providers (a, b), \
                 1 style in {at}/styles (oil), 1 plugin (x)"
            )
        );
    }

    #[test]
    fn without_a_config_folder_the_sandbox_is_built_in() {
        let mut survey = Survey::new(PathBuf::from("/nowhere/retouch.toml"));
        survey.plugins = Some(Vec::new());
        assert_eq!(
            line(&survey),
            "defaults (there is no /nowhere/retouch.toml), the built-in sandbox provider, no plugins"
        );
    }
}

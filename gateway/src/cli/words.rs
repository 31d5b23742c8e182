//! The command line's texts in English and Chinese.
//!
//! One flat TOML file a language under `messages/`; a test holds both to the same keys and
//! placeholders, and every key to a use. A key without a text shows itself rather than failing.

use std::{collections::BTreeMap, fmt::Display, sync::OnceLock};

use super::env;

const EN: &str = include_str!("messages/en.toml");
const ZH: &str = include_str!("messages/zh.toml");

type Catalogue = BTreeMap<String, String>;

/// The languages we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// English, for everyone who does not ask for Chinese.
    En,
    /// Simplified Chinese.
    Zh,
}

/// The texts of one language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words(&'static Catalogue);

impl Language {
    /// The language of a locale, by POSIX's order: the first variable that is set decides.
    pub(super) fn of(lc_all: Option<&str>, lc_messages: Option<&str>, lang: Option<&str>) -> Self {
        let locale = lc_all.or(lc_messages).or(lang).unwrap_or_default();
        if locale.to_ascii_lowercase().starts_with("zh") { Self::Zh } else { Self::En }
    }

    /// The language that the environment asks for.
    pub(super) fn from_env() -> Self {
        let [all, messages, lang] = ["LC_ALL", "LC_MESSAGES", "LANG"].map(env::text);
        Self::of(all.as_deref(), messages.as_deref(), lang.as_deref())
    }
}

impl Words {
    /// The texts of this language.
    pub(super) fn of(language: Language) -> Self {
        static LOADED: [OnceLock<Catalogue>; 2] = [OnceLock::new(), OnceLock::new()];
        let (loaded, text) = match language {
            Language::En => (&LOADED[0], EN),
            Language::Zh => (&LOADED[1], ZH),
        };
        Self(loaded.get_or_init(|| toml::from_str(text).unwrap_or_default()))
    }

    /// The text at `key` with its `{placeholders}` filled.
    pub(super) fn say(self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        fill(self.0.get(key).map_or(key, String::as_str), values)
    }

    /// What people call a word of the API (`phase`, `polling`); a word that is newer than this
    /// program shows as it came.
    pub(super) fn name(self, family: &str, word: &str) -> String {
        self.0.get(&format!("{family}.{word}")).map_or(word, String::as_str).to_owned()
    }

    /// The text at `key`, if there is one.
    pub(super) fn find(self, key: &str) -> Option<&'static str> {
        self.0.get(key).map(String::as_str)
    }
}

/// Fills placeholders in one pass, so that a value's own braces stay as they are.
fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = placeholder(rest) {
        filled.push_str(before);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(&value.to_string()),
            None => filled.push_str(&format!("{{{name}}}")),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Splits at the first `{name}`: the text before it, the name, the text after it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, opened) = text.split_once('{')?;
    let (name, after) = opened.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests;

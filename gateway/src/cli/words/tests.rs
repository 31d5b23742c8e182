use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::*;

fn catalogue(text: &str) -> Catalogue {
    toml::from_str(text).unwrap()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    let mut rest = text;
    std::iter::from_fn(|| {
        let (_, name, after) = placeholder(rest)?;
        rest = after;
        Some(name)
    })
    .collect()
}

/// Every string literal of the command line's sources.
fn literals() -> BTreeSet<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![sources.join("cli.rs")];
    below(&sources.join("cli"), &mut files);
    let texts = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.split('"').map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The sources below a folder, without files of tests.
fn below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

#[test]
fn both_languages_have_the_same_keys_and_placeholders() {
    let (en, zh) = (catalogue(EN), catalogue(ZH));
    let keys = |of: &Catalogue| of.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&en), keys(&zh));
    for (key, text) in &en {
        assert_eq!(placeholders(text), placeholders(&zh[key]), "placeholders of {key}");
    }
}

#[test]
fn every_key_is_used() {
    // These are asked for by a word of the API or a name of the command line.
    let families = ["phase.", "status.", "state.", "command.", "arg.", "mark.", "step."];
    let used = literals();
    for key in catalogue(EN).keys().filter(|key| !families.iter().any(|f| key.starts_with(f))) {
        assert!(used.contains(key), "{key} is in messages/en.toml but nothing says it");
    }
}

#[test]
fn every_message_that_is_said_has_a_text() {
    let en = catalogue(EN);
    let topics: BTreeSet<_> =
        en.keys().filter_map(|key| key.split_once('.')).map(|k| k.0).collect();
    let is_key = |text: &String| {
        let word = |part: &str| part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        text.split_once('.').is_some_and(|(topic, name)| {
            topics.contains(topic) && !name.is_empty() && word(topic) && word(name)
        })
    };
    // `out.png` is a file.
    for key in literals().iter().filter(|text| is_key(text) && !text.ends_with(".png")) {
        assert!(en.contains_key(key), "{key} is said but is not in messages/en.toml");
    }
}

#[test]
fn the_first_variable_that_is_set_decides_the_language() {
    let table = [
        (None, None, None, Language::En),
        (None, None, Some("zh_CN.UTF-8"), Language::Zh),
        (None, None, Some("ZH"), Language::Zh),
        (None, Some("en_GB.UTF-8"), Some("zh_CN.UTF-8"), Language::En),
        (Some("zh_TW.UTF-8"), Some("en_GB.UTF-8"), None, Language::Zh),
        (Some("C"), None, Some("zh_CN.UTF-8"), Language::En),
    ];
    for (all, messages, lang, language) in table {
        assert_eq!(Language::of(all, messages, lang), language, "{all:?} {messages:?} {lang:?}");
    }
}

#[test]
fn fills_each_placeholder_once() {
    type Row<'a> = (&'a str, &'a [(&'a str, &'a dyn Display)], &'a str);
    let table: [Row<'_>; 5] = [
        ("plain", &[], "plain"),
        ("{a} and {b}", &[("a", &1), ("b", &"two")], "1 and two"),
        ("{a}", &[("a", &"{b}"), ("b", &"no")], "{b}"),
        ("{unknown}", &[], "{unknown}"),
        ("a { b", &[], "a { b"),
    ];
    for (text, values, filled) in table {
        assert_eq!(fill(text, values), filled);
    }
}

#[test]
fn a_word_without_a_name_shows_as_it_came() {
    let words = Words::of(Language::Zh);
    assert_eq!(words.name("phase", "polling"), "处理中");
    assert_eq!(words.name("phase", "dreaming"), "dreaming");
    assert_eq!(words.say("no.such", &[]), "no.such");
}

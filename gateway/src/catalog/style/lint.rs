//! Styles held against each other and against the providers: what no file alone can tell. Pure.
//!
//! A provider or model that is not there is a warning: the next edit of the catalog may bring it, and
//! the style's other words hold all the same.

use std::collections::HashMap;

use super::StyleFile;
use crate::catalog::document::nearest;
use crate::catalog::provider::ProviderFile;
use crate::problem::Problem;

/// Everything wrong between files.
pub fn across(styles: &[StyleFile], providers: &[ProviderFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names: HashMap<&str, &StyleFile> = HashMap::new();
    for style in styles {
        let other = style.line_of("name").and_then(|_| names.insert(&style.name, style));
        problems.extend(other.map(|other| twice(style, other)));
        problems.extend(provider(style, providers));
        problems.extend(model(style, providers));
    }
    problems
}

fn twice(style: &StyleFile, other: &StyleFile) -> Problem {
    let what = format!("the name '{}' is already taken by {}", style.name, other.file.display());
    Problem::error(&style.file, style.line_of("name"), what, "give each style a name of its own")
}

fn provider(style: &StyleFile, providers: &[ProviderFile]) -> Option<Problem> {
    let asked = style.provider.as_deref()?;
    let (what, mend) = match preferred(asked, providers) {
        Some(known) if known.enabled => return None,
        Some(_) => {
            let what = format!("provider '{asked}' is not enabled, so others are asked");
            (what, "enable it, or name another".to_owned())
        }
        None => {
            let all: Vec<String> = providers.iter().map(|p| p.id.clone()).collect();
            let names = providers.iter().flat_map(|p| [p.id.as_str(), p.name.as_str()]);
            let what = format!("no provider is called '{asked}', so others are asked");
            (what, instead(asked, names, &all))
        }
    };
    let line = style.line_of("provider");
    Some(Problem::error(&style.file, line, what, mend).warning())
}

/// A style that names its provider may ask it for a model that its file does not name.
fn model(style: &StyleFile, providers: &[ProviderFile]) -> Option<Problem> {
    let asked = style.model.as_deref()?;
    let enabled = || providers.iter().filter(|provider| provider.enabled);
    let first = style.provider.as_deref().and_then(|name| preferred(name, providers));
    if first.is_some_and(|p| p.enabled) || enabled().any(|provider| serves(provider, asked)) {
        return None;
    }
    let names = || enabled().flat_map(|p| p.model.iter().chain(&p.aliases));
    let mut known: Vec<String> = names().cloned().collect();
    known.sort();
    known.dedup();
    let mend = instead(asked, names().map(String::as_str), &known);
    let what = format!("no provider serves the model '{asked}'");
    Some(Problem::error(&style.file, style.line_of("model"), what, mend).warning())
}

fn preferred<'p>(asked: &str, providers: &'p [ProviderFile]) -> Option<&'p ProviderFile> {
    providers.iter().find(|provider| provider.id == asked || provider.name == asked)
}

fn serves(provider: &ProviderFile, model: &str) -> bool {
    let alias = || provider.aliases.iter().any(|alias| alias == "*" || alias == model);
    provider.is_sandbox() || provider.model.as_deref() == Some(model) || alias()
}

fn instead<'k>(asked: &str, names: impl Iterator<Item = &'k str>, all: &[String]) -> String {
    match nearest(asked, names) {
        Some(near) => format!("did you mean '{near}'?"),
        None if all.is_empty() => "remove it, or add a provider".to_owned(),
        None => format!("there are: {}", all.join(", ")),
    }
}

//! What is wrong with a command line, in the person's language.
//!
//! Says the frequent mistakes in our own words; the rest stays as clap says it.

use std::error::Error as _;

use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::cli::words::Words;

/// The mistake alone, in a line.
pub(in crate::cli) fn mistake(error: &Error, words: Words) -> String {
    known(error, words).unwrap_or_else(|| {
        let text = error.to_string();
        let first = text.split("\n\n").next().unwrap_or_default();
        first.trim_start_matches("error: ").trim().to_owned()
    })
}

/// The mistake and what to do about it.
pub(in crate::cli) fn told(error: &Error, words: Words) -> String {
    let mut parts = vec![words.say("out.error", &[("text", &mistake(error, words))])];
    parts.extend(hint(error).map(|hint| words.say("usage.hint", &[("hint", &hint)])));
    if let Some(usage) = text(error, ContextKind::Usage) {
        let line = usage.trim_start_matches("Usage: ").trim().to_owned();
        parts.push(words.say("usage.line", &[("line", &line)]));
    }
    parts.push(words.say("usage.help", &[]));
    parts.join("\n\n")
}

fn known(error: &Error, words: Words) -> Option<String> {
    let invalid = || text(error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::UnknownArgument => Some(words.say("usage.unknown", &[("arg", &invalid()?)])),
        ErrorKind::InvalidSubcommand => {
            let command = text(error, ContextKind::InvalidSubcommand)?;
            Some(words.say("usage.no_command", &[("command", &command)]))
        }
        ErrorKind::MissingRequiredArgument => {
            Some(words.say("usage.missing", &[("args", &invalid()?)]))
        }
        ErrorKind::ArgumentConflict => Some(words.say("usage.twice", &[("arg", &invalid()?)])),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let (arg, value) = (invalid()?, text(error, ContextKind::InvalidValue)?);
            if value.is_empty() {
                return Some(words.say("usage.no_value", &[("arg", &arg)]));
            }
            let good = text(error, ContextKind::ValidValue)
                .map(|values| words.say("usage.one_of", &[("values", &values)]));
            let why = good.or_else(|| error.source().map(ToString::to_string));
            let why = why.unwrap_or_default();
            Some(words.say("usage.value", &[("arg", &arg), ("value", &value), ("why", &why)]))
        }
        _ => None,
    }
}

/// What was probably meant.
fn hint(error: &Error) -> Option<String> {
    let kinds = [
        ContextKind::Suggested,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ];
    kinds.into_iter().find_map(|kind| text(error, kind).filter(|hint| !hint.is_empty()))
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    Some(match error.get(kind)? {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(texts) => {
            texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        _ => return None,
    })
}

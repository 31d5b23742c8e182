//! Which fields the files have, and how much of each may be shown.

/// How much of a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of it.
    Whole,
    /// An origin, without who asks there.
    Host,
    /// Text by people: all but what looks like a key.
    Prose,
    /// Nothing: it is a secret, or nobody knows what it is.
    Never,
}

/// What is sealed, referred to, or a secret.
const SECRET: &str = "api_key";
/// The tables that a file may have.
const TABLES: [&str; 6] = ["hosts", "endpoints", "limits", "options", "variables", "keys"];
/// What a name says that is given to a secret.
const TELLING: [&str; 7] = ["key", "token", "secret", "passw", "pwd", "credential", "auth"];

/// How much of the value at a path is shown; lists do not count as a part of it.
pub(super) fn shown(path: &[&str]) -> Shown {
    match path {
        ["keys", of_key @ ..] => of_client_key(of_key),
        ["description" | "prompt" | "negative_prompt"] | ["variables", _] => Shown::Prose,
        ["hosts", "domestic" | "overseas"] => Shown::Host,
        ["endpoints", "edit" | "result" | "upload"] => Shown::Prose,
        ["options", name] if !is_telling(name) => Shown::Prose,
        ["limits", name] if is_limit(name) => Shown::Whole,
        [name] if is_field(name) => Shown::Whole,
        _ => Shown::Never,
    }
}

/// Whether a field or table is one that the files have.
pub(super) fn is_known(path: &[&str]) -> bool {
    is_secret(path)
        || matches!(path, [name] if TABLES.contains(name))
        || shown(path) != Shown::Never
}

/// Whether it is the field for a secret, wherever it stands.
pub(super) fn is_secret(path: &[&str]) -> bool {
    path.last() == Some(&SECRET)
}

/// The table that a line opens; `None`: it opens none that is known.
pub(super) fn table(header: &str) -> Option<&'static str> {
    let inner = header.split('#').next().unwrap_or_default().trim();
    let inner = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'))?;
    let list = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let name = list.unwrap_or(inner).trim();
    TABLES.into_iter().find(|table| *table == name)
}

/// Whether a name says that a secret has it.
pub(super) fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|word| name.contains(word))
}

fn of_client_key(path: &[&str]) -> Shown {
    match path {
        ["name"] => Shown::Prose,
        ["id" | "prefix" | "sha256" | "scopes" | "created" | "expires" | "revoked"] => Shown::Whole,
        ["limits", "per_minute" | "concurrency"] => Shown::Whole,
        _ => Shown::Never,
    }
}

#[rustfmt::skip]
fn is_limit(name: &str) -> bool {
    ["concurrency", "polls_per_second", "timeout", "per_day", "cooldown"].contains(&name)
}

#[rustfmt::skip]
fn is_field(name: &str) -> bool {
    [
        "name", "type", "priority", "enabled", "default", "sync", "retry", "shrink", "model",
        "aliases", "region", "on_ambiguous", "when_full", "price",
        "provider", "resolution", "aspect_ratio", "output_format", "locked",
    ]
    .contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_where_it_belongs() {
        assert_eq!(table("[[keys]] # more"), Some("keys"));
        assert_eq!(table("[\"sk\"]"), None);
        assert_eq!(shown(&["hosts", "name"]), Shown::Never);
        assert_eq!(shown(&["options", "access_token"]), Shown::Never);
    }
}

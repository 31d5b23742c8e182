//! A new key as it is written in the file. Pure.

use std::collections::BTreeSet;
use std::io;

use data_encoding::HEXLOWER;
use toml_edit::{DocumentMut, Item, Table, Value, value};

use super::{Expiry, Hash, Limits, Scope, hash, token, when};
use crate::catalog::edit;
use crate::clock::Ms;
use crate::secret::Secret;

/// How a file begins that is made here.
const HEADER: &str = "\
# Client keys. Of each only its SHA-256 is here: a key is shown once, when it is made.
# `retouch key create|list|revoke` edits this file; comments stay.
";
/// The field that says until when a key may be used.
pub(super) const EXPIRES: &str = "expires";

/// What is asked of a new key.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// How much of it.
    pub limits: Limits,
    /// Until when.
    pub expires: Option<Expiry>,
}

/// A key's record as TOML.
pub(super) fn entry(id: &str, secret: &Secret, new: &NewKey, now: Ms) -> Table {
    let digest: Hash = hash(secret.expose());
    let mut entry = Table::new();
    entry.insert("id", value(id));
    entry.insert("name", value(new.name.as_str()));
    entry.insert("prefix", value(token::prefix(secret)));
    entry.insert("sha256", value(HEXLOWER.encode(&digest)));
    entry.insert(
        "scopes",
        value(new.scopes.iter().map(|s| s.as_str()).collect::<toml_edit::Array>()),
    );
    let limits = [("per_minute", new.limits.per_minute), ("concurrency", new.limits.concurrency)];
    let limits = limits.into_iter().filter(|(_, limit)| *limit > 0);
    let limits: toml_edit::InlineTable =
        limits.map(|(name, limit)| (name, Value::from(i64::from(limit)))).collect();
    if !limits.is_empty() {
        entry.insert("limits", value(limits));
    }
    if let Some(created) = when::datetime(now) {
        entry.insert("created", value(created));
    }
    if let Some(Expiry(at)) = new.expires {
        entry.insert(EXPIRES, value(at));
    }
    entry
}

/// The text with one more key. `[[keys]]` may always follow at the end, so what is there stays
/// untouched; only a list in brackets has to be opened. Lines end as the file's do.
pub(super) fn appended(text: &str, entry: Table) -> io::Result<String> {
    let mut document: DocumentMut = text.parse().map_err(io::Error::other)?;
    if let Some(list) = document.get_mut("keys").and_then(Item::as_array_mut) {
        list.push(entry.into_inline_table());
        return Ok(with_ends(&document.to_string(), text));
    }
    let before = match text.trim().is_empty() {
        true => with_ends(HEADER, text),
        false => format!("{}{}", text.trim_end_matches(['\r', '\n']), edit::newline(text)),
    };
    Ok(before + &with_ends(&format!("\n[[keys]]\n{entry}"), text))
}

/// Lines that end as another text's do.
fn with_ends(lines: &str, of: &str) -> String {
    lines.replace("\r\n", "\n").replace('\n', edit::newline(of))
}

//! Reading the keys' file field by field. Nothing that is read is repeated in a problem: somebody may
//! have written a key where its hash belongs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;
use toml::Value;
use toml::value::Datetime;

use super::rules::MOST;
use super::{Hash, Key, Keys, Limits, Scope, when};
use crate::access::OPERATOR;
use crate::catalog::document::{Document, Table, nearest};
use crate::clock::Ms;
use crate::problem::Problem;

/// All keys of a file.
pub(super) fn read(file: &Path, text: &str) -> (Keys, Vec<Problem>) {
    let (document, mut root) = match Document::parse(file, text) {
        Ok(both) => both,
        Err(problem) => return (Keys::default(), vec![problem]),
    };
    let mut reader = Reader { document, ids: BTreeMap::new(), hashes: BTreeMap::new() };
    let tables = reader.document.tables(&mut root, "keys");
    reader.document.close(&root);
    let mut keys = Keys::default();
    for table in tables {
        if let Some((hash, key)) = reader.key(table) {
            keys.add(hash, key);
        }
    }
    (keys, reader.document.finish())
}

struct Reader<'a> {
    document: Document<'a>,
    /// What was read so far, each with its line.
    ids: BTreeMap<String, usize>,
    hashes: BTreeMap<Hash, usize>,
}

impl<'a> Reader<'a> {
    /// One key; `None` without what makes it one.
    fn key(&mut self, mut table: Table<'a>) -> Option<(Hash, Key)> {
        let id = self.id(&mut table);
        let name = self.document.required(&mut table, "name");
        let hash = self.hash(&mut table);
        let prefix = self.document.take(&mut table, "prefix", "text").unwrap_or_default();
        let scopes = self.scopes(&mut table);
        let limits = self.limits(&mut table);
        let created = self.time(&mut table, "created", when::start);
        let expires = self.time(&mut table, "expires", when::end);
        let revoked = self.revoked(&mut table);
        self.document.close(&table);
        let (id, name, hash) = (id?, name?, hash?);
        Some((hash, Key { id, name, prefix, scopes, limits, created, expires, revoked }))
    }

    fn id(&mut self, table: &mut Table<'a>) -> Option<String> {
        let line = table.line("id");
        let id = self.document.required(table, "id")?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        if id == OPERATOR || id.len() > 64 || !id.bytes().all(plain) {
            let mend = "write up to 64 small letters, digits, hyphens and underscores";
            self.document.problem(Some(line), "id cannot be a key's id", mend);
            return None;
        }
        if let Some(other) = self.ids.insert(id.clone(), line) {
            let what = format!("the id is already taken on line {other}");
            self.document.problem(Some(line), what, "give each key an id of its own");
            return None;
        }
        Some(id)
    }

    fn hash(&mut self, table: &mut Table<'a>) -> Option<Hash> {
        let line = table.line("sha256");
        let text = self.document.required(table, "sha256")?;
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        let Some(hash) = bytes.and_then(|bytes| Hash::try_from(bytes).ok()) else {
            let mend = "write the key's SHA-256 in 64 hexadecimal digits, never the key itself";
            self.document.problem(Some(line), "sha256 is no hash", mend);
            return None;
        };
        if let Some(other) = self.hashes.insert(hash, line) {
            let what = format!("the same key is already on line {other}");
            self.document.problem(Some(line), what, "remove one of them");
            return None;
        }
        Some(hash)
    }

    /// All of them where none are named. An empty list is refused: it could be meant either way.
    fn scopes(&mut self, table: &mut Table<'a>) -> BTreeSet<Scope> {
        let line = table.line("scopes");
        let all = BTreeSet::from(Scope::ALL);
        let named: Option<Vec<String>> =
            self.document.take(table, "scopes", "a list of names such as [\"edit\", \"read\"]");
        let Some(named) = named else { return all };
        let known = Scope::ALL.map(Scope::as_str);
        if named.is_empty() {
            let mend = format!("name some of {}, or leave it out for all", known.join(", "));
            self.document.problem(Some(line), "scopes is empty", mend);
        }
        let mut scopes = BTreeSet::new();
        for name in &named {
            match Scope::parse(name) {
                Some(scope) => drop(scopes.insert(scope)),
                None => {
                    let mend = match nearest(name, known.into_iter()) {
                        Some(near) => format!("did you mean \"{near}\"?"),
                        None => format!("known are {}", known.join(", ")),
                    };
                    self.document.problem(Some(line), "scopes names one there is not", mend);
                }
            }
        }
        scopes
    }

    fn limits(&mut self, table: &mut Table<'a>) -> Limits {
        let mut inner = self.document.table(table, "limits");
        let mut limit = |key| {
            let line = inner.line(key);
            let what = "a whole number, 0 for no limit";
            let limit = self.document.take(&mut inner, key, what).unwrap_or_default();
            if limit > MOST {
                let what = format!("limits.{key} is more than {MOST}");
                self.document.problem(Some(line), what, "write 0 for no limit");
            }
            limit
        };
        let limits = Limits { per_minute: limit("per_minute"), concurrency: limit("concurrency") };
        self.document.close(&inner);
        limits
    }

    fn time(
        &mut self,
        table: &mut Table<'a>,
        key: &'static str,
        read: fn(&Datetime) -> Option<Ms>,
    ) -> Option<Ms> {
        let line = table.line(key);
        let value: Value = self.document.take(table, key, "a date or time")?;
        self.moment(&value, line, key, read)
    }

    /// `true` does as well: whoever writes it means it, and at once.
    fn revoked(&mut self, table: &mut Table<'a>) -> Option<Ms> {
        let line = table.line("revoked");
        match self.document.take(table, "revoked", "a date or time")? {
            Value::Boolean(revoked) => revoked.then_some(0),
            value => self.moment(&value, line, "revoked", when::start),
        }
    }

    fn moment(
        &mut self,
        value: &Value,
        line: usize,
        key: &str,
        read: fn(&Datetime) -> Option<Ms>,
    ) -> Option<Ms> {
        let written = match value {
            Value::Datetime(at) => Some(*at),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let at = written.and_then(|at| read(&at));
        if at.is_none() {
            let mend = "write a date such as 2027-01-31, or 2027-01-31T18:00:00Z";
            self.document.problem(Some(line), format!("{key} must be a date or time"), mend);
        }
        at
    }
}

//! Finds where in a text each change belongs, table by table.

use std::ops::Range;

use toml_edit::{Item, Table, Value};

use super::change::{Change, Changes};
use super::splice::Splices;
use super::{inline, json, lines};

/// A text being changed.
pub(super) struct Editor<'t> {
    text: &'t str,
    root: &'t Table,
    splices: Splices<'t>,
}

/// How a table's fields are written.
#[derive(Clone)]
struct Home<'p> {
    /// The whole name of the table.
    path: Vec<&'p str>,
    /// The part of it that stands before each key.
    dotted: Vec<&'p str>,
}

impl<'t> Editor<'t> {
    pub(super) fn new(text: &'t str, root: &'t Table) -> Self {
        Self { text, root, splices: Splices::new(text) }
    }

    /// Changes at the top of the file.
    pub(super) fn root(&mut self, changes: &Changes) {
        let root = self.root;
        self.table(root, &Home { path: Vec::new(), dotted: Vec::new() }, changes);
    }

    /// Changes in one table of a list of such.
    pub(super) fn element(&mut self, list: &str, table: &Table, changes: &Changes) {
        self.table(table, &Home { path: vec![list], dotted: Vec::new() }, changes);
    }

    /// Changes in a table within braces.
    pub(super) fn inline(&mut self, span: Option<Range<usize>>, changes: &Changes) {
        let Some(span) = span else { return };
        let text = self.text.get(span.clone()).unwrap_or_default();
        if let Some(text) = inline::merged(text, changes) {
            self.splices.replace(span, text);
        }
    }

    /// The text afterwards.
    pub(super) fn finish(self) -> String {
        self.splices.finish()
    }

    fn table(&mut self, table: &Table, home: &Home<'_>, changes: &Changes) {
        let mut fresh = Vec::new();
        for (key, change) in changes {
            match (table.get(key), change) {
                (Some(Item::Value(old)), change) => self.value(table, key, old, change),
                (Some(Item::Table(inner)), Change::Merge(changes)) => {
                    self.table(inner, &home.within(key, inner.is_dotted()), changes);
                }
                (Some(old), Change::Set(new)) if json::of_item(old) == json::of_value(new) => {}
                (old, change) => {
                    if let Some(old) = old {
                        self.remove(old);
                    }
                    fresh.extend(self.fresh(home, key, change));
                }
            }
        }
        if !fresh.is_empty() {
            self.add(table, home, &fresh);
        }
    }

    /// A field that is new in its table; `None` where it is a table with a header of its own, or nothing.
    fn fresh<'k>(
        &mut self,
        home: &Home<'_>,
        key: &'k str,
        change: &Change,
    ) -> Option<(&'k str, Value)> {
        match change {
            Change::Remove => None,
            Change::Set(value) => Some((key, value.clone())),
            Change::Merge(inner) => {
                let table = inline::fresh(inner)?;
                let Value::InlineTable(fields) = &table else { return None };
                if !home.path.is_empty() {
                    return Some((key, table));
                }
                let lines: Vec<String> =
                    fields.iter().map(|(key, value)| line("", &[key], None, value)).collect();
                self.splices.section(&header(&[key]), &lines);
                None
            }
        }
    }

    /// A field that has a value on its own line.
    fn value(&mut self, table: &Table, key: &str, old: &Value, change: &Change) {
        let Some(span) = old.span() else { return };
        match change {
            Change::Remove => {
                if let Some(key) = table.key(key).and_then(toml_edit::Key::span) {
                    self.splices.remove(self.lines(key.start, span.end));
                }
            }
            Change::Set(new) if json::of_value(old) == json::of_value(new) => {}
            Change::Set(new) => self.splices.replace(span, inline::written(new)),
            Change::Merge(inner) if old.is_inline_table() => self.inline(Some(span), inner),
            Change::Merge(inner) => {
                let new = inline::fresh(inner).map_or("{}".to_owned(), |new| inline::written(&new));
                self.splices.replace(span, new);
            }
        }
    }

    /// A table, wherever its parts stand.
    fn remove(&mut self, item: &Item) {
        match item {
            Item::None | Item::Value(_) => {}
            Item::Table(table) => self.remove_table(table),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|table| self.remove_table(table)),
        }
    }

    fn remove_table(&mut self, table: &Table) {
        let values = table.get_values();
        if has_header(table) {
            self.remove_section(table);
        } else {
            for (path, value) in values {
                let key = path.last().and_then(|key| key.span());
                if let (Some(key), Some(value)) = (key, value.span()) {
                    self.splices.remove(self.lines(key.start, value.end));
                }
            }
        }
        for (_, inner) in table.iter() {
            match inner {
                Item::Table(inner) if inner.is_dotted() => {}
                inner => self.remove(inner),
            }
        }
    }

    /// From the header to the last field, and an empty line that is then one too many.
    fn remove_section(&mut self, table: &Table) {
        let Some(header) = table.span() else { return };
        let last = last_value(table).unwrap_or(header.end);
        let mut piece = self.lines(header.start, last);
        let is_blank = |start| lines::line(self.text, start).is_empty();
        let before = lines::before(self.text, piece.start);
        if before.as_ref().is_none_or(|before| is_blank(before.start)) {
            while piece.end < self.text.len() && is_blank(piece.end) {
                piece.end = lines::end(self.text, piece.end);
            }
            if let Some(before) = before.filter(|_| piece.end == self.text.len()) {
                piece.start = before.start;
            }
        }
        self.splices.remove(piece);
    }

    /// New fields, after the last one that the table has.
    fn add(&mut self, table: &Table, home: &Home<'_>, fresh: &[(&str, Value)]) {
        let width = lines::width(self.text, table);
        let last = last_value(table);
        let at = match (last, table.span()) {
            (Some(last), _) => lines::end(self.text, last),
            (None, _) if home.path.is_empty() => self.top(),
            (None, Some(header)) if has_header(table) => lines::end(self.text, header.end),
            (None, _) => {
                let lines: Vec<String> =
                    fresh.iter().map(|(key, value)| line("", &[key], None, value)).collect();
                return self.splices.section(&header(&home.path), &lines);
            }
        };
        let first = table.get_values().first().and_then(|(path, _)| path.last()?.span());
        let indent =
            first.map_or("", |key| lines::indent(self.text, lines::start(self.text, key.start)));
        for (key, value) in fresh {
            let key = [home.dotted.as_slice(), &[key]].concat();
            self.splices.line(at, line(indent, &key, width, value));
        }
        if last.is_none() && home.path.is_empty() && !lines::line(self.text, at).is_empty() {
            self.splices.line(at, String::new());
        }
    }

    /// Where the first field of the file goes: before the first table and the comment that belongs to
    /// it.
    fn top(&self) -> usize {
        let Some(header) = first_header(self.root) else { return self.text.len() };
        let mut at = lines::start(self.text, header);
        while let Some(before) = lines::before(self.text, at) {
            if !lines::line(self.text, before.start).starts_with('#') {
                break;
            }
            at = before.start;
        }
        at
    }

    /// The whole lines from one place to another.
    fn lines(&self, from: usize, to: usize) -> Range<usize> {
        lines::start(self.text, from)..lines::end(self.text, to)
    }
}

impl<'p> Home<'p> {
    fn within(&self, key: &'p str, is_dotted: bool) -> Self {
        let mut inner = self.clone();
        inner.path.push(key);
        match is_dotted {
            true => inner.dotted.push(key),
            false => inner.dotted.clear(),
        }
        inner
    }
}

fn has_header(table: &Table) -> bool {
    !table.is_dotted() && !table.is_implicit()
}

/// Where the last value ends that is written as this table's.
fn last_value(table: &Table) -> Option<usize> {
    table.get_values().iter().filter_map(|(_, value)| value.span()).map(|span| span.end).max()
}

fn first_header(table: &Table) -> Option<usize> {
    let of = |table: &Table| {
        let own = table.span().filter(|_| has_header(table)).map(|span| span.start);
        own.into_iter().chain(first_header(table)).min()
    };
    let of_item = |item: &Item| match item {
        Item::None | Item::Value(_) => None,
        Item::Table(table) => of(table),
        Item::ArrayOfTables(tables) => tables.iter().filter_map(of).min(),
    };
    table.iter().filter_map(|(_, item)| of_item(item)).min()
}

fn header(path: &[&str]) -> String {
    format!("[{}]", lines::key(path))
}

fn line(indent: &str, key: &[&str], width: Option<usize>, value: &Value) -> String {
    let key = lines::key(key);
    let width = width.unwrap_or_default();
    format!("{indent}{key:<width$} = {}", inline::written(value))
}

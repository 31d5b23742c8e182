//! A file's lines without what must not be shown. A key belongs in one field, and people put it in
//! others: misspelt, in a host, in a comment. So what is shown is what is known to be none; of the
//! rest only the place is.

mod fields;
mod words;

use std::ops::Range;

use toml_edit::{Document, Item, Table, Value};

use fields::Shown;

const SECRET: &str = "[secret]";

/// The lines, each with its end; as many as before.
pub(super) fn redacted(text: &str) -> Vec<String> {
    let shown = match Document::parse(text) {
        Ok(document) => of_document(text, document.as_table(), &mut Vec::new()),
        Err(_) => of_lines(text),
    };
    shown.split_inclusive('\n').map(str::to_owned).collect()
}

/// Of what cannot be parsed as a whole: the lines that say by themselves what they are. Comments are
/// not among them, as they could be the inside of a value.
fn of_lines(text: &str) -> String {
    // Where a table begins that is not known, nothing is.
    let mut table = Some(Vec::new());
    let lines = text.split_inclusive('\n').map(|line| {
        let body = line.trim_end_matches(['\r', '\n']);
        let end = line.get(body.len()..).unwrap_or_default();
        let shown = match body.trim_start() {
            "" => Some(body.to_owned()),
            header if header.starts_with('[') => {
                table = fields::table(header).map(|name| vec![name]);
                table.is_some().then(|| words::outside(body))
            }
            _ => table.as_deref().and_then(|table| of_line(body, table)),
        };
        format!("{}{end}", shown.as_deref().unwrap_or(SECRET))
    });
    lines.collect()
}

/// A line that gives a known field its whole value.
fn of_line(line: &str, table: &[&str]) -> Option<String> {
    let document = Document::parse(line).ok()?;
    let (key, _) = document.iter().next()?;
    let mut path = [table, &[key]].concat();
    let is_known = fields::is_known(&path);
    path.pop();
    is_known.then(|| of_document(line, document.as_table(), &mut path))
}

/// Of TOML that stands in the table at this path.
fn of_document<'a>(text: &str, root: &'a Table, path: &mut Vec<&'a str>) -> String {
    let mut values = Vec::new();
    of_table(path, root, &mut values);
    values.sort_by_key(|(span, _)| span.start);
    let (mut out, mut done) = (Lines::default(), 0);
    for (span, shown) in values {
        out.outside(text.get(done..span.start).unwrap_or_default());
        out.value(text.get(span.clone()).unwrap_or_default(), shown);
        done = span.end;
    }
    out.outside(text.get(done..).unwrap_or_default());
    out.text
}

/// Lines in the making.
#[derive(Default)]
struct Lines {
    text: String,
    /// Whether a value was struck in the line so far: its comment speaks of it.
    is_struck: bool,
}

impl Lines {
    fn value(&mut self, value: &str, shown: Shown) {
        let shown = match shown {
            _ if is_reference(value) => value.to_owned(),
            Shown::Whole => words::plain(value),
            Shown::Host => words::host(value),
            Shown::Prose => words::prose(value),
            Shown::Never => {
                self.is_struck = true;
                secret(value)
            }
        };
        self.text.push_str(&shown);
    }

    /// What stands between values: keys, headers, comments.
    fn outside(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            let body = line.trim_end_matches(['\r', '\n']);
            match body.split_once('#').filter(|_| self.is_struck) {
                Some((code, _)) => {
                    self.text.push_str(&words::outside(code));
                    self.text.push_str("# ");
                    self.text.push_str(SECRET);
                }
                None => self.text.push_str(&words::outside(body)),
            }
            self.text.push_str(line.get(body.len()..).unwrap_or_default());
            self.is_struck &= !line.ends_with('\n');
        }
    }
}

/// Stands for a value on as many lines as that has.
fn secret(value: &str) -> String {
    let newlines = value.matches('\n').count();
    match newlines {
        0 => format!("\"{SECRET}\""),
        _ => format!("\"\"\"{}{SECRET}\"\"\"", "\n".repeat(newlines)),
    }
}

/// Where a key is kept is no secret, and whoever applies the diff needs it.
fn is_reference(value: &str) -> bool {
    let inner = value.trim_matches(['"', '\'']);
    let inner = inner.strip_prefix("${").and_then(|inner| inner.strip_suffix('}'));
    let place =
        inner.and_then(|inner| inner.strip_prefix("env:").or_else(|| inner.strip_prefix("file:")));
    place.is_some_and(|place| !place.contains(['\n', '$', '{', '}']))
}

type Values = Vec<(Range<usize>, Shown)>;

fn of_table<'a>(path: &mut Vec<&'a str>, table: &'a Table, values: &mut Values) {
    for (key, item) in table {
        path.push(key);
        match item {
            Item::None => {}
            Item::Value(value) => of_value(path, value, values),
            Item::Table(inner) => of_table(path, inner, values),
            Item::ArrayOfTables(tables) => {
                tables.iter().for_each(|inner| of_table(path, inner, values));
            }
        }
        path.pop();
    }
}

fn of_value<'a>(path: &mut Vec<&'a str>, value: &'a Value, values: &mut Values) {
    let shown = fields::shown(path);
    match value {
        Value::Array(items) if fields::is_known(path) && !fields::is_secret(path) => {
            items.iter().for_each(|item| of_value(path, item, values));
        }
        Value::InlineTable(table) if !fields::is_secret(path) => {
            for (key, value) in table {
                path.push(key);
                of_value(path, value, values);
                path.pop();
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_)
            if !fields::is_secret(path) =>
        {
            values.extend(value.span().map(|span| (span, Shown::Whole)));
        }
        _ => values.extend(value.span().map(|span| (span, shown))),
    }
}

#[cfg(test)]
mod tests;

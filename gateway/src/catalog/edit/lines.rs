//! Where lines begin and end, and how they are written.

use std::ops::Range;

use toml_edit::{Key, Table};

const BOM: &str = "\u{feff}";

/// A line's number, counted from 1.
pub(super) fn number(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Where the line begins that this is on.
pub(super) fn start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    match before.rfind('\n') {
        Some(newline) => newline + 1,
        None if text.starts_with(BOM) => BOM.len(),
        None => 0,
    }
}

/// Where the next line begins.
pub(super) fn end(text: &str, at: usize) -> usize {
    let after = text.get(at..).unwrap_or_default();
    after.find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The line that begins there, without what is around it.
pub(super) fn line(text: &str, start: usize) -> &str {
    text.get(start..end(text, start)).unwrap_or_default().trim()
}

/// The line before the one that begins there.
pub(super) fn before(text: &str, start: usize) -> Option<Range<usize>> {
    let previous = self::start(text, start.checked_sub(1)?);
    (previous < start).then_some(previous..start)
}

/// What stands before the first word of the line that begins there.
pub(super) fn indent(text: &str, start: usize) -> &str {
    let line = text.get(start..).unwrap_or_default();
    line.split(|c| c != ' ' && c != '\t').next().unwrap_or_default()
}

/// How the file ends its lines.
pub(in crate::catalog) fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// A key as it is written.
pub(super) fn key(path: &[&str]) -> String {
    let parts = path.iter().map(|part| Key::new(*part).display_repr().into_owned());
    parts.collect::<Vec<_>>().join(".")
}

/// The width of keys of a table whose `=` stand one below the other.
pub(super) fn width(text: &str, table: &Table) -> Option<usize> {
    let values = table.get_values();
    let widths: Vec<(usize, usize)> = values
        .iter()
        .filter_map(|(path, _)| {
            let end = path.last()?.span()?.end;
            let begin = start(text, end);
            let begin = begin + indent(text, begin).len();
            let equals = end + text.get(end..)?.find('=')?;
            let count = |end: usize| text.get(begin..end).map(|key| key.chars().count());
            Some((count(end)?, count(equals)?.checked_sub(1)?))
        })
        .collect();
    let (_, width) = *widths.first()?;
    let are_aligned = widths.iter().all(|(_, other)| *other == width);
    (are_aligned && widths.iter().any(|(key, _)| *key != width)).then_some(width)
}

//! A TOML file read field by field: every wrong type and unknown key becomes a problem with its
//! line, and reading goes on.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::Problem;

/// A file being read.
pub struct Document<'a> {
    file: PathBuf,
    lines: Lines,
    problems: Vec<Problem>,
    text: PhantomData<&'a str>,
}

/// A table of it; fields are taken out, and what remains is unknown.
pub struct Table<'a> {
    lines: Lines,
    path: String,
    line: usize,
    fields: BTreeMap<String, (usize, Spanned<DeValue<'a>>)>,
    known: Vec<&'static str>,
}

/// Where each line of a text ends, found once: looking for each field's line from the beginning would
/// take a long file's length squared.
#[derive(Clone)]
struct Lines(Arc<[usize]>);

impl<'a> Document<'a> {
    /// Parses the text. A syntax error is the one problem that hides all others.
    pub fn parse(file: &Path, text: &'a str) -> Result<(Self, Table<'a>), Problem> {
        let lines = Lines::of(text);
        match DeTable::parse(text) {
            Ok(root) => {
                let root = Table::new(String::new(), 1, &lines, root.into_inner());
                let (file, problems) = (file.to_owned(), Vec::new());
                Ok((Self { file, lines, problems, text: PhantomData }, root))
            }
            Err(error) => {
                let line = error.span().map(|span| lines.at(&span));
                let what = format!("is not TOML: {}", error.message());
                Err(Problem::error(file, line, what, "mend the syntax on that line"))
            }
        }
    }

    /// Notes a problem.
    pub fn problem(
        &mut self,
        line: Option<usize>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.problems.push(Problem::error(&self.file, line, what, mend));
    }

    /// Notes something that stops nothing.
    pub fn warning(
        &mut self,
        line: Option<usize>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.problems.push(Problem::error(&self.file, line, what, mend).warning());
    }

    /// Whether something is already known to be wrong with that line.
    pub fn has_problem_at(&self, line: usize) -> bool {
        self.problems.iter().any(|problem| problem.line == Some(line))
    }

    /// Everything found wrong.
    pub fn finish(self) -> Vec<Problem> {
        self.problems
    }

    /// The id that a file's name gives, `whose` saying what is in the file.
    pub fn id(&mut self, file: &Path, whose: &str) -> String {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if stem.is_empty() || !stem.bytes().all(fits) {
            let what = format!("the file name '{stem}' cannot be a {whose}'s id");
            self.problem(None, what, "rename it to small letters, digits and hyphens");
        }
        stem
    }

    /// Takes text that must be there and say something.
    pub fn required(&mut self, root: &mut Table<'a>, key: &'static str) -> Option<String> {
        let line = root.lines().get(key).copied();
        let value: Option<String> = self.take(root, key, "text");
        let value = value.filter(|text| !text.trim().is_empty());
        // A value of another type is a problem of its own.
        let (empty, mend) = (line.is_some() && value.is_none(), format!("write {key} = \"…\""));
        match line {
            None => self.problem(Some(root.line(key)), format!("{key} is missing"), mend),
            Some(line) if empty && !self.has_problem_at(line) => {
                self.problem(Some(line), format!("{key} is empty"), mend);
            }
            Some(_) => {}
        }
        value
    }

    /// Takes a field of any type serde can read, `what` saying which.
    pub fn take<T: DeserializeOwned>(
        &mut self,
        table: &mut Table<'a>,
        key: &'static str,
        what: &str,
    ) -> Option<T> {
        table.known.push(key);
        let (line, value) = table.fields.remove(key)?;
        let name = table.name(key);
        let read = T::deserialize(toml::de::ValueDeserializer::from(value));
        read.inspect_err(|_| {
            self.problem(Some(line), format!("{name} must be {what}"), format!("write {what}"));
        })
        .ok()
    }

    /// Takes every field of a table whose keys are the operator's own, each with its line.
    pub fn take_all<T: DeserializeOwned>(
        &mut self,
        table: &mut Table<'a>,
        what: &str,
    ) -> BTreeMap<String, (usize, T)> {
        let mut all = BTreeMap::new();
        for (key, (line, value)) in std::mem::take(&mut table.fields) {
            match T::deserialize(toml::de::ValueDeserializer::from(value)) {
                Ok(read) => {
                    all.insert(key, (line, read));
                }
                Err(_) => {
                    let name = table.name(&key);
                    self.problem(
                        Some(line),
                        format!("{name} must be {what}"),
                        format!("write {what}"),
                    );
                }
            }
        }
        all
    }

    /// Takes a table inside; an absent one is empty.
    pub fn table(&mut self, table: &mut Table<'a>, key: &'static str) -> Table<'a> {
        table.known.push(key);
        let path = table.name(key);
        let Some((line, value)) = table.fields.remove(key) else {
            return Table::empty(path, table.line, &self.lines);
        };
        match value.into_inner() {
            DeValue::Table(inner) => Table::new(path, line, &self.lines, inner),
            _ => {
                self.problem(
                    Some(line),
                    format!("{path} must be a table"),
                    format!("write [{path}]"),
                );
                Table::empty(path, line, &self.lines)
            }
        }
    }

    /// Takes a list of tables (`[[keys]]`); an absent one is empty. A problem in one names its line,
    /// not its place in the list.
    pub fn tables(&mut self, table: &mut Table<'a>, key: &'static str) -> Vec<Table<'a>> {
        table.known.push(key);
        let path = table.name(key);
        let Some((line, value)) = table.fields.remove(key) else { return Vec::new() };
        let mut tables = Vec::new();
        let mut all_are = false;
        if let DeValue::Array(items) = value.into_inner() {
            all_are = true;
            for item in items {
                let line = self.lines.at(&item.span()).max(line);
                match item.into_inner() {
                    DeValue::Table(inner) => {
                        tables.push(Table::new(String::new(), line, &self.lines, inner));
                    }
                    _ => all_are = false,
                }
            }
        }
        if !all_are {
            let (what, mend) =
                (format!("{path} must be a list of tables"), format!("write [[{path}]]"));
            self.problem(Some(line), what, mend);
        }
        tables
    }

    /// Refuses what was not taken.
    pub fn close(&mut self, table: &Table<'a>) {
        for (key, (line, _)) in &table.fields {
            let name = table.name(key);
            let mend = match nearest(key, table.known.iter().copied()) {
                Some(near) => format!("did you mean `{}`?", table.name(near)),
                None => "remove it".to_owned(),
            };
            self.problem(Some(*line), format!("{name} is not a known key"), mend);
        }
    }
}

impl<'a> Table<'a> {
    fn new(path: String, line: usize, lines: &Lines, table: DeTable<'a>) -> Self {
        let fields = table
            .into_iter()
            .map(|(key, value)| {
                let line = lines.at(&key.span());
                (key.into_inner().into_owned(), (line, value))
            })
            .collect();
        Self { lines: lines.clone(), path, line, fields, known: Vec::new() }
    }

    fn empty(path: String, line: usize, lines: &Lines) -> Self {
        Self { lines: lines.clone(), path, line, fields: BTreeMap::new(), known: Vec::new() }
    }

    /// The line a field is on, or its table's.
    pub fn line(&self, key: &str) -> usize {
        self.fields.get(key).map_or(self.line, |(line, _)| *line)
    }

    /// The lines of all fields present.
    pub fn lines(&self) -> BTreeMap<String, usize> {
        self.fields.iter().map(|(key, (line, _))| (key.clone(), *line)).collect()
    }

    /// The lines of all fields here and in the tables inside, by dotted path.
    pub fn all_lines(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for (key, line) in self.lines() {
            if let Some(inner) = self.peek(&key) {
                all.extend(inner.all_lines());
            }
            all.insert(self.name(&key), line);
        }
        all
    }

    /// A table inside, left where it is.
    pub fn peek(&self, key: &str) -> Option<Table<'a>> {
        let (line, value) = self.fields.get(key)?;
        match value.get_ref() {
            DeValue::Table(inner) => {
                Some(Table::new(self.name(key), *line, &self.lines, inner.clone()))
            }
            _ => None,
        }
    }

    /// A field's dotted path.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line on which something begins.
    fn at(&self, span: &Range<usize>) -> usize {
        self.0.partition_point(|end| *end < span.start) + 1
    }
}

/// The known word most like `given`, if any is close.
pub fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|word| (distance(given, word), word))
        .filter(|(distance, word)| *distance <= 2.max(word.len() / 3))
        .min()
        .map(|(_, word)| word)
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let here = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, want) in
            [("", "", 0), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "", 2), ("", "xy", 2)]
        {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn a_line_is_what_counting_from_the_beginning_says(text in "[a\r\n密]{0,40}") {
            let lines = Lines::of(&text);
            for start in 0..=text.len() + 2 {
                let counted = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
                prop_assert_eq!(lines.at(&(start..start)), counted);
            }
        }
    }

    #[test]
    fn unknown_keys_name_their_line_and_the_nearest() {
        let text = "name = \"x\"\nprioritty = 3\n";
        let (mut document, mut table) =
            Document::parse(Path::new("p.toml"), text).unwrap_or_else(|p| unreachable!("{p}"));
        let name: Option<String> = document.take(&mut table, "name", "text");
        let priority: Option<i64> = document.take(&mut table, "priority", "a whole number");
        document.close(&table);
        assert_eq!((name.as_deref(), priority), (Some("x"), None));
        let problems = document.finish();
        assert_eq!(problems.len(), 1);
        assert_eq!(
            problems[0].to_string(),
            "p.toml:2: prioritty is not a known key; did you mean `priority`?"
        );
    }
}

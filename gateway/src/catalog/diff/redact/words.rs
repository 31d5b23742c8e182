//! Text without the words in it that look like a secret.

use super::{SECRET, fields};

/// How a sealed key begins.
const SEALED: &str = "enc:v1:";
/// How a reference begins.
const REFERENCES: [&str; 2] = ["${env:", "${file:"];
/// Keys are at least that long.
const SHORTEST: usize = 16;

/// A value of a known field: without what is sealed, and without who asks in a URL.
pub(super) fn plain(text: &str) -> String {
    without_sealed(&without_users(text))
}

/// An origin: whatever stands before its host is who asks there.
pub(super) fn host(text: &str) -> String {
    let text = without_sealed(text);
    let Some(at) = text.rfind('@') else { return text };
    let from = text.find("://").map_or_else(|| quotes(&text), |from| from + "://".len());
    let [before, after] = [text.get(..from), text.get(at..)].map(Option::unwrap_or_default);
    format!("{before}{SECRET}{after}")
}

/// Text by people.
pub(super) fn prose(text: &str) -> String {
    let text = plain(text);
    let (mut out, mut rest) = (String::new(), text.as_str());
    while !rest.is_empty() {
        let reference = reference(rest);
        let is_word = |c: char| c.is_ascii_graphic() && !"\"'`,;()<>[]{}=|&?!*".contains(c);
        let length = match reference {
            0 => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            length => length,
        };
        let next = || rest.chars().next().map_or(0, char::len_utf8);
        let (word, after) = rest.split_at(if length == 0 { next() } else { length });
        out.push_str(if reference == 0 && is_secret(word) { SECRET } else { word });
        rest = after;
    }
    out
}

/// A line, or a part of one, in which no value stands: keys, a header, a comment.
pub(super) fn outside(line: &str) -> String {
    match line.split_once('#') {
        Some((code, comment)) => format!("{}#{}", prose(code), of_comment(comment)),
        None => prose(line),
    }
}

/// A comment is prose, or a line that was taken out.
fn of_comment(comment: &str) -> String {
    match given(comment) {
        Some(at) => format!("{} {SECRET}", prose(comment.get(..at).unwrap_or_default())),
        None => prose(comment),
    }
}

/// Where something begins that is given to a field as in `name = value`, if the name is that of a
/// secret, or nobody knows it; or, told in words, what stands behind `key:`.
fn given(comment: &str) -> Option<usize> {
    let sign = |(at, _): (usize, &str)| {
        let before = comment.get(..at).unwrap_or_default().trim_end().trim_end_matches(['"', '\'']);
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let name = before.rsplit(|c| !is_part(c)).next().unwrap_or_default();
        let is_alone = before.trim_start().trim_start_matches(['#', ' ', '"', '\'']) == name;
        let path: Vec<&str> = name.split('.').collect();
        let is_field = is_alone && comment.get(at..).is_some_and(|rest| rest.starts_with('='));
        let is_named = fields::is_telling(name) || (is_field && !fields::is_known(&path));
        (!name.is_empty() && is_named).then_some(at + 1)
    };
    let is_reference = |at: &usize| reference_behind(comment.get(*at..).unwrap_or_default());
    comment.match_indices(['=', ':']).filter_map(sign).find(|at| !is_reference(at))
}

/// Whether nothing but a reference stands there.
fn reference_behind(text: &str) -> bool {
    let text = text.trim().trim_matches(['"', '\'']);
    let length = reference(text);
    length > 0 && length == text.len()
}

/// How long a reference is that the text begins with.
fn reference(text: &str) -> usize {
    if !REFERENCES.iter().any(|start| text.starts_with(start)) {
        return 0;
    }
    let end = text.find('}').map_or(0, |end| end + 1);
    let inner = text.get(..end).unwrap_or_default();
    if inner.contains(char::is_whitespace) { 0 } else { end }
}

fn is_secret(word: &str) -> bool {
    let looks = |word: &str| {
        word.len() >= SHORTEST
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let is_place = word.contains("://")
        || ["/", "./", "../", "~/"].iter().any(|start| word.starts_with(start));
    match is_place {
        // A name in it can be one all the same.
        true => word.split('/').any(looks),
        false => looks(word),
    }
}

/// Without what stands between `://` and the last `@` of the word.
fn without_users(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(char::is_whitespace).unwrap_or(part.len());
        let user = part.get(..end).and_then(|word| word.rfind('@'));
        out.push_str("://");
        if user.is_some() {
            out.push_str(SECRET);
        }
        out.push_str(part.get(user.unwrap_or_default()..).unwrap_or_default());
    }
    out
}

fn without_sealed(text: &str) -> String {
    let mut parts = text.split(SEALED);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest =
            part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c));
        out.push_str(SECRET);
        out.push_str(rest);
    }
    out
}

/// How many quotes a value begins with.
fn quotes(value: &str) -> usize {
    value.len() - value.trim_start_matches(['"', '\'']).len()
}

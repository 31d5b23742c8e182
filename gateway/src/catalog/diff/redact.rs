//! A file's lines without what must not be shown: the values of `api_key`, and whatever is sealed.

use std::ops::Range;

use toml_edit::{Document, Item, Table, Value};

const FIELD: &str = "api_key";
const SEALED: &str = "enc:v1:";
const SECRET: &str = "[secret]";

/// The lines, each with its end; as many as before.
pub(super) fn redacted(text: &str) -> Vec<String> {
    let document = Document::parse(text);
    let is_toml = document.is_ok();
    let text = match document {
        Ok(document) => without_keys(text, document.as_table()),
        Err(_) => text.to_owned(),
    };
    let mut hidden = false;
    let lines = text.split_inclusive('\n').map(|line| {
        let end = line.get(line.trim_end_matches(['\r', '\n']).len()..).unwrap_or_default();
        let is_loose = !is_toml || line.trim_start().starts_with('#');
        match after_field(line) {
            _ if hidden => format!("{SECRET}{end}"),
            Some(at) if is_loose => {
                // What cannot be parsed could go on on the next line.
                hidden = !is_toml;
                format!("{} {SECRET}{end}", line.get(..at).unwrap_or_default())
            }
            Some(_) | None => without_sealed(line),
        }
    });
    lines.collect()
}

fn without_keys(text: &str, root: &Table) -> String {
    let mut spans = Vec::new();
    of_table(root, &mut spans);
    spans.sort_by_key(|span| span.start);
    let (mut out, mut done) = (String::new(), 0);
    for span in spans {
        out.push_str(text.get(done..span.start).unwrap_or_default());
        let value = text.get(span.clone()).unwrap_or_default();
        if is_reference(value) {
            out.push_str(value);
        } else {
            out.push_str(&secret(value));
        }
        done = span.end;
    }
    out + text.get(done..).unwrap_or_default()
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

fn of_table(table: &Table, spans: &mut Vec<Range<usize>>) {
    for (key, item) in table {
        match item {
            Item::None => {}
            Item::Value(value) => of_value(key, value, spans),
            Item::Table(inner) => of_table(inner, spans),
            Item::ArrayOfTables(tables) => {
                tables.iter().for_each(|inner| of_table(inner, spans));
            }
        }
    }
}

fn of_value(key: &str, value: &Value, spans: &mut Vec<Range<usize>>) {
    if key == FIELD {
        spans.extend(value.span());
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| of_value("", item, spans)),
        Value::InlineTable(table) => {
            table.iter().for_each(|(key, value)| of_value(key, value, spans));
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

/// Where the value begins that a line gives to the field.
fn after_field(line: &str) -> Option<usize> {
    let field = line.find(FIELD)? + FIELD.len();
    Some(field + line.get(field..)?.find('=')? + 1)
}

fn without_sealed(line: &str) -> String {
    let mut parts = line.split(SEALED);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest =
            part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c));
        out.push_str(SECRET);
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_left_and_no_line_is_lost() {
        for (text, want) in [
            ("api_key = \"canary\" # c\nb = 1", "api_key = \"[secret]\" # c\nb = 1"),
            ("api_key = '''\ncanary\n'''\nb = 1\n", "api_key = \"\"\"\n\n[secret]\"\"\"\nb = 1\n"),
            ("\"api_key\" = \"canary\"\n", "\"api_key\" = \"[secret]\"\n"),
            ("[a]\nb = { api_key = \"canary\" }\n", "[a]\nb = { api_key = \"[secret]\" }\n"),
            ("a.api_key = \"canary\"\n", "a.api_key = \"[secret]\"\n"),
            ("[[a]]\nb = [{ api_key = 'canary' }]\n", "[[a]]\nb = [{ api_key = \"[secret]\" }]\n"),
            ("api_key = [\n\"canary\"\n]\n", "api_key = \"\"\"\n\n[secret]\"\"\"\n"),
            ("x = \"enc:v1:canary/+_-=\" # enc:v1:canary\n", "x = \"[secret]\" # [secret]\n"),
            ("# api_key = \"canary\"\r\nb = 1\r\n", "# api_key = [secret]\r\nb = 1\r\n"),
            ("b = \napi_key = \"\"\"\ncanary\n", "b = \napi_key = [secret]\n[secret]\n"),
            ("api_key = \"${env:KEY}\"\n", "api_key = \"${env:KEY}\"\n"),
            ("api_key = \"${file:/run/key}\"\n", "api_key = \"${file:/run/key}\"\n"),
            ("api_key = \"${canary}\"\n", "api_key = \"[secret]\"\n"),
            ("sha256 = \"9f86\"\n", "sha256 = \"9f86\"\n"),
        ] {
            assert_eq!(redacted(text).concat(), want, "{text}");
            assert_eq!(redacted(text).len(), text.split_inclusive('\n').count(), "{text}");
        }
    }
}

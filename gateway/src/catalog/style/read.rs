//! Reading a style's file field by field; reading goes on after a problem, so that one run finds them
//! all.

use std::collections::BTreeMap;
use std::path::Path;

use super::template::{self, PROMPT, Template};
use super::{Field, StyleFile};
use crate::catalog::document::{Document, Table, nearest};
use crate::request::value;
use crate::secret::PLACEHOLDER;

/// Reads one file.
pub(super) struct Reader<'d, 'a> {
    pub(super) document: &'d mut Document<'a>,
}

impl<'a> Reader<'_, 'a> {
    /// The style. A field that could not be read has its default, and is among the problems.
    pub(super) fn style(&mut self, file: &Path, mut root: Table<'a>) -> StyleFile {
        let lines = root.all_lines();
        let id = self.document.id(file, "style");
        let name = self.document.required(&mut root, "name").unwrap_or_else(|| id.clone());
        let prompt = self.prompt(&mut root);
        let variables = self.variables(&mut root, prompt.as_ref());
        let mut style = StyleFile {
            file: file.to_owned(),
            id,
            name,
            description: self.text(&mut root, "description").unwrap_or_default(),
            provider: self.text(&mut root, "provider"),
            model: self.text(&mut root, "model"),
            resolution: self.value(&mut root, "resolution", value::resolution, "1K, 2K or 4K"),
            aspect_ratio: self.value(
                &mut root,
                "aspect_ratio",
                value::aspect_ratio,
                "WIDTH:HEIGHT such as 3:4",
            ),
            negative_prompt: self.text(&mut root, "negative_prompt"),
            output_format: self.value(
                &mut root,
                "output_format",
                value::output_format,
                "png, jpeg or webp",
            ),
            locked: Vec::new(),
            prompt: prompt.clone().unwrap_or_default(),
            variables,
            lines,
        };
        style.locked = self.locked(&mut root, &style);
        if let Some(prompt) = prompt {
            self.look_over(&prompt, &style);
        }
        self.document.close(&root);
        style
    }

    /// None where it is in disorder.
    fn prompt(&mut self, root: &mut Table<'a>) -> Option<Template> {
        let line = root.line(PROMPT);
        let Some(text) = self.text(root, PROMPT) else {
            return Some(Template::default());
        };
        let parsed = Template::parse(&text);
        let flaws = parsed.as_ref().err().into_iter().flatten();
        for flaw in flaws {
            self.document.problem(Some(line), format!("prompt {}", flaw.what), flaw.mend.clone());
        }
        parsed.ok()
    }

    fn variables(
        &mut self,
        root: &mut Table<'a>,
        prompt: Option<&Template>,
    ) -> BTreeMap<String, String> {
        let mut table = self.document.table(root, "variables");
        let all = self.document.take_all::<String>(&mut table, "text");
        let mut variables = BTreeMap::new();
        for (name, (line, text)) in all {
            let field = format!("variables.{name}");
            self.refuse_reserved(line, &field, &text);
            if name == PROMPT {
                let mend = "remove it: {prompt} is what the caller writes as `prompt`";
                self.document.problem(Some(line), format!("{field} is no variable"), mend);
            } else if let Some(prompt) = prompt.filter(|prompt| !prompt.has(&name)) {
                let near = nearest(&name, prompt.places().into_iter().filter(|p| *p != PROMPT));
                let mend = match near {
                    Some(near) => format!("did you mean `variables.{near}`?"),
                    None => format!("write {{{name}}} where it belongs, or remove it"),
                };
                self.document.problem(Some(line), format!("{field} has no place in prompt"), mend);
            }
            variables.insert(name, text);
        }
        variables
    }

    /// Text that says something; nothing is the same as absent.
    fn text(&mut self, root: &mut Table<'a>, key: &'static str) -> Option<String> {
        let line = root.line(key);
        let text: String = self.document.take(root, key, "text")?;
        self.refuse_reserved(line, key, &text);
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// A value in its canonical spelling.
    fn value(
        &mut self,
        root: &mut Table<'a>,
        key: &'static str,
        canonical: fn(&str) -> Option<String>,
        what: &str,
    ) -> Option<String> {
        let line = root.line(key);
        let text = self.text(root, key)?;
        let value = canonical(&text);
        if value.is_none() {
            let wrong = format!("{key} = \"{text}\" is not {what}");
            self.document.problem(Some(line), wrong, format!("write {what}"));
        }
        value
    }

    fn locked(&mut self, root: &mut Table<'a>, style: &StyleFile) -> Vec<Field> {
        let line = root.line("locked");
        let names: Vec<String> =
            self.document.take(root, "locked", "a list of field names").unwrap_or_default();
        let mut locked = Vec::new();
        for name in names {
            let field = Field::ALL.into_iter().find(|field| field.name() == name);
            let (what, mend) = match field {
                None => (format!("locked names '{name}', which cannot be locked"), known(&name)),
                // The words were read already where their field is in disorder.
                Some(field) if !style.sets(field) && style.line_of(&name).is_none() => {
                    let what = format!("locked names {name}, which this style does not set");
                    (what, format!("set {name}, or take it out of locked"))
                }
                Some(Field::Prompt) if style.prompt.has(PROMPT) => {
                    let what = "locked names prompt, which has a place for the caller's words";
                    (what.to_owned(), "take it out of locked, or {prompt} out of prompt".to_owned())
                }
                Some(field) => {
                    locked.push(field);
                    continue;
                }
            };
            self.document.problem(Some(line), what, mend);
        }
        locked
    }

    /// What may be meant otherwise than it is read.
    fn look_over(&mut self, prompt: &Template, style: &StyleFile) {
        let line = style.line_of(PROMPT);
        if !prompt.has(PROMPT) && !style.locks(Field::Prompt) {
            let mend =
                "write {prompt} where they belong, or locked = [\"prompt\"] if they never do";
            self.document.warning(line, "prompt has no place for the caller's words", mend);
        }
        for name in prompt.places().into_iter().filter(|name| *name != PROMPT).chain([PROMPT]) {
            let braced = format!("{{{name}}}");
            if prompt.literals().any(|text| text.contains(&braced)) {
                let what =
                    format!("prompt holds `{{{braced}}}`, which is read as the text {braced}");
                self.document.warning(line, what, format!("write {braced} for the place"));
            }
        }
        if prompt.dollars() {
            let what = "prompt has a `$` before a place, and it stays in the text";
            self.document.warning(line, what, "write {name}, without the `$`");
        }
        for name in style.variables.keys().filter(|name| !template::is_name(name)) {
            let line = style.line_of(&format!("variables.{name}"));
            let mend = "write letters, digits and `_`, no digit first";
            // One that is in no place was said already.
            if line.is_none_or(|line| !self.document.has_problem_at(line)) {
                self.document.problem(line, format!("variables.{name} is not a name"), mend);
            }
        }
    }

    /// The gateway's own marks stand for a key; no text may ask for one.
    fn refuse_reserved(&mut self, line: usize, key: &str, text: &str) {
        if text.contains(PLACEHOLDER) {
            let what = format!("{key} holds `{PLACEHOLDER}`, which has a meaning here");
            self.document.problem(Some(line), what, "write it otherwise");
        }
    }
}

fn known(name: &str) -> String {
    match nearest(name, Field::ALL.into_iter().map(Field::name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are: {}", Field::ALL.map(Field::name).join(", ")),
    }
}

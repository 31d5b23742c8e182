//! A style's prompt: text with places for words. `{name}` is a place, `{{` and `}}` are the braces
//! themselves, nothing else has a meaning.
//!
//! What is put in stays what it is: braces in a value are never read as places. Whoever takes values
//! from outside looks at the whole text for marks of the gateway's own.

/// The place for the caller's own words.
pub const PROMPT: &str = "prompt";

/// A template that is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(String),
}

/// What is wrong with a template, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong, to follow the field's name.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl Default for Template {
    /// The caller's words as they are.
    fn default() -> Self {
        Self(vec![Piece::Place(PROMPT.to_owned())])
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Everything that is wrong with it, from left to right.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        let mut reading = Reading::default();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            reading.text.push_str(before);
            rest = reading.brace(from);
        }
        reading.text.push_str(rest);
        reading.finish()
    }

    /// The names of its places, each once, in order.
    pub fn places(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for piece in &self.0 {
            if let Piece::Place(name) = piece
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
        names
    }

    /// Whether a place has that name.
    pub fn has(&self, name: &str) -> bool {
        self.places().contains(&name)
    }

    /// The text between the places.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Place(_) => None,
        })
    }

    /// Whether a place follows a `$`, as shells and other templates write it.
    pub fn dollars(&self) -> bool {
        self.0
            .windows(2)
            .any(|pair| matches!(pair, [Piece::Text(text), Piece::Place(_)] if text.ends_with('$')))
    }

    /// The text with every place filled; one without a value is left empty.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Place(name) => filled.push_str(value(name).unwrap_or_default()),
            }
        }
        filled
    }
}

/// Whether a place can have that name: letters of any script, digits and `_`, no digit first.
pub fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || c == '_';
    text.chars().all(fits) && text.chars().next().is_some_and(|first| !first.is_numeric())
}

/// A template being read.
#[derive(Default)]
struct Reading {
    pieces: Vec<Piece>,
    text: String,
    flaws: Vec<Flaw>,
}

impl Reading {
    /// Reads from a brace on; what is left follows.
    fn brace<'t>(&mut self, from: &'t str) -> &'t str {
        for (pair, itself) in [("{{", '{'), ("}}", '}')] {
            if let Some(rest) = from.strip_prefix(pair) {
                self.text.push(itself);
                return rest;
            }
        }
        match from.strip_prefix('{') {
            Some(inner) => self.place(inner),
            None => {
                self.flaw("has a `}` that closes nothing", "write `}}` for a brace itself");
                from.strip_prefix('}').unwrap_or_default()
            }
        }
    }

    /// Reads a place from behind its brace on.
    fn place<'t>(&mut self, inner: &'t str) -> &'t str {
        match inner.find(['{', '}', '\n']).map(|end| inner.split_at(end)) {
            Some((name, rest)) if rest.starts_with('}') => {
                if is_name(name) {
                    self.pieces.push(Piece::Text(std::mem::take(&mut self.text)));
                    self.pieces.push(Piece::Place(name.to_owned()));
                } else {
                    self.flaw(
                        &format!("has `{{{name}}}`, which names nothing"),
                        "a name is letters, digits and `_`, as in {mood}; write `{{` and `}}` for \
                         the braces themselves",
                    );
                }
                rest.strip_prefix('}').unwrap_or_default()
            }
            Some((name, rest)) => {
                self.unclosed(name);
                rest
            }
            None => {
                self.unclosed(inner);
                ""
            }
        }
    }

    fn unclosed(&mut self, name: &str) {
        let shown: String = name.chars().take(20).collect();
        let what = format!("has `{{{shown}` without its `}}`");
        self.flaw(&what, "close it, or write `{{` for a brace itself");
    }

    fn flaw(&mut self, what: &str, mend: &str) {
        self.flaws.push(Flaw { what: what.to_owned(), mend: mend.to_owned() });
    }

    fn finish(mut self) -> Result<Template, Vec<Flaw>> {
        self.pieces.push(Piece::Text(self.text));
        self.pieces.retain(|piece| *piece != Piece::Text(String::new()));
        if self.flaws.is_empty() { Ok(Template(self.pieces)) } else { Err(self.flaws) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str) -> String {
        let template = Template::parse(text).unwrap_or_else(|flaws| unreachable!("{flaws:?}"));
        template.fill(|name| match name {
            "prompt" => Some("a cat"),
            "mood" => Some("{prompt} {{"),
            _ => None,
        })
    }

    #[test]
    fn places_are_filled_and_values_stay_what_they_are() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{prompt}", "a cat"),
            ("oil: {prompt}, {mood}!", "oil: a cat, {prompt} {{!"),
            ("{{prompt}}", "{prompt}"),
            ("{{{prompt}}}", "{a cat}"),
            ("{{}}", "{}"),
            ("[{氛围}]", "[]"),
        ] {
            assert_eq!(filled(text), expected, "{text}");
        }
    }

    #[test]
    fn each_flaw_is_named() {
        for (text, whats) in [
            ("{prompt", &["`{prompt` without its `}`"][..]),
            ("a } b", &["closes nothing"]),
            ("{} and {1st} and {my mood}", &["`{}`", "`{1st}`", "`{my mood}`"]),
            ("{mood|warm} {mood:>3}", &["`{mood|warm}`", "`{mood:>3}`"]),
            ("{a {prompt}", &["`{a ` without"]),
            ("{a\n}", &["`{a` without", "closes nothing"]),
        ] {
            let flaws = Template::parse(text).unwrap_err();
            assert_eq!(flaws.len(), whats.len(), "{text}: {flaws:?}");
            for (flaw, what) in flaws.iter().zip(whats) {
                assert!(flaw.what.contains(what), "{text}: {flaw:?}");
            }
        }
    }

    #[test]
    fn names_come_once_in_order() {
        let template = Template::parse("{b} {a} {b}").unwrap();
        assert_eq!(template.places(), ["b", "a"]);
        assert!(template.has("a") && !template.has("c"));
    }

    proptest! {
        #[test]
        fn any_text_with_its_braces_doubled_is_itself(text in ".*") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(filled(&doubled), text);
        }

        #[test]
        fn no_text_is_too_odd_to_be_read(text in "[{}a$\\n ]*") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert!(template.places().into_iter().all(is_name));
            }
        }

        #[test]
        fn a_value_is_inserted_as_it_is(value in ".*") {
            let template = Template::parse("<{v}>").unwrap();
            prop_assert_eq!(template.fill(|_| Some(&value)), format!("<{value}>"));
        }
    }
}

//! Pieces of a text that are replaced, and lines and tables that come in; everything else stays, byte
//! for byte.

use std::ops::Range;

use super::lines;

/// What changes in a text.
#[derive(Debug)]
pub(super) struct Splices<'t> {
    text: &'t str,
    pieces: Vec<(Range<usize>, New)>,
    sections: Vec<String>,
}

#[derive(Debug)]
enum New {
    /// Instead of what was there.
    Text(String),
    /// A line of its own.
    Line(String),
}

impl<'t> Splices<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, pieces: Vec::new(), sections: Vec::new() }
    }

    /// Another text in place of this piece.
    pub(super) fn replace(&mut self, piece: Range<usize>, text: String) {
        self.pieces.push((piece, New::Text(text)));
    }

    /// Without this piece.
    pub(super) fn remove(&mut self, piece: Range<usize>) {
        self.replace(piece, String::new());
    }

    /// One more line, where another begins or the text ends.
    pub(super) fn line(&mut self, at: usize, line: String) {
        self.pieces.push((at..at, New::Line(line)));
    }

    /// One more table, after everything else.
    pub(super) fn section(&mut self, header: &str, fields: &[String]) {
        let lines = [&[header.to_owned()], fields].concat();
        self.sections.push(lines.join(lines::newline(self.text)));
    }

    /// The text afterwards.
    pub(super) fn finish(mut self) -> String {
        let newline = lines::newline(self.text);
        self.pieces.sort_by_key(|(piece, _)| piece.start);
        let (mut out, mut done) = (String::with_capacity(self.text.len()), 0);
        for (piece, new) in self.pieces {
            out.push_str(self.text.get(done..piece.start).unwrap_or_default());
            match new {
                New::Text(text) => out.push_str(&text),
                New::Line(line) => {
                    end_line(&mut out, newline);
                    out.push_str(&line);
                    out.push_str(newline);
                }
            }
            done = piece.end.max(done);
        }
        out.push_str(self.text.get(done..).unwrap_or_default());
        for section in self.sections {
            end_line(&mut out, newline);
            let last = lines::before(&out, out.len());
            if last.is_some_and(|last| !lines::line(&out, last.start).is_empty()) {
                out.push_str(newline);
            }
            out.push_str(&section);
            out.push_str(newline);
        }
        out
    }
}

fn end_line(out: &mut String, newline: &str) {
    if lines::start(out, out.len()) < out.len() {
        out.push_str(newline);
    }
}

//! What a command says: results on stdout, everything else on stderr.
//!
//! The only file that writes to either. Text from elsewhere never reaches the terminal with its
//! control characters, which could move the cursor or rename the window. A closed stdout ends
//! the command quietly; a closed stderr is nobody's loss.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use super::{stop::Stop, words::Words};

/// The terminal, or whatever stands in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out {
    /// The texts of the person's language.
    pub(super) words: Words,
    /// Whether results are wanted as JSON.
    pub(super) json: bool,
}

impl Out {
    /// A result, on stdout.
    pub(super) fn line(self, text: &str) -> Result<(), Stop> {
        self.write(&plain(text))
    }

    /// A result, on stdout, byte for byte: JSON, which escapes control characters itself.
    pub(super) fn raw(self, text: &str) -> Result<(), Stop> {
        self.write(text.trim_end())
    }

    /// A result that is no text, on stdout, and not a byte beside it.
    pub(super) fn bytes(self, bytes: &[u8]) -> Result<(), Stop> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| self.lost(&error))
    }

    /// A message of the catalogue, on stderr.
    pub(super) fn note(self, key: &str, values: &[(&str, &dyn Display)]) {
        self.remark(&self.words.say(key, values));
    }

    /// Any text, on stderr.
    pub(super) fn remark(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", plain(text));
    }

    /// Whether a person watches stderr, so that a bar may move there.
    pub(super) fn is_watched(self) -> bool {
        io::stderr().is_terminal()
    }

    fn write(self, text: &str) -> Result<(), Stop> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| self.lost(&error))
    }

    fn lost(self, error: &io::Error) -> Stop {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::Closed,
            _ => Stop::Failed(self.words.say("out.lost", &[("why", error)])),
        }
    }
}

/// The text without control characters other than line ends.
fn plain(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\u{9b}c\nd\u{7}"), "a[2Jbc\nd");
        assert_eq!(plain("黑白"), "黑白");
    }
}

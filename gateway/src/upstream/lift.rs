//! Lifts images out of JSON while it arrives.
//!
//! A long string that is an image in base64, bare or as a data URI, is decoded into pieces for the
//! image store, and `{"$blob": n, "bytes": …}` stands in its place. All else passes unchanged, byte
//! for byte, into a rest of bounded size; whether that is JSON at all is for its reader to say. The
//! lifter does no I/O and gives the same for any split of its input. `$image` and `$blob` mean
//! something only when the gateway wrote them, so as keys from outside they are refused.

mod decode;
mod escape;
mod image;
mod rule;
mod watch;

use image::Image;
use watch::{Seen, Watch};

pub use rule::{LiftError, Rule};

/// What [`Lifter::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// An image begins.
    Begin,
    /// Bytes of it; never empty.
    Data(&'a [u8]),
    /// It ended.
    End,
}

/// The state between two chunks.
#[derive(Debug)]
pub struct Lifter {
    rule: Rule,
    limit: usize,
    rest: Vec<u8>,
    state: State,
    images: u32,
}

#[derive(Debug)]
enum State {
    /// Outside strings; with the reserved word that the last one was, should it prove a key.
    Between { word: Option<&'static str> },
    /// Within a string that may be an image or a reserved word.
    Watch(Watch),
    /// Within a string that is text.
    Text { escaped: bool },
    /// Within an image.
    Image(Box<Image>),
}

impl Lifter {
    /// A lifter that leaves at most `limit` bytes.
    pub fn new(rule: Rule, limit: usize) -> Self {
        let state = State::Between { word: None };
        Self { rule, limit, rest: Vec::new(), state, images: 0 }
    }

    /// Takes from the front of `input` up to the next piece of an image. `None`: all is taken.
    ///
    /// # Errors
    /// When the input must be refused; the lifter is then of no use.
    pub fn next<'a>(&'a mut self, input: &mut &[u8]) -> Result<Option<Piece<'a>>, LiftError> {
        loop {
            match &mut self.state {
                State::Image(_) => return self.image(input),
                _ if input.is_empty() => return Ok(None),
                State::Between { .. } => self.between(input)?,
                State::Text { .. } => self.text(input)?,
                State::Watch(_) => {
                    if self.watch(input)? {
                        return Ok(Some(Piece::Begin));
                    }
                }
            }
        }
    }

    /// What is left beside the images.
    ///
    /// # Errors
    /// When the input ended within an image.
    pub fn finish(mut self) -> Result<Vec<u8>, LiftError> {
        match std::mem::replace(&mut self.state, State::Text { escaped: false }) {
            State::Image(_) => return Err(LiftError::Cut(self.images)),
            State::Watch(mut watch) => self.open_text(&watch.raw())?,
            State::Between { .. } | State::Text { .. } => {}
        }
        Ok(self.rest)
    }

    fn between(&mut self, input: &mut &[u8]) -> Result<(), LiftError> {
        let quote = memchr::memchr(b'"', input);
        let gap = take(input, quote.unwrap_or(input.len()));
        if let State::Between { word } = &mut self.state
            && let Some(next) = gap.trim_ascii_start().first()
            && let Some(word) = word.take()
            && *next == b':'
        {
            return Err(LiftError::Reserved(word));
        }
        self.keep(gap)?;
        if quote.is_some() {
            take(input, 1);
            self.state = State::Watch(Watch::default());
        }
        Ok(())
    }

    fn text(&mut self, input: &mut &[u8]) -> Result<(), LiftError> {
        let State::Text { escaped } = &mut self.state else { return Ok(()) };
        if std::mem::take(escaped) {
            let one = take(input, 1);
            return self.keep(one);
        }
        let Some(at) = memchr::memchr2(b'"', b'\\', input) else {
            let all = take(input, input.len());
            return self.keep(all);
        };
        let run = take(input, at + 1);
        self.state = match run.last() {
            Some(b'"') => State::Between { word: None },
            _ => State::Text { escaped: true },
        };
        self.keep(run)
    }

    /// Whether an image begins.
    fn watch(&mut self, input: &mut &[u8]) -> Result<bool, LiftError> {
        let State::Watch(watch) = &mut self.state else { return Ok(false) };
        match watch.read(input, self.rule) {
            None => {}
            Some(Seen::Text { raw, escaped }) => {
                self.state = State::Text { escaped };
                self.open_text(&raw)?;
            }
            Some(Seen::Ended { raw, word }) => {
                self.state = State::Between { word };
                self.open_text(&raw)?;
                self.keep(b"\"")?;
            }
            Some(Seen::Image { .. }) if self.images >= self.rule.images => {
                return Err(LiftError::TooManyImages { limit: self.rule.images });
            }
            Some(Seen::Image { raw, skip }) => {
                let image = Image::new(&raw, skip).map_err(|_| LiftError::Base64(self.images))?;
                self.state = State::Image(Box::new(image));
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn image<'a>(&'a mut self, input: &mut &[u8]) -> Result<Option<Piece<'a>>, LiftError> {
        let State::Image(image) = &mut self.state else { return Ok(None) };
        if !image.advance(input).map_err(|_| LiftError::Base64(self.images))? {
            // Asked for anew: a borrow taken above would outlive this branch.
            let State::Image(image) = &self.state else { return Ok(None) };
            return Ok(image.piece());
        }
        let stand_in =
            format!(r#"{{"$blob":{},"bytes":{}}}"#, self.rule.first + self.images, image.bytes());
        self.images += 1;
        self.state = State::Between { word: None };
        self.keep(stand_in.as_bytes())?;
        Ok(Some(Piece::End))
    }

    /// Keeps a string's opening quote and what was read of it.
    fn open_text(&mut self, raw: &[u8]) -> Result<(), LiftError> {
        self.keep(b"\"")?;
        self.keep(raw)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), LiftError> {
        if self.rest.len() + bytes.len() > self.limit {
            return Err(LiftError::TooLarge { limit: self.limit });
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }
}

/// Takes `n` bytes, or what there is, from the front.
fn take<'i>(input: &mut &'i [u8], n: usize) -> &'i [u8] {
    let (front, back) = input.split_at(n.min(input.len()));
    *input = back;
    front
}

#[cfg(test)]
mod tests;

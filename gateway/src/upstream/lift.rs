//! Lifts images out of JSON while it arrives.
//!
//! A long string that is an image in base64, bare or as a data URI, is decoded into pieces for the
//! image store, and `{"$blob": n, "bytes": …}` stands in its place. All else passes unchanged, byte
//! for byte, into a rest of bounded size; whether that is JSON at all is for its reader to say. The
//! lifter does no I/O and gives the same for any split of its input. `$image` and `$blob` mean
//! something only when the gateway wrote them, so as keys from outside they are refused.

mod decode;
mod escape;
mod watch;

use std::io::Write;

use decode::Decoder;
use escape::{Escape, Unit};
use watch::Verdict;

/// Input looked at for one piece, so that a piece has at most three quarters of it.
const STRIDE: usize = 64 * 1024;
/// Shorter base64 stays text: it costs less than a file.
const WORTH_A_FILE: usize = 8 * 1024;

/// What is lifted.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Bare base64 in strings longer than this.
    pub bare_longer_than: usize,
    /// Data URIs in strings longer than this.
    pub uri_longer_than: usize,
    /// Lift every `data:image/…;base64,`, whatever its bytes begin with.
    pub any_uri: bool,
    /// So many images and no more.
    pub images: u32,
}

impl Rule {
    /// A provider's answer: only what certainly is an image and too large for a plugin. Ten is the
    /// most a request may ask for; a provider may add previews.
    pub const ANSWER: Self = Self {
        bare_longer_than: WORTH_A_FILE,
        uri_longer_than: WORTH_A_FILE,
        any_uri: false,
        images: 16,
    };

    /// A client's request: every data URI, so that a GIF is refused as a GIF. 16 images and a mask.
    pub const REQUEST: Self = Self {
        bare_longer_than: WORTH_A_FILE,
        uri_longer_than: 0,
        any_uri: true,
        images: 17,
    };
}

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

/// Why JSON cannot be lifted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiftError {
    /// A key that only the gateway may write.
    #[error("the key `{0}` is reserved; rename it")]
    Reserved(&'static str),
    /// More than may be left.
    #[error("more than {limit} bytes beside its images")]
    TooLarge {
        /// The most that may be left.
        limit: usize,
    },
    /// More images than are taken.
    #[error("more than {limit} images")]
    TooManyImages {
        /// The most that are taken.
        limit: u32,
    },
    /// Base64 that stops being base64.
    #[error("image {0} is not valid base64")]
    Base64(u32),
    /// The end came inside an image.
    #[error("it ends within image {0}")]
    Cut(u32),
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

/// A string's beginning, kept until it is clear what it is.
#[derive(Debug, Default)]
struct Watch {
    raw: Vec<u8>,
    plain: Vec<u8>,
    escape: Escape,
    verdict: Verdict,
}

#[derive(Debug)]
struct Image {
    decoder: Decoder,
    out: Vec<u8>,
    bytes: u64,
    step: Step,
}

/// What comes next of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What the watch had kept is decoded and not handed out yet.
    Kept,
    More,
    Ended,
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
            State::Watch(watch) => self.open_text(&watch.raw)?,
            State::Between { .. } | State::Text { .. } => {}
        }
        Ok(self.rest)
    }

    fn between(&mut self, input: &mut &[u8]) -> Result<(), LiftError> {
        let quote = memchr::memchr(b'"', input);
        let gap = take(input, quote.unwrap_or(input.len()));
        if let State::Between { word: word @ Some(_) } = &mut self.state
            && let Some(next) = gap.trim_ascii_start().first()
        {
            match word.take() {
                Some(word) if *next == b':' => return Err(LiftError::Reserved(word)),
                _ => {}
            }
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
        while let Some(byte) = take(input, 1).first().copied() {
            if byte == b'"' && !watch.escape.is_open() {
                let word = watch.word();
                let raw = std::mem::take(&mut watch.raw);
                self.open_text(&raw)?;
                self.keep(b"\"")?;
                self.state = State::Between { word };
                return Ok(false);
            }
            watch.push(byte, self.rule);
            match watch.verdict {
                Verdict::Text => {
                    let escaped = watch.escape.is_open();
                    let raw = std::mem::take(&mut watch.raw);
                    self.state = State::Text { escaped };
                    self.open_text(&raw)?;
                    return Ok(false);
                }
                Verdict::Image { skip, longer_than } if watch.raw.len() > longer_than => {
                    let raw = std::mem::take(&mut watch.raw);
                    self.begin(&raw, skip)?;
                    return Ok(true);
                }
                Verdict::Image { .. } | Verdict::Wait => {}
            }
        }
        Ok(false)
    }

    fn begin(&mut self, raw: &[u8], skip: usize) -> Result<(), LiftError> {
        if self.images >= self.rule.images {
            return Err(LiftError::TooManyImages { limit: self.rule.images });
        }
        let (mut decoder, mut out) = (Decoder::new(skip), Vec::new());
        decoder.feed(raw, &mut out).map_err(|_| LiftError::Base64(self.images))?;
        self.state = State::Image(Box::new(Image { decoder, out, bytes: 0, step: Step::Kept }));
        Ok(())
    }

    fn image<'a>(&'a mut self, input: &mut &[u8]) -> Result<Option<Piece<'a>>, LiftError> {
        let State::Image(image) = &mut self.state else { return Ok(None) };
        if image.step == Step::Ended {
            let bytes = image.bytes;
            self.end(bytes)?;
            return Ok(Some(Piece::End));
        }
        image.fill(input).map_err(|_| LiftError::Base64(self.images))?;
        if image.out.is_empty() && image.step == Step::Ended {
            let bytes = image.bytes;
            self.end(bytes)?;
            return Ok(Some(Piece::End));
        }
        // Borrowed anew: the early return above would otherwise keep the first borrow alive.
        let State::Image(image) = &self.state else { return Ok(None) };
        Ok((!image.out.is_empty()).then_some(Piece::Data(&image.out)))
    }

    fn end(&mut self, bytes: u64) -> Result<(), LiftError> {
        let mut stand_in = Vec::with_capacity(40);
        // Writing to a `Vec` does not fail.
        let _ = write!(stand_in, r#"{{"$blob":{},"bytes":{bytes}}}"#, self.images);
        self.images += 1;
        self.state = State::Between { word: None };
        self.keep(&stand_in)
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

impl Watch {
    fn push(&mut self, byte: u8, rule: Rule) {
        self.raw.push(byte);
        let unit = self.escape.feed(byte);
        if self.verdict != Verdict::Wait {
            return;
        }
        match unit {
            Unit::None => {}
            Unit::Plain(plain) => {
                self.plain.push(plain);
                self.verdict = watch::judge(&self.plain, rule);
            }
            Unit::Other => self.verdict = Verdict::Text,
        }
    }

    fn word(&self) -> Option<&'static str> {
        watch::reserved(&self.plain).filter(|_| self.verdict == Verdict::Wait)
    }
}

impl Image {
    /// Decodes the next stretch of input into `out`, or leaves there what is not handed out yet.
    fn fill(&mut self, input: &mut &[u8]) -> Result<(), decode::NotBase64> {
        if self.step == Step::Kept {
            self.step = Step::More;
            self.bytes += self.out.len() as u64;
            if !self.out.is_empty() {
                return Ok(());
            }
        }
        self.out.clear();
        while self.out.is_empty() && self.step == Step::More && !input.is_empty() {
            let stretch = input.get(..STRIDE).unwrap_or(input);
            let fed = self.decoder.feed(stretch, &mut self.out)?;
            take(input, fed.taken);
            if fed.ended {
                self.decoder.finish(&mut self.out)?;
                self.step = Step::Ended;
            }
        }
        self.bytes += self.out.len() as u64;
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

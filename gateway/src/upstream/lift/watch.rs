//! What a string is, by its beginning.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::escape::{Escape, Unit};
use super::{Rule, take};
use crate::images::sniff;

/// Keys that only the gateway writes.
const RESERVED: [&str; 2] = ["$image", "$blob"];
const URI: &[u8] = b"data:image/";
const ENCODING: &[u8] = b";base64";
/// The longest beginning of a data URI, up to its comma. Media types with parameters are short.
const URI_HEAD: usize = 128;
/// Characters that hold the twelve bytes by which every format is known.
const MAGIC: usize = 16;

/// A string's beginning, kept until it is clear what it is.
#[derive(Debug, Default)]
pub(super) struct Watch {
    raw: Vec<u8>,
    plain: Vec<u8>,
    escape: Escape,
    verdict: Verdict,
}

/// What a string proved to be, with what was read of it.
#[derive(Debug)]
pub(super) enum Seen {
    /// Text that goes on; `escaped`: a backslash came last.
    Text { raw: Vec<u8>, escaped: bool },
    /// Text that ended, and the reserved word it was.
    Ended { raw: Vec<u8>, word: Option<&'static str> },
    /// An image; its base64 begins after `skip` characters.
    Image { raw: Vec<u8>, skip: usize },
}

/// What is known so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Verdict {
    /// It can still become anything.
    #[default]
    Wait,
    Text,
    /// An image, once the string is longer than that.
    Image {
        skip: usize,
        longer_than: usize,
    },
}

impl Watch {
    /// Reads on until it is clear. `None`: all is taken and it is not.
    pub(super) fn read(&mut self, input: &mut &[u8], rule: Rule) -> Option<Seen> {
        while let Some(byte) = take(input, 1).first().copied() {
            if byte == b'"' && !self.escape.is_open() {
                return Some(Seen::Ended { word: self.word(), raw: self.raw() });
            }
            self.push(byte, rule);
            match self.verdict {
                Verdict::Text => {
                    return Some(Seen::Text { escaped: self.escape.is_open(), raw: self.raw() });
                }
                Verdict::Image { skip, longer_than } if self.raw.len() > longer_than => {
                    return Some(Seen::Image { skip, raw: self.raw() });
                }
                Verdict::Image { .. } | Verdict::Wait => {}
            }
        }
        None
    }

    /// What was read, as it was.
    pub(super) fn raw(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.raw)
    }

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
                self.verdict = judge(&self.plain, rule);
            }
            Unit::Other => self.verdict = Verdict::Text,
        }
    }

    /// The reserved word that the whole string is.
    fn word(&self) -> Option<&'static str> {
        RESERVED.into_iter().find(|word| word.as_bytes() == self.plain)
    }
}

/// Judges a string by what it begins with, escapes resolved.
fn judge(plain: &[u8], rule: Rule) -> Verdict {
    match plain.first() {
        None => Verdict::Wait,
        Some(b'$') if RESERVED.iter().any(|word| word.as_bytes().starts_with(plain)) => {
            Verdict::Wait
        }
        Some(b'd' | b'D') => uri(plain, rule),
        // What PNG, JPEG and WebP begin with in base64.
        Some(b'i' | b'/' | b'U') => magic(plain, 0, rule.bare_longer_than),
        Some(_) => Verdict::Text,
    }
}

fn uri(plain: &[u8], rule: Rule) -> Verdict {
    let begun = plain.len().min(URI.len());
    if !plain.get(..begun).is_some_and(|start| URI[..begun].eq_ignore_ascii_case(start)) {
        return Verdict::Text;
    }
    let Some(comma) = memchr::memchr(b',', plain) else {
        return if plain.len() < URI_HEAD { Verdict::Wait } else { Verdict::Text };
    };
    let encoding = plain.get(comma.saturating_sub(ENCODING.len())..comma);
    if !encoding.is_some_and(|e| e.eq_ignore_ascii_case(ENCODING)) {
        return Verdict::Text;
    }
    if rule.any_uri {
        return Verdict::Image { skip: comma + 1, longer_than: rule.uri_longer_than };
    }
    magic(plain, comma + 1, rule.uri_longer_than)
}

fn magic(plain: &[u8], skip: usize, longer_than: usize) -> Verdict {
    let Some(start) = plain.get(skip..skip + MAGIC) else { return Verdict::Wait };
    match STANDARD_NO_PAD.decode(start) {
        Ok(bytes) if sniff(&bytes).is_some() => Verdict::Image { skip, longer_than },
        _ => Verdict::Text,
    }
}

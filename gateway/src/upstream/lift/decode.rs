//! Base64 within a JSON string, decoded as it arrives: any split, escapes, line breaks, both
//! alphabets, with or without padding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::escape::{Escape, Unit};

/// Characters tried at once. An odd one among them makes the block go character by character.
const BLOCK: usize = 4 * 1024;

/// The string stops being base64.
#[derive(Debug)]
pub(super) struct NotBase64;

/// How far it went.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) taken: usize,
    /// The closing quote was among what was taken.
    pub(super) ended: bool,
}

#[derive(Debug)]
pub(super) struct Decoder {
    escape: Escape,
    skip: usize,
    bits: u32,
    symbols: u8,
    padding: u8,
}

impl Decoder {
    /// A decoder that ignores the first `skip` characters: a data URI's beginning.
    pub(super) fn new(skip: usize) -> Self {
        Self { escape: Escape::None, skip, bits: 0, symbols: 0, padding: 0 }
    }

    /// Decodes up to the string's end or the input's.
    pub(super) fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Fed, NotBase64> {
        let mut taken = 0;
        while let Some((&byte, _)) = input.get(taken..).and_then(<[u8]>::split_first) {
            if self.escape != Escape::None || byte == b'\\' {
                self.escaped(byte, out)?;
                taken += 1;
            } else if byte == b'"' {
                return Ok(Fed { taken: taken + 1, ended: true });
            } else {
                let tail = input.get(taken..).unwrap_or_default();
                let run = memchr::memchr2(b'"', b'\\', tail).map_or(tail, |at| &tail[..at]);
                self.run(run, out)?;
                taken += run.len();
            }
        }
        Ok(Fed { taken, ended: false })
    }

    /// The last bytes, after the closing quote.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), NotBase64> {
        if self.escape != Escape::None || (self.padding > 0 && self.symbols + self.padding != 4) {
            return Err(NotBase64);
        }
        let [_, a, b, _] = match self.symbols {
            2 => (self.bits << 12).to_be_bytes(),
            3 => (self.bits << 6).to_be_bytes(),
            0 => return Ok(()),
            _ => return Err(NotBase64),
        };
        out.push(a);
        out.extend((self.symbols == 3).then_some(b));
        Ok(())
    }

    fn escaped(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), NotBase64> {
        match self.escape.feed(byte) {
            Unit::None => Ok(()),
            Unit::Plain(plain) => self.symbol(plain, out),
            Unit::Other => Err(NotBase64),
        }
    }

    /// Characters without quote or backslash.
    fn run(&mut self, mut run: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        while let Some((&byte, tail)) = run.split_first() {
            if self.symbols != 0 || self.skip > 0 || self.padding > 0 || run.len() < 4 {
                self.symbol(byte, out)?;
                run = tail;
                continue;
            }
            let (block, tail) = run.split_at(run.len().min(BLOCK) & !3);
            let before = out.len();
            if STANDARD_NO_PAD.decode_vec(block, out).is_err() {
                out.truncate(before);
                block.iter().try_for_each(|byte| self.symbol(*byte, out))?;
            }
            run = tail;
        }
        Ok(())
    }

    fn symbol(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), NotBase64> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' if self.padding < 2 => {
                self.padding += 1;
                return Ok(());
            }
            b'\n' | b'\r' | b'\t' | b' ' => return Ok(()),
            _ => return Err(NotBase64),
        };
        if self.padding > 0 {
            return Err(NotBase64);
        }
        self.bits = (self.bits << 6) | u32::from(value);
        self.symbols += 1;
        if self.symbols == 4 {
            let [_, a, b, c] = self.bits.to_be_bytes();
            out.extend([a, b, c]);
            (self.bits, self.symbols) = (0, 0);
        }
        Ok(())
    }
}

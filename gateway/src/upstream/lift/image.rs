//! An image's string while it is decoded.

use super::Piece;
use super::decode::{Decoder, NotBase64};
use super::take;

/// Input looked at for one piece, so that a piece has at most three quarters of it.
pub(super) const STRIDE: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Image {
    decoder: Decoder,
    out: Vec<u8>,
    bytes: u64,
    step: Step,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What was read before it was known to be an image is decoded, but not handed out yet.
    Kept,
    More,
    Ended,
}

impl Image {
    /// An image of whose string `raw` was read; its base64 begins after `skip` characters.
    pub(super) fn new(raw: &[u8], skip: usize) -> Result<Self, NotBase64> {
        let (mut decoder, mut out) = (Decoder::new(skip), Vec::new());
        decoder.feed(raw, &mut out)?;
        Ok(Self { decoder, out, bytes: 0, step: Step::Kept })
    }

    /// Takes from the front of `input` up to the next piece. `true`: the image ended, and there is
    /// none.
    pub(super) fn advance(&mut self, input: &mut &[u8]) -> Result<bool, NotBase64> {
        if self.step == Step::Kept {
            self.step = Step::More;
        } else {
            self.out.clear();
        }
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
        Ok(self.out.is_empty() && self.step == Step::Ended)
    }

    /// What the last advance gave.
    pub(super) fn piece(&self) -> Option<Piece<'_>> {
        (!self.out.is_empty()).then_some(Piece::Data(&self.out))
    }

    /// Bytes handed out so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

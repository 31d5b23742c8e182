//! What an image's file is made of, found without decoding it: the pieces that stay, and which way
//! up it is.
//!
//! Only what shows the picture stays: its data, its colours and its ICC profile. Everything else
//! goes, known or not: where and when a photo was taken, by whom and with what, previews, a film
//! behind the last byte. What stays is copied byte for byte. A file that cannot be taken apart is
//! refused, since nobody could say what else is in it.

mod jpeg;
mod png;
mod walk;
mod webp;

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use image::metadata::Orientation;

use super::{AdaptError, CHUNK, Format};
use walk::Walk;

/// Pieces of one file. Real ones have a dozen; a file made of a million empty comments would
/// otherwise cost memory for each.
const MOST_PIECES: usize = 16_384;
/// Of a file's EXIF this much is looked at; the orientation is at its beginning.
const EXIF: u64 = 64 * 1024;

/// A file taken apart.
#[derive(Debug)]
pub(super) struct Anatomy {
    pieces: Vec<Piece>,
    /// The length of the file it was.
    whole: u64,
    orientation: Option<Orientation>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Kept(Range<u64>),
    Made(Vec<u8>),
}

/// Takes a file apart.
///
/// # Errors
/// `Broken` when it is no such file or ends early, `Animated` when it moves.
pub(super) fn survey(file: &File, format: Format) -> Result<Anatomy, AdaptError> {
    let mut walk = Walk::new(file)?;
    match format {
        Format::Png => png::survey(&mut walk),
        Format::Jpeg => jpeg::survey(&mut walk),
        Format::Webp => webp::survey(&mut walk),
    }
}

impl Anatomy {
    fn new(whole: u64) -> Self {
        Self { pieces: Vec::new(), whole, orientation: None }
    }

    /// What has to be done to see the picture upright.
    pub(super) fn orientation(&self) -> Orientation {
        self.orientation.unwrap_or(Orientation::NoTransforms)
    }

    /// Whether all of it stays.
    pub(super) fn is_clean(&self) -> bool {
        self.pieces == [Piece::Kept(0..self.whole)]
    }

    /// The length of what stays.
    pub(super) fn bytes(&self) -> u64 {
        self.pieces.iter().map(Piece::bytes).sum()
    }

    /// Copies what stays.
    pub(super) fn copy(&self, mut from: &File, to: &mut impl Write) -> io::Result<()> {
        let mut to = BufWriter::with_capacity(CHUNK, to);
        for piece in &self.pieces {
            match piece {
                Piece::Made(bytes) => to.write_all(bytes)?,
                Piece::Kept(range) => {
                    from.seek(SeekFrom::Start(range.start))?;
                    let copied = io::copy(&mut from.take(range.end - range.start), &mut to)?;
                    if copied != range.end - range.start {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
        to.flush()
    }

    fn keep(&mut self, range: Range<u64>) -> Result<(), AdaptError> {
        match self.pieces.last_mut() {
            Some(Piece::Kept(last)) if last.end == range.start => last.end = range.end,
            _ => self.push(Piece::Kept(range))?,
        }
        Ok(())
    }

    fn make(&mut self, bytes: Vec<u8>) -> Result<(), AdaptError> {
        self.push(Piece::Made(bytes))
    }

    fn push(&mut self, piece: Piece) -> Result<(), AdaptError> {
        if self.pieces.len() >= MOST_PIECES {
            return Err(AdaptError::broken("it is made of too many pieces"));
        }
        self.pieces.push(piece);
        Ok(())
    }

    /// Learns the orientation. Some programs write a JPEG's prefix before the EXIF of other files.
    /// The first EXIF that says one counts.
    fn exif(&mut self, exif: &[u8]) {
        let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        self.orientation = self.orientation.or_else(|| Orientation::from_exif_chunk(tiff));
    }
}

impl Piece {
    fn bytes(&self) -> u64 {
        match self {
            Self::Kept(range) => range.end - range.start,
            Self::Made(bytes) => bytes.len() as u64,
        }
    }
}

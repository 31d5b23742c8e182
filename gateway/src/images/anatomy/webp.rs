//! A WebP: a RIFF file whose chunks hold the picture, and a first one that says which there are.

use std::io::{Read, Seek};

use super::super::AdaptError;
use super::walk::Walk;
use super::{Anatomy, EXIF, Piece};

/// `RIFF`, length, `WEBP`.
const HEAD: u64 = 12;
/// Name and length of a chunk, before its data.
const BEFORE: u64 = 8;
/// Bits of the first byte of `VP8X`.
const MOVES: u8 = 0x02;
const HAS_XMP: u8 = 0x04;
const HAS_EXIF: u8 = 0x08;

/// Pixels across and down.
type Size = (u32, u32);

struct Chunk {
    name: [u8; 4],
    begin: u64,
    /// Where its data ends; a zero follows when that is odd.
    end: u64,
}

impl Chunk {
    /// Where the next one begins: chunks are of even length.
    fn padded(&self) -> u64 {
        self.end + self.end % 2
    }
}

pub(super) fn survey<R: Read + Seek>(walk: &mut Walk<R>) -> Result<Anatomy, AdaptError> {
    walk.skip_to(4)?;
    let riff = BEFORE + u64::from(u32::from_le_bytes(walk.array()?));
    if riff > walk.end() {
        return Err(AdaptError::short());
    }
    walk.skip_to(HEAD)?;
    let mut body = Anatomy::new(walk.end());
    let mut canvas = None;
    let mut has_data = false;
    while walk.at() + BEFORE <= riff {
        let chunk = chunk(walk)?;
        match &chunk.name {
            b"VP8X" => canvas = Some(extended(walk, &chunk, &mut body)?),
            b"VP8 " | b"VP8L" => {
                agree(canvas, frame(walk, &chunk)?)?;
                has_data = true;
                keep(walk, &chunk, &mut body)?;
            }
            b"ICCP" | b"ALPH" => keep(walk, &chunk, &mut body)?,
            b"ANIM" | b"ANMF" => return Err(AdaptError::Animated),
            b"EXIF" => body.exif(&walk.upto(chunk.end, EXIF)?),
            _ => {}
        }
        walk.skip_to(chunk.end)?;
        walk.skip_to(chunk.padded().min(walk.end()))?;
    }
    if has_data { close(body) } else { Err(AdaptError::broken("it holds no picture")) }
}

fn chunk<R: Read + Seek>(walk: &mut Walk<R>) -> Result<Chunk, AdaptError> {
    let begin = walk.at();
    let name = walk.array()?;
    let length = u32::from_le_bytes(walk.array()?);
    let end = begin + BEFORE + u64::from(length);
    if end > walk.end() { Err(AdaptError::short()) } else { Ok(Chunk { name, begin, end }) }
}

/// Reads `VP8X`. One that announces metadata is written anew without.
fn extended<R: Read + Seek>(
    walk: &mut Walk<R>,
    chunk: &Chunk,
    body: &mut Anatomy,
) -> Result<Size, AdaptError> {
    let [flags, r0, r1, r2, w0, w1, w2, h0, h1, h2] = walk.array()?;
    if flags & MOVES != 0 {
        return Err(AdaptError::Animated);
    }
    if flags & (HAS_EXIF | HAS_XMP) == 0 {
        keep(walk, chunk, body)?;
    } else {
        let mut made = b"VP8X\x0a\0\0\0".to_vec();
        made.extend([flags & !(HAS_EXIF | HAS_XMP), r0, r1, r2, w0, w1, w2, h0, h1, h2]);
        body.make(made)?;
    }
    let side = |bytes| u32::from_le_bytes(bytes) + 1;
    Ok((side([w0, w1, w2, 0]), side([h0, h1, h2, 0])))
}

/// The size in the picture's own data, which is what a decoder takes memory for.
fn frame<R: Read + Seek>(walk: &mut Walk<R>, chunk: &Chunk) -> Result<Size, AdaptError> {
    if &chunk.name == b"VP8L" {
        let [_, a, b, c, d] = walk.array()?;
        let bits = u32::from_le_bytes([a, b, c, d]);
        return Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1));
    }
    let [_, _, _, _, _, _, w0, w1, h0, h1] = walk.array()?;
    let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
    Ok((side([w0, w1]), side([h0, h1])))
}

/// A canvas of one pixel could hide a frame of 268 million: its size is the one that was checked.
fn agree(canvas: Option<Size>, frame: Size) -> Result<(), AdaptError> {
    match canvas {
        Some(canvas) if canvas != frame => Err(AdaptError::broken("it says two sizes")),
        _ => Ok(()),
    }
}

/// Some programs forget the zero behind the last chunk.
fn keep<R: Read + Seek>(
    walk: &Walk<R>,
    chunk: &Chunk,
    body: &mut Anatomy,
) -> Result<(), AdaptError> {
    body.keep(chunk.begin..chunk.padded().min(walk.end()))?;
    if chunk.padded() > walk.end() { body.make(vec![0]) } else { Ok(()) }
}

/// Puts the head before what stays, the one that was there when all of it does.
fn close(mut body: Anatomy) -> Result<Anatomy, AdaptError> {
    let pieces = std::mem::take(&mut body.pieces);
    if pieces == [Piece::Kept(HEAD..body.whole)] {
        body.keep(0..body.whole)?;
        return Ok(body);
    }
    let length = 4 + pieces.iter().map(Piece::bytes).sum::<u64>();
    let length = u32::try_from(length).map_err(|_| AdaptError::broken("it is too long"))?;
    body.make([&b"RIFF"[..], &length.to_le_bytes(), b"WEBP"].concat())?;
    for piece in pieces {
        body.push(piece)?;
    }
    Ok(body)
}

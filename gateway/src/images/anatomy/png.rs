//! A PNG: a signature, and chunks up to `IEND`.

use std::io::{Read, Seek};

use super::super::AdaptError;
use super::walk::Walk;
use super::{Anatomy, EXIF};

const SIGNATURE: u64 = 8;
/// Length, name and checksum of a chunk, around its data.
const AROUND: u64 = 12;
/// What the specification allows.
const LONGEST: u32 = 0x7fff_ffff;

/// Chunks that a decoder may ignore and that yet change how the picture looks.
const LOOKS: [&[u8; 4]; 10] =
    [b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs"];

pub(super) fn survey<R: Read + Seek>(walk: &mut Walk<R>) -> Result<Anatomy, AdaptError> {
    let mut anatomy = Anatomy::new(walk.end());
    walk.skip_to(SIGNATURE)?;
    anatomy.keep(0..SIGNATURE)?;
    let mut has_data = false;
    loop {
        let begin = walk.at();
        let length = u32::from_be_bytes(walk.array()?);
        let name: [u8; 4] = walk.array()?;
        let end = begin + u64::from(length) + AROUND;
        if length > LONGEST || (begin == SIGNATURE) != (&name == b"IHDR") {
            return Err(AdaptError::broken("its chunks are not those of a PNG"));
        }
        match &name {
            b"acTL" => refuse_frames(u32::from_be_bytes(walk.array()?))?,
            b"eXIf" => anatomy.exif(&walk.upto(end, u64::from(length).min(EXIF))?),
            b"IDAT" => has_data = true,
            _ => {}
        }
        walk.skip_to(end)?;
        // A name that begins with a capital is one that no decoder may ignore.
        if name[0].is_ascii_uppercase() || LOOKS.contains(&&name) {
            anatomy.keep(begin..end)?;
        }
        match &name {
            b"IEND" if has_data => return Ok(anatomy),
            b"IEND" => return Err(AdaptError::broken("it holds no picture")),
            _ => {}
        }
    }
}

/// An animation of one frame is a still picture with a chunk too many.
fn refuse_frames(frames: u32) -> Result<(), AdaptError> {
    if frames > 1 { Err(AdaptError::Animated) } else { Ok(()) }
}

//! A JPEG: segments, each behind a marker, and the data of its scans between them.

use std::io::{self, Read, Seek};

use super::super::AdaptError;
use super::walk::Walk;
use super::{Anatomy, EXIF};

/// Scans of one picture. Progressive photos have about ten; each costs a pass over all pixels, so
/// that a small file of thousands would keep a decoder busy for minutes.
const MOST_SCANS: u32 = 64;

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const EXIF_SEGMENT: u8 = 0xe1;
/// `ICC_PROFILE` and a zero: application segments begin with what they are.
const LONGEST_NAME: u64 = 12;

pub(super) fn survey<R: Read + Seek>(walk: &mut Walk<R>) -> Result<Anatomy, AdaptError> {
    let mut anatomy = Anatomy::new(walk.end());
    walk.skip_to(2)?;
    anatomy.keep(0..2)?;
    let mut scans = 0;
    let mut is_scan = false;
    loop {
        let from = walk.at();
        let code = marker(walk)?;
        let begin = walk.at() - 2;
        if is_scan {
            anatomy.keep(from..begin)?;
        }
        is_scan = code == SCAN;
        scans += u32::from(is_scan);
        match code {
            // Phones put films and further pictures, with their own EXIF, behind the end.
            END if scans > 0 => {
                anatomy.keep(begin..walk.at())?;
                return Ok(anatomy);
            }
            END => return Err(AdaptError::broken("it holds no picture")),
            START => return Err(AdaptError::broken("it begins twice")),
            SCAN if scans > MOST_SCANS => return Err(AdaptError::broken("it has too many scans")),
            _ => segment(walk, begin, code, &mut anatomy)?,
        }
    }
}

/// The next marker; the walk is behind it then. In a scan's data 0xff is followed by a zero or by
/// a restart's number, neither of which ends it.
fn marker<R: Read + Seek>(walk: &mut Walk<R>) -> io::Result<u8> {
    loop {
        walk.skip_past(0xff)?;
        let mut code = 0xff;
        while code == 0xff {
            [code] = walk.array()?;
        }
        if matches!(code, 0xc0..=0xcf | START..=0xfe) {
            return Ok(code);
        }
    }
}

fn segment<R: Read + Seek>(
    walk: &mut Walk<R>,
    begin: u64,
    code: u8,
    anatomy: &mut Anatomy,
) -> Result<(), AdaptError> {
    let length = u64::from(u16::from_be_bytes(walk.array()?));
    let end = begin + 2 + length;
    if length < 2 {
        return Err(AdaptError::broken("a segment has no length"));
    }
    let is_exif = code == EXIF_SEGMENT;
    let head = walk.upto(end, if is_exif { EXIF } else { LONGEST_NAME })?;
    walk.skip_to(end)?;
    if is_exif && head.starts_with(b"Exif\0\0") {
        anatomy.exif(&head);
    }
    if stays(code, &head) { anatomy.keep(begin..end) } else { Ok(()) }
}

/// What a decoder needs: tables, frames and scans, and the three application segments that say
/// how colours are meant.
fn stays(code: u8, head: &[u8]) -> bool {
    match code {
        0xc0..=0xcf | START..=0xdf => true,
        0xe0 => head.starts_with(b"JFIF\0"),
        0xe2 => head.starts_with(b"ICC_PROFILE\0"),
        0xee => head.starts_with(b"Adobe"),
        _ => false,
    }
}

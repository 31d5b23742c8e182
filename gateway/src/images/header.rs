//! Width and height from an image's header. Never decodes, and gives up on headers made to be long.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Moves a header may need. A photo has some thirty segments before its size; a JPEG made of empty
/// ones would otherwise cost a system call for every four of its bytes.
const PATIENCE: u32 = 4_096;
/// Headers sit in small pieces far apart; more would be read in vain.
const AHEAD: usize = 4_096;

/// Width and height, or `None` when the header does not say.
pub(crate) fn size(file: impl Read + Seek) -> Option<(u32, u32)> {
    let mut patient = Patient { inner: BufReader::with_capacity(AHEAD, file), left: PATIENCE };
    let size = imagesize::reader_size(&mut patient).ok()?;
    let width = u32::try_from(size.width).ok().filter(|w| *w > 0)?;
    let height = u32::try_from(size.height).ok().filter(|h| *h > 0)?;
    Some((width, height))
}

/// A reader that allows so many moves and no more.
struct Patient<R> {
    inner: R,
    left: u32,
}

impl<R> Patient<R> {
    fn step(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::QuotaExceeded)?;
        Ok(())
    }
}

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.step()?;
        self.inner.read(buffer)
    }
}

impl<R: BufRead> BufRead for Patient<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.step()?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl<R: Seek> Seek for Patient<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.step()?;
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn jpeg(segments: usize) -> Vec<u8> {
        let mut bytes = b"\xff\xd8".to_vec();
        bytes.extend(b"\xff\xe1\x00\x02".repeat(segments));
        bytes.extend(b"\xff\xc0\x00\x11\x08\x00\x20\x00\x10");
        bytes
    }

    #[test]
    fn reads_the_size_behind_a_reasonable_header_only() {
        assert_eq!(size(Cursor::new(jpeg(1))), Some((16, 32)));
        assert_eq!(size(Cursor::new(jpeg(60))), Some((16, 32)));
        assert_eq!(size(Cursor::new(jpeg(1_000_000))), None);
        assert_eq!(size(Cursor::new(b"\xff\xd8\xff".to_vec())), None);
    }
}

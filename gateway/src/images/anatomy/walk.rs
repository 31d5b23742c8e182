//! A reader that goes through a file once, forwards, and knows where it is.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

/// A photo's data is read through in search of its end; headers alone would need less.
const AHEAD: usize = 64 * 1024;

/// The walk. What lies behind the file's end is `UnexpectedEof`, also when skipping.
pub(super) struct Walk<R> {
    inner: BufReader<R>,
    at: u64,
    end: u64,
}

impl<R: Read + Seek> Walk<R> {
    pub(super) fn new(mut file: R) -> io::Result<Self> {
        let end = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { inner: BufReader::with_capacity(AHEAD, file), at: 0, end })
    }

    /// The place of the next byte.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The file's length.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    /// The next bytes up to `to`, at most `most` of them.
    pub(super) fn upto(&mut self, to: u64, most: u64) -> io::Result<Vec<u8>> {
        let length = to.saturating_sub(self.at).min(self.end.saturating_sub(self.at)).min(most);
        let mut bytes = Vec::new();
        self.inner.by_ref().take(length).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        Ok(bytes)
    }

    /// Goes on at `to`. That lies behind only when parts of a file overlap: `InvalidData`.
    pub(super) fn skip_to(&mut self, to: u64) -> io::Result<()> {
        if to > self.end {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let ahead = to.checked_sub(self.at).and_then(|n| i64::try_from(n).ok());
        self.inner.seek_relative(ahead.ok_or(ErrorKind::InvalidData)?)?;
        self.at = to;
        Ok(())
    }

    /// Goes on behind the next `byte`.
    pub(super) fn skip_past(&mut self, byte: u8) -> io::Result<()> {
        loop {
            let buffer = self.inner.fill_buf()?;
            if buffer.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let found = memchr::memchr(byte, buffer);
            let passed = found.map_or(buffer.len(), |index| index + 1);
            self.inner.consume(passed);
            self.at += passed as u64;
            if found.is_some() {
                return Ok(());
            }
        }
    }
}

//! An image written by a thread that may block: what was made here and did not come by network.

use std::io::{self, Write};
use std::sync::Arc;

use super::super::{Folder, Kind, Limits, Stored};
use super::{Draft, SpoolError};

/// One image being written. It counts what is too much for it and does not keep it, so that its
/// length is known and the disk is spared.
#[derive(Debug)]
pub(in super::super) struct BlockingSpool {
    folder: Arc<Folder>,
    limits: Limits,
    draft: Draft,
    most: u64,
    bytes: u64,
}

impl BlockingSpool {
    /// Begins an image of at most `most` bytes.
    pub(in super::super) fn new(
        folder: Arc<Folder>,
        limits: Limits,
        kind: Kind,
        most: u64,
    ) -> Self {
        Self { folder, limits, draft: Draft::new(kind), most, bytes: 0 }
    }

    /// How much was written, or would have been.
    pub(in super::super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// As [`finish`](super::Spool::finish), durably; what did not fit is `TooLarge`.
    pub(in super::super) fn finish(self) -> Result<Stored, SpoolError> {
        if self.bytes > self.most {
            return Err(SpoolError::TooLarge { limit: self.most });
        }
        self.draft.finish(&self.folder, self.limits, &[], true)
    }
}

impl Write for BlockingSpool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes <= self.most {
            self.draft.append(&self.folder, bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Why an image cannot be made what is asked for.

use std::fmt;
use std::io;

use image::ImageError;

use super::super::SpoolError;

/// Why an image cannot be adapted or transcoded.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// The disk's trouble, and no fault of the image.
    #[error("the image cannot be read or written: {0}")]
    Io(io::Error),
    /// Its header was fine, and the rest is not.
    #[error("the image cannot be decoded: {why}; send another copy of it")]
    Broken {
        /// What is wrong with it.
        why: String,
    },
    /// It has several frames.
    #[error("the image is animated; send a still one")]
    Animated,
    /// It would have to shrink.
    #[error("the image has {has} {measure} as {mime}, more than {limit}; send a smaller one")]
    TooLarge {
        /// What there is too much of.
        measure: Measure,
        /// How much there is.
        has: u64,
        /// The most that is taken.
        limit: u64,
        /// The type it would be sent as, which need not be the one it came as.
        mime: String,
    },
    /// The API type takes none of the three types.
    #[error("the image is {mime} and only {taken} is taken, which cannot be made of it")]
    NoFormat {
        /// What it is.
        mime: String,
        /// What is taken.
        taken: String,
    },
}

/// What an image can have too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Length of the file.
    Bytes,
    /// Width times height.
    Pixels,
    /// Pixels of the longer side.
    Side,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Pixels => "pixels",
            Self::Side => "pixels on a side",
        })
    }
}

impl AdaptError {
    pub(in super::super) fn broken(why: impl fmt::Display) -> Self {
        Self::Broken { why: why.to_string() }
    }

    pub(in super::super) fn short() -> Self {
        Self::broken("it ends early")
    }
}

impl From<io::Error> for AdaptError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::short(),
            io::ErrorKind::InvalidData => Self::broken("its parts overlap"),
            _ => Self::Io(error),
        }
    }
}

impl From<ImageError> for AdaptError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::IoError(error) => error.into(),
            ImageError::Limits(_) => Self::broken("it needs more memory than an image may"),
            other => Self::broken(other),
        }
    }
}

/// Pixels and bytes were counted before: what else a store refuses is no picture any more.
impl From<SpoolError> for AdaptError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Io(error) => Self::Io(error),
            other => Self::broken(other),
        }
    }
}

//! What is lifted, and why something is not.

/// Shorter base64 stays text: it costs less than a file.
pub(super) const WORTH_A_FILE: usize = 8 * 1024;

/// What is lifted.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Bare base64 in strings longer than this.
    pub bare_longer_than: usize,
    /// Data URIs in strings longer than this.
    pub uri_longer_than: usize,
    /// Lift every `data:image/…;base64,`, whatever its bytes begin with.
    pub any_uri: bool,
    /// So many images and no more.
    pub images: u32,
    /// The number of the first.
    pub first: u32,
}

impl Rule {
    /// A provider's answer: only what certainly is an image and too large for a plugin. Ten is the
    /// most a request may ask for; a provider may add previews.
    pub const ANSWER: Self = Self {
        bare_longer_than: WORTH_A_FILE,
        uri_longer_than: WORTH_A_FILE,
        any_uri: false,
        images: 16,
        first: 0,
    };

    /// A client's request: every data URI, so that a GIF is refused as a GIF. 16 images and a mask.
    pub const REQUEST: Self = Self {
        bare_longer_than: WORTH_A_FILE,
        uri_longer_than: 0,
        any_uri: true,
        images: 17,
        first: 0,
    };
}

/// Why JSON cannot be lifted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiftError {
    /// A key that only the gateway may write.
    #[error("the key `{0}` is reserved; rename it")]
    Reserved(&'static str),
    /// More than may be left.
    #[error("more than {limit} bytes beside its images")]
    TooLarge {
        /// The most that may be left.
        limit: usize,
    },
    /// More images than are taken.
    #[error("more than {limit} images")]
    TooManyImages {
        /// The most that are taken.
        limit: u32,
    },
    /// Base64 that stops being base64.
    #[error("image {0} is not valid base64")]
    Base64(u32),
    /// The end came inside an image.
    #[error("it ends within image {0}")]
    Cut(u32),
}

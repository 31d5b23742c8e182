//! Where the provider's key stands for its placeholder: at the last moment, and only in what goes to
//! a place that may have it.

use std::borrow::Cow;

use retouch_sdk::SECRET;
use url::form_urlencoded::byte_serialize;

use crate::secret::Secret;

/// The key is asked for where it must not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key may only go to the provider's own origin or a host of the plugin's label")]
pub struct KeyRefused;

/// The key, if the request's target may have it.
#[derive(Clone, Copy, Debug)]
pub struct Filler<'a>(pub(super) Option<&'a Secret>);

impl Filler<'_> {
    /// `text` with the key in place.
    pub(super) fn fill<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, KeyRefused> {
        if !asks(text) {
            return Ok(Cow::Borrowed(text));
        }
        let key = self.0.ok_or(KeyRefused)?;
        Ok(Cow::Owned(text.replace(SECRET, key.expose())))
    }

    /// The same for a URL, in which a key must not look like anything else.
    pub(super) fn fill_url<'t>(&self, url: &'t str) -> Result<Cow<'t, str>, KeyRefused> {
        if !asks(url) {
            return Ok(Cow::Borrowed(url));
        }
        let key = self.0.ok_or(KeyRefused)?;
        let encoded: String = byte_serialize(key.expose().as_bytes()).collect();
        Ok(Cow::Owned(url.replace(SECRET, &encoded)))
    }
}

/// Whether the text asks for the key.
pub(super) fn asks(text: &str) -> bool {
    text.contains(SECRET)
}

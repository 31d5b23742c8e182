//! A result in the format that was asked for.

use super::adapt::AdaptError;
use super::anatomy;
use super::picture::Picture;
use super::{Format, Images, Kind, Stored};

/// A JPEG's when none is asked for: what looks the same.
const QUALITY: u8 = 92;

impl Images {
    /// The image as `format`, in a JPEG's `quality` of 1 to 100. Upright; its colour profile stays
    /// and other metadata goes; what is transparent becomes white in a JPEG. One that is of that
    /// format is returned as it is, unless it is a JPEG and a quality is asked for.
    ///
    /// PNG has no quality, and WebP is written without loss, whatever the quality.
    ///
    /// # Errors
    /// `Broken` and `Animated` when the image cannot be read, `TooLarge` when the format cannot
    /// hold it, `Io` when the disk cannot. The image that was there stays.
    pub async fn transcode(
        &self,
        stored: &Stored,
        format: Format,
        quality: Option<u8>,
    ) -> Result<Stored, AdaptError> {
        let is_same = stored.mime == format.mime();
        if is_same && (format != Format::Jpeg || quality.is_none()) {
            return Ok(stored.clone());
        }
        let (images, stored) = (self.clone(), stored.clone());
        let quality = quality.unwrap_or(QUALITY).clamp(1, 100);
        self.bounded(move || images.rewrite(&stored, format, quality)).await
    }

    fn rewrite(&self, stored: &Stored, to: Format, quality: u8) -> Result<Stored, AdaptError> {
        let (file, from) = self.file(stored)?;
        let anatomy = anatomy::survey(&file, from)?;
        let mut picture = Picture::decode(&file, &anatomy, from, self.limits.max_pixels)?;
        if to == Format::Jpeg {
            picture.flatten();
        }
        let mut writer = self.writer(Kind::Result, None);
        picture.encode(&mut writer, to, quality)?;
        Ok(writer.finish()?)
    }
}

#[cfg(test)]
mod tests;

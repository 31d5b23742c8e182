//! A picture in memory: decoded within bounds, upright, shrunk, and written again.
//!
//! Promises that the size is read and checked before memory is taken. Decoders may panic on files
//! made to hurt them: callers are on a thread of their own that may.

use std::fs::File;
use std::io::{BufWriter, Cursor, Write};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, RgbImage};

use super::anatomy::Anatomy;
use super::{AdaptError, CHUNK, Format, Measure};

/// For each pixel of the largest picture: red, green, blue and alpha.
const BYTES_A_PIXEL: u64 = 4;
/// For a decoder's own tables and a colour profile.
const SLACK: u64 = 32 << 20;
/// Whatever the limits in the settings say.
const MOST_MEMORY: u64 = 512 << 20;

/// Pixels, and how their colours are meant.
pub(super) struct Picture {
    pixels: DynamicImage,
    icc: Option<Vec<u8>>,
}

impl Picture {
    /// Decodes a file and turns it upright. The decoder sees only what shows the picture, so that
    /// nothing it does with metadata can matter.
    ///
    /// # Errors
    /// `TooLarge` before memory is taken for pixels, `Broken` when the decoder finds a fault.
    pub(super) fn decode(
        file: &File,
        anatomy: &Anatomy,
        format: Format,
        max_pixels: u64,
    ) -> Result<Self, AdaptError> {
        let mut bytes = Vec::new();
        anatomy.copy(file, &mut bytes)?;
        let mut limits = image::Limits::default();
        limits.max_alloc =
            Some(max_pixels.saturating_mul(BYTES_A_PIXEL).saturating_add(SLACK).min(MOST_MEMORY));
        let mut reader = ImageReader::with_format(Cursor::new(bytes), codec(format));
        reader.limits(limits.clone());
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        within(u64::from(width) * u64::from(height), max_pixels, format)?;
        limits.reserve(decoder.total_bytes())?;
        decoder.set_limits(limits)?;
        // A broken profile is no reason to refuse a picture.
        let icc = decoder.icc_profile().ok().flatten();
        let mut pixels = DynamicImage::from_decoder(decoder)?;
        pixels.apply_orientation(anatomy.orientation());
        Ok(Self { pixels, icc })
    }

    /// Shrinks it to at most so many pixels; its ratio stays. Averages whole numbers: the sharper
    /// filters compute in floating point and need sixteen bytes for each pixel of the original.
    pub(super) fn shrink(&mut self, max_pixels: u64) {
        let (width, height) = (self.pixels.width(), self.pixels.height());
        let scale = (max_pixels as f64 / (f64::from(width) * f64::from(height))).sqrt();
        if scale < 1.0 {
            let side = |length: u32| ((f64::from(length) * scale) as u32).max(1);
            let (width, height) = (side(width), side(height));
            // A line of pixels cannot become thinner, so that it becomes shorter.
            let most = |length: u32, other: u32| {
                let most = u32::try_from(max_pixels / u64::from(other)).unwrap_or(u32::MAX);
                length.min(most).max(1)
            };
            self.pixels = self.pixels.thumbnail_exact(most(width, height), most(height, width));
        }
    }

    /// Width times height.
    pub(super) fn area(&self) -> u64 {
        u64::from(self.pixels.width()) * u64::from(self.pixels.height())
    }

    /// Whether nothing of it is transparent.
    pub(super) fn is_opaque(&self) -> bool {
        match &self.pixels {
            DynamicImage::ImageLumaA8(p) => p.pixels().all(|p| p[1] == u8::MAX),
            DynamicImage::ImageLumaA16(p) => p.pixels().all(|p| p[1] == u16::MAX),
            DynamicImage::ImageRgba8(p) => p.pixels().all(|p| p[3] == u8::MAX),
            DynamicImage::ImageRgba16(p) => p.pixels().all(|p| p[3] == u16::MAX),
            _ => true,
        }
    }

    /// Lays it on white, for formats that know no transparency.
    pub(super) fn flatten(&mut self) {
        if !self.pixels.color().has_alpha() {
            return;
        }
        let (width, height) = (self.pixels.width(), self.pixels.height());
        let pixels = std::mem::take(&mut self.pixels).into_rgba8();
        let mut flat = RgbImage::new(width, height);
        for (to, from) in flat.pixels_mut().zip(pixels.pixels()) {
            let [red, green, blue, alpha] = from.0;
            to.0 = [red, green, blue].map(|colour| on_white(colour, alpha));
        }
        self.pixels = flat.into();
    }

    /// Writes it. `quality` is a JPEG's; the others lose nothing.
    pub(super) fn encode(
        &self,
        to: &mut impl Write,
        format: Format,
        quality: u8,
    ) -> Result<(), AdaptError> {
        let side = self.pixels.width().max(self.pixels.height());
        if side > longest(format) {
            let (has, limit) = (side.into(), longest(format).into());
            let mime = format.mime().to_owned();
            return Err(AdaptError::TooLarge { measure: Measure::Side, has, limit, mime });
        }
        // Encoders write in small pieces.
        let mut to = BufWriter::with_capacity(CHUNK, to);
        match format {
            // Somebody waits for it, and it is read once or twice.
            Format::Png => self.write(PngEncoder::new_with_quality(
                &mut to,
                CompressionType::Fast,
                FilterType::Adaptive,
            )),
            Format::Jpeg => self.write(JpegEncoder::new_with_quality(&mut to, quality)),
            Format::Webp => self.write(WebPEncoder::new_lossless(&mut to)),
        }?;
        Ok(to.flush()?)
    }

    fn write(&self, mut encoder: impl ImageEncoder) -> Result<(), AdaptError> {
        if let Some(icc) = self.icc.as_ref().filter(|icc| self.suits(icc)) {
            // An encoder that knows no profiles writes the picture without.
            let _ = encoder.set_icc_profile(icc.clone());
        }
        Ok(self.pixels.write_with_encoder(encoder)?)
    }

    /// A profile is for red, green and blue, for grey or for inks, and ruins what is other than it
    /// says: a printer's JPEG is decoded to red, green and blue.
    fn suits(&self, icc: &[u8]) -> bool {
        let space: &[u8] = if self.pixels.color().has_color() { b"RGB " } else { b"GRAY" };
        icc.get(16..20) == Some(space)
    }
}

/// Refuses more pixels than allowed.
pub(super) fn within(pixels: u64, limit: u64, format: Format) -> Result<(), AdaptError> {
    if pixels <= limit {
        return Ok(());
    }
    let mime = format.mime().to_owned();
    Err(AdaptError::TooLarge { measure: Measure::Pixels, has: pixels, limit, mime })
}

fn on_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

fn codec(format: Format) -> ImageFormat {
    match format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Webp => ImageFormat::WebP,
    }
}

/// The longest side a format can say.
fn longest(format: Format) -> u32 {
    match format {
        Format::Png => i32::MAX as u32,
        Format::Jpeg => 65_535,
        Format::Webp => 16_384,
    }
}

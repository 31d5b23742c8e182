//! From the bytes of an order's pictures to the bytes of its result.
//!
//! Promises bounded work: a picture's size is read before it is decoded, decoders run under
//! limits, and nothing is ever enlarged. The steps are: decode, crop to the ratio, shrink to
//! the resolution, set the other pictures in, edit, caption, PNG.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::imageops;
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage,
};

use super::caption;
use super::edit::Edit;

/// 50 megapixels: what the gateway itself takes.
const MAX_PIXELS: u64 = 50_000_000;
const MAX_SIDE: u32 = 16_384;
/// Four bytes for each of those pixels, and the decoder's own tables.
const MAX_DECODER_BYTES: u64 = 256 << 20;

/// What to make of the pictures; everything but the pictures themselves.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) edits: Vec<Edit>,
    pub(super) caption: Option<String>,
    /// Absent: the picture keeps its own.
    pub(super) ratio: Option<Ratio>,
    pub(super) tier: Tier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio {
    wide: u32,
    high: u32,
}

/// `resolution`: a bound for the longer side of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    One,
    Two,
    Four,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Spoilt {
    #[error("no picture was given")]
    Missing,
    #[error("the file is not a PNG, JPEG or WebP picture")]
    Unknown,
    #[error("the picture has {0} pixels, more than {MAX_PIXELS}; shrink it")]
    TooLarge(u64),
    #[error("the picture cannot be decoded: {0}")]
    Broken(#[from] image::ImageError),
}

impl Ratio {
    const KNOWN: [&'static str; 10] =
        ["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5", "21:9"];

    /// One of the ten ratios the real service knows.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (wide, high) = Self::KNOWN.iter().find(|known| **known == text)?.split_once(':')?;
        Some(Self { wide: wide.parse().ok()?, high: high.parse().ok()? })
    }

    fn turned(self) -> Self {
        Self { wide: self.high, high: self.wide }
    }

    /// The largest size of this ratio within the given one.
    fn within(self, (width, height): (u32, u32)) -> (u32, u32) {
        let scaled = |length: u32, by: u32, over: u32| {
            u32::try_from(u64::from(length) * u64::from(by) / u64::from(over)).unwrap_or(u32::MAX)
        };
        let wide = scaled(height, self.wide, self.high);
        if wide <= width {
            (wide.max(1), height)
        } else {
            (width, scaled(width, self.high, self.wide).max(1))
        }
    }
}

impl Tier {
    /// The guide writes `1K`, the service's own registry `1k`: this endpoint takes both.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "1k" | "1K" => Some(Self::One),
            "2k" | "2K" => Some(Self::Two),
            "4k" | "4K" => Some(Self::Four),
            _ => None,
        }
    }

    fn longest(self) -> u32 {
        match self {
            Self::One => 1024,
            Self::Two => 2048,
            Self::Four => 4096,
        }
    }
}

/// The file extension of a picture we can edit, told by its first bytes.
pub(super) fn extension(bytes: &[u8]) -> Option<&'static str> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => Some("png"),
        Ok(ImageFormat::Jpeg) => Some("jpg"),
        Ok(ImageFormat::WebP) => Some("webp"),
        _ => None,
    }
}

/// Edits the first picture, sets the others in small along its upper edge; gives a PNG.
pub(super) fn make(inputs: &[Bytes], recipe: &Recipe) -> Result<Vec<u8>, Spoilt> {
    let (first, others) = inputs.split_first().ok_or(Spoilt::Missing)?;
    let mut picture = frame(&decode(first)?, recipe);
    for (place, other) in others.iter().enumerate() {
        set_in(&mut picture, &decode(other)?, place as u32);
    }
    for edit in &recipe.edits {
        picture = edit.apply(picture);
    }
    if let Some(text) = &recipe.caption {
        caption::draw(&mut picture, text);
    }
    encode(picture)
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, Spoilt> {
    extension(bytes).ok_or(Spoilt::Unknown)?;
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(image::ImageError::IoError)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS {
        return Err(Spoilt::TooLarge(pixels));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The middle of the picture, in the ratio the result shall have, shrunk to the resolution.
fn frame(picture: &DynamicImage, recipe: &Recipe) -> RgbaImage {
    let quarter_turns = recipe.edits.iter().filter(|edit| **edit == Edit::Rotate).count();
    let ratio = recipe.ratio.map(|r| if quarter_turns % 2 == 1 { r.turned() } else { r });
    let size = picture.dimensions();
    let (width, height) = ratio.map_or(size, |ratio| ratio.within(size));
    let (left, top) = ((size.0 - width) / 2, (size.1 - height) / 2);
    let middle = imageops::crop_imm(picture, left, top, width, height);

    let longest = recipe.tier.longest();
    if width.max(height) <= longest {
        return middle.to_image();
    }
    let (width, height) = shrunk((width, height), longest);
    imageops::thumbnail(&*middle, width, height)
}

fn shrunk((width, height): (u32, u32), longest: u32) -> (u32, u32) {
    let scale = f64::from(longest) / f64::from(width.max(height));
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).clamp(1, longest);
    (side(width), side(height))
}

/// Puts another picture of the order, at most an eighth wide and high, at its place in the
/// upper row: proof that it arrived.
fn set_in(picture: &mut RgbaImage, other: &DynamicImage, place: u32) {
    let slot = picture.width().min(picture.height()) / 8;
    if slot == 0 {
        return;
    }
    let (width, height) = other.dimensions();
    let (width, height) =
        if width.max(height) > slot { shrunk((width, height), slot) } else { (width, height) };
    let small = imageops::thumbnail(other, width, height);
    let gap = slot / 8;
    imageops::overlay(picture, &small, i64::from(gap + place * (slot + gap)), i64::from(gap));
}

fn encode(picture: RgbaImage) -> Result<Vec<u8>, Spoilt> {
    let mut bytes = Vec::new();
    let png = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
    if picture.pixels().all(|pixel| pixel[3] == u8::MAX) {
        DynamicImage::ImageRgba8(picture).into_rgb8().write_with_encoder(png)?;
    } else {
        picture.write_with_encoder(png)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    fn file(width: u32, height: u32, format: ImageFormat) -> Bytes {
        let picture =
            RgbImage::from_fn(width, height, |x, y| Rgb([(x % 250) as u8, (y % 250) as u8, 40]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner().into()
    }

    fn recipe(ratio: Option<&str>, edits: &[Edit]) -> Recipe {
        let ratio = ratio.map(|text| Ratio::parse(text).unwrap());
        Recipe { edits: edits.to_vec(), caption: None, ratio, tier: Tier::One }
    }

    fn made(inputs: &[Bytes], recipe: &Recipe) -> DynamicImage {
        #[expect(clippy::disallowed_methods, reason = "a picture of our own")]
        image::load_from_memory(&make(inputs, recipe).unwrap()).unwrap()
    }

    #[test]
    fn results_have_the_ratio_and_stay_within_the_resolution() {
        type Size = (u32, u32);
        let cases: &[(Size, Option<&str>, &[Edit], Size)] = &[
            ((600, 400), None, &[], (600, 400)),
            ((600, 400), Some("1:1"), &[], (400, 400)),
            ((600, 400), Some("21:9"), &[], (600, 257)),
            ((600, 400), Some("3:4"), &[], (300, 400)),
            ((600, 400), Some("3:4"), &[Edit::Rotate], (400, 533)),
            ((600, 400), Some("3:4"), &[Edit::Rotate, Edit::Rotate], (300, 400)),
            ((2048, 100), None, &[], (1024, 50)),
            ((2048, 100), Some("1:1"), &[], (100, 100)),
            ((1200, 400), None, &[Edit::Rotate], (341, 1024)),
            ((3000, 1), None, &[], (1024, 1)),
            ((1, 1), Some("21:9"), &[], (1, 1)),
        ];
        for ((width, height), ratio, edits, expected) in cases {
            let input = file(*width, *height, ImageFormat::Png);
            let result = made(&[input], &recipe(*ratio, edits));
            assert_eq!(result.dimensions(), *expected, "{width}x{height} {ratio:?} {edits:?}");
        }
    }

    #[test]
    fn a_crop_keeps_the_middle() {
        let result = made(&[file(200, 100, ImageFormat::Png)], &recipe(Some("1:1"), &[]));
        assert_eq!(result.to_rgb8().get_pixel(0, 0).0, [50, 0, 40]);
    }

    #[test]
    fn the_three_formats_are_read() {
        let formats =
            [(ImageFormat::Png, "png"), (ImageFormat::Jpeg, "jpg"), (ImageFormat::WebP, "webp")];
        for (format, expected) in formats {
            let input = file(64, 48, format);
            assert_eq!(extension(&input), Some(expected));
            let result = made(&[input], &recipe(None, &[Edit::Grayscale])).to_rgb8();
            assert!(result.pixels().all(|p| p[0] == p[1] && p[1] == p[2]), "{expected}");
        }
    }

    #[test]
    fn further_pictures_show_in_the_result() {
        let [first, second] = [300, 200].map(|side| file(side, side, ImageFormat::Png));
        let alone = made(std::slice::from_ref(&first), &recipe(None, &[]));
        let both = made(&[first, second], &recipe(None, &[]));
        assert_eq!(both.dimensions(), alone.dimensions());
        assert_ne!(both, alone);
    }

    #[test]
    fn what_is_no_picture_is_told_from_what_is_too_large() {
        let plain = recipe(None, &[]);
        assert!(matches!(make(&[], &plain), Err(Spoilt::Missing)));
        let text = Bytes::from_static(b"GIF89a, or so it says");
        assert!(matches!(make(&[text], &plain), Err(Spoilt::Unknown)));
        let cut = file(64, 64, ImageFormat::Png).slice(..60);
        assert!(matches!(make(&[cut], &plain), Err(Spoilt::Broken(_))));
        let bomb = png_header(10_000, 10_000);
        assert!(matches!(make(&[bomb], &plain), Err(Spoilt::TooLarge(100_000_000))));
        let wide = png_header(MAX_SIDE + 1, 1);
        assert!(matches!(make(&[wide], &plain), Err(Spoilt::Broken(_))));
    }

    /// A one-pixel PNG whose header claims another size: all a decoder sees before it decodes.
    fn png_header(width: u32, height: u32) -> Bytes {
        let mut bytes = file(1, 1, ImageFormat::Png).to_vec();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        bytes.into()
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
            })
        })
    }
}

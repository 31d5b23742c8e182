//! Test pictures, and what can be said of a picture that came back.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// How far apart the channels of a grey pixel may be: JPEG rounds.
const GREY_TOLERANCE: u8 = 10;

/// A colourful PNG of 120 × 90 pixels.
pub fn png() -> Vec<u8> {
    encoded(colourful(120, 90), ImageFormat::Png)
}

/// The same picture as JPEG.
pub fn jpeg() -> Vec<u8> {
    encoded(colourful(120, 90), ImageFormat::Jpeg)
}

/// A colourful PNG of any size.
pub fn png_of(width: u32, height: u32) -> Vec<u8> {
    encoded(colourful(width, height), ImageFormat::Png)
}

/// A grey PNG of the picture; what the scripted providers answer.
pub fn greyed(picture: &[u8]) -> Vec<u8> {
    let grey = image::load_from_memory(picture).unwrap().grayscale().to_rgb8();
    encoded(grey, ImageFormat::Png)
}

/// Whether no pixel has a colour. Fails when `picture` is no picture.
pub fn is_grey(picture: &[u8]) -> bool {
    image::load_from_memory(picture)
        .unwrap()
        .to_rgb8()
        .pixels()
        .all(|Rgb([r, g, b])| r.abs_diff(*g) <= GREY_TOLERANCE && g.abs_diff(*b) <= GREY_TOLERANCE)
}

/// Width and height. Fails when `picture` is no picture.
pub fn size(picture: &[u8]) -> (u32, u32) {
    let decoded = image::load_from_memory(picture).unwrap();
    (decoded.width(), decoded.height())
}

/// Slopes of colour with some noise, so that the file is not tiny: an embedded picture must be
/// long enough to be told from text.
fn colourful(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 61;
        let slope = |at: u32, length: u32| (at * 190 / length.max(1)) as u8;
        let noise = noise as u8;
        Rgb([slope(x, width) + noise, 60 + noise / 2, slope(y, height) + noise / 3])
    })
}

fn encoded(picture: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_told_from_colour() {
        assert!(!is_grey(&png()));
        assert!(!is_grey(&jpeg()));
        assert!(is_grey(&greyed(&png())));
        assert_eq!(size(&greyed(&jpeg())), (120, 90));
    }

    #[test]
    fn pictures_are_long_enough_to_be_lifted_out_of_json() {
        assert!(png().len() > 8 * 1024);
        assert!(greyed(&png()).len() > 6 * 1024, "{}", greyed(&png()).len());
    }
}

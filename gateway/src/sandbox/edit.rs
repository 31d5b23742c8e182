//! The edits the sandbox can really do: picture in, picture out.
//!
//! Every function is pure, takes time proportional to the picture and keeps transparency.

use image::RgbaImage;
use image::imageops::{self, FilterType};

/// One edit, as a prompt names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Grayscale,
    Blur,
    Invert,
    /// A quarter turn clockwise.
    Rotate,
    Sepia,
    Sharpen,
    Pixelate,
    Vignette,
}

impl Edit {
    pub(super) fn apply(self, mut picture: RgbaImage) -> RgbaImage {
        match self {
            Self::Grayscale => recolour(picture, gray),
            Self::Blur => imageops::fast_blur(&picture, blur_radius(&picture)),
            Self::Invert => {
                imageops::invert(&mut picture);
                picture
            }
            Self::Rotate => imageops::rotate90(&picture),
            Self::Sepia => recolour(picture, sepia),
            Self::Sharpen => sharpen(picture),
            Self::Pixelate => pixelate(&picture),
            Self::Vignette => vignette(picture),
        }
    }
}

fn recolour(mut picture: RgbaImage, colour: fn([u8; 3]) -> [u8; 3]) -> RgbaImage {
    for pixel in picture.pixels_mut() {
        let [r, g, b, alpha] = pixel.0;
        let [r, g, b] = colour([r, g, b]);
        pixel.0 = [r, g, b, alpha];
    }
    picture
}

/// Luma as Rec. 709 weighs it.
fn gray([r, g, b]: [u8; 3]) -> [u8; 3] {
    let luma = (2126 * u32::from(r) + 7152 * u32::from(g) + 722 * u32::from(b)) / 10_000;
    [clamp(luma); 3]
}

/// The sepia matrix that the W3C's filter effects give, in thousandths.
fn sepia([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (r, g, b) = (u32::from(r), u32::from(g), u32::from(b));
    [
        clamp((393 * r + 769 * g + 189 * b) / 1000),
        clamp((349 * r + 686 * g + 168 * b) / 1000),
        clamp((272 * r + 534 * g + 131 * b) / 1000),
    ]
}

/// A hundredth of the longer side, so that a blur looks alike at every size.
fn blur_radius(picture: &RgbaImage) -> f32 {
    (longer_side(picture) as f32 / 100.0).max(1.5)
}

/// Unsharp mask: what a blur would take away is added once more.
fn sharpen(mut picture: RgbaImage) -> RgbaImage {
    let soft = imageops::fast_blur(&picture, 1.5);
    for (pixel, soft) in picture.pixels_mut().zip(soft.pixels()) {
        let [r, g, b, alpha] = pixel.0;
        let [soft_r, soft_g, soft_b, _] = soft.0;
        let more = |sharp: u8, soft: u8| (2 * i16::from(sharp) - i16::from(soft)).clamp(0, 255);
        pixel.0 = [more(r, soft_r) as u8, more(g, soft_g) as u8, more(b, soft_b) as u8, alpha];
    }
    picture
}

/// Blocks of a fortieth of the longer side, each the mean of what it covers.
fn pixelate(picture: &RgbaImage) -> RgbaImage {
    let block = (longer_side(picture) / 40).max(2);
    let (width, height) = picture.dimensions();
    let few = imageops::thumbnail(picture, width.div_ceil(block), height.div_ceil(block));
    imageops::resize(&few, width, height, FilterType::Nearest)
}

/// Full light in the centre, a tenth of it left in the corners.
fn vignette(mut picture: RgbaImage) -> RgbaImage {
    let (width, height) = picture.dimensions();
    let offset = |at: u32, length: u32| (at as f32 + 0.5) / length as f32 * 2.0 - 1.0;
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (dx, dy) = (offset(x, width), offset(y, height));
        let light = 1.0 - 0.45 * (dx * dx + dy * dy);
        let [r, g, b, alpha] = pixel.0;
        let dim = |channel: u8| (f32::from(channel) * light) as u8;
        pixel.0 = [dim(r), dim(g), dim(b), alpha];
    }
    picture
}

fn longer_side(picture: &RgbaImage) -> u32 {
    picture.width().max(picture.height())
}

fn clamp(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    const ALL: [Edit; 8] = [
        Edit::Grayscale,
        Edit::Blur,
        Edit::Invert,
        Edit::Rotate,
        Edit::Sepia,
        Edit::Sharpen,
        Edit::Pixelate,
        Edit::Vignette,
    ];

    /// Left half red, right half a light blue, the top left pixel white.
    fn sample() -> RgbaImage {
        let mut picture = RgbaImage::from_fn(80, 40, |x, _| {
            if x < 40 { Rgba([200, 20, 20, 255]) } else { Rgba([90, 140, 230, 128]) }
        });
        picture.put_pixel(0, 0, Rgba([255, 255, 255, 255]));
        picture
    }

    fn contrast(picture: &RgbaImage) -> i32 {
        let red = |x| i32::from(picture.get_pixel(x, 20)[0]);
        (red(39) - red(40)).abs()
    }

    #[test]
    fn grayscale_leaves_no_colour_and_keeps_the_light() {
        let gray = Edit::Grayscale.apply(sample());
        assert!(gray.pixels().all(|p| p[0] == p[1] && p[1] == p[2]));
        assert_eq!(gray.get_pixel(0, 0).0, [255, 255, 255, 255]);
        assert_eq!(gray.get_pixel(79, 39)[3], 128);
    }

    #[test]
    fn invert_twice_is_the_original() {
        let once = Edit::Invert.apply(sample());
        assert_eq!(once.get_pixel(1, 1).0, [55, 235, 235, 255]);
        assert_eq!(Edit::Invert.apply(once), sample());
    }

    #[test]
    fn rotate_is_a_quarter_turn_clockwise() {
        let turned = Edit::Rotate.apply(sample());
        assert_eq!(turned.dimensions(), (40, 80));
        assert_eq!(turned.get_pixel(39, 0).0, [255, 255, 255, 255]);
    }

    #[test]
    fn sepia_is_warm() {
        let sepia = Edit::Sepia.apply(sample());
        assert!(sepia.pixels().all(|p| p[0] >= p[1] && p[1] >= p[2]));
        assert_ne!(sepia.get_pixel(60, 20)[0], sepia.get_pixel(60, 20)[2]);
    }

    #[test]
    fn blur_softens_an_edge_and_sharpen_hardens_it() {
        let before = contrast(&sample());
        assert!(contrast(&Edit::Blur.apply(sample())) < before);
        assert!(contrast(&Edit::Sharpen.apply(sample())) > before);
    }

    #[test]
    fn pixelate_makes_blocks_of_one_colour() {
        let noise = RgbaImage::from_fn(80, 80, |x, y| {
            Rgba([(x * 37 + y * 91) as u8, (x * 7) as u8, (y * 13) as u8, 255])
        });
        let blocks = Edit::Pixelate.apply(noise.clone());
        assert_eq!(blocks.dimensions(), noise.dimensions());
        for (x, y) in [(0, 0), (10, 20), (78, 78)] {
            assert_eq!(blocks.get_pixel(x, y), blocks.get_pixel(x + 1, y + 1));
        }
        assert_ne!(blocks, noise);
    }

    #[test]
    fn vignette_darkens_the_corners_and_spares_the_centre() {
        let white = RgbaImage::from_pixel(101, 101, Rgba([255, 255, 255, 255]));
        let framed = Edit::Vignette.apply(white);
        assert_eq!(framed.get_pixel(50, 50)[0], 255);
        assert!(framed.get_pixel(0, 0)[0] < 60);
        assert_eq!(framed.get_pixel(0, 0)[3], 255);
    }

    #[test]
    fn every_edit_bears_the_smallest_and_the_thinnest_picture() {
        for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 3)] {
            for edit in ALL {
                let picture = RgbaImage::from_pixel(width, height, Rgba([9, 99, 199, 77]));
                let (wide, high) = edit.apply(picture).dimensions();
                assert_eq!(wide * high, width * height, "{edit:?}");
            }
        }
    }
}

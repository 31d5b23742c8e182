//! A photo as a phone writes it: the sensor's picture, and beside it which way is up and where it
//! was taken.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// What the sensor saw, lying on its side: red on the left and blue on the right.
const LYING: (u32, u32) = (120, 90);

/// A JPEG that is to be turned by 90 degrees before it is looked at, with a GPS position.
pub(super) fn rotated() -> Vec<u8> {
    let (width, height) = LYING;
    let picture = RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 { Rgb([220, 20, 20]) } else { Rgb([20, 20, 220]) }
    });
    let mut file = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut file, ImageFormat::Jpeg).unwrap();
    let mut file = file.into_inner();
    let mut segment = b"Exif\0\0".to_vec();
    segment.extend(exif());
    let mut marker = vec![0xff, 0xe1];
    marker.extend((segment.len() as u16 + 2).to_be_bytes());
    marker.extend(segment);
    file.splice(2..2, marker);
    file
}

/// Whether a picture stands upright: red above, blue below.
pub(super) fn is_upright(picture: &[u8]) -> bool {
    let picture = image::load_from_memory(picture).unwrap().to_rgb8();
    let (width, height) = picture.dimensions();
    let at = |y| picture.get_pixel(width / 2, y).0;
    let (above, below) = (at(height / 8), at(height * 7 / 8));
    (width, height) == (LYING.1, LYING.0) && above[0] > above[2] && below[2] > below[0]
}

/// TIFF, little endian: orientation 6, and a directory of its own for the position.
fn exif() -> Vec<u8> {
    const FIRST: u32 = 8;
    const GPS: u32 = FIRST + 2 + 2 * 12 + 4;
    const VALUES: u32 = GPS + 2 + 3 * 12 + 4;
    let mut tiff = b"II*\0".to_vec();
    tiff.extend(FIRST.to_le_bytes());
    tiff.extend(2_u16.to_le_bytes());
    entry(&mut tiff, (0x0112, 3, 1), 6);
    entry(&mut tiff, (0x8825, 4, 1), GPS);
    tiff.extend([0; 4]);
    tiff.extend(3_u16.to_le_bytes());
    entry(&mut tiff, (0x0001, 2, 2), u32::from(b'N'));
    entry(&mut tiff, (0x0002, 5, 3), VALUES);
    entry(&mut tiff, (0x001b, 7, 11), VALUES + 24);
    tiff.extend([0; 4]);
    for part in [31_u32, 1, 14, 1, 2711, 100] {
        tiff.extend(part.to_le_bytes());
    }
    tiff.extend(b"ASCII\0\0\0GPS");
    tiff
}

fn entry(tiff: &mut Vec<u8>, (tag, kind, count): (u16, u16, u32), value: u32) {
    tiff.extend(tag.to_le_bytes());
    tiff.extend(kind.to_le_bytes());
    tiff.extend(count.to_le_bytes());
    tiff.extend(value.to_le_bytes());
}

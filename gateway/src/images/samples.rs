//! Pictures for tests, and the metadata that real ones carry.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

/// A store in a folder of its own.
pub(super) fn store(limits: Limits) -> (tempfile::TempDir, Images) {
    let dir = tempfile::tempdir().unwrap();
    let images = Images::open(dir.path()).unwrap().with_limits(limits);
    (dir, images)
}

pub(super) async fn put(images: &Images, bytes: &[u8]) -> Stored {
    let mut spool = images.spool(Kind::Input).await.unwrap();
    spool.write(bytes).await.unwrap();
    spool.finish(false).await.unwrap()
}

pub(super) async fn bytes(images: &Images, stored: &Stored) -> Vec<u8> {
    let bytes = tokio::fs::read(images.folder.named(&stored.name).unwrap()).await.unwrap();
    assert_eq!(bytes.len() as u64, stored.bytes);
    bytes
}

/// Red above blue: it shows when it was turned.
pub(super) fn flag(width: u32, height: u32) -> DynamicImage {
    let colour = |y| if y < height / 2 { Rgb([220, 30, 30]) } else { Rgb([30, 30, 220]) };
    RgbImage::from_fn(width, height, |_, y| colour(y)).into()
}

/// What no format makes short.
pub(super) fn noise(width: u32, height: u32) -> DynamicImage {
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    RgbImage::from_fn(width, height, |_, _| Rgb([next(), next(), next()])).into()
}

/// Green, and clearer from left to right.
pub(super) fn glass(width: u32, height: u32) -> DynamicImage {
    RgbaImage::from_fn(width, height, |x, _| Rgba([0, 200, 0, (255 - x * 255 / width) as u8]))
        .into()
}

pub(super) fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(super) fn decode(bytes: &[u8]) -> DynamicImage {
    #[expect(clippy::disallowed_methods, reason = "a picture of our own")]
    image::load_from_memory(bytes).unwrap()
}

pub(super) fn holds(bytes: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(bytes, what).is_some()
}

/// EXIF as a phone writes it: an orientation, and where the photo was taken.
pub(super) fn tiff(orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]);
    tiff.extend(b"\0\0\0\0GPS 52.5163 N 13.3777 E\0");
    tiff
}

/// The JPEG with these segments behind its start.
pub(super) fn with_segments(jpeg: &[u8], segments: &[(u8, &[u8])]) -> Vec<u8> {
    let (start, rest) = jpeg.split_at(2);
    let mut bytes = start.to_vec();
    for (code, data) in segments {
        bytes.extend([0xff, *code]);
        bytes.extend((data.len() as u16 + 2).to_be_bytes());
        bytes.extend(*data);
    }
    bytes.extend(rest);
    bytes
}

pub(super) fn exif_segment(orientation: u8) -> Vec<u8> {
    [b"Exif\0\0".to_vec(), tiff(orientation)].concat()
}

/// The PNG with these chunks behind its header.
pub(super) fn with_chunks(png: &[u8], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let (head, rest) = png.split_at(33);
    let mut bytes = head.to_vec();
    for (name, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        let named = [&name[..], data].concat();
        bytes.extend(&named);
        bytes.extend(crc32(&named).to_be_bytes());
    }
    bytes.extend(rest);
    bytes
}

/// The simple WebP, extended by metadata.
pub(super) fn with_webp_chunks(
    webp: &[u8],
    size: (u32, u32),
    chunks: &[(&[u8; 4], &[u8])],
) -> Vec<u8> {
    let mut body = b"WEBPVP8X\x0a\0\0\0\x0c\0\0\0".to_vec();
    body.extend(&(size.0 - 1).to_le_bytes()[..3]);
    body.extend(&(size.1 - 1).to_le_bytes()[..3]);
    body.extend(&webp[12..]);
    for (name, data) in chunks {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(*data);
        body.extend(vec![0; data.len() % 2]);
    }
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// A PNG of one pixel whose header claims another size: all that is seen before it is decoded.
pub(super) fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = file(&flag(1, 1), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

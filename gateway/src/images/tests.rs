//! The store, through its public interface.

use std::io::ErrorKind;

use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::*;

/// The header of a PNG of that size, and then `padding` bytes that nobody decodes.
fn png(width: u32, height: u32, padding: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend((0..padding).map(|n| (n % 251) as u8));
    bytes
}

async fn store(images: &Images, kind: Kind, bytes: &[u8]) -> Result<Stored, SpoolError> {
    let mut spool = images.spool(kind).await?;
    for chunk in bytes.chunks(10_007) {
        spool.write(chunk).await?;
    }
    spool.finish(true).await
}

fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn names_inputs_by_blake3_and_results_by_sha256() {
    let dir = tempfile::tempdir().unwrap();
    let images = Images::open(dir.path()).unwrap();
    for padding in [100, CHUNK - 24, 3 * CHUNK + 17] {
        let bytes = png(3, 2, padding);
        let input = store(&images, Kind::Input, &bytes).await.unwrap();
        assert_eq!(input.name, blake3::hash(&bytes).to_hex().to_string());
        assert_eq!((input.width, input.height, input.sha256), (3, 2, None));
        assert_eq!((input.mime.as_str(), input.bytes), ("image/png", bytes.len() as u64));

        let result = store(&images, Kind::Result, &bytes).await.unwrap();
        assert_eq!(result.name, data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)));
        assert_eq!(result.sha256.as_ref(), Some(&result.name));

        let (mut file, length) = images.open_read(&result.name).await.unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).await.unwrap();
        assert_eq!((read, length), (bytes.clone(), bytes.len() as u64));
    }
}

#[tokio::test]
async fn the_same_image_twice_is_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let images = Images::open(dir.path()).unwrap();
    let first = store(&images, Kind::Input, &png(1, 1, 9)).await.unwrap();
    let again = store(&images, Kind::Input, &png(1, 1, 9)).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(files(dir.path()), std::slice::from_ref(&first.name));
    images.remove(&first.name).await.unwrap();
    assert_eq!(images.open_read(&first.name).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn refuses_what_is_no_image_or_too_much_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 600_000, max_pixels: 100 };
    let images = Images::open(dir.path()).unwrap().with_limits(limits);
    let heic = b"\0\0\0\x1cftypheic\0\0\0\0".to_vec();
    for (bytes, said) in [
        (b"GIF89a......".to_vec(), "this is a GIF; send a PNG, JPEG or WebP image"),
        (heic, "this is a HEIC; send a PNG, JPEG or WebP image"),
        (Vec::new(), "this is nothing at all; send a PNG, JPEG or WebP image"),
        (
            png(0, 5, 10),
            "this is image/png whose header does not say its size; send a PNG, JPEG or WebP image",
        ),
        (png(1, 1, 600_000), "the image is larger than 600000 bytes; send a smaller one"),
        (png(11, 10, 10), "the image has 11 x 10 pixels, more than 100; send a smaller one"),
    ] {
        let error = store(&images, Kind::Input, &bytes).await.unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    images.sync().await.unwrap();
    assert_eq!(files(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_picture_of_too_many_pixels_or_none_is_refused_by_its_header() {
    let (_dir, images) = samples::store(Limits::default());
    let sof = |height: u16, width: u16| {
        let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
        [b"\xff\xd8\xff\xc0\0\x11\x08", &size[..], &[0; 20]].concat()
    };
    let vp8 = |width: u16, height: u16| {
        let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
        [b"RIFF\x40\0\0\0WEBPVP8 \x30\0\0\0\0\0\0\x9d\x01\x2a", &size[..], &[0; 38]].concat()
    };
    for bytes in [png(20_000, 20_000, 2_000_000), sof(60_000, 60_000), vp8(16_000, 16_000)] {
        let error = store(&images, Kind::Input, &bytes).await.unwrap_err();
        assert!(matches!(error, SpoolError::TooManyPixels { .. }), "{error}");
    }
    for bytes in [png(0, 1, 99), png(1, 0, 99), sof(0, 1), sof(1, 0), vp8(0, 1), vp8(1, 0)] {
        let error = store(&images, Kind::Input, &bytes).await.unwrap_err();
        assert!(error.to_string().contains("whose header does not say its size"), "{error}");
    }
}

#[tokio::test]
async fn a_dropped_spool_and_a_crash_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let images = Images::open(dir.path()).unwrap();
    let mut spool = images.spool(Kind::Result).await.unwrap();
    spool.write(&png(1, 1, 2 * CHUNK)).await.unwrap();
    spool.settle().await;
    assert_eq!(files(dir.path()).len(), 1);
    drop(spool);
    assert_eq!(files(dir.path()), Vec::<String>::new());

    std::fs::write(dir.path().join("tmp-left-by-a-crash"), "x").unwrap();
    std::fs::write(dir.path().join("README"), "not ours").unwrap();
    Images::open(dir.path()).unwrap();
    assert_eq!(files(dir.path()), ["README"]);
}

#[tokio::test]
async fn a_name_never_leads_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let images = Images::open(&dir.path().join("images")).unwrap();
    std::fs::write(dir.path().join("secret"), "x").unwrap();
    let dots = format!("../{}", "a".repeat(61));
    for name in ["", "secret", "../secret", "/etc/passwd", dots.as_str(), &"A".repeat(64)] {
        let kind = images.open_read(name).await.unwrap_err().kind();
        assert_eq!(kind, ErrorKind::InvalidInput, "{name}");
        assert_eq!(images.remove(name).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

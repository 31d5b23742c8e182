//! Inputs made ready, through the public interface.

use image::{DynamicImage, GenericImageView, ImageFormat};
use proptest::prelude::*;

use super::super::samples::*;
use super::super::{Limits, sniff};
use super::*;

const METADATA: [&[u8]; 5] = [b"Exif", b"GPS", b"ns.adobe.com", b"secret", b"Photoshop"];

fn needs(mimes: &[&str]) -> Needs {
    Needs { mimes: mimes.iter().map(|mime| (*mime).to_owned()).collect(), ..Needs::default() }
}

async fn adapted(file: &[u8], needs: &Needs) -> Result<(Stored, Vec<u8>), AdaptError> {
    let (_dir, images) = store(Limits::default());
    let stored = put(&images, file).await;
    let adapted = images.adapt(&stored, needs).await?;
    let again = images.adapt(&stored, needs).await?;
    assert_eq!(adapted, again, "the same file, whenever");
    assert_eq!(images.adapt(&adapted, needs).await?, adapted, "and nothing is left to do");
    let bytes = bytes(&images, &adapted).await;
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), adapted.name);
    for what in METADATA {
        assert!(!holds(&bytes, what), "{} is left", what.escape_ascii());
    }
    Ok((adapted, bytes))
}

/// A phone's: EXIF, XMP, a comment, Photoshop's, a preview, and a film behind it.
fn photo(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let jpeg = file(picture, ImageFormat::Jpeg);
    let exif = exif_segment(orientation);
    let segments: [(u8, &[u8]); 6] = [
        (0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        (0xe1, &exif),
        (0xe1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        (0xe2, b"MPF\0 secret"),
        (0xed, b"Photoshop 3.0\0"),
        (0xfe, b"a secret comment"),
    ];
    [with_segments(&jpeg, &segments), b"\0\0\0\x18ftypmp42 secret".to_vec()].concat()
}

fn is_near(pixel: image::Rgba<u8>, red: u8, blue: u8) -> bool {
    pixel[0].abs_diff(red) < 12 && pixel[2].abs_diff(blue) < 12
}

#[tokio::test]
async fn a_phones_photo_comes_out_upright_and_without_its_place() {
    // Each says where the upper edge of what was seen is in the file: it comes out up.
    for (orientation, size, red, blue) in [
        (2, (40, 24), (20, 4), (20, 20)),
        (3, (40, 24), (20, 20), (20, 4)),
        (4, (40, 24), (20, 20), (20, 4)),
        (5, (24, 40), (4, 20), (20, 20)),
        (6, (24, 40), (20, 20), (4, 20)),
        (7, (24, 40), (20, 20), (4, 20)),
        (8, (24, 40), (4, 20), (20, 20)),
    ] {
        let photo = photo(&flag(40, 24), orientation);
        let (stored, bytes) = adapted(&photo, &Needs::default()).await.unwrap();
        assert_eq!((stored.width, stored.height), size, "{orientation}");
        assert_eq!(stored.mime, "image/jpeg");
        let picture = decode(&bytes);
        assert!(is_near(picture.get_pixel(red.0, red.1), 220, 30), "{orientation}");
        assert!(is_near(picture.get_pixel(blue.0, blue.1), 30, 220), "{orientation}");
    }
}

#[tokio::test]
async fn a_photo_that_is_upright_loses_its_metadata_and_nothing_else() {
    for orientation in [0, 1, 9] {
        let icc = [b"ICC_PROFILE\0\x01\x01".to_vec(), vec![7; 400]].concat();
        let photo = with_segments(&photo(&noise(60, 40), orientation), &[(0xe2, &icc)]);
        let (stored, bytes) = adapted(&photo, &Needs::default()).await.unwrap();
        assert_eq!((stored.width, stored.height), (60, 40));
        assert!(bytes.len() < photo.len() && holds(&bytes, &icc) && holds(&bytes, b"JFIF"));
        assert_eq!(decode(&bytes), decode(&photo), "not even decoded");
        assert!(bytes.ends_with(b"\xff\xd9"));
    }
}

#[tokio::test]
async fn what_is_clean_stays_the_same_file() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let original = file(&flag(20, 10), format);
        let (stored, bytes) = adapted(&original, &Needs::default()).await.unwrap();
        assert_eq!(bytes, original);
        assert_eq!(stored.mime, sniff(&original).unwrap().mime());
    }
}

#[tokio::test]
async fn a_png_loses_its_texts_and_keeps_its_pixels_and_colours() {
    let png = file(&glass(30, 20), ImageFormat::Png);
    let tiff = tiff(1);
    let chunks: [(&[u8; 4], &[u8]); 8] = [
        (b"gAMA", &45_455_u32.to_be_bytes()),
        (b"tEXt", b"Comment\0a secret"),
        (b"zTXt", b"Comment\0\0secret"),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0http://ns.adobe.com/"),
        (b"eXIf", &tiff),
        (b"tIME", b"\x07\xea\x01\x01\0\0\0"),
        (b"caBX", b"secret"),
        (b"acTL", b"\0\0\0\x01\0\0\0\0"),
    ];
    let original = [with_chunks(&png, &chunks), b"secret behind the end".to_vec()].concat();
    let (_, bytes) = adapted(&original, &Needs::default()).await.unwrap();
    assert_eq!(bytes, with_chunks(&png, &chunks[..1]));
    assert_eq!(decode(&bytes), glass(30, 20));
}

#[tokio::test]
async fn a_png_and_a_webp_are_turned_without_loss() {
    let tiff = tiff(8);
    let png = with_chunks(&file(&flag(20, 10), ImageFormat::Png), &[(b"eXIf", &tiff)]);
    let webp = file(&flag(20, 10), ImageFormat::WebP);
    let webp = with_webp_chunks(&webp, (20, 10), &[(b"EXIF", &tiff)]);
    for original in [png, webp] {
        let (stored, bytes) = adapted(&original, &Needs::default()).await.unwrap();
        assert_eq!((stored.width, stored.height), (10, 20));
        assert_eq!(stored.mime, sniff(&original).unwrap().mime());
        assert_eq!(decode(&bytes).to_rgb8(), flag(20, 10).rotate270().to_rgb8());
    }
}

#[tokio::test]
async fn a_webp_loses_its_metadata_without_being_decoded() {
    let webp = file(&noise(20, 10), ImageFormat::WebP);
    let tiff = tiff(1);
    let chunks: [(&[u8; 4], &[u8]); 3] =
        [(b"EXIF", &tiff), (b"XMP ", b"http://ns.adobe.com/"), (b"SECR", b"secret!")];
    let original = with_webp_chunks(&webp, (20, 10), &chunks);
    let (_, bytes) = adapted(&original, &Needs::default()).await.unwrap();
    let mut expected = with_webp_chunks(&webp, (20, 10), &[]);
    expected[20] = 0;
    assert_eq!(bytes, expected);
    assert_eq!(decode(&bytes).to_rgb8(), noise(20, 10).to_rgb8());
}

#[tokio::test]
async fn a_type_that_is_not_taken_becomes_one_that_is() {
    let cases: [(DynamicImage, ImageFormat, &[&str], &str); 5] = [
        (glass(16, 16), ImageFormat::WebP, &["image/jpeg", "image/png"], "image/png"),
        (glass(16, 16), ImageFormat::WebP, &["image/webp", "image/png"], "image/webp"),
        (flag(16, 16), ImageFormat::WebP, &["image/jpeg"], "image/jpeg"),
        (flag(16, 16), ImageFormat::Jpeg, &["image/png"], "image/png"),
        (glass(16, 16), ImageFormat::Png, &["image/avif", "image/webp"], "image/webp"),
    ];
    for (picture, from, mimes, mime) in cases {
        let original = file(&picture, from);
        let (stored, bytes) = adapted(&original, &needs(mimes)).await.unwrap();
        assert_eq!((stored.mime.as_str(), sniff(&bytes).unwrap().mime()), (mime, mime));
        if mime != "image/jpeg" {
            assert_eq!(decode(&bytes).to_rgba8(), decode(&original).to_rgba8());
        }
    }
    let error = adapted(&file(&flag(9, 9), ImageFormat::Png), &needs(&["image/avif"])).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "the image is image/png and only image/avif is taken, which cannot be made of it"
    );
}

#[tokio::test]
async fn a_jpeg_stands_in_where_a_png_would_be_too_long() {
    let webp = file(&noise(100, 100), ImageFormat::WebP);
    let limited = Needs { max_bytes: Some(25_000), ..needs(&["image/png", "image/jpeg"]) };
    let (stored, _) = adapted(&webp, &limited).await.unwrap();
    assert_eq!((stored.mime.as_str(), stored.width), ("image/jpeg", 100));
    let only_png = Needs { max_bytes: Some(25_000), ..needs(&["image/png"]) };
    let said = adapted(&webp, &only_png).await.unwrap_err().to_string();
    assert!(said.ends_with("bytes as image/png, more than 25000; send a smaller one"), "{said}");
}

#[tokio::test]
async fn what_is_too_large_shrinks_only_where_it_may() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let original = file(&noise(200, 100), format);
        let mime = sniff(&original).unwrap().mime();
        for (max_bytes, max_pixels, measure) in [
            (Some(6_000), None, Measure::Bytes),
            (None, Some(5_000), Measure::Pixels),
            (Some(9_000), Some(6_000), Measure::Pixels),
        ] {
            let strict = Needs { max_bytes, max_pixels, ..needs(&[mime]) };
            let error = adapted(&original, &strict).await.unwrap_err();
            assert!(matches!(error, AdaptError::TooLarge { measure: m, .. } if m == measure));
            let (stored, _) = adapted(&original, &Needs { shrink: true, ..strict }).await.unwrap();
            let pixels = u64::from(stored.width) * u64::from(stored.height);
            assert!(pixels <= max_pixels.unwrap_or(20_000) && pixels > 1_000, "{pixels}");
            assert!(stored.bytes <= max_bytes.unwrap_or(u64::MAX));
            assert!(stored.width.abs_diff(2 * stored.height) <= 2, "the ratio stays");
            assert_eq!(stored.mime, mime);
        }
    }
}

#[tokio::test]
async fn a_line_of_pixels_shrinks_too() {
    for (width, height) in [(4_000, 1), (1, 4_000), (4_000, 2)] {
        let original = file(&flag(width, height), ImageFormat::Png);
        let few = Needs { max_pixels: Some(100), shrink: true, ..Needs::default() };
        let (stored, _) = adapted(&original, &few).await.unwrap();
        assert_eq!(stored.width * stored.height, 100);
    }
}

#[tokio::test]
async fn a_limit_that_nothing_meets_is_named_after_a_few_tries() {
    let tiny = Needs { max_bytes: Some(20), shrink: true, ..Needs::default() };
    let error = adapted(&file(&flag(50, 50), ImageFormat::Png), &tiny).await.unwrap_err();
    assert!(matches!(error, AdaptError::TooLarge { limit: 20, .. }), "{error}");
}

#[tokio::test]
async fn metadata_does_not_count_against_the_limit() {
    let picture = flag(20, 20);
    let bare = file(&picture, ImageFormat::Jpeg).len() as u64;
    let long = vec![b'x'; 60_000];
    let original = with_segments(&file(&picture, ImageFormat::Jpeg), &[(0xfe, &long)]);
    let limited = Needs { max_bytes: Some(bare), ..Needs::default() };
    assert_eq!(adapted(&original, &limited).await.unwrap().0.bytes, bare);
}

#[tokio::test]
async fn what_is_animated_is_refused() {
    let png = file(&flag(4, 4), ImageFormat::Png);
    let apng = with_chunks(&png, &[(b"acTL", b"\0\0\0\x02\0\0\0\0")]);
    let webp = file(&flag(4, 4), ImageFormat::WebP);
    let moving = with_webp_chunks(&webp, (4, 4), &[(b"ANIM", b"\0\0\0\0\0\0")]);
    for original in [apng, moving] {
        let error = adapted(&original, &Needs::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "the image is animated; send a still one");
    }
}

#[tokio::test]
async fn what_is_cut_short_says_so() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let whole = file(&noise(64, 64), format);
        for length in [whole.len() / 2, whole.len() - 2] {
            let error = adapted(&whole[..length], &Needs::default()).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "the image cannot be decoded: it ends early; send another copy of it",
            );
        }
    }
}

#[tokio::test]
async fn bombs_are_refused_before_they_take_memory() {
    // The store took it under larger limits.
    let (_dir, images) = store(Limits { max_pixels: u64::MAX, ..Limits::default() });
    let large = put(&images, &bomb(20_000, 20_000)).await;
    let strict = images.clone().with_limits(Limits::default());
    let jpeg = needs(&["image/jpeg"]);
    for shrink in [false, true] {
        let error = strict.adapt(&large, &Needs { shrink, ..jpeg.clone() }).await.unwrap_err();
        assert!(matches!(error, AdaptError::TooLarge { has: 400_000_000, .. }), "{error}");
    }
    // 512 MiB hold, whatever the settings allow.
    let error = images.adapt(&large, &jpeg).await.unwrap_err().to_string();
    assert!(error.contains("it needs more memory than an image may"), "{error}");

    let webp = file(&noise(300, 300), ImageFormat::WebP);
    let liar = put(&images, &with_webp_chunks(&webp, (1, 1), &[])).await;
    let error = images.adapt(&liar, &jpeg).await.unwrap_err().to_string();
    assert!(error.contains("it says two sizes"), "{error}");
}

#[tokio::test]
async fn files_of_too_many_pieces_or_scans_are_refused() {
    let jpeg = file(&flag(4, 4), ImageFormat::Jpeg);
    let pair: [(u8, &[u8]); 2] = [(0xfe, b""), (0xee, b"Adobe")];
    let pieces = with_segments(&jpeg, &pair.repeat(20_000));
    let (head, end) = jpeg.split_at(jpeg.len() - 2);
    let scans = [head, &b"\xff\xda\0\x02".repeat(80), end].concat();
    for (file, why) in [(scans, "too many scans"), (pieces, "too many pieces")] {
        let error = anatomy::survey(&kept(&file), Format::Jpeg).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

fn kept(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    file
}

#[tokio::test]
async fn a_panic_is_the_files_fault() {
    let error = apart::<()>(|| panic!("a decoder's")).await.unwrap_err();
    assert!(error.to_string().contains("its decoder gave up on it"));
}

#[tokio::test]
async fn decoding_waits_for_a_place_and_gives_it_back() {
    let (_dir, images) = store(Limits::default());
    let places = images.decoders.available_permits();
    assert!((1..=4).contains(&places));
    for _ in 0..=places {
        let failed = images.bounded::<()>(|| Err(AdaptError::Animated)).await;
        assert!(matches!(failed, Err(AdaptError::Animated)));
    }
    assert_eq!(images.decoders.available_permits(), places);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    /// Whatever becomes of a file on its way: taking it apart never fails but with words, and what
    /// it is put together from again is clean.
    #[test]
    fn spoilt_files_are_contained(
        which in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = spoilable(which);
        let kind = sniff(&bytes).unwrap();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        let file = kept(&bytes);
        if let Ok(anatomy) = anatomy::survey(&file, kind) {
            let decoded = std::panic::catch_unwind(|| {
                let picture = Picture::decode(&file, &anatomy, kind, 100_000)?;
                picture.encode(&mut Vec::new(), Format::Png, 92)
            });
            if let Ok(Err(error)) = decoded {
                prop_assert!(!error.to_string().is_empty());
            }
            let mut copy = Vec::new();
            anatomy.copy(&file, &mut copy).unwrap();
            prop_assert_eq!(copy.len() as u64, anatomy.bytes());
            prop_assert!(anatomy::survey(&kept(&copy), kind).unwrap().is_clean());
        }
    }
}

fn spoilable(which: usize) -> Vec<u8> {
    let tiff = tiff(6);
    match which {
        0 => photo(&noise(12, 12), 6),
        1 => with_chunks(&file(&glass(12, 12), ImageFormat::Png), &[(b"eXIf", &tiff)]),
        2 => file(&noise(12, 12), ImageFormat::WebP),
        _ => {
            let webp = file(&noise(12, 12), ImageFormat::WebP);
            with_webp_chunks(&webp, (12, 12), &[(b"EXIF", &tiff), (b"XMP ", b"<x/>")])
        }
    }
}

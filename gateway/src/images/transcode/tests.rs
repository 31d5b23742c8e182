//! Results in other formats, through the public interface.

use image::{GenericImageView, ImageFormat, Rgba};

use super::super::Limits;
use super::super::samples::*;
use super::*;

const ALL: [(Format, ImageFormat); 3] = [
    (Format::Png, ImageFormat::Png),
    (Format::Jpeg, ImageFormat::Jpeg),
    (Format::Webp, ImageFormat::WebP),
];

#[tokio::test]
async fn each_format_becomes_each_other_and_has_the_name_of_a_result() {
    let (_dir, images) = store(Limits::default());
    for (from, codec) in ALL {
        let stored = put(&images, &file(&flag(32, 16), codec)).await;
        for (to, _) in ALL {
            let made = images.transcode(&stored, to, None).await.unwrap();
            assert_eq!(made.mime, to.mime());
            assert_eq!((made.width, made.height), (32, 16));
            assert_eq!(made == stored, from == to);
            if from != to {
                assert_eq!(made.sha256.as_ref(), Some(&made.name));
                assert_eq!(images.transcode(&stored, to, None).await.unwrap(), made);
            }
            if from != to && from != Format::Jpeg && to != Format::Jpeg {
                assert_eq!(decode(&bytes(&images, &made).await).to_rgb8(), flag(32, 16).to_rgb8());
            }
        }
    }
}

#[tokio::test]
async fn a_quality_is_a_jpegs_and_changes_nothing_else() {
    let (_dir, images) = store(Limits::default());
    for (format, codec) in ALL {
        let stored = put(&images, &file(&noise(64, 64), codec)).await;
        let same = images.transcode(&stored, format, Some(30)).await.unwrap();
        assert_eq!(same == stored, format != Format::Jpeg);
        let mut last = 0;
        for quality in [0, 30, 92, 100, 255] {
            let jpeg = images.transcode(&stored, Format::Jpeg, Some(quality)).await.unwrap();
            assert!(jpeg.bytes >= last, "{quality}");
            last = jpeg.bytes;
        }
        let webp = images.transcode(&stored, Format::Webp, Some(1)).await.unwrap();
        assert_eq!(webp, images.transcode(&stored, Format::Webp, None).await.unwrap());
    }
}

#[tokio::test]
async fn what_is_transparent_becomes_white_in_a_jpeg_and_stays_elsewhere() {
    let (_dir, images) = store(Limits::default());
    let stored = put(&images, &file(&glass(128, 16), ImageFormat::Png)).await;
    let jpeg = images.transcode(&stored, Format::Jpeg, Some(95)).await.unwrap();
    let jpeg = decode(&bytes(&images, &jpeg).await);
    for (x, expected) in [(0, [0, 200, 0]), (64, [128, 228, 128]), (127, [254, 255, 254])] {
        let Rgba([red, green, blue, _]) = jpeg.get_pixel(x, 8);
        let near = [red, green, blue].iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 8);
        assert!(near, "{x}: {red} {green} {blue}");
    }
    let webp = images.transcode(&stored, Format::Webp, None).await.unwrap();
    assert_eq!(decode(&bytes(&images, &webp).await), glass(128, 16));
}

#[tokio::test]
async fn a_result_that_cannot_be_changed_stays() {
    let (_dir, images) = store(Limits::default());
    let whole = file(&noise(64, 64), ImageFormat::Jpeg);
    let cut = put(&images, &whole[..whole.len() / 2]).await;
    let error = images.transcode(&cut, Format::Png, None).await.unwrap_err();
    assert!(matches!(error, AdaptError::Broken { .. }), "{error}");
    let long = put(&images, &file(&flag(17_000, 2), ImageFormat::Png)).await;
    let error = images.transcode(&long, Format::Webp, None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the image has 17000 pixels on a side as image/webp, more than 16384; send a smaller one",
    );
    bytes(&images, &cut).await;
    bytes(&images, &long).await;
}

#[tokio::test]
async fn a_profile_stays_where_it_fits_the_colours() {
    let (_dir, images) = store(Limits::default());
    for (space, stays) in [(b"RGB ", true), (b"CMYK", false)] {
        let mut profile = b"ICC_PROFILE\0\x01\x01".to_vec();
        profile.extend([9; 16]);
        profile.extend(space);
        profile.extend([9; 108]);
        let jpeg = file(&flag(8, 8), ImageFormat::Jpeg);
        let stored = put(&images, &with_segments(&jpeg, &[(0xe2, &profile)])).await;
        for to in [Format::Webp, Format::Jpeg] {
            let made = images.transcode(&stored, to, Some(90)).await.unwrap();
            assert_eq!(holds(&bytes(&images, &made).await, &profile[14..]), stays);
        }
    }
}

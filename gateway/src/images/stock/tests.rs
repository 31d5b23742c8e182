//! Counting and removing, with the moments at which they meet those who use the same images.

use std::io::ErrorKind;

use tokio::io::AsyncReadExt;

use super::super::{Kind, Limits, samples};
use super::*;

/// A PNG's header and as many bytes more, which make it another image.
fn png(mark: u8, length: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01".to_vec();
    bytes.resize(length, mark);
    bytes
}

async fn put(images: &Images, mark: u8) -> Stored {
    samples::put(images, &png(mark, 100)).await
}

async fn counted() -> (tempfile::TempDir, Images) {
    let (dir, images) = samples::store(Limits::default());
    images.take_stock(Duration::ZERO, &CancellationToken::new()).await.unwrap();
    (dir, images)
}

async fn discard(images: &Images, image: &Stored, asked: Asked) -> usize {
    images.discard(vec![image.name.clone()], asked).await
}

#[tokio::test]
async fn what_nobody_uses_goes_at_once_and_twice_is_as_good() {
    let (_dir, images) = counted().await;
    let image = put(&images, 1).await;
    assert_eq!(images.bytes(), Some(100));
    images.pass();
    let asked = images.ask();
    assert_eq!(discard(&images, &image, asked).await, 1);
    assert_eq!(discard(&images, &image, asked).await, 1);
    assert_eq!((images.bytes(), images.has(&image)), (Some(0), false));
}

/// A request stores an image, and before its row is written the last job that needed the same image
/// is forgotten.
#[tokio::test]
async fn an_image_stored_again_under_a_hold_stays_until_asked_after_it() {
    let (_dir, images) = counted().await;
    let image = put(&images, 1).await;
    images.pass();
    let hold = images.hold();
    put(&images, 1).await;
    images.pass();
    let asked = images.ask();
    assert_eq!(discard(&images, &image, asked).await, 0, "its row is not written yet");
    drop(hold);
    assert_eq!(discard(&images, &image, asked).await, 0, "the store did not know its row then");
    assert_eq!(images.binned(), [image.name.as_str()]);
    assert_eq!(images.bytes(), Some(0), "what is to go does not count");
    assert_eq!(discard(&images, &image, images.ask()).await, 1);
    assert!(images.binned().is_empty() && !images.has(&image));
}

/// The same with the two the other way round: the store was asked, and then the image comes again.
#[tokio::test]
async fn an_image_stored_again_after_the_question_stays() {
    let (_dir, images) = counted().await;
    let image = put(&images, 1).await;
    images.pass();
    let asked = images.ask();
    let _hold = images.hold();
    put(&images, 1).await;
    assert_eq!(discard(&images, &image, asked).await, 0);
    assert!(images.has(&image));
}

#[tokio::test]
async fn a_known_name_used_again_is_kept_or_known_to_be_gone() {
    let (_dir, images) = counted().await;
    let (kept, gone) = (put(&images, 1).await, put(&images, 2).await);
    images.pass();
    let asked = images.ask();
    let hold = images.hold();
    assert!(images.keep(std::slice::from_ref(&kept)).await.unwrap());
    assert_eq!(discard(&images, &kept, asked).await, 0);
    assert_eq!(discard(&images, &gone, asked).await, 1);
    assert!(!images.keep(&[kept.clone(), gone.clone()]).await.unwrap(), "one is gone");
    drop(hold);
    images.pass();
    assert_eq!(discard(&images, &kept, images.ask()).await, 1);
}

#[tokio::test]
async fn whoever_reads_an_image_that_goes_reads_on() {
    let (_dir, images) = counted().await;
    let image = put(&images, 1).await;
    let (mut file, length) = images.open_read(&image.name).await.unwrap();
    images.pass();
    assert_eq!(discard(&images, &image, images.ask()).await, 1);
    let mut read = Vec::new();
    file.read_to_end(&mut read).await.unwrap();
    assert_eq!((read, length), (png(1, 100), 100));
    assert_eq!(images.open_read(&image.name).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_walk_counts_what_was_there_and_reports_what_is_old() {
    let (dir, images) = samples::store(Limits::default());
    let (old, young) = (put(&images, 1).await, put(&images, 2).await);
    images.age(&old.name);
    std::fs::write(dir.path().join("README"), "not ours").unwrap();
    let images = Images::open(dir.path()).unwrap();
    assert_eq!(images.bytes(), None, "nobody has counted yet");
    for left in ["tmp-old", "tmp-young"] {
        std::fs::write(dir.path().join(left), "x").unwrap();
    }
    images.age("tmp-old");
    let stop = CancellationToken::new();
    let way = images.take_stock(Duration::from_secs(3_600), &stop).await.unwrap();
    let (found, rest) = way.next().await.unwrap();
    assert_eq!(found, std::slice::from_ref(&old.name));
    assert!(rest.is_none(), "it was all");
    assert_eq!(images.bytes(), Some(200));
    let left = |name: &str| dir.path().join(name).exists();
    assert_eq!((left("tmp-old"), left("tmp-young"), left("README")), (false, true, true));
    put(&images, 2).await;
    assert_eq!(images.bytes(), Some(200), "the same image once more is the same file");
    assert!(images.has(&young));
}

#[tokio::test]
async fn nothing_goes_during_a_walk_and_a_walk_can_be_stopped() {
    let (_dir, images) = counted().await;
    let image = put(&images, 1).await;
    images.pass();
    images.folder.count().begin();
    assert_eq!(discard(&images, &image, images.ask()).await, 0);
    put(&images, 2).await;
    images.folder.count().abandon();
    assert_eq!(discard(&images, &image, images.ask()).await, 1);
    assert_eq!(images.bytes(), Some(100));

    let stop = CancellationToken::new();
    stop.cancel();
    let stopped = images.take_stock(Duration::ZERO, &stop).await;
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(images.bytes(), Some(100), "as it was known before");
}

#[tokio::test]
async fn inputs_are_refused_where_there_is_no_room_and_results_never() {
    let (_dir, images) = counted().await;
    images.take_inputs(false);
    let refused = images.spool(Kind::Input).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::StorageFull);
    assert!(images.spool(Kind::Result).await.is_ok());
    images.take_inputs(true);
    assert!(images.spool(Kind::Input).await.is_ok());
}

#[tokio::test]
async fn too_much_is_told() {
    let (_dir, images) = counted().await;
    images.set_room(150);
    put(&images, 1).await;
    put(&images, 1).await;
    put(&images, 2).await;
    images.stirred().await;
    assert_eq!(images.bytes(), Some(200));
    let (free, total) = images.disk().await.unwrap();
    assert!(free <= total && total > 0);
}

#[tokio::test]
async fn many_old_images_are_told_a_part_at_a_time_and_go_meanwhile() {
    let (_dir, images) = counted().await;
    let mut names = Vec::new();
    for mark in 0..8 {
        let image = put(&images, mark).await;
        images.age(&image.name);
        names.push(image.name);
    }
    names.sort();
    let stop = CancellationToken::new();
    let (mut seen, mut parts) = (Vec::new(), 0);
    let mut way = Some(images.take_stock(Duration::ZERO, &stop).await.unwrap());
    while let Some(here) = way {
        let (found, rest) = here.next().await.unwrap();
        assert!(found.len() <= PART);
        assert_eq!(images.discard(found.clone(), images.ask()).await, found.len());
        (seen, parts, way) = ([seen, found].concat(), parts + 1, rest);
    }
    seen.sort();
    assert_eq!((seen, parts, images.bytes()), (names, 3, Some(0)));
}

#[tokio::test]
async fn many_new_bytes_ask_for_a_look_at_the_disk() {
    use std::pin::pin;
    let (_dir, images) = counted().await;
    let large = |mark| png(mark, 20_000_000);
    samples::put(&images, &large(1)).await;
    samples::put(&images, &large(1)).await;
    let mut stirred = pin!(images.stirred());
    assert!(futures_util::poll!(stirred.as_mut()).is_pending(), "20 MB, and the same again");
    samples::put(&images, &large(2)).await;
    assert!(futures_util::poll!(stirred.as_mut()).is_ready());
}

/// A row names the first already, and it is durable; the second is not.
#[tokio::test]
async fn the_first_of_two_files_with_the_same_content_stays() {
    use std::os::unix::fs::MetadataExt;
    let (dir, images) = counted().await;
    let image = put(&images, 1).await;
    let path = dir.path().join(&image.name);
    let inode = || std::fs::metadata(&path).unwrap().ino();
    let before = inode();
    images.age(&image.name);
    put(&images, 1).await;
    assert_eq!((inode(), images.bytes()), (before, Some(100)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "the other is gone");
    let asked = images.ask();
    assert_eq!(discard(&images, &image, asked).await, 0, "it was handed out anew");

    std::fs::write(&path, b"cut short").unwrap();
    put(&images, 1).await;
    assert_eq!(std::fs::read(&path).unwrap(), png(1, 100), "a damaged one is replaced");
}

//! Rounds over the store of the simulation and a folder of images.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::images::{Kind, Stored};
use crate::job::{Job, Slot, Status};
use crate::request::EditRequest;
use crate::store::Claim;
use crate::store::memory::{Disk, Pace};

/// Bytes of every image here.
const EACH: usize = 1_000;

struct World {
    _dir: tempfile::TempDir,
    images: Arc<Images>,
    store: Arc<dyn Store>,
    removed: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let images = Arc::new(Images::open(dir.path()).unwrap());
        let store: Arc<dyn Store> = Arc::new(Disk::new(Pace::INSTANT).open());
        Self { _dir: dir, images, store, removed: Arc::default() }
    }

    /// With these settings, and the defaults besides.
    fn retention(&self, settings: &serde_json::Value) -> Retention {
        let defaults = crate::settings::Settings::default().retention;
        let mut all = serde_json::to_value(defaults).unwrap();
        all.as_object_mut().unwrap().extend(settings.as_object().cloned().unwrap());
        let policy = Policy::of(&serde_json::from_value(all).unwrap());
        let removed = Arc::clone(&self.removed);
        let told = move || {
            removed.fetch_add(1, Ordering::Relaxed);
        };
        let (store, images) = (self.store.clone(), self.images.clone());
        Retention::new(store, images, policy, told, CancellationToken::new())
    }

    async fn image(&self, kind: Kind, mark: u8) -> Stored {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01".to_vec();
        bytes.resize(EACH, mark);
        let mut spool = self.images.spool(kind).await.unwrap();
        spool.write(&bytes).await.unwrap();
        let stored = spool.finish(false).await.unwrap();
        self.images.pass();
        stored
    }

    /// A job with one input and one result, that ended so long ago; `None`: it has not.
    async fn job(&self, mark: u8, ended: Option<Duration>) -> (Job, Stored, Stored) {
        let input = self.image(Kind::Input, mark).await;
        let result = self.image(Kind::Result, mark).await;
        let request = EditRequest { images: vec![input.clone()], n: 1, ..EditRequest::default() };
        let now = now_ms();
        let mut job = Job::new("o".to_owned(), Arc::new(request), now, now);
        job.record.slots = vec![Slot::Done(vec![result.clone()])];
        if let Some(ago) = ended {
            job.record.status = Status::Succeeded;
            job.record.finished = Some(now - crate::duration::ms(ago));
        }
        self.store.admit(&job, &Claim::default()).await.unwrap();
        (job, input, result)
    }
}

async fn round(retention: &mut Retention) {
    assert!(retention.round().await.is_ok());
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn what_is_old_goes_and_what_is_unfinished_keeps_everything() {
    let world = World::new();
    let (old, old_input, old_result) = world.job(1, Some(2 * MINUTE)).await;
    let (_, new_input, new_result) = world.job(2, Some(MINUTE / 2)).await;
    let (_, open_input, open_result) = world.job(3, None).await;
    round(&mut world.retention(&json!({ "inputs": "1s", "results": "1m" }))).await;
    let has = |image: &Stored| world.images.has(image);
    assert_eq!((has(&old_input), has(&old_result)), (false, false));
    assert_eq!((has(&new_input), has(&new_result)), (false, true));
    assert_eq!((has(&open_input), has(&open_result)), (true, true));
    assert_eq!(world.removed.load(Ordering::Relaxed), 0);
    assert!(world.store.load(&old.id).await.unwrap().is_some());

    round(&mut world.retention(&json!({ "jobs": "1m" }))).await;
    assert!(world.store.load(&old.id).await.unwrap().is_none());
    assert_eq!(world.removed.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn beyond_the_size_those_that_ended_first_go_and_no_more_than_needed() {
    let world = World::new();
    let (_, _, third) = world.job(3, Some(MINUTE)).await;
    let (_, _, first) = world.job(1, Some(3 * MINUTE)).await;
    let (_, _, second) = world.job(2, Some(2 * MINUTE)).await;
    let mut retention = world.retention(&json!({ "size": "4500B" }));
    round(&mut retention).await;
    let has = |image: &Stored| world.images.has(image);
    assert_eq!((has(&first), has(&second), has(&third)), (false, true, true));
    assert_eq!((world.images.bytes(), retention.refused), (Some(4_000), None));
    round(&mut retention).await;
    assert!(has(&second), "once within its size nothing more goes");
}

#[tokio::test(start_paused = true)]
async fn on_a_low_disk_inputs_are_refused_at_once_and_the_oldest_images_go() {
    let world = World::new();
    let (_, _, second) = world.job(2, Some(2 * MINUTE)).await;
    let (_, _, first) = world.job(1, Some(3 * MINUTE)).await;
    let (_, open, _) = world.job(3, None).await;
    let mut retention = world.retention(&json!({}));
    // The reserve is 1,000; 1,100 more than there is make twice that.
    world.images.set_disk(900, 100_000);
    round(&mut retention).await;
    assert_eq!(retention.refused, Some(Full::Disk));
    assert!(world.images.spool(Kind::Input).await.is_err());
    let has = |image: &Stored| world.images.has(image);
    assert_eq!((has(&first), has(&second), has(&open)), (false, true, true));

    world.images.set_disk(2_000, 100_000);
    round(&mut retention).await;
    assert_eq!((retention.refused, has(&second)), (None, true));
    assert!(world.images.spool(Kind::Input).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn where_files_cannot_go_no_more_jobs_lose_theirs() {
    let world = World::new();
    let mut jobs = Vec::new();
    for mark in 1..=3 {
        jobs.push(world.job(mark, Some(u32::from(10 - mark) * MINUTE)).await);
    }
    let mut retention = world.retention(&json!({ "size": "4500B" }));
    assert!(retention.walk().await.is_ok());
    // It was removed by somebody else, and is still counted.
    let (_, input, result) = &jobs[0];
    for image in [input, result] {
        world.images.remove(&image.name).await.unwrap();
    }
    assert!(retention.shed().await.is_ok());
    let kept = vec![jobs[1].1.name.clone(), jobs[1].2.name.clone()];
    assert_eq!(world.store.unneeded(kept).await, Ok(vec![]));
}

/// Jobs go, but not those that a client may still ask for by its key.
#[tokio::test(start_paused = true)]
async fn a_key_keeps_its_job_for_a_day_whatever_the_settings_say() {
    let world = World::new();
    let now = now_ms();
    let ended_at = |at: Ms| {
        let request = Arc::new(EditRequest::default());
        let mut job = Job::new("o".to_owned(), request, at, at);
        (job.record.status, job.record.finished) = (Status::Succeeded, Some(at));
        job
    };
    let claim = |key: &str| Claim { key: Some(key.to_owned()), retry: false };
    let (young, old) = (ended_at(now - 3_600_000), ended_at(now - 25 * 3_600_000));
    world.store.admit(&young, &claim("a")).await.unwrap();
    world.store.admit(&old, &claim("b")).await.unwrap();
    round(&mut world.retention(&json!({ "jobs": "1m" }))).await;
    assert!(world.store.load(&young.id).await.unwrap().is_some());
    assert!(world.store.load(&old.id).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn where_unfinished_jobs_need_it_all_inputs_are_refused_and_results_taken() {
    let world = World::new();
    let (_, input, result) = world.job(1, None).await;
    let mut retention = world.retention(&json!({ "size": "1500B" }));
    round(&mut retention).await;
    assert_eq!(retention.refused, Some(Full::Images));
    assert!(world.images.has(&input) && world.images.has(&result));
    assert!(world.images.spool(Kind::Input).await.is_err());
    assert!(world.images.spool(Kind::Result).await.is_ok());

    let mut roomier = world.retention(&json!({ "size": "1MB" }));
    roomier.refused = retention.refused;
    round(&mut roomier).await;
    assert_eq!(roomier.refused, None);
    assert!(world.images.spool(Kind::Input).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn old_files_of_no_job_go_and_young_ones_have_time() {
    let world = World::new();
    let (old, young) = (world.image(Kind::Input, 8).await, world.image(Kind::Input, 9).await);
    let (_, input, result) = world.job(1, Some(MINUTE)).await;
    for image in [&old, &input, &result] {
        world.images.age(&image.name);
    }
    round(&mut world.retention(&json!({}))).await;
    let has = |image: &Stored| world.images.has(image);
    assert_eq!((has(&old), has(&young)), (false, true));
    assert!(has(&input) && has(&result), "a row names them");
}

#[tokio::test(start_paused = true)]
async fn what_is_about_to_be_named_by_a_row_stays_and_goes_later_if_it_is_not() {
    let world = World::new();
    let (_, input, result) = world.job(1, Some(MINUTE)).await;
    let hold = world.images.hold();
    assert!(world.images.keep(&[input.clone(), result.clone()]).await.unwrap());
    let mut retention = world.retention(&json!({ "inputs": "1s", "results": "1s" }));
    round(&mut retention).await;
    assert!(world.images.has(&input) && world.images.has(&result));

    let request = EditRequest { images: vec![input.clone()], ..EditRequest::default() };
    let job = Job::new("o".to_owned(), Arc::new(request), now_ms(), now_ms());
    world.store.admit(&job, &Claim::default()).await.unwrap();
    drop(hold);
    world.images.pass();
    round(&mut retention).await;
    assert!(world.images.has(&input), "a row names it now");
    assert!(!world.images.has(&result), "nobody does");
    assert!(world.images.binned().is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_stops_when_the_process_does() {
    let world = World::new();
    let retention = world.retention(&json!({}));
    let closing = retention.closing.clone();
    let stop = async {
        tokio::time::sleep(10 * MINUTE).await;
        closing.cancel();
    };
    tokio::join!(retention.run(), stop);
}

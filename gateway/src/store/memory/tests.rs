use super::*;
use crate::request::EditRequest;

fn job(prompt: &str) -> Job {
    let request = EditRequest { prompt: prompt.to_owned(), ..EditRequest::default() };
    Job::new("me".to_owned(), Arc::new(request), 1_000, 2_000)
}

fn slow(seed: u64) -> Disk {
    Disk::new(Pace { at_most: Duration::from_millis(20), loses_notes: 2, seed })
}

/// How many of ten jobs were answered, and how many are there, when the process ends at that time.
async fn crashed_after(seed: u64, ms: u64) -> (usize, usize) {
    let disk = slow(seed);
    let store = disk.open();
    let claim = Claim::default();
    let jobs: Vec<Job> = (0..10).map(|n| job(&n.to_string())).collect();
    let answered = Mutex::new(0);
    let writes = jobs.iter().map(|job| async {
        if store.admit(job, &claim).await.is_ok() {
            *answered.lock().unwrap() += 1;
        }
    });
    let writes = futures_util::future::join_all(writes);
    // What is asked of a dead process is never answered.
    let _ = tokio::time::timeout(Duration::from_millis(ms), writes).await;
    disk.crash();
    assert_eq!(disk.jobs().len(), disk.open().loose_ends().await.unwrap().len());
    let answered = *answered.lock().unwrap();
    (answered, disk.jobs().len())
}

#[tokio::test(start_paused = true)]
async fn a_crash_loses_only_what_was_not_answered() {
    let mut unanswered = 0;
    let mut lost = 0;
    for seed in 0..50 {
        let (answered, there) = crashed_after(seed, seed).await;
        assert!(answered <= there, "seed {seed}: {answered} answered, {there} there");
        unanswered += there - answered;
        lost += 10 - there;
    }
    assert!(unanswered > 0, "a write may be there although nobody was told");
    assert!(lost > 0, "a write may be lost");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_is_the_same_story() {
    for seed in 0..10 {
        assert_eq!(crashed_after(seed, 30).await, crashed_after(seed, 30).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_nobody_waits_for_is_written_all_the_same() {
    let disk = slow(1);
    let store = disk.open();
    let (job, claim) = (job("a"), Claim::default());
    let waited = tokio::time::timeout(Duration::ZERO, store.admit(&job, &claim)).await;
    assert!(waited.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(disk.jobs(), [job]);
}

#[tokio::test(start_paused = true)]
async fn some_notes_are_lost() {
    let disk = slow(1);
    let store = disk.open();
    let job = job("a");
    for at in 0..100 {
        store.note(super::super::conformance::samples::note(&job, at));
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let kept = store.exchanges(&job.id).await.unwrap().len();
    assert!((20..80).contains(&kept), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_and_read_on() {
    let disk = slow(1);
    let store = disk.open();
    let (first, second, claim) = (job("a"), job("b"), Claim::default());
    store.admit(&first, &claim).await.unwrap();
    disk.set_full(true);
    assert!(matches!(store.admit(&second, &claim).await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.load(&first.id).await, Ok(Some(first.clone())));
    disk.set_full(false);
    store.admit(&second, &claim).await.unwrap();
    assert_eq!(disk.jobs(), [first, second]);
}

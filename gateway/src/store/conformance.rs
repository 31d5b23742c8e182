//! What every store must do, whatever it keeps jobs in: one suite, run over each.

mod model;
mod owners;
mod retention;
pub(super) mod samples;

use std::sync::Arc;

use super::memory::{Disk, Pace};
use super::sqlite::Sqlite;
use super::{Admitted, Claim, Exchange, Filter, KEY_LIFE, Store, StoreError};
use crate::job::{Job, JobError, Status};
use samples::{attempt, ended, job, late, next, pin};

/// A place for a store; opening it again finds what is there.
enum Place {
    File(tempfile::TempDir),
    Disk(Disk),
}

impl Place {
    /// One of each kind.
    fn all() -> [Self; 2] {
        [Self::File(tempfile::tempdir().unwrap()), Self::Disk(Disk::new(Pace::INSTANT))]
    }

    /// As a process that starts now; the one before has ended.
    fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::File(dir) => Arc::new(Sqlite::open(&dir.path().join("t.db")).unwrap()),
            Self::Disk(disk) => Arc::new(disk.open()),
        }
    }
}

/// Runs a test over every kind of store.
async fn each<F: Future<Output = ()>>(test: impl Fn(Place) -> F) {
    for place in Place::all() {
        test(place).await;
    }
}

fn key(key: &str) -> Claim {
    Claim { key: Some(key.to_owned()), retry: false }
}

async fn admitted(store: &dyn Store, job: &Job) {
    assert_eq!(store.admit(job, &Claim::default()).await, Ok(Admitted::New));
}

async fn committed(store: &dyn Store, job: &Job) {
    assert_eq!(store.commit(job).await, Ok(()));
}

#[tokio::test]
async fn what_was_answered_is_read_back_by_the_next_process() {
    each(|place| async move {
        let store = place.open();
        let (mut changed, new) = (job("a"), job("b"));
        admitted(&*store, &changed).await;
        admitted(&*store, &new).await;
        changed = ended(&changed, Status::Succeeded, 1_500);
        committed(&*store, &changed).await;
        drop(store);
        let store = place.open();
        assert_eq!(store.load(&changed.id).await, Ok(Some(changed)));
        assert_eq!(store.load(&new.id).await, Ok(Some(new)));
        assert_eq!(store.load(&job("never stored").id).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn of_two_writers_one_wins() {
    each(|place| async move {
        let store = place.open();
        let first = job("a");
        admitted(&*store, &first).await;
        let (mut mine, mut theirs) = (next(&first), next(&first));
        mine.record.deadline = 7;
        theirs.record.deadline = 8;
        let (a, b) = tokio::join!(store.commit(&mine), store.commit(&theirs));
        let lost = Err(StoreError::Conflict(first.id));
        let kept = match (a, b) {
            (Ok(()), b) if b == lost => mine,
            (a, Ok(())) if a == lost => theirs,
            other => panic!("{other:?}"),
        };
        assert_eq!(store.load(&first.id).await, Ok(Some(kept.clone())));
        assert_eq!(store.commit(&first).await, lost, "an old one");
        assert_eq!(store.commit(&next(&next(&kept))).await, lost, "one from the future");
        assert!(store.commit(&job("never stored")).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn the_status_of_a_job_at_its_end_stays() {
    each(|place| async move {
        let store = place.open();
        let first = job("a");
        admitted(&*store, &first).await;
        let expired = ended(&first, Status::Expired, 1_500);
        committed(&*store, &expired).await;
        for status in [Status::Succeeded, Status::Running, Status::Failed] {
            let mut other = next(&expired);
            other.record.status = status;
            assert_eq!(store.commit(&other).await, Err(StoreError::Conflict(first.id)));
        }
        assert_eq!(store.load(&first.id).await, Ok(Some(expired)));
    })
    .await;
}

#[tokio::test]
async fn a_late_answer_is_written_and_the_job_is_loose_until_then() {
    each(|place| async move {
        let store = place.open();
        let first = job("a");
        admitted(&*store, &first).await;
        let mut expired = ended(&first, Status::Expired, 1_500);
        expired.record.attempts.push(late(1, "p"));
        committed(&*store, &expired).await;
        let loose = store.loose_ends().await.unwrap();
        assert_eq!(loose.iter().map(|outline| outline.id).collect::<Vec<_>>(), [first.id]);
        let sketch = &loose[0].record;
        assert_eq!((sketch.rev, sketch.status), (2, Status::Expired));
        assert_eq!(sketch.attempts[0].pin, Some(pin(1)));
        assert!(sketch.attempts[0].given_up.is_some());
        let mut answered = next(&expired);
        answered.record.attempts = vec![samples::stored(1, "p", &["late"])];
        committed(&*store, &answered).await;
        assert_eq!(store.load(&first.id).await, Ok(Some(answered)));
        assert_eq!(store.loose_ends().await, Ok(vec![]));
    })
    .await;
}

#[tokio::test]
async fn loose_ends_are_the_oldest_first() {
    each(|place| async move {
        let store = place.open();
        let jobs: Vec<Job> = (0..5).map(|n| job(&n.to_string())).collect();
        for job in jobs.iter().rev() {
            admitted(&*store, job).await;
        }
        committed(&*store, &ended(&jobs[2], Status::Canceled, 1_500)).await;
        let loose = store.loose_ends().await.unwrap();
        let expected = [0, 1, 3, 4].map(|n: usize| jobs[n].id);
        assert_eq!(loose.iter().map(|outline| outline.id).collect::<Vec<_>>(), expected);
    })
    .await;
}

#[tokio::test]
async fn many_writes_at_once_are_all_answered() {
    each(|place| async move {
        let store = place.open();
        let jobs: Vec<Job> = (0..500).map(|n| job(&n.to_string())).collect();
        let claim = Claim::default();
        let writes = jobs.iter().map(|job| store.admit(job, &claim));
        for answer in futures_util::future::join_all(writes).await {
            assert_eq!(answer, Ok(Admitted::New));
        }
        assert_eq!(store.loose_ends().await.unwrap().len(), 500);
    })
    .await;
}

#[tokio::test]
async fn lists_are_newest_first_in_pages_and_only_the_owners() {
    each(|place| async move {
        let store = place.open();
        let jobs: Vec<Job> = (0..5).map(|n| job(&n.to_string())).collect();
        for job in &jobs {
            admitted(&*store, job).await;
        }
        let mut foreign = job("foreign");
        foreign.owner = "other".to_owned();
        admitted(&*store, &foreign).await;
        let filter = Filter { owner: Some("me".to_owned()), limit: 3, ..Filter::default() };
        let first = store.list(filter.clone()).await.unwrap();
        assert!(first.has_more);
        let after = first.jobs.last().map(|j| j.id);
        let second = store.list(Filter { after, ..filter }).await.unwrap();
        assert!(!second.has_more);
        let listed: Vec<Job> = first.jobs.into_iter().chain(second.jobs).collect();
        assert_eq!(listed, jobs.into_iter().rev().collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn lists_can_be_narrowed() {
    each(|place| async move {
        let store = place.open();
        let (done, mut running) = (job("a"), job("b"));
        running.record.attempts.push(attempt(1, "p"));
        admitted(&*store, &done).await;
        admitted(&*store, &running).await;
        let done = ended(&done, Status::Succeeded, 1_500);
        committed(&*store, &done).await;
        let filter = Filter { owner: Some("me".to_owned()), limit: 3, ..Filter::default() };
        let by_status = Filter { status: Some(Status::Succeeded), ..filter.clone() };
        assert_eq!(store.list(by_status).await.unwrap().jobs, [done]);
        let by_provider = Filter { provider: Some("p".to_owned()), ..filter };
        assert_eq!(store.list(by_provider).await.unwrap().jobs, [running]);
    })
    .await;
}

#[tokio::test]
async fn a_key_stands_for_one_content_for_a_day() {
    each(|place| async move {
        let store = place.open();
        let (first, same, other) = (job("a"), job("a"), job("b"));
        assert_eq!(store.admit(&first, &key("k")).await, Ok(Admitted::New));
        assert_eq!(store.admit(&same, &key("k")).await, Ok(Admitted::Same(first.id)));
        assert_eq!(store.admit(&other, &key("k")).await, Ok(Admitted::KeyReused));
        let print = other.request.fingerprint();
        assert_eq!(store.find("me", &print, &key("k"), 1_000).await, Ok(Admitted::KeyReused));
        assert_eq!(store.find("you", &print, &key("k"), 1_000).await, Ok(Admitted::New));
        assert_eq!(store.admit(&other, &key("l")).await, Ok(Admitted::New));
        let mut late = job("b");
        late.record.created += KEY_LIFE + 1;
        assert_eq!(store.admit(&late, &key("k")).await, Ok(Admitted::New));
    })
    .await;
}

#[tokio::test]
async fn of_two_admissions_under_one_key_one_is_a_job() {
    each(|place| async move {
        let store = place.open();
        let (first, second, claim) = (job("a"), job("a"), key("k"));
        let (a, b) = tokio::join!(store.admit(&first, &claim), store.admit(&second, &claim));
        let expected = match a {
            Ok(Admitted::New) => (Ok(Admitted::New), Ok(Admitted::Same(first.id))),
            _ => (Ok(Admitted::Same(second.id)), Ok(Admitted::New)),
        };
        assert_eq!((a, b), expected);
        assert_eq!(store.loose_ends().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_failed_for_free_gives_its_key_back() {
    each(|place| async move {
        let store = place.open();
        let first = job("a");
        store.admit(&first, &key("k")).await.unwrap();
        let mut failed = ended(&first, Status::Failed, 1_500);
        failed.record.error = Some(JobError::nobody(&[]));
        committed(&*store, &failed).await;
        assert_eq!(store.admit(&job("a"), &key("k")).await, Ok(Admitted::New));
    })
    .await;
}

#[tokio::test]
async fn a_second_try_joins_what_runs_or_lately_ended_well() {
    each(|place| async move {
        let store = place.open();
        let retry = Claim { key: None, retry: true };
        let first = job("a");
        assert_eq!(store.admit(&first, &retry).await, Ok(Admitted::New), "nothing to join");
        assert_eq!(store.admit(&job("a"), &retry).await, Ok(Admitted::Same(first.id)));
        assert_eq!(store.admit(&job("b"), &retry).await, Ok(Admitted::New), "other content");
        committed(&*store, &ended(&first, Status::Succeeded, 1_500)).await;
        assert_eq!(store.admit(&job("a"), &retry).await, Ok(Admitted::Same(first.id)));
        let mut late = job("a");
        late.record.created = 1_500 + 600_000;
        assert_eq!(store.admit(&late, &retry).await, Ok(Admitted::New), "too long ago");
    })
    .await;
}

#[tokio::test]
async fn notes_are_a_jobs_own_and_in_order() {
    each(|place| async move {
        let store = place.open();
        let (first, other) = (job("a"), job("b"));
        for (job, at) in [(&first, 1), (&other, 2), (&first, 3)] {
            store.note(samples::note(job, at));
        }
        store.note(Exchange { job: None, ..samples::note(&first, 4) });
        // Notes are not waited for; what is written after them is.
        admitted(&*store, &first).await;
        let notes = store.exchanges(&first.id).await.unwrap();
        assert_eq!(notes.iter().map(|note| note.at).collect::<Vec<_>>(), [1, 3]);
    })
    .await;
}

#[tokio::test]
async fn submits_are_counted_by_provider_and_time() {
    each(|place| async move {
        let store = place.open();
        let (mut open, mut over, mut old) = (job("a"), job("b"), job("c"));
        open.record.attempts = vec![attempt(1, "p"), late(2, "q")];
        over.record.attempts = vec![samples::stored(1, "p", &[]), attempt(2, "unsent")];
        over.record.attempts[1].submitted = None;
        old.record.attempts = vec![samples::stored(1, "p", &[])];
        old.record.attempts[0].submitted = Some(10);
        for job in [&open, &over, &old] {
            admitted(&*store, job).await;
        }
        over.record.attempts.truncate(1);
        committed(&*store, &ended(&over, Status::Succeeded, 5_000)).await;
        committed(&*store, &ended(&old, Status::Succeeded, 20)).await;
        let counts = |p, q| vec![("p".to_owned(), p), ("q".to_owned(), q)];
        assert_eq!(store.submits(1_100).await, Ok(counts(2, 1)));
        assert_eq!(store.submits(5).await, Ok(counts(3, 1)));
        assert_eq!(store.submits(9_999).await, Ok(vec![]));
    })
    .await;
}

#[tokio::test]
async fn unfinished_jobs_are_counted_by_owner() {
    each(|place| async move {
        let store = place.open();
        let (open, mut over) = (job("a"), job("b"));
        let other = Job { owner: "other".to_owned(), ..job("c") };
        over.record.attempts = vec![late(1, "q")];
        for job in [&open, &over, &other] {
            admitted(&*store, job).await;
        }
        assert_eq!(store.unfinished("me").await, Ok(2));
        // Something is left to do for it, but the job has its end.
        committed(&*store, &ended(&over, Status::Canceled, 5_000)).await;
        assert_eq!(store.unfinished("me").await, Ok(1));
        assert_eq!(store.unfinished("other").await, Ok(1));
        assert_eq!(store.unfinished("nobody").await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn pins_are_written_anew_under_their_names() {
    each(|place| async move {
        let store = place.open();
        let anew = |content: &str| (content != "three").then(|| format!("{content} anew"));
        assert_eq!(store.rewrite_pins(Box::new(anew)).await, Ok(0));
        for (id, content) in [(1, "one"), (2, "two"), (3, "three")] {
            store.pin(pin(id), content.to_owned()).await.unwrap();
        }
        assert_eq!(store.rewrite_pins(Box::new(anew)).await, Ok(2));
        drop(store);
        let store = place.open();
        for (id, content) in [(1, "one anew"), (2, "two anew"), (3, "three")] {
            assert_eq!(store.pinned(pin(id)).await, Ok(Some(content.to_owned())));
        }
    })
    .await;
}

#[tokio::test]
async fn a_pin_keeps_its_first_content() {
    each(|place| async move {
        let store = place.open();
        assert_eq!(store.pinned(pin(1)).await, Ok(None));
        store.pin(pin(1), "one".to_owned()).await.unwrap();
        store.pin(pin(1), "another".to_owned()).await.unwrap();
        drop(store);
        assert_eq!(place.open().pinned(pin(1)).await, Ok(Some("one".to_owned())));
    })
    .await;
}

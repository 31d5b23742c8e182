use super::*;
use crate::job::Status;
use crate::request::EditRequest;

fn job(prompt: &str) -> Job {
    let request = EditRequest { prompt: prompt.to_owned(), ..EditRequest::default() };
    Job::new("me".to_owned(), Arc::new(request), 1_000, 2_000)
}

fn open() -> (tempfile::TempDir, Sqlite) {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("t.db")).unwrap();
    (dir, store)
}

#[tokio::test]
async fn what_was_admitted_is_read_back_by_the_next_process() {
    let (dir, store) = open();
    let job = job("grayscale");
    store.admit(&job, &Claim::default()).await.unwrap();
    drop(store);
    let store = Sqlite::open(&dir.path().join("t.db")).unwrap();
    assert_eq!(store.load(&job.id).await.unwrap(), Some(job.clone()));
    assert_eq!(store.unfinished().await.unwrap(), [job]);
}

#[tokio::test]
async fn a_commit_from_an_old_revision_changes_nothing() {
    let (_dir, store) = open();
    let mut mine = job("a");
    store.admit(&mine, &Claim::default()).await.unwrap();
    let mut late = mine.clone();
    mine.record.rev = 2;
    mine.record.status = Status::Running;
    store.commit(&mine).await.unwrap();
    late.record.rev = 2;
    assert_eq!(store.commit(&late).await, Err(StoreError::Conflict(late.id.clone())));
    assert_eq!(store.load(&mine.id).await.unwrap(), Some(mine));
}

#[tokio::test]
async fn lists_are_newest_first_in_pages_and_only_the_owners() {
    let (_dir, store) = open();
    let jobs: Vec<Job> = (0..5).map(|n| job(&n.to_string())).collect();
    for job in &jobs {
        store.admit(job, &Claim::default()).await.unwrap();
    }
    let mut foreign = job("foreign");
    foreign.owner = "other".to_owned();
    store.admit(&foreign, &Claim::default()).await.unwrap();
    let filter = Filter { owner: "me".to_owned(), limit: 3, ..Filter::default() };
    let first = store.list(filter.clone()).await.unwrap();
    assert!(first.has_more);
    let after = first.jobs.last().map(|j| j.id.clone());
    let second = store.list(Filter { after, ..filter }).await.unwrap();
    assert!(!second.has_more);
    let ids: Vec<_> = first.jobs.iter().chain(&second.jobs).map(|j| &j.id).collect();
    assert_eq!(ids, jobs.iter().rev().map(|j| &j.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn many_writers_share_transactions_and_all_are_answered() {
    let (_dir, store) = open();
    let jobs: Vec<Job> = (0..500).map(|n| job(&n.to_string())).collect();
    let writes = jobs.iter().map(|job| store.admit(job, &Claim::default()));
    for answer in futures_util::future::join_all(writes).await {
        answer.unwrap();
    }
    assert_eq!(store.unfinished().await.unwrap().len(), 500);
}

#[tokio::test]
async fn a_newer_database_is_refused_by_name() {
    let (dir, store) = open();
    drop(store);
    let path = dir.path().join("t.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Sqlite::open(&path).err().unwrap().to_string();
    assert!(error.contains("newer Retouch"), "{error}");
}

fn key(key: &str) -> Claim {
    Claim { key: Some(key.to_owned()), retry: false }
}

#[tokio::test]
async fn a_key_stands_for_one_content_for_a_day() {
    let (_dir, store) = open();
    let (first, same, other) = (job("a"), job("a"), job("b"));
    assert_eq!(store.admit(&first, &key("k")).await, Ok(Admitted::New));
    assert_eq!(store.admit(&same, &key("k")).await, Ok(Admitted::Same(first.id.clone())));
    assert_eq!(store.admit(&other, &key("k")).await, Ok(Admitted::KeyReused));
    assert_eq!(store.admit(&other, &key("l")).await, Ok(Admitted::New));
    let mut late = job("b");
    late.record.created += crate::store::KEY_LIFE + 1;
    assert_eq!(store.admit(&late, &key("k")).await, Ok(Admitted::New));
}

#[tokio::test]
async fn a_job_that_failed_for_free_gives_its_key_back() {
    let (_dir, store) = open();
    let mut failed = job("a");
    store.admit(&failed, &key("k")).await.unwrap();
    failed.record.rev = 2;
    failed.record.status = Status::Failed;
    failed.record.finished = Some(1_500);
    failed.record.error = Some(crate::job::JobError::nobody(&[]));
    store.commit(&failed).await.unwrap();
    assert_eq!(store.admit(&job("a"), &key("k")).await, Ok(Admitted::New));
}

#[tokio::test]
async fn a_second_try_joins_what_runs_or_lately_ended_well() {
    let (_dir, store) = open();
    let retry = Claim { key: None, retry: true };
    let mut first = job("a");
    assert_eq!(store.admit(&first, &retry).await, Ok(Admitted::New), "nothing to join");
    assert_eq!(store.admit(&job("a"), &retry).await, Ok(Admitted::Same(first.id.clone())));
    assert_eq!(store.admit(&job("b"), &retry).await, Ok(Admitted::New), "other content");
    first.record.rev = 2;
    first.record.status = Status::Succeeded;
    first.record.finished = Some(1_500);
    store.commit(&first).await.unwrap();
    assert_eq!(store.admit(&job("a"), &retry).await, Ok(Admitted::Same(first.id.clone())));
    let mut late = job("a");
    late.record.created = 1_500 + 600_000;
    assert_eq!(store.admit(&late, &retry).await, Ok(Admitted::New), "too long ago");
}

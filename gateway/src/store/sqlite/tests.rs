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
    store.admit(&job).await.unwrap();
    drop(store);
    let store = Sqlite::open(&dir.path().join("t.db")).unwrap();
    assert_eq!(store.load(&job.id).await.unwrap(), Some(job.clone()));
    assert_eq!(store.unfinished().await.unwrap(), [job]);
}

#[tokio::test]
async fn a_commit_from_an_old_revision_changes_nothing() {
    let (_dir, store) = open();
    let mut mine = job("a");
    store.admit(&mine).await.unwrap();
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
        store.admit(job).await.unwrap();
    }
    let mut foreign = job("foreign");
    foreign.owner = "other".to_owned();
    store.admit(&foreign).await.unwrap();
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
    let writes = jobs.iter().map(|job| store.admit(job));
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

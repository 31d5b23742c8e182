use super::*;
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

/// The rows of a query as text.
fn rows(db: &Connection, query: &str) -> Vec<String> {
    let mut select = db.prepare(query).unwrap();
    let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn tables(path: &Path) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    rows(
        &db,
        "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1",
    )
}

#[test]
fn a_newer_database_is_refused_by_name_and_left_alone() {
    let (dir, store) = open();
    drop(store);
    let path = dir.path().join("t.db");
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "journal_mode", "DELETE").unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = std::fs::read(&path).unwrap();
    let error = Sqlite::open(&path).err().unwrap().to_string();
    assert!(error.contains("newer Retouch") && error.contains("99"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    std::fs::write(&path, "this is no database, however long one looks at it".repeat(9)).unwrap();
    let error = Sqlite::open(&path).err().unwrap().to_string();
    assert!(error.contains("not a database"), "{error}");
}

/// What version 1 wrote: an edit that succeeded, one that goes on, one that failed, one whose
/// record is damaged.
fn version_1(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("tests/version_1.sql")).unwrap();
}

#[tokio::test]
async fn a_database_of_version_1_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    version_1(&path);
    let ids = rows(&Connection::open(&path).unwrap(), "SELECT id FROM jobs ORDER BY id");
    let [done, running, damaged, failed] =
        <[JobId; 4]>::try_from(ids.iter().filter_map(|id| JobId::parse(id)).collect::<Vec<_>>())
            .unwrap();

    let store = Sqlite::open(&path).unwrap();
    let loose: Vec<JobId> = store.loose_ends().await.unwrap().iter().map(|o| o.id).collect();
    assert_eq!(loose, [running], "the damaged one is left alone");
    assert!(store.load(&damaged).await.is_err());
    let job = store.load(&done).await.unwrap().unwrap();
    assert_eq!(job.record.status.as_str(), "succeeded");
    assert_eq!(store.exchanges(&done).await.unwrap().len(), 4);
    let submits = store.submits(0).await.unwrap();
    assert_eq!(submits, [("sandbox".to_owned(), 3)]);

    let images: Vec<String> =
        job.images().chain(&job.request.images).map(|i| i.name.clone()).collect();
    assert_eq!(store.unneeded(images.clone()).await, Ok(vec![]));
    let cuts = Cuts { inputs: Ms::MAX, results: Ms::MAX, ..Cuts::default() };
    let swept = store.sweep(cuts, 100).await.unwrap();
    assert!(images.iter().all(|name| swept.images.contains(name)), "{swept:?}");
    let kept = store.load(&running).await.unwrap().unwrap();
    let kept: Vec<String> = kept.request.images.iter().map(|i| i.name.clone()).collect();
    assert!(!kept.is_empty() && kept.iter().all(|name| !swept.images.contains(name)), "{swept:?}");

    let cuts = Cuts { jobs: Ms::MAX, exchanges: Ms::MAX, keys: Ms::MAX, ..Cuts::default() };
    assert_eq!(store.sweep(cuts, 100).await.unwrap().jobs, 2);
    assert_eq!(store.load(&failed).await, Ok(None));
}

/// The same as version 2 has it.
fn version_2(path: &Path) {
    version_1(path);
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("schema/2.sql")).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
}

#[test]
fn a_database_brought_up_to_date_is_as_a_new_one() {
    let new = open();
    for before in [version_1, version_2] {
        let old = tempfile::tempdir().unwrap();
        let path = old.path().join("t.db");
        before(&path);
        drop(Sqlite::open(&path).unwrap());
        assert_eq!(tables(&path), tables(&new.0.path().join("t.db")));
    }
}

#[test]
fn the_images_a_migration_finds_are_those_a_commit_would_name() {
    let (old, new) = (tempfile::tempdir().unwrap(), open());
    let path = old.path().join("t.db");
    version_1(&path);
    let store = Sqlite::open(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let filter = Filter { limit: 100, ..Filter::default() };
    let jobs = runtime.block_on(store.list(filter)).unwrap().jobs;
    assert_eq!(jobs.len(), 3);
    for job in &jobs {
        runtime.block_on(new.1.admit(job, &Claim::default())).unwrap();
    }
    let images = "SELECT job || name || kind || ifnull(ended, '-') FROM images ORDER BY 1";
    let [found, named] = [path, new.0.path().join("t.db")]
        .map(|path| rows(&Connection::open(path).unwrap(), images));
    assert_eq!(found, named);
    assert!(found.len() >= 4, "{found:?}");
}

/// A store whose writer may not write, as on a disk mounted read-only under a running process.
fn read_only(path: &Path) -> (JoinHandle<()>, mpsc::Sender<Box<dyn Write>>) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(path, flags).unwrap();
    let (writes, queue) = mpsc::channel(QUEUE);
    let checkpoints = Checkpoints::start(Connection::open_in_memory().unwrap()).unwrap();
    (std::thread::spawn(move || write::run(db, queue, checkpoints)), writes)
}

#[tokio::test]
async fn a_database_that_became_read_only_answers_so_and_is_read_on() {
    let (dir, mut store) = open();
    let (first, second) = (job("a"), job("b"));
    store.admit(&first, &Claim::default()).await.unwrap();
    let (thread, writes) = read_only(&dir.path().join("t.db"));
    let before = std::mem::replace(&mut store.writes, writes);
    let answers = futures_util::future::join_all(
        [&first, &second].map(|job| store.admit(job, &Claim::default())),
    );
    for answer in answers.await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(store.load(&first.id).await, Ok(Some(first.clone())));
    store.writes = before;
    thread.join().unwrap();
    assert_eq!(store.admit(&second, &Claim::default()).await, Ok(Admitted::New));
}

#[tokio::test]
async fn a_write_that_cannot_be_takes_no_other_with_it() {
    let (_dir, store) = open();
    let first = job("a");
    store.admit(&first, &Claim::default()).await.unwrap();
    let others: Vec<Job> = (0..20).map(|n| job(&n.to_string())).collect();
    let none = Claim::default();
    // An id that is there already.
    let jobs = others.iter().take(10).chain([&first]).chain(others.iter().skip(10));
    let answers = futures_util::future::join_all(jobs.map(|job| store.admit(job, &none))).await;
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_ok(), index != 10, "{index}: {answer:?}");
    }
    assert_eq!(store.loose_ends().await.unwrap().len(), 21);
}

#[tokio::test]
async fn many_waiting_writes_share_a_commit() {
    let (dir, store) = open();
    let jobs: Vec<Job> = (0..400).map(|n| job(&n.to_string())).collect();
    let none = Claim::default();
    // One keeps the writer busy, so that the others wait together.
    let (begun, go) = std::sync::mpsc::channel::<()>();
    let go = Mutex::new(go);
    let busy = store.write(move |_| {
        let _ = lock(&go).recv();
        Ok(())
    });
    let writes = jobs.iter().map(|job| store.admit(job, &none));
    let release = async { drop(begun) };
    let ((), answers, _) = tokio::join!(
        async { busy.await.unwrap() },
        futures_util::future::join_all(writes),
        release
    );
    assert!(answers.iter().all(Result::is_ok));
    // Each commit of its own would write its pages anew: some 400 times six of them.
    let log = std::fs::metadata(dir.path().join("t.db-wal")).unwrap().len();
    assert!(log < 400 * 6 * 4_096, "{log} bytes in the log");
}

#[tokio::test]
async fn the_log_is_folded_in_when_the_last_one_leaves() {
    let (dir, store) = open();
    store.admit(&job("a"), &Claim::default()).await.unwrap();
    store.loose_ends().await.unwrap();
    drop(store);
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["t.db"]);
}

#[tokio::test]
async fn loose_ends_and_submits_are_found_by_index() {
    let (dir, _store) = open();
    let db = Connection::open(dir.path().join("t.db")).unwrap();
    for (query, index) in [
        (
            "SELECT id FROM jobs WHERE loose = 0 AND finished < 1
             AND NOT EXISTS (SELECT 1 FROM keys WHERE job = id AND at >= 1) ORDER BY finished, id",
            "jobs_by_end",
        ),
        ("SELECT 1 FROM keys WHERE job = 'a' AND at >= 1", "keys_by_job"),
        ("SELECT record FROM jobs WHERE loose = 0 AND finished >= 1", "jobs_by_end"),
        ("SELECT id FROM jobs INDEXED BY jobs_loose WHERE loose = 1 ORDER BY id", "jobs_loose"),
        ("SELECT 1 FROM images WHERE name = 'a'", "images_by_name"),
        (
            "SELECT job FROM images WHERE kind = 'input' AND ended < 1 ORDER BY ended, job, name",
            "images_by_end",
        ),
        ("SELECT seq FROM exchanges WHERE at < 1 ORDER BY at, seq", "exchanges_by_age"),
        ("SELECT key FROM keys WHERE at < 1 ORDER BY at, owner, key", "keys_by_age"),
    ] {
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let plan: Vec<String> =
            plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        let plan = plan.join("; ");
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
    }
}

#[tokio::test]
async fn an_owners_unfinished_jobs_are_counted_without_reading_any() {
    let (dir, _store) = open();
    let db = Connection::open(dir.path().join("t.db")).unwrap();
    let query = "SELECT count(*) FROM jobs INDEXED BY jobs_by_status
                 WHERE owner = 'me' AND status IN ('queued', 'running')";
    let plan = rows_of_plan(&db, query);
    assert!(plan.contains("COVERING INDEX jobs_by_status (owner=? AND status=?)"), "{plan}");
}

fn rows_of_plan(db: &Connection, query: &str) -> String {
    let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
    let plan = plan.query_map([], |row| row.get::<_, String>(3)).unwrap();
    plan.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn every_list_is_read_in_order_from_one_index() {
    let (dir, _store) = open();
    let db = Connection::open(dir.path().join("t.db")).unwrap();
    let all = Filter { limit: 20, ..Filter::default() };
    let open = Filter { status: Some(crate::job::Status::Queued), ..all.clone() };
    let there = Filter { provider: Some("p".to_owned()), ..all.clone() };
    let mine = |filter: &Filter| Filter { owner: Some("me".to_owned()), ..filter.clone() };
    for (filter, index) in [
        (mine(&all), "jobs_by_owner"),
        (mine(&open), "jobs_by_status"),
        (mine(&there), "jobs_by_provider"),
        // Of the primary key.
        (all, "sqlite_autoindex_jobs_1"),
        (open, "jobs_of_all_by_status"),
        (there, "jobs_of_all_by_provider"),
    ] {
        for after in [None, Some(JobId::new())] {
            let (query, arguments) = read::listing(&Filter { after, ..filter.clone() });
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let plan: Vec<String> = plan
                .query_map(rusqlite::params_from_iter(arguments), |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let plan = plan.join("; ");
            assert!(plan.contains(index) && plan.contains("id<?"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}

/// Most commits change the record alone; what they write is the row's own pages and the tree's.
#[tokio::test]
async fn a_step_writes_few_pages_whatever_its_row_holds() {
    let (dir, store) = open();
    let mut step = job(&"p".repeat(6_000));
    for number in 0..300 {
        store
            .admit(&job(&format!("{number}{}", "p".repeat(6_000))), &Claim::default())
            .await
            .unwrap();
    }
    store.admit(&step, &Claim::default()).await.unwrap();
    let log = dir.path().join("t.db-wal");
    let before = std::fs::metadata(&log).unwrap().len();
    for _ in 0..20 {
        step.record.rev += 1;
        step.record.deadline += 1;
        store.commit(&step).await.unwrap();
    }
    let pages = std::fs::metadata(&log).unwrap().len().saturating_sub(before) / 4_120;
    assert!(pages <= 50, "{pages} pages for 20 steps");
}

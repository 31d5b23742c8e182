//! What a store keeps of many owners: how many jobs each may have, and everybody's in one list.

use super::*;
use crate::id::JobId;
use crate::store::Page;

#[tokio::test]
async fn of_many_at_once_no_more_are_admitted_than_may_be() {
    each(|place| async move {
        let store = place.open();
        let jobs: Vec<Job> = (0..9).map(|n| job(&n.to_string())).collect();
        let theirs = Job { owner: "other".to_owned(), ..job("theirs") };
        admitted(&*store, &theirs).await;
        let none = Claim::default();
        let asked = jobs.iter().map(|job| store.admit_among(job, &none, 3));
        let answers = futures_util::future::join_all(asked).await;
        let new: Vec<&Job> = jobs
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| **answer == Ok(Admitted::New))
            .map(|(job, _)| job)
            .collect();
        assert_eq!(new.len(), 3);
        assert_eq!(answers.iter().filter(|a| **a == Ok(Admitted::TooMany)).count(), 6);
        assert_eq!(store.unfinished("me").await, Ok(3));
        let refused = jobs.iter().find(|job| !new.contains(job)).unwrap();
        assert_eq!(store.load(&refused.id).await, Ok(None));

        // One that ends makes room, and 0 sets no bound.
        committed(&*store, &ended(new[0], Status::Failed, 5_000)).await;
        assert_eq!(store.admit_among(refused, &none, 3).await, Ok(Admitted::New));
        assert_eq!(store.admit_among(&job("a"), &none, 3).await, Ok(Admitted::TooMany));
        assert_eq!(store.admit_among(&job("b"), &none, 0).await, Ok(Admitted::New));
    })
    .await;
}

#[tokio::test]
async fn what_stands_for_a_job_that_is_there_is_none_too_many() {
    each(|place| async move {
        let store = place.open();
        let first = job("a");
        assert_eq!(store.admit_among(&first, &key("k"), 1).await, Ok(Admitted::New));
        let again = Job { id: JobId::new(), ..first.clone() };
        assert_eq!(store.admit_among(&again, &key("k"), 1).await, Ok(Admitted::Same(first.id)));
        assert_eq!(store.admit_among(&job("b"), &key("k"), 1).await, Ok(Admitted::KeyReused));
        assert_eq!(store.admit_among(&job("b"), &key("l"), 1).await, Ok(Admitted::TooMany));
        // A key that was refused stands for nothing.
        assert_eq!(store.admit_among(&job("c"), &key("l"), 0).await, Ok(Admitted::New));
    })
    .await;
}

#[tokio::test]
async fn everybodys_jobs_are_listed_together_newest_first() {
    each(|place| async move {
        let store = place.open();
        let owners = ["a", "b", "a", "c", "b"];
        let jobs = owners.map(|owner| Job { owner: owner.to_owned(), ..job(owner) });
        for job in &jobs {
            admitted(&*store, job).await;
        }
        let mut failed = ended(&jobs[1], Status::Failed, 2_000);
        failed.record.attempts = vec![samples::stored(1, "p", &[])];
        committed(&*store, &failed).await;
        let ids = |page: &Page| page.jobs.iter().map(|job| job.id).collect::<Vec<_>>();
        let want = |which: &[usize]| which.iter().map(|n| jobs[*n].id).collect::<Vec<_>>();
        let all = Filter { limit: 3, ..Filter::default() };
        let first = store.list(all.clone()).await.unwrap();
        assert_eq!((ids(&first), first.has_more), (want(&[4, 3, 2]), true));
        let after = Filter { after: Some(jobs[2].id), ..all.clone() };
        let second = store.list(after).await.unwrap();
        assert_eq!((ids(&second), second.has_more), (want(&[1, 0]), false));
        let open = Filter { status: Some(Status::Queued), limit: 9, ..all.clone() };
        assert_eq!(ids(&store.list(open).await.unwrap()), want(&[4, 3, 2, 0]));
        let there = Filter { provider: Some("p".to_owned()), ..all.clone() };
        assert_eq!(ids(&store.list(there).await.unwrap()), want(&[1]));
        let one = Filter { owner: Some("a".to_owned()), ..all };
        assert_eq!(ids(&store.list(one).await.unwrap()), want(&[2, 0]));
    })
    .await;
}

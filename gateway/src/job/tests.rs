use retouch_sdk::{Class, Cost, Failure, Retry};

use super::slots::Doubt;
use super::*;
use crate::attempt::{Evidence, Planned, State};

mod laws;

fn job(n: u32) -> Job {
    let request = EditRequest { n, ..EditRequest::default() };
    Job::new("me".to_owned(), Arc::new(request), 0, 1_000)
}

fn image(name: &str) -> Stored {
    Stored {
        name: name.to_owned(),
        bytes: 1,
        mime: "image/png".to_owned(),
        width: 1,
        height: 1,
        sha256: None,
    }
}

fn open(job: &mut Job, slot: u32, count: u32, provider: &str) -> u32 {
    let number = u32::try_from(job.record.attempts.len()).unwrap() + 1;
    let mut attempt = Attempt::planned(number, provider.to_owned(), 1);
    attempt.slot = slot;
    attempt.count = count;
    attempt.state = State::InFlight;
    attempt.effect = Some(Planned { request: request(), at: 1 });
    job.open(attempt, Vec::new(), false);
    number
}

fn request() -> retouch_sdk::Request {
    let request = serde_json::json!({
        "id": "e0", "method": "POST", "url": "https://p.example/x", "effect": "unsafe",
        "phase": "submitting", "timeout_ms": 1_000, "max_response_bytes": 1_000,
    });
    serde_json::from_value(request).unwrap()
}

fn ends(job: &mut Job, number: u32, state: State) {
    job.attempt_mut(number).unwrap().state = state;
    let price = Cost { amount: "0.40".to_owned(), currency: "CNY".to_owned() };
    job.settle(number, Some(&price), Doubt::Ends, 9);
}

fn stored(names: &[&str]) -> State {
    State::Stored(names.iter().map(|name| Ok(image(name))).collect())
}

fn refused(class: Class) -> State {
    State::Refused(Failure::new(class, "no"))
}

fn names(job: &Job) -> Vec<&str> {
    job.images().map(|image| image.name.as_str()).collect()
}

#[test]
fn slots_fail_over_alone_and_one_image_is_a_success() {
    let mut job = job(2);
    let first = open(&mut job, 0, 1, "a");
    let second = open(&mut job, 1, 1, "a");
    ends(&mut job, first, stored(&["x"]));
    assert_eq!(job.record.status, Status::Running);
    ends(&mut job, second, refused(Class::Busy));
    let shares = job.shares();
    assert_eq!(shares, [Share { first: 1, count: 1, asked: vec!["a".to_owned()] }]);
    job.give_up(&shares[0], 9);
    assert_eq!((job.record.status, names(&job)), (Status::Succeeded, vec!["x"]));
    let missing: Vec<_> = job.missing().map(|(n, error)| (n, error.code.as_str())).collect();
    assert_eq!(missing, [(1, "provider_busy")]);
}

#[test]
fn one_call_may_make_several_and_what_it_does_not_make_is_missing() {
    let mut job = job(3);
    let number = open(&mut job, 0, 3, "a");
    ends(&mut job, number, stored(&["x", "y"]));
    assert_eq!((job.record.status, names(&job)), (Status::Succeeded, vec!["x", "y"]));
    assert_eq!(job.missing().map(|(n, _)| n).collect::<Vec<_>>(), [2]);
}

#[test]
fn more_than_was_asked_for_is_given() {
    let mut job = job(1);
    let number = open(&mut job, 0, 1, "a");
    ends(&mut job, number, stored(&["x", "y"]));
    assert_eq!(names(&job), ["x", "y"]);
}

#[test]
fn slots_with_one_history_are_one_share() {
    let mut job = job(4);
    assert_eq!(job.shares().iter().map(|s| (s.first, s.count)).collect::<Vec<_>>(), [(0, 4)]);
    let number = open(&mut job, 1, 2, "a");
    let waiting: Vec<_> = job.shares().iter().map(|s| (s.first, s.count)).collect();
    assert_eq!(waiting, [(0, 1), (3, 1)], "those of an open attempt do not wait");
    ends(&mut job, number, refused(Class::Auth));
    let shares: Vec<_> = job.shares().iter().map(|s| (s.first, s.count, s.asked.len())).collect();
    assert_eq!(shares, [(0, 1, 0), (1, 2, 1), (3, 1, 0)]);
}

#[test]
fn what_ends_a_job_and_what_leaves_it_to_another() {
    let evidence = || Evidence::Answer { status: 200, at: 1 };
    let failed = |class| State::Failed(Failure::new(class, "no"), evidence());
    let lost = || State::Unknown(Failure::unknown_outcome("lost"));
    for (state, ended) in [
        (refused(Class::Auth), None),
        (refused(Class::Busy), None),
        (failed(Class::ProviderError), None),
        (refused(Class::InvalidRequest), Some("invalid_value")),
        (refused(Class::Moderation), Some("moderation_blocked")),
        (
            State::Refused(Failure::new(Class::Moderation, "no").retry(Retry::Elsewhere)),
            Some("moderation_blocked"),
        ),
        (lost(), Some("upstream_outcome_unknown")),
    ] {
        let mut job = job(1);
        let number = open(&mut job, 0, 1, "a");
        ends(&mut job, number, state.clone());
        let code = job.record.error.as_ref().map(|error| error.code.as_str());
        assert_eq!(code, ended, "{state:?}");
    }
}

#[test]
fn costs_add_up_by_image_where_only_the_price_list_knows() {
    let mut job = job(3);
    let many = open(&mut job, 0, 2, "a");
    let one = open(&mut job, 2, 1, "a");
    ends(&mut job, many, stored(&["x", "y"]));
    ends(&mut job, one, stored(&["z"]));
    assert_eq!(job.record.cost.map(|p| p.cost.amount).as_deref(), Some("1.20"));
}

#[test]
fn time_that_is_over_ends_a_job_as_expired_and_says_what_may_have_been_paid() {
    let mut job = job(2);
    let number = open(&mut job, 0, 1, "a");
    job.attempt_mut(number).unwrap().submitted = Some(2);
    job.expire(number, false, 9);
    assert_eq!(job.record.status, Status::Running, "the other slot still waits");
    job.expire_waiting(9);
    assert_eq!(job.record.status, Status::Expired);
    assert_eq!(job.record.error.map(|error| error.billed), Some(Billed::Unknown));
}

#[test]
fn a_job_says_the_worst_of_what_it_may_have_cost() {
    let mut job = job(2);
    let free = open(&mut job, 0, 1, "a");
    let lost = open(&mut job, 1, 1, "a");
    ends(&mut job, free, refused(Class::Busy));
    job.give_up(&job.shares()[0].clone(), 9);
    ends(&mut job, lost, State::Unknown(Failure::unknown_outcome("lost")));
    let error = job.record.error.as_ref().unwrap();
    assert_eq!((error.code.as_str(), error.billed), ("upstream_outcome_unknown", Billed::Unknown));
    assert!(!job.record.frees_key());
}

#[test]
fn a_cancel_waits_for_what_is_only_to_be_fetched() {
    let mut job = job(2);
    let done = open(&mut job, 0, 1, "a");
    let running = open(&mut job, 1, 1, "a");
    job.attempt_mut(done).unwrap().state = State::Fetching(Vec::new());
    job.attempt_mut(running).unwrap().submitted = Some(1);
    job.cancel(9);
    assert_eq!(job.record.status, Status::Running);
    ends(&mut job, done, stored(&["x"]));
    assert_eq!((job.record.status, names(&job)), (Status::Succeeded, vec!["x"]));
    let missing: Vec<_> = job.missing().map(|(n, e)| (n, e.code.as_str(), e.billed)).collect();
    assert_eq!(missing, [(1, "canceled", Billed::Unknown)]);
}

#[test]
fn what_one_link_of_several_lost_is_missing_where_it_belongs() {
    let mut job = job(2);
    let number = open(&mut job, 0, 2, "a");
    let lost = Failure::new(Class::ProviderError, "not fetched").billed(Billed::Yes);
    ends(&mut job, number, State::Stored(vec![Err(lost), Ok(image("y"))]));
    assert_eq!((job.record.status, names(&job)), (Status::Succeeded, vec!["y"]));
    assert_eq!(job.missing().map(|(n, e)| (n, e.billed)).collect::<Vec<_>>(), [(0, Billed::Yes)]);
    assert_eq!(job.record.cost.map(|p| p.cost.amount).as_deref(), Some("0.80"), "both were made");
}

#[test]
fn a_cancel_at_the_provider_may_still_cost_and_only_an_unsent_one_is_free() {
    for (submitted, billed) in [(None, Billed::No), (Some(2), Billed::Unknown)] {
        for can_cancel in [true, false] {
            let mut job = job(1);
            let number = open(&mut job, 0, 1, "a");
            let attempt = job.attempt_mut(number).unwrap();
            attempt.submitted = submitted;
            attempt.task = Some(retouch_sdk::TaskRef { id: "1".to_owned(), cancel: can_cancel });
            job.cancel(9);
            assert_eq!(job.record.status, Status::Canceled);
            assert_eq!(job.record.error.map(|error| error.billed), Some(billed), "{can_cancel}");
        }
    }
}

#[test]
fn an_attempt_that_comes_second_goes_on_late_and_its_cost_counts() {
    let mut job = job(2);
    let first = open(&mut job, 0, 1, "a");
    let second = open(&mut job, 0, 1, "b");
    let other = open(&mut job, 1, 1, "a");
    ends(&mut job, first, stored(&["x"]));
    assert_eq!(job.record.status, Status::Running, "another image is to come");
    job.attempt_mut(second).unwrap().state = State::Accepted;
    ends(&mut job, other, stored(&["z"]));
    assert_eq!((job.record.status, names(&job)), (Status::Succeeded, vec!["x", "z"]));
    assert!(job.attempt(second).unwrap().is_late() && job.is_loose());
    ends(&mut job, second, stored(&["y"]));
    assert_eq!(names(&job), ["x", "z"], "what a client has stays");
    let late: Vec<_> = job.late_images().iter().map(|l| (l.index, l.attempt)).collect();
    assert_eq!(late, [(2, second)]);
    assert_eq!(job.record.cost.map(|price| price.cost.amount).as_deref(), Some("1.20"));
}

#[test]
fn the_first_picture_of_two_for_one_image_stays() {
    let mut job = job(2);
    let first = open(&mut job, 0, 1, "a");
    let second = open(&mut job, 0, 1, "b");
    ends(&mut job, first, stored(&["x"]));
    ends(&mut job, second, stored(&["y"]));
    assert_eq!((job.record.status, names(&job)), (Status::Running, vec!["x"]));
}

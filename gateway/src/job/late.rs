//! Pictures that came when their job no longer waited for them. They were paid for, so they are kept
//! with their attempt, and links count on to them after the job's own. The one place that counts.

use super::Job;
use crate::attempt::{Attempt, State};
use crate::images::Stored;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LateImage<'a> {
    /// Its number in the job's links.
    pub index: usize,
    /// The attempt it came of.
    pub attempt: u32,
    /// The picture.
    pub image: &'a Stored,
}

impl Job {
    /// What attempts made that is none of the job's results, in the order it came, so that a number
    /// once given out stays what it was. Nothing is late before the job's end.
    pub fn late_images(&self) -> Vec<LateImage<'_>> {
        if !self.record.status.is_terminal() {
            return Vec::new();
        }
        let mut attempts: Vec<&Attempt> = self.record.attempts.iter().collect();
        attempts.sort_by_key(|attempt| (attempt.finished, attempt.number));
        let made = attempts.into_iter().flat_map(|a| made(a).map(|image| (a.number, image)));
        let late = made.filter(|(_, image)| !self.images().any(|own| own.name == image.name));
        let numbered = (self.images().count()..).zip(late);
        numbered.map(|(index, (attempt, image))| LateImage { index, attempt, image }).collect()
    }

    /// The picture of that number in the job's links: one of its results, or one that came late.
    pub fn image(&self, n: usize) -> Option<&Stored> {
        let late = || self.late_images().into_iter().find(|late| late.index == n);
        self.images().nth(n).or_else(|| late().map(|late| late.image))
    }
}

fn made(attempt: &Attempt) -> impl Iterator<Item = &Stored> {
    let images = match &attempt.state {
        State::Stored(images) => images.as_slice(),
        _ => &[],
    };
    images.iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use retouch_sdk::{Class, Failure};

    use super::*;
    use crate::job::{JobError, Slot, Status};
    use crate::request::EditRequest;

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

    /// A job at its end with these results.
    fn over(results: &[&str]) -> Job {
        let mut job = Job::new("me".to_owned(), Arc::new(EditRequest::default()), 0, 0);
        let failed = Slot::Failed(JobError::expired(true));
        let done = |name: &&str| Slot::Done(vec![image(name)]);
        job.record.slots = results.iter().map(done).chain([failed]).collect();
        job.record.status = Status::Expired;
        job
    }

    /// Gives it an attempt that got these pictures at that time.
    fn got(job: &mut Job, pictures: &[&str], at: u64) {
        let number = u32::try_from(job.record.attempts.len()).unwrap() + 1;
        let mut attempt = Attempt::planned(number, "a".to_owned(), 1);
        let lost = Err(Failure::new(Class::NoOutput, "none"));
        let images = pictures.iter().map(|name| Ok(image(name))).chain([lost]).collect();
        (attempt.state, attempt.finished) = (State::Stored(images), Some(at));
        job.record.attempts.push(attempt);
    }

    fn late(job: &Job) -> Vec<(usize, u32, &str)> {
        let shown = |l: LateImage<'_>| (l.index, l.attempt, l.image.name.clone());
        let known: Vec<_> = job.late_images().into_iter().map(shown).collect();
        let name = |n: usize| job.image(n).unwrap().name.as_str();
        known
            .into_iter()
            .map(|(index, attempt, image)| {
                assert_eq!(name(index), image);
                (index, attempt, name(index))
            })
            .collect()
    }

    #[test]
    fn what_no_slot_took_is_counted_on_after_the_jobs_own() {
        let mut job = over(&["x"]);
        got(&mut job, &["x"], 5);
        assert_eq!(late(&job), [], "its own result is no second one");
        got(&mut job, &["y", "z"], 7);
        assert_eq!(late(&job), [(1, 2, "y"), (2, 2, "z")]);
        assert_eq!(job.image(0).unwrap().name, "x");
        assert_eq!(job.image(3), None);
    }

    #[test]
    fn nothing_is_late_while_the_job_goes_on() {
        let mut job = over(&[]);
        got(&mut job, &["x"], 5);
        job.record.status = Status::Running;
        assert_eq!(late(&job), []);
    }

    #[test]
    fn a_number_stays_when_an_earlier_attempt_comes_later() {
        let mut job = over(&[]);
        job.record.attempts.push(Attempt::planned(1, "a".to_owned(), 1));
        got(&mut job, &["second"], 7);
        assert_eq!(late(&job), [(0, 2, "second")]);
        let first = &mut job.record.attempts[0];
        (first.state, first.finished) = (State::Stored(vec![Ok(image("first"))]), Some(9));
        assert_eq!(late(&job), [(0, 2, "second"), (1, 1, "first")]);
    }

    proptest! {
        /// Every picture of an attempt can be had under some number, and no number leads nowhere.
        #[test]
        fn every_picture_has_a_number(
            own in proptest::collection::vec("[a-e]", 0..3),
            made in proptest::collection::vec((proptest::collection::vec("[a-e]", 0..3), 0_u64..4), 0..4),
        ) {
            let own: Vec<&str> = own.iter().map(String::as_str).collect();
            let mut job = over(&own);
            for (pictures, at) in &made {
                let pictures: Vec<&str> = pictures.iter().map(String::as_str).collect();
                got(&mut job, &pictures, *at);
            }
            let count = own.len() + job.late_images().len();
            let all: Vec<String> =
                (0..count).map(|n| job.image(n).unwrap().name.clone()).collect();
            prop_assert!(job.image(count).is_none());
            prop_assert!(made.iter().flat_map(|(names, _)| names).all(|name| all.contains(name)));
        }
    }
}

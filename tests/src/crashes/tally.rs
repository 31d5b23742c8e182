//! What a market and a gateway's jobs have to agree on once everything is over.

use std::ops::AddAssign;

use sha2::{Digest, Sha256};

use super::{Market, Order, market::PLACES};
use crate::{Client, Job};

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often a gateway was killed.
    pub deaths: usize,
    /// How often it did not come to where it was to be killed.
    pub missed: usize,
    /// Jobs that were promised; each of them is there and has ended.
    pub jobs: usize,
    /// Those that have all their pictures.
    pub whole: usize,
    /// Those that lack one because a submit's answer was lost.
    pub unknown: usize,
    /// Those of them whose submit no provider saw: it was written and not sent.
    pub unseen: usize,
    /// Pictures that were fetched and match their hash.
    pub pictures: usize,
    /// Charges at the providers.
    pub charges: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.deaths += other.deaths;
        self.missed += other.missed;
        self.jobs += other.jobs;
        self.whole += other.whole;
        self.unknown += other.unknown;
        self.unseen += other.unseen;
        self.pictures += other.pictures;
        self.charges += other.charges;
    }
}

impl Tally {
    /// Waits for the end of every order and checks it against the ledgers. Fails where a job is
    /// lost, stuck, charged twice, or has ended in any way that its crash does not explain.
    pub async fn of(client: &Client, market: &Market, orders: &[Order], deaths: usize) -> Self {
        let mut tally = Self { deaths, ..Self::default() };
        let mut ended = Vec::new();
        for order in orders {
            let Some(id) = &order.job else { panic!("{} was never promised", order.prompt) };
            ended.push((order, client.finished(id).await));
        }
        let books = market.books();
        books.assert_no_strays();
        for (order, job) in ended {
            let charges = books.charges(order);
            let most = order.kind.most_charges();
            assert!(charges <= most, "{} charged {charges} times: {job:#?}", order.prompt);
            assert!(charges >= job.images.len(), "pictures from nowhere: {job:#?}");
            let lost = lost(&job, order.kind.pictures());
            tally.unseen += usize::from(lost > 0 && books.submits(order) < order.kind.pictures());
            tally.jobs += 1;
            tally.whole += usize::from(lost == 0);
            tally.unknown += usize::from(lost > 0);
            tally.charges += charges;
            tally.pictures += pictures(client, &job).await;
        }
        let most = deaths * PLACES * market.ports().len();
        assert!(tally.unseen <= most, "submits that were never made are taken for sent: {tally:?}");
        tally
    }
}

/// How many of the pictures are missing; only because nobody knows what became of their submit.
#[track_caller]
fn lost(job: &Job, asked: usize) -> usize {
    if job.status == "succeeded" {
        let unknown = Some("upstream_outcome_unknown");
        assert!(job.missing.iter().all(|it| it.error.code.as_deref() == unknown), "{job:#?}");
        assert_eq!(job.images.len() + job.missing.len(), asked, "{job:#?}");
        return job.missing.len();
    }
    job.failed("upstream_outcome_unknown");
    assert!(job.attempts.iter().any(|attempt| attempt.state == "unknown"), "{job:#?}");
    asked
}

/// Fetches what the job says it has.
async fn pictures(client: &Client, job: &Job) -> usize {
    for image in &job.images {
        let bytes = client.get(&image.url).await.expect(200).body;
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!((&hash, bytes.len() as u64), (&image.sha256, image.bytes), "{job:#?}");
    }
    job.images.len()
}

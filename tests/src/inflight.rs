//! Many jobs in flight at one slow provider: what they cost a gateway that polls for them, and how
//! it comes back with all of them after a stop and after a kill.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{Client, Edit, Gateway, Home, patient::Patient, pictures};

/// What the provider allows the gateway to ask each second.
pub const POLLS_PER_SECOND: u64 = 1_000;
/// Clients that ask at once.
const CLIENTS: usize = 32;
/// The longest that anything is looked at.
const LOOK: Duration = Duration::from_secs(40);

/// What so many jobs came to.
#[derive(Clone, Debug)]
pub struct Flight {
    /// How many there were.
    pub jobs: usize,
    /// Seconds until half of them were promised.
    pub promised_in: f64,
    /// Memory before the first, in KiB.
    pub before: u64,
    /// Memory with half of them in flight, in KiB: caches and what is kept at hand are full then.
    pub half: u64,
    /// Memory with all in flight, in KiB.
    pub with: u64,
    /// Polls each second, as the provider saw them.
    pub polls: f64,
    /// Processor time used meanwhile, in percent of one core.
    pub cpu: f64,
    /// After SIGTERM, and after kill -9.
    pub returns: Vec<Return>,
}

/// A start with all jobs in flight.
#[derive(Clone, Debug)]
pub struct Return {
    /// What ended the life before.
    pub after: &'static str,
    /// Seconds that end took.
    pub stopped_in: f64,
    /// Seconds until it was ready.
    pub ready_in: f64,
    /// When each job was first asked about, in order, from the start on.
    pub first_polls: Vec<Duration>,
}

impl Flight {
    /// Bytes a job, by what the second half of them took.
    pub fn bytes(&self) -> f64 {
        let second = self.jobs - self.jobs / 2;
        self.with.saturating_sub(self.half) as f64 * 1024.0 / second as f64
    }
}

impl Return {
    /// The most polls that came within a tenth of a second.
    pub fn burst(&self) -> usize {
        let tenth = Duration::from_millis(100);
        let within = |first: &Duration| {
            let from = self.first_polls.partition_point(|poll| poll < first);
            self.first_polls.partition_point(|poll| *poll < *first + tenth) - from
        };
        self.first_polls.iter().map(within).max().unwrap_or(0)
    }

    /// When this part of the jobs had been asked about, in seconds.
    pub fn by(&self, part: f64) -> f64 {
        let last = self.first_polls.len().saturating_sub(1);
        let at = self.first_polls.get((last as f64 * part) as usize);
        at.map_or(f64::NAN, Duration::as_secs_f64)
    }
}

/// Runs it with so many jobs.
pub async fn run(jobs: usize) -> Flight {
    let service = Patient::start();
    let file = service.file("slow").line(&format!("limits.concurrency = {}", jobs + CLIENTS));
    let file = file.line(&format!("limits.polls_per_second = {POLLS_PER_SECOND}"));
    let file = file.line("limits.timeout = \"1h\"");
    let settings = format!("[limits]\nwaiting = {}\n", jobs + CLIENTS);
    let mut gateway = Home::with([file]).settings(&settings).serve().await;
    promised(&gateway.client(), CLIENTS).await;
    let before = kib(&gateway);
    let begin = Instant::now();
    promised(&gateway.client(), jobs / 2).await;
    let promised_in = begin.elapsed().as_secs_f64();
    asked_about(&service, jobs / 2 + CLIENTS).await;
    let half = kib(&gateway);
    promised(&gateway.client(), jobs - jobs / 2).await;
    asked_about(&service, jobs + CLIENTS).await;
    let with = kib(&gateway);
    let (ticks, begin) = (gateway.ticks(), Instant::now());
    let polls = service.more_polls(8 * POLLS_PER_SECOND, LOOK / 4).await;
    let passed = begin.elapsed().as_secs_f64();
    let cpu = (gateway.ticks() - ticks) as f64 / passed;
    let mut returns = Vec::new();
    for after in ["SIGTERM", "kill -9"] {
        returns.push(returned(&mut gateway, &service, after).await);
    }
    let polls = polls as f64 / passed;
    Flight { jobs, promised_in, before, half, with, polls, cpu, returns }
}

/// All are submitted, and each was asked about since.
async fn asked_about(service: &Patient, jobs: usize) {
    crate::wait::answered("every submit", async || (service.tasks() == jobs as u64).then_some(()))
        .await;
    service.begin();
    service.first_polls(LOOK).await;
}

async fn returned(gateway: &mut Gateway, service: &Patient, after: &'static str) -> Return {
    let begin = Instant::now();
    if after == "SIGTERM" {
        gateway.sigterm().await.with(0);
    } else {
        gateway.kill9().await;
    }
    let stopped_in = begin.elapsed().as_secs_f64();
    service.begin();
    let begin = Instant::now();
    gateway.restart().await;
    gateway.client().get("/readyz").await.expect(200);
    let ready_in = begin.elapsed().as_secs_f64();
    let first_polls = service.first_polls(LOOK).await;
    Return { after, stopped_in, ready_in, first_polls }
}

/// Asks for so many small edits; each is promised when this returns.
async fn promised(client: &Client, jobs: usize) {
    let edit = Edit::without_picture("slowly").picture(pictures::png_of(16, 16));
    let mut asking = JoinSet::new();
    for turn in 0..CLIENTS {
        let (client, edit) = (client.clone(), edit.clone());
        let share = jobs / CLIENTS + usize::from(turn < jobs % CLIENTS);
        asking.spawn(async move {
            for _ in 0..share {
                client.submit(&edit).await;
            }
        });
    }
    asking.join_all().await;
}

/// Memory in use, in KiB.
fn kib(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

//! Many more jobs than places: the line is fair, nothing is lost, and a provider that breaks is
//! left alone until it works again.

use std::collections::HashSet;

use retouch_tests::{
    Client, Edit, Gateway, Home, Plugin, ProviderFile,
    client::Job,
    moody::{Mood, Moody},
    pictures,
};

/// Jobs that stand in line.
const CROWD: usize = 1_000;
/// Places at each provider.
const PLACES: usize = 3;
/// Five failures in a row, those on their way meanwhile, and a few probes.
const MOST_ASKED: usize = 20;

async fn gateway_at<const N: usize>(files: [ProviderFile; N]) -> Gateway {
    let narrow = files.map(|file| {
        file.line(&format!("limits.concurrency = {PLACES}")).line("limits.cooldown = \"1s\"")
    });
    Home::with(narrow).plugin(Plugin::OpenAi).serve().await
}

fn prompt(number: usize) -> String {
    format!("crowd-{number}")
}

/// Asks for so many edits, one after the other, so that their order is known.
async fn queue(client: &Client, jobs: usize) -> Vec<Job> {
    let picture = pictures::png_of(16, 16);
    let mut queued = Vec::new();
    for number in 0..jobs {
        let edit = Edit::without_picture(&prompt(number)).picture(picture.clone());
        queued.push(client.submit(&edit).await);
    }
    queued
}

/// Fails unless each prompt was made exactly once.
#[track_caller]
fn assert_made_once(made: &[String], jobs: usize) {
    let different: HashSet<&String> = made.iter().collect();
    assert_eq!((made.len(), different.len()), (jobs, jobs), "made, and different ones of them");
}

#[tokio::test]
async fn a_crowd_is_served_in_order_three_at_once_and_each_paid_once() {
    let provider = Moody::start(Mood::Asleep);
    let gateway = gateway_at([provider.file("only")]).await;
    let client = gateway.client();
    let jobs = queue(&client, CROWD).await;
    provider.until("full places", |diary| diary.now == PLACES).await;
    provider.becomes(Mood::Good);
    for job in &jobs {
        client.finished(&job.id).await.succeeded();
    }
    let diary = provider.diary();
    assert_eq!(diary.peak, PLACES);
    assert_made_once(&diary.made, CROWD);
    for (place, asked) in diary.asked.iter().enumerate() {
        let number: usize = asked.trim_start_matches("crowd-").parse().unwrap();
        // Those that go at once may overtake each other on their way.
        assert!(number.abs_diff(place) <= 2 * PLACES, "{asked} came as number {place}");
    }
}

/// A crowd at two providers, one of which gets into this mood half-way and out of it again. The
/// jobs once they have ended, and how many edits that one was asked for meanwhile.
async fn half_way(mood: Mood) -> (Vec<Job>, usize, Vec<String>) {
    let (steady, moody) = (Moody::start(Mood::Asleep), Moody::start(Mood::Asleep));
    let moody_file = moody.file("moody").priority(1);
    let gateway = gateway_at([steady.file("steady"), moody_file]).await;
    let client = gateway.client();
    let jobs = queue(&client, CROWD).await;
    steady.becomes(Mood::Good);
    moody.becomes(Mood::Good);
    moody.until("a tenth of it", |diary| diary.made.len() >= CROWD / 10).await;

    moody.becomes(mood);
    let (before, made) = (moody.diary().asked.len(), steady.diary().made.len());
    steady.until("the other to take over", |it| it.made.len() >= made + CROWD / 4).await;
    let asked = moody.diary().asked.len() - before;

    // Nobody else is there, so that the rest has to wait for it.
    steady.becomes(Mood::Asleep);
    moody.becomes(Mood::Good);
    let made = moody.diary().made.len();
    moody.until("its return", |diary| diary.made.len() > made + PLACES).await;
    steady.becomes(Mood::Good);
    let mut ended = Vec::new();
    for job in &jobs {
        ended.push(client.finished(&job.id).await);
    }
    let (steady, moody) = (steady.diary(), moody.diary());
    assert!(steady.peak <= PLACES && moody.peak <= PLACES, "{} {}", steady.peak, moody.peak);
    (ended, asked, [steady.made, moody.made].concat())
}

/// Fails if a provider that did not work was asked more often than it takes to see that.
#[track_caller]
fn assert_left_alone(asked: usize) {
    assert!(asked <= MOST_ASKED, "{asked} edits asked of it");
}

#[tokio::test]
async fn a_provider_that_fills_up_half_way_loses_nothing_and_is_used_again() {
    let (jobs, asked, made) = half_way(Mood::Full).await;
    assert_left_alone(asked);
    assert!(jobs.iter().all(|job| job.status == "succeeded"));
    assert_made_once(&made, CROWD);
}

#[tokio::test]
async fn a_provider_that_breaks_half_way_harms_few_and_is_used_again() {
    let (jobs, asked, made) = half_way(Mood::Broken).await;
    assert_left_alone(asked);
    let (done, harmed): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().partition(|job| job.status == "succeeded");
    for job in &harmed {
        job.failed("upstream_outcome_unknown");
    }
    assert!(harmed.len() <= asked + PLACES, "{} of {asked}", harmed.len());
    assert_made_once(&made, done.len());
}

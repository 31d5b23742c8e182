//! Providers of three protocols that stand in for each other: polled with uploads, answered at
//! once, and queued with addresses given by the answer.

use retouch_tests::{
    Edit, Fal, Gateway, Home, Job, Ledger, OpenAi, Plugin, Provider, ProviderFile, Turn,
    config::KEY, pictures,
};

/// A scripted service of any of the three.
enum Service {
    RunningHub(Provider),
    OpenAi(OpenAi),
    Fal(Fal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    RunningHub,
    OpenAi,
    Fal,
}

const KINDS: [Kind; 3] = [Kind::RunningHub, Kind::OpenAi, Kind::Fal];

impl Kind {
    fn scripted(self, turns: &[Turn]) -> Service {
        let turns = turns.iter().copied();
        match self {
            Self::RunningHub => Service::RunningHub(Provider::scripted(turns)),
            Self::OpenAi => Service::OpenAi(OpenAi::scripted(turns)),
            Self::Fal => Service::Fal(Fal::scripted(turns)),
        }
    }
}

impl Service {
    fn file(&self, id: &str) -> ProviderFile {
        match self {
            Self::RunningHub(service) => ProviderFile::runninghub(id, service),
            Self::OpenAi(service) => ProviderFile::openai(id, service),
            Self::Fal(service) => ProviderFile::fal(id, service),
        }
    }

    fn ledger(&self) -> Ledger {
        match self {
            Self::RunningHub(service) => service.ledger(),
            Self::OpenAi(service) => service.ledger(),
            Self::Fal(service) => service.ledger(),
        }
    }

    /// Fails unless the key went where it belongs, and said as this protocol says it.
    fn assert_proper(&self) {
        let scheme = if matches!(self, Self::Fal(_)) { "Key" } else { "Bearer" };
        self.ledger().assert_signed(&format!("{scheme} {KEY}"));
    }
}

async fn gateway(files: impl IntoIterator<Item = ProviderFile>) -> Gateway {
    Home::with(files).plugin(Plugin::OpenAi).plugin(Plugin::Fal).serve().await
}

async fn gateway_at(first: &Service, second: &Service) -> Gateway {
    gateway([first.file("first").priority(10), second.file("second")]).await
}

fn states(job: &Job) -> Vec<(&str, &str)> {
    job.attempts.iter().map(|a| (a.provider.as_str(), a.state.as_str())).collect()
}

/// Every refusal of a provider goes to one of each other protocol.
async fn stands_in_for(refusing: Kind) {
    for other in KINDS.into_iter().filter(|kind| *kind != refusing) {
        for (turn, code) in [
            (Turn::BadKey, "provider_auth"),
            (Turn::TooMany, "provider_busy"),
            (Turn::QueueFull, "provider_busy"),
        ] {
            let (first, second) = (refusing.scripted(&[turn]), other.scripted(&[]));
            let gateway = gateway_at(&first, &second).await;
            let client = gateway.client();
            let job = client.done(&Edit::new("grey")).await.succeeded();
            let case = format!("{refusing:?} {turn:?} → {other:?}: {job:#?}");
            assert_eq!(states(&job), [("first", "refused"), ("second", "succeeded")], "{case}");
            assert_eq!(job.attempts[0].billed.as_deref(), Some("no"), "{case}");
            let said = job.attempts[0].error.clone().unwrap_or_default();
            assert_eq!(said["code"], code, "{case}");
            assert!(pictures::is_grey(&client.picture(&job).await), "{case}");
            first.ledger().assert_paid(1, 0);
            second.ledger().assert_paid(1, 1);
            first.assert_proper();
            second.assert_proper();
        }
    }
}

#[tokio::test]
async fn others_stand_in_for_a_polled_provider() {
    stands_in_for(Kind::RunningHub).await;
}

#[tokio::test]
async fn others_stand_in_for_a_provider_that_answers_at_once() {
    stands_in_for(Kind::OpenAi).await;
}

#[tokio::test]
async fn others_stand_in_for_a_queued_provider() {
    stands_in_for(Kind::Fal).await;
}

#[tokio::test]
async fn a_lost_answer_is_paid_twice_in_no_protocol() {
    for kind in KINDS {
        for turn in [Turn::Cut, Turn::Html, Turn::NoId] {
            let (first, second) = (kind.scripted(&[turn]), Kind::OpenAi.scripted(&[]));
            let gateway = gateway_at(&first, &second).await;
            let answer = gateway.client().edit(&Edit::new("grey")).await;
            assert_eq!(answer.header("x-should-retry"), Some("false"), "{kind:?} {turn:?}");
            let error = answer.error(502, "upstream_outcome_unknown");
            assert_eq!(error.billed.as_deref(), Some("unknown"), "{kind:?} {turn:?}");
            first.ledger().assert_paid(1, 1);
            second.ledger().assert_paid(0, 0);
        }
    }
}

#[tokio::test]
async fn a_moderated_prompt_goes_nowhere_else_in_any_protocol() {
    for kind in KINDS {
        for turn in [Turn::Moderated, Turn::ModeratedLater] {
            let (first, second) = (kind.scripted(&[turn]), Kind::Fal.scripted(&[]));
            let gateway = gateway_at(&first, &second).await;
            let answer = gateway.client().edit(&Edit::new("something bad")).await;
            answer.error(400, "moderation_blocked");
            first.ledger().assert_paid(1, 0);
            second.ledger().assert_paid(0, 0);
        }
    }
}

#[tokio::test]
async fn all_three_refuse_before_a_job_fails() {
    let services = [
        Kind::RunningHub.scripted(&[Turn::BadKey]),
        Kind::OpenAi.scripted(&[Turn::TooMany]),
        Kind::Fal.scripted(&[Turn::QueueFull]),
    ];
    let [one, two, three] = &services;
    let files = [one.file("one").priority(2), two.file("two").priority(1), three.file("three")];
    let gateway = gateway(files).await;
    let answer = gateway.client().edit(&Edit::new("grey")).await;
    let id = answer.header("x-retouch-job").unwrap().to_owned();
    let error = answer.error(503, "provider_busy");
    assert_eq!(error.billed.as_deref(), Some("no"));
    let job = gateway.client().job(&id).await;
    assert_eq!(states(&job), [("one", "refused"), ("two", "refused"), ("three", "refused")]);
    services.iter().for_each(|service| service.ledger().assert_paid(1, 0));
}

#[tokio::test]
async fn a_picture_refused_by_everyone_is_missing_and_the_other_is_there() {
    let first = Kind::RunningHub.scripted(&[Turn::Accept, Turn::QueueFull]);
    let second = Kind::OpenAi.scripted(&[Turn::TooMany]);
    let third = Kind::Fal.scripted(&[Turn::TooMany]);
    let files =
        [first.file("first").priority(2), second.file("second").priority(1), third.file("third")];
    let gateway = gateway(files).await;
    let client = gateway.client();
    let answer = client.edit(&Edit::new("grey").field("n", "2")).await.expect(200);
    let body: serde_json::Value = answer.json();
    assert_eq!(body["data"].as_array().map(Vec::len), Some(1), "{body}");

    let job = client.job(answer.header("x-retouch-job").unwrap()).await.succeeded();
    assert_eq!((job.requested, job.images.len(), job.missing.len()), (2, 1, 1), "{job:#?}");
    let missing = &job.missing[0];
    assert_eq!(missing.error.code.as_deref(), Some("provider_busy"), "{job:#?}");
    assert_eq!(missing.error.billed.as_deref(), Some("no"), "{job:#?}");
    let made = job.attempts.iter().filter(|attempt| attempt.state == "succeeded").count();
    assert_eq!((made, job.attempts.len()), (1, 4), "{job:#?}");
    first.ledger().assert_paid(2, 1);
    second.ledger().assert_paid(1, 0);
    third.ledger().assert_paid(1, 0);
}

#[tokio::test]
async fn a_refused_picture_of_two_is_made_elsewhere() {
    for other in [Kind::OpenAi, Kind::Fal] {
        let first = Kind::RunningHub.scripted(&[Turn::Accept, Turn::QueueFull]);
        let second = other.scripted(&[]);
        let gateway = gateway_at(&first, &second).await;
        let edit = Edit::new("grey").field("n", "2");
        let job = gateway.client().done(&edit).await.succeeded();
        assert_eq!((job.images.len(), job.missing.len()), (2, 0), "{other:?}: {job:#?}");
        let indexes: Vec<u32> = job.images.iter().map(|image| image.index).collect();
        assert_eq!(indexes, [0, 1], "{other:?}: {job:#?}");
        first.ledger().assert_paid(2, 1);
        second.ledger().assert_paid(1, 1);
    }
}

#[tokio::test]
async fn several_pictures_are_one_call_where_the_protocol_can() {
    for (kind, submits) in [(Kind::OpenAi, 1), (Kind::RunningHub, 2)] {
        let (first, second) = (kind.scripted(&[]), Kind::Fal.scripted(&[]));
        let gateway = gateway_at(&first, &second).await;
        let edit = Edit::new("grey").field("n", "2");
        let job = gateway.client().done(&edit).await.succeeded();
        assert_eq!(job.images.len(), 2, "{kind:?}: {job:#?}");
        first.ledger().assert_paid(submits, submits);
        second.ledger().assert_paid(0, 0);
    }
}

#[tokio::test]
async fn a_queued_task_survives_a_kill() {
    let service = Fal::scripted([Turn::Hold]);
    let mut gateway = gateway([ProviderFile::fal("only", &service)]).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    service.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    gateway.kill9().await;
    gateway.restart().await;
    service.release();
    let job = gateway.client().finished(&id).await.succeeded();
    assert_eq!((job.attempts.len(), job.task()), (1, Some("task-1")));
    service.ledger().assert_paid(1, 1);
    service.ledger().assert_signed(&format!("Key {KEY}"));
}

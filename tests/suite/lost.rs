//! Answers that were lost: the provider has taken and charged the edit, and the gateway cannot
//! know. It is paid once unless the operator said otherwise, and nobody is told to try again.

use retouch_tests::{
    Answer, Edit, Fal, Gateway, Home, Job, Ledger, OpenAi, Plugin, Provider, ProviderFile, Turn,
    client::Problem,
};

/// Every way an answer is lost: cut, a page of HTML, a success without what matters, time over.
const LOSSES: [Turn; 4] = [Turn::Cut, Turn::Html, Turn::NoId, Turn::Stall];

/// A provider of each protocol that loses an answer.
enum Loser {
    Polled(Provider),
    Sync(OpenAi),
    Queue(Fal),
}

impl Loser {
    fn all(turn: Turn) -> Vec<Self> {
        let sync = Self::Sync(OpenAi::scripted([turn]));
        if turn == Turn::Stall {
            // The others wait longer for the answer to a submit than any test may.
            return vec![sync];
        }
        let polled = Self::Polled(Provider::scripted([turn]));
        vec![polled, sync, Self::Queue(Fal::scripted([turn]))]
    }

    fn file(&self) -> ProviderFile {
        let file = match self {
            Self::Polled(provider) => ProviderFile::runninghub("loser", provider),
            Self::Sync(service) => ProviderFile::openai("loser", service),
            Self::Queue(service) => ProviderFile::fal("loser", service),
        };
        // What stalls is given up after this.
        file.priority(1).line("limits.timeout = \"2s\"")
    }

    fn ledger(&self) -> Ledger {
        match self {
            Self::Polled(provider) => provider.ledger(),
            Self::Sync(service) => service.ledger(),
            Self::Queue(service) => service.ledger(),
        }
    }
}

/// A gateway at one that loses an answer and at one that could do the edit too.
async fn gateway_at(loser: ProviderFile, other: &Provider) -> Gateway {
    let home = Home::with([loser, ProviderFile::runninghub("other", other)]);
    home.plugin(Plugin::OpenAi).plugin(Plugin::Fal).serve().await
}

/// The error of a waiting edit, and its job.
async fn lost(gateway: &Gateway) -> (Answer, Job) {
    let client = gateway.client();
    let answer = client.edit(&Edit::new("grey")).await.expect(502);
    let id = answer.header("x-retouch-job").unwrap().to_owned();
    let job = client.job(&id).await;
    (answer, job)
}

/// Fails unless the text says that it may cost and where to look, and never to do it once more.
#[track_caller]
fn assert_helps(error: &Problem) {
    let text = error.message.to_lowercase();
    for tempting in ["try again", "try it again", "retry", "resubmit", "submit it again"] {
        assert!(!text.contains(tempting), "{text}");
    }
    assert!(text.contains("charge"), "what it may cost: {text}");
    let ways = ["check", "look", "ask ", "see "];
    assert!(ways.iter().any(|way| text.contains(way)), "what to do: {text}");
}

#[tokio::test]
async fn a_lost_answer_of_any_protocol_is_paid_once_and_says_what_to_do() {
    for turn in LOSSES {
        for loser in Loser::all(turn) {
            let other = Provider::start();
            let gateway = gateway_at(loser.file(), &other).await;
            let (answer, job) = lost(&gateway).await;
            assert_eq!(answer.header("x-should-retry"), Some("false"), "{turn:?}");
            assert_eq!(answer.header("retry-after"), None, "{turn:?}");
            let told = answer.error(502, "upstream_outcome_unknown");
            for error in [&told, job.failed("upstream_outcome_unknown")] {
                assert_eq!(error.billed.as_deref(), Some("unknown"), "{turn:?}");
                assert_helps(error);
            }
            let states: Vec<&str> = job.attempts.iter().map(|it| it.state.as_str()).collect();
            assert_eq!(states, ["unknown"], "{turn:?}: {job:#?}");
            loser.ledger().assert_paid(1, 1);
            other.ledger().assert_paid(0, 0);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_goes_elsewhere_where_the_operator_says_so() {
    for turn in LOSSES {
        for loser in Loser::all(turn) {
            let other = Provider::scripted([Turn::AcceptDone]);
            let file = loser.file().line("on_ambiguous = \"availability_first\"");
            let gateway = gateway_at(file, &other).await;
            let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
            assert_eq!(job.provider.as_deref(), Some("other"), "{turn:?}");
            let attempts: Vec<(&str, bool)> = job
                .attempts
                .iter()
                .map(|a| (a.state.as_str(), a.possible_duplicate_cost))
                .collect();
            assert_eq!(attempts, [("unknown", false), ("succeeded", true)], "{turn:?}: {job:#?}");
            loser.ledger().assert_paid(1, 1);
            other.ledger().assert_paid(1, 1);
        }
    }
}

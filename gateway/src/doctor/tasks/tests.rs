use retouch_sdk::Mark;

use super::*;
use crate::id::JobId;
use crate::store::Exchange;

const NOW: Ms = 10_000_000;

fn task(stage: OpenStage) -> OpenTask {
    OpenTask {
        job: JobId::new(),
        stage,
        submitted: Some(NOW - 30_000),
        task: Some("1904".to_owned()),
        word: Some("RUNNING".to_owned()),
        last_asked: Some(NOW - 3_000),
        due: Some(NOW + 2_000),
        trouble: None,
        last: None,
    }
}

fn answered(status: Option<u16>, error: Option<&str>) -> Option<Exchange> {
    Some(Exchange {
        job: None,
        attempt: 1,
        at: NOW - 3_000,
        method: "POST".to_owned(),
        url: "https://api.example/query".to_owned(),
        phase: "polling".to_owned(),
        status,
        elapsed_ms: 5,
        sent: None,
        error: error.map(str::to_owned),
    })
}

fn of(tasks: Vec<OpenTask>) -> Vec<Finding> {
    let jobs = tasks.len();
    findings(&Ok(Open { tasks, jobs }), NOW)
}

fn said(findings: &[Finding], step: &str) -> (Mark, String) {
    let finding = findings.iter().find(|finding| finding.step == step).unwrap();
    let mend = finding.mend.as_ref().map(|mend| mend.en.as_str()).unwrap_or_default();
    (finding.mark, format!("{}; {mend}", finding.message.en))
}

#[test]
fn nothing_to_do_is_no_trouble() {
    let findings = of(Vec::new());
    assert_eq!(said(&findings, "poller").0, Mark::Ok);
    assert_eq!(said(&findings, "jobs").0, Mark::Ok);
}

#[test]
fn a_task_that_is_asked_for_shows_that_the_poller_runs() {
    let findings = of(vec![task(OpenStage::Accepted)]);
    let (mark, words) = said(&findings, "poller");
    assert!(mark == Mark::Ok && words.contains("1 tasks are asked for, last 3 s ago"), "{words}");
    assert_eq!(said(&findings, "jobs").0, Mark::Ok);
}

#[test]
fn a_task_that_nobody_asks_for_shows_that_it_does_not() {
    let idle = OpenTask {
        due: Some(NOW - OVERDUE - 1),
        last_asked: Some(NOW - 2 * OVERDUE),
        ..task(OpenStage::Accepted)
    };
    let (mark, words) = said(&of(vec![idle.clone()]), "poller");
    assert_eq!(mark, Mark::Failed);
    assert!(
        words.contains(&idle.job.to_string()) && words.contains("start retouch again"),
        "{words}"
    );
    // What was asked a moment ago, or is due a moment ago, is no sign of it.
    for task in [
        OpenTask { last_asked: Some(NOW - 1_000), ..idle.clone() },
        OpenTask { due: Some(NOW - 1_000), ..idle.clone() },
        OpenTask { stage: OpenStage::Planned, ..idle },
    ] {
        assert_eq!(said(&of(vec![task]), "poller").0, Mark::Ok);
    }
}

#[test]
fn each_reason_to_stay_processing_is_named() {
    let lost = OpenTask { task: None, ..task(OpenStage::Held) };
    let unanswered = OpenTask { task: None, ..task(OpenStage::InFlight) };
    let wrong_path = OpenTask { last: answered(Some(404), None), ..task(OpenStage::Accepted) };
    let cut_off =
        OpenTask { last: answered(None, Some("connect: refused")), ..task(OpenStage::Accepted) };
    let broken =
        OpenTask { trouble: Some("the plugin failed".to_owned()), ..task(OpenStage::Accepted) };
    let slow = OpenTask { submitted: Some(NOW - LONG - 1), ..task(OpenStage::Accepted) };
    for (task, mark, words) in [
        (lost, Mark::Warning, "no task id is known"),
        (unanswered, Mark::Warning, "no task id is saved yet"),
        (wrong_path, Mark::Failed, "HTTP 404"),
        (cut_off, Mark::Failed, "connect: refused"),
        (broken, Mark::Failed, "the plugin failed"),
        (slow, Mark::Warning, "has said RUNNING for 15 min"),
    ] {
        let job = task.job.to_string();
        let (found, told) = said(&of(vec![task]), "jobs");
        assert_eq!(found, mark, "{told}");
        assert!(told.contains(words) && told.contains(&job), "{told}");
    }
    let good = OpenTask { last: answered(Some(200), None), ..task(OpenStage::Accepted) };
    assert_eq!(said(&of(vec![good]), "jobs").0, Mark::Ok);
}

#[test]
fn many_are_counted_and_a_few_named() {
    let findings = of((0..9).map(|_| task(OpenStage::Held)).collect());
    let jobs: Vec<_> = findings.iter().filter(|finding| finding.step == "jobs").collect();
    assert_eq!(jobs.len(), MOST + 1);
    assert!(jobs[MOST].message.en.contains("4 more"), "{jobs:?}");
}

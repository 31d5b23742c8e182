//! A person's word on an edit whose answer was lost: what becomes of the attempt, of its job and of
//! the money, and who may say it.

use reqwest::Method;
use retouch_tests::{
    Answer, Edit, Gateway, Home, Job, OpenAi, Plugin, Provider, ProviderFile, Turn, pictures,
    wait::answered,
};
use serde_json::{Value, json};

/// Says to the admin API what became of it.
async fn say(gateway: &Gateway, id: &str, word: &Value) -> Answer {
    Answer::to(gateway.client().post_json(&format!("/admin/api/jobs/{id}/resolve"), word)).await
}

/// The job once its last attempt is in that state.
async fn in_state(gateway: &Gateway, id: &str, state: &str) -> Job {
    let client = gateway.client();
    let look = || async {
        let job = client.job(id).await;
        (job.attempts.last().map(|last| last.state.as_str()) == Some(state)).then_some(job)
    };
    answered(&format!("an attempt that is {state}"), look).await
}

/// A gateway at one provider that loses the first answer, and its job at its end.
async fn lost(provider: &Provider) -> (Gateway, Job) {
    let gateway = Gateway::with([ProviderFile::runninghub("only", provider)]).await;
    let job = gateway.client().done(&Edit::new("grey")).await;
    job.failed("upstream_outcome_unknown");
    (gateway, job)
}

fn holding(id: &str, provider: &Provider) -> ProviderFile {
    ProviderFile::runninghub(id, provider).priority(1).line("on_ambiguous = \"hold\"")
}

/// A gateway whose job waits for a person's word.
async fn held(files: impl IntoIterator<Item = ProviderFile>) -> (Gateway, Job) {
    let gateway = Gateway::with(files).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    let job = in_state(&gateway, &id, "unknown").await;
    assert_eq!(job.status, "running", "{job:#?}");
    let reason = job.attempts[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("retouch jobs resolve"), "{reason}");
    (gateway, job)
}

#[tokio::test]
async fn a_task_that_is_found_is_followed_and_its_failed_job_keeps_its_end() {
    let provider = Provider::scripted([Turn::Cut]);
    let (mut gateway, failed) = lost(&provider).await;
    let id = failed.id.as_str();
    let task = provider.ledger().charges[0].clone();
    let told = gateway.run(&["jobs", "resolve", id, "--created", &task]).await.with(0);
    for words in [&task, id, "stays failed"] {
        assert!(told.stdout.contains(words), "no {words} in {told:#?}");
    }

    let job = in_state(&gateway, id, "succeeded").await;
    assert_eq!((&job.status, job.finished_at), (&failed.status, failed.finished_at), "{job:#?}");
    job.failed("upstream_outcome_unknown");
    assert!(job.images.is_empty(), "{job:#?}");
    assert_eq!(job.cost.as_ref().unwrap().amount.as_deref(), Some("0.14"), "{job:#?}");
    let attempt = &job.attempts[0];
    assert_eq!((attempt.task_id.as_ref(), attempt.billed.as_deref()), (Some(&task), Some("yes")));
    let [image] = attempt.images.as_slice() else { panic!("{job:#?}") };
    assert_eq!(image.index, 0, "{job:#?}");
    provider.ledger().assert_paid(1, 1);

    gateway.kill9().await;
    gateway.restart().await;
    let client = gateway.client();
    let again = client.job(id).await;
    for path in [again.attempts[0].images[0].url.as_str(), &format!("/v1/jobs/{id}/images/0")] {
        assert!(pictures::is_grey(&client.get(path).await.expect(200).body), "{path}");
    }
    client.get(&format!("/v1/jobs/{id}/images/1")).await.error(404, "not_found");
    let shown = gateway.run(&["jobs", "show", id]).await.with(0);
    assert!(shown.stdout.contains("after the job's end"), "{shown:#?}");
    assert!(shown.stdout.contains(&format!("/v1/jobs/{id}/images/0?exp=")), "{shown:#?}");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn an_edit_that_never_arrived_costs_nothing_and_its_failed_job_keeps_its_end() {
    let provider = Provider::scripted([Turn::Html]);
    let (gateway, failed) = lost(&provider).await;
    let line = ["jobs", "resolve", &failed.id, "--not-created"];
    let told = gateway.run(&[&line[..], &["--json"]].concat()).await.with(0);
    let job: Job = serde_json::from_str(&told.stdout).unwrap();
    let attempt = &job.attempts[0];
    assert_eq!((attempt.state.as_str(), attempt.billed.as_deref()), ("refused", Some("no")));
    job.failed("upstream_outcome_unknown");
    assert_eq!((job.finished_at, attempt.images.len()), (failed.finished_at, 0), "{job:#?}");

    let twice = gateway.run(&line).await.with(1);
    assert!(twice.stderr.contains("nothing_to_resolve"), "{twice:#?}");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_held_job_goes_on_with_the_task_that_is_found() {
    let (first, second) = (Provider::scripted([Turn::Cut]), Provider::start());
    let files = [holding("first", &first), ProviderFile::runninghub("second", &second)];
    let (gateway, job) = held(files).await;
    let task = first.ledger().charges[0].clone();
    let told = gateway.run(&["jobs", "resolve", &job.id, "--created", &task]).await.with(0);
    assert!(told.stdout.contains("goes on with it"), "{told:#?}");

    let job = gateway.client().finished(&job.id).await.succeeded();
    assert!(pictures::is_grey(&gateway.client().picture(&job).await));
    assert_eq!((job.attempts.len(), job.task()), (1, Some(task.as_str())), "{job:#?}");
    assert!(job.attempts[0].images.is_empty(), "its picture is the job's: {job:#?}");
    first.ledger().assert_paid(1, 1);
    second.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_held_job_goes_elsewhere_when_nothing_is_found() {
    let (first, second) = (Provider::scripted([Turn::Html]), Provider::start());
    let files = [holding("first", &first), ProviderFile::runninghub("second", &second)];
    let (gateway, job) = held(files).await;
    say(&gateway, &job.id, &json!({"not_created": true})).await.expect(200);

    let job = gateway.client().finished(&job.id).await.succeeded();
    let attempts: Vec<_> = job
        .attempts
        .iter()
        .map(|a| (a.provider.as_str(), a.state.as_str(), a.possible_duplicate_cost))
        .collect();
    assert_eq!(attempts, [("first", "refused", false), ("second", "succeeded", false)]);
    assert_eq!(job.attempts[0].billed.as_deref(), Some("no"), "{job:#?}");
    first.ledger().assert_paid(1, 1);
    second.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_held_job_fails_unbilled_when_nothing_is_found_and_nobody_is_left() {
    let provider = Provider::scripted([Turn::Html]);
    let (gateway, job) = held([holding("only", &provider)]).await;
    say(&gateway, &job.id, &json!({"not_created": true})).await.expect(200);
    let job = gateway.client().finished(&job.id).await;
    assert_eq!(job.failed("provider_error").billed.as_deref(), Some("no"), "{job:#?}");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_held_job_is_held_over_a_kill() {
    let provider = Provider::scripted([Turn::Cut]);
    let (mut gateway, job) = held([holding("only", &provider)]).await;
    gateway.kill9().await;
    gateway.restart().await;
    let again = gateway.client().job(&job.id).await;
    let state = again.attempts[0].state.as_str();
    assert_eq!((again.status.as_str(), state), ("running", "unknown"), "{again:#?}");

    let task = provider.ledger().charges[0].clone();
    say(&gateway, &job.id, &json!({"created": task})).await.expect(200);
    gateway.client().finished(&job.id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_cancel_ends_a_held_job_and_the_truth_can_still_be_told() {
    let provider = Provider::scripted([Turn::Cut]);
    let (gateway, job) = held([holding("only", &provider)]).await;
    gateway.run(&["jobs", "cancel", &job.id]).await.with(0);
    let canceled = gateway.client().finished(&job.id).await;
    assert_eq!(canceled.status, "canceled", "{canceled:#?}");
    assert_eq!(canceled.attempts[0].state, "unknown", "{canceled:#?}");
    assert_eq!(canceled.error.unwrap().billed.as_deref(), Some("unknown"));

    let task = provider.ledger().charges[0].clone();
    say(&gateway, &job.id, &json!({"created": task})).await.expect(200);
    let late = in_state(&gateway, &job.id, "succeeded").await;
    assert_eq!((late.status.as_str(), late.attempts[0].images.len()), ("canceled", 1));
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn where_several_are_in_doubt_one_must_be_named() {
    let (first, second) = (Provider::scripted([Turn::Cut]), Provider::scripted([Turn::Cut]));
    let risky = "on_ambiguous = \"availability_first\"";
    let gateway = Gateway::with([
        ProviderFile::runninghub("first", &first).priority(1).line(risky),
        ProviderFile::runninghub("second", &second).line(risky),
    ])
    .await;
    let id = gateway.client().done(&Edit::new("grey")).await.id;
    let task = second.ledger().charges[0].clone();
    let error = say(&gateway, &id, &json!({"created": task})).await.error(409, "attempt_required");
    assert!(error.message.contains("1, 2"), "{error:?}");
    assert_eq!((error.param.as_deref(), error.job.as_ref()), (Some("attempt"), Some(&id)));
    let word = json!({"created": task, "attempt": 3});
    say(&gateway, &id, &word).await.error(409, "nothing_to_resolve");

    let line = ["jobs", "resolve", &id, "--created", &task, "--attempt", "2"];
    gateway.run(&line).await.with(0);
    let job = in_state(&gateway, &id, "succeeded").await;
    assert_eq!(job.attempts[0].state, "unknown", "{job:#?}");
    assert_eq!((job.attempts[1].images.len(), job.task()), (1, None), "{job:#?}");
    first.ledger().assert_paid(1, 1);
    second.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_task_that_is_found_while_another_provider_is_at_it_ends_the_job_and_both_are_counted() {
    let (first, second) = (Provider::scripted([Turn::Cut]), Provider::scripted([Turn::Hold]));
    let risky = "on_ambiguous = \"availability_first\"";
    let gateway = Gateway::with([
        ProviderFile::runninghub("first", &first).priority(1).line(risky),
        ProviderFile::runninghub("second", &second),
    ])
    .await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    in_state(&gateway, &id, "accepted").await;
    let task = first.ledger().charges[0].clone();
    say(&gateway, &id, &json!({"created": task})).await.expect(200);

    let job = gateway.client().finished(&id).await.succeeded();
    let states: Vec<&str> = job.attempts.iter().map(|it| it.state.as_str()).collect();
    assert_eq!(states, ["succeeded", "accepted"], "{job:#?}");
    second.release();
    let job = in_state(&gateway, &id, "succeeded").await;
    assert_eq!((job.images.len(), job.status.as_str()), (1, "succeeded"), "{job:#?}");
    assert_eq!(job.cost.as_ref().unwrap().amount.as_deref(), Some("0.28"), "{job:#?}");
    first.ledger().assert_paid(1, 1);
    second.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn what_cannot_be_resolved_says_why() {
    let service = OpenAi::scripted([Turn::Cut]);
    let home = Home::with([ProviderFile::openai("only", &service)]).plugin(Plugin::OpenAi);
    let gateway = home.serve().await;
    let lost = gateway.client().done(&Edit::new("grey")).await;
    let word = json!({"created": "77"});
    let error = say(&gateway, &lost.id, &word).await.error(409, "cannot_follow");
    assert_eq!(error.job.as_ref(), Some(&lost.id));
    assert_eq!(gateway.client().job(&lost.id).await.version, lost.version, "nothing changed");

    let done = gateway.client().done(&Edit::new("grey")).await.succeeded();
    say(&gateway, &done.id, &word).await.error(409, "nothing_to_resolve");
    for nowhere in ["job_0190aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "nonsense"] {
        say(&gateway, nowhere, &word).await.error(404, "not_found");
    }
    for (body, param) in [
        (json!({}), "created"),
        (json!({"created": 77}), "created"),
        (json!({"created": "77", "not_created": true}), "created"),
        (json!({"not_created": "yes"}), "not_created"),
        (json!({"not_created": true, "attempt": "2"}), "attempt"),
    ] {
        let error = say(&gateway, &lost.id, &body).await.error(400, "invalid_value");
        assert_eq!(error.param.as_deref(), Some(param), "{body}");
    }
    service.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn a_client_is_no_operator() {
    let provider = Provider::scripted([Turn::Cut]);
    let (mut gateway, job) = lost(&provider).await;
    let path = format!("/admin/api/jobs/{}/resolve", job.id);
    let word = json!({"not_created": true});
    let with_key = |gateway: &Gateway, key: &str| {
        Answer::to(gateway.client().post_json(&path, &word).bearer_auth(key))
    };
    assert_eq!(gateway.sigterm().await.code, Some(0));
    gateway.env("RETOUCH_CLIENT_KEY", "sk-retouch-of-a-client");
    gateway.restart().await;
    let error = with_key(&gateway, "sk-retouch-of-a-client").await.error(403, "admin_token_unset");
    assert!(error.message.contains("RETOUCH_ADMIN_TOKEN"), "{error:?}");

    assert_eq!(gateway.sigterm().await.code, Some(0));
    gateway.env("RETOUCH_ADMIN_TOKEN", "token-of-the-operator");
    gateway.restart().await;
    say(&gateway, &job.id, &word).await.error(401, "invalid_admin_token");
    for wrong in ["sk-retouch-of-a-client", "token-of-the-operato", ""] {
        with_key(&gateway, wrong).await.error(401, "invalid_admin_token");
    }
    let list = gateway.client().request(Method::GET, "/v1/jobs");
    Answer::to(list.bearer_auth("token-of-the-operator")).await.error(401, "invalid_api_key");
    // The command line takes the token from its environment, which is the gateway's here.
    gateway.run(&["jobs", "resolve", &job.id, "--not-created"]).await.with(0);
    let again = with_key(&gateway, "token-of-the-operator").await;
    again.error(409, "nothing_to_resolve");
}

#[tokio::test]
async fn in_open_mode_a_page_from_elsewhere_is_no_operator() {
    let provider = Provider::scripted([Turn::Cut]);
    let (gateway, job) = lost(&provider).await;
    let path = format!("/admin/api/jobs/{}/resolve", job.id);
    let word = json!({"not_created": true});
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("x-forwarded-for", "203.0.113.7"),
        ("host", "evil.example"),
    ] {
        let request = gateway.client().post_json(&path, &word).header(name, value);
        Answer::to(request).await.error(403, "open_mode_refused");
    }
    let job = gateway.client().job(&job.id).await;
    assert_eq!(job.attempts[0].state, "unknown", "{job:#?}");
    say(&gateway, &job.id, &word).await.expect(200);
}

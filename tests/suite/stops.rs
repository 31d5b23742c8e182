//! Stops, hang-ups and restarts at awkward moments: no job is lost, none is paid twice.

use std::time::Instant;

use reqwest::Method;
use retouch_tests::{
    Client, Edit, Gateway, Home, Job, OpenAi, Plugin, Provider, ProviderFile, Turn,
    config::KEY,
    database,
    provider::Setup,
    raw::{Raw, SWIFT},
    wait,
};
use serde_json::Value;

async fn gateway_at(provider: &Provider) -> Gateway {
    Gateway::with([ProviderFile::runninghub("only", provider)]).await
}

/// A gateway at a provider that answers at once, with one more line in its file.
async fn quick(service: &OpenAi, line: &str) -> Gateway {
    let file = ProviderFile::openai("only", service).line(line);
    Home::with([file]).plugin(Plugin::OpenAi).serve().await
}

/// Waits until a gateway that was asked to stop takes no more connections.
async fn closed(client: &Client) {
    wait::answered("the end of listening", async || {
        client.request(Method::GET, "/healthz").send().await.is_err().then_some(())
    })
    .await;
}

/// Every job there is, newest first.
async fn jobs(client: &Client) -> Vec<Job> {
    let list: Value = client.get("/v1/jobs?limit=100").await.expect(200).json();
    serde_json::from_value(list["data"].clone()).unwrap()
}

#[tokio::test]
async fn a_stop_during_an_upload_leaves_the_submit_to_the_next_start() {
    let provider = Provider::with(Setup { holds_uploads: true, ..Setup::default() });
    let mut gateway = gateway_at(&provider).await;
    let client = gateway.client();
    let id = client.submit(&Edit::new("grey")).await.id;
    provider.until("the upload", |ledger| !ledger.uploads.is_empty()).await;

    let let_go = async {
        closed(&client).await;
        provider.release();
    };
    let (ended, ()) = tokio::join!(gateway.sigterm(), let_go);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    provider.ledger().assert_paid(0, 0);

    gateway.restart().await;
    gateway.client().finished(&id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
    provider.ledger().assert_proper(KEY);
}

/// Whatever the moment of the stop, what was admitted is done once: the provider's first request
/// is the paid one, so a job stopped before it was sent must not count as sent.
#[tokio::test]
async fn a_stop_between_admission_and_the_first_request_loses_nothing() {
    let service = OpenAi::start();
    let mut gateway = quick(&service, "limits.concurrency = 100").await;
    let client = gateway.client();
    let asking: Vec<_> = (0..60)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.post("/v1/jobs", &Edit::new("grey")).send().await })
        })
        .collect();
    service.until("a submit", |ledger| !ledger.submits.is_empty()).await;
    let ended = gateway.sigterm().await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let mut promised = 0;
    for answer in asking {
        promised += usize::from(answer.await.unwrap().is_ok_and(|answer| answer.status() == 202));
    }

    gateway.restart().await;
    let client = gateway.client();
    let jobs = jobs(&client).await;
    assert!(jobs.len() >= promised, "{} of {promised} promised jobs are there", jobs.len());
    for job in &jobs {
        client.finished(&job.id).await.succeeded();
    }
    service.ledger().assert_paid(jobs.len(), jobs.len());
}

#[tokio::test]
async fn a_client_that_hangs_up_during_admission_leaves_nothing_half_done() {
    let service = OpenAi::start();
    // With one place, a job that keeps it without going on would stop every other.
    let gateway = quick(&service, "limits.concurrency = 1").await;
    for _ in 0..25 {
        let mut raw = Raw::to(gateway.origin()).await;
        raw.post("/v1/images/edits", &Edit::new("grey")).await;
        raw.abort();
    }
    let client = gateway.client();
    client.done(&Edit::new("grey")).await.succeeded();
    for job in jobs(&client).await {
        client.finished(&job.id).await.succeeded();
    }
    let made = jobs(&client).await.len();
    service.ledger().assert_paid(made, made);
}

#[tokio::test]
async fn a_client_that_hangs_up_while_it_waits_leaves_a_job_that_goes_on() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = gateway_at(&provider).await;
    let mut raw = Raw::to(gateway.origin()).await;
    raw.post("/v1/images/edits", &Edit::new("grey")).await;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    raw.abort();
    provider.release();
    let client = gateway.client();
    let [job] = jobs(&client).await.try_into().unwrap();
    client.finished(&job.id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown_over_every_restart() {
    let provider = Provider::scripted([Turn::Stall]);
    let mut gateway = gateway_at(&provider).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("the submit", |ledger| !ledger.submits.is_empty()).await;
    gateway.kill9().await;
    gateway.restart().await;
    let first = gateway.client().finished(&id).await;
    first.failed("upstream_outcome_unknown");
    assert_eq!(first.attempts.len(), 1, "{first:#?}");

    assert_eq!(gateway.sigterm().await.code, Some(0));
    gateway.restart().await;
    gateway.kill9().await;
    gateway.restart().await;
    let last = gateway.client().job(&id).await;
    last.failed("upstream_outcome_unknown");
    assert_eq!((last.version, last.attempts.len()), (first.version, 1), "{last:#?}");
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_body_that_stalls_does_not_hold_a_stop() {
    let provider = Provider::start();
    let gateway = gateway_at(&provider).await;
    let mut multipart = Raw::to(gateway.origin()).await;
    multipart.post_half("/v1/images/edits", &Edit::new("grey")).await;
    let mut json = Raw::to(gateway.origin()).await;
    let host = gateway.origin().trim_start_matches("http://");
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
    );
    json.send(head).await;
    json.until("100 Continue").await;
    json.send("{\"prompt\": \"grey").await;

    let begin = Instant::now();
    let ended = gateway.sigterm().await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(begin.elapsed() < SWIFT, "the stop took {:?}", begin.elapsed());
    provider.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_job_whose_provider_was_removed_is_finished_with_it_as_it_was() {
    let (gone, other) = (Provider::scripted([Turn::Hold]), Provider::start());
    let mut gateway = Gateway::with([
        ProviderFile::runninghub("gone", &gone).priority(1),
        ProviderFile::runninghub("other", &other),
    ])
    .await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    gone.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    assert_eq!(gateway.sigterm().await.code, Some(0));
    std::fs::remove_file(gateway.home().path("config/providers/gone.toml")).unwrap();

    gateway.restart().await;
    let client = gateway.client();
    // Others are served meanwhile, and it takes no new ones.
    client.done(&Edit::new("grey")).await.succeeded();
    gone.release();
    let ended = client.finished(&id).await.succeeded();
    assert_eq!((ended.attempts.len(), ended.provider.as_deref()), (1, Some("gone")));
    gone.ledger().assert_paid(1, 1);
    gone.ledger().assert_proper(KEY);
    other.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_job_is_finished_with_the_key_and_the_plugin_that_began_it() {
    let provider = Provider::scripted([Turn::Hold]);
    let mut gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    assert_eq!(gateway.sigterm().await.code, Some(0));
    let file = gateway.home().path("config/providers/only.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(KEY, "another-key-altogether")).unwrap();

    gateway.restart().await;
    provider.release();
    gateway.client().finished(&id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
    provider.ledger().assert_proper(KEY);
}

#[tokio::test]
async fn a_job_whose_provider_cannot_be_brought_back_says_so_and_ends_in_time() {
    let gone = Provider::scripted([Turn::Hold]);
    let file = ProviderFile::runninghub("gone", &gone).line("limits.timeout = \"8s\"");
    let mut gateway = Gateway::with([file]).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    gone.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    assert_eq!(gateway.sigterm().await.code, Some(0));
    std::fs::remove_file(gateway.home().path("config/providers/gone.toml")).unwrap();
    // Another master key: what was sealed with the old one stays sealed.
    for file in ["data/master.key", "data/master.check"] {
        std::fs::remove_file(gateway.home().path(file)).unwrap();
    }
    let polls = gone.ledger().polls.len();

    gateway.restart().await;
    let client = gateway.client();
    let job = wait::answered("the reason", async || {
        let job = client.job(&id).await;
        job.attempts[0].reason.is_some().then_some(job)
    })
    .await;
    let reason = job.attempts[0].reason.clone().unwrap();
    assert!(reason.contains("'gone' is not in the catalog"), "{reason}");

    let ended = client.finished(&id).await;
    assert_eq!(ended.status, "expired", "{ended:#?}");
    let error = ended.error.unwrap();
    assert_eq!(error.code.as_deref(), Some("job_expired"));
    assert_eq!(error.billed.as_deref(), Some("unknown"));
    assert_eq!(gone.ledger().polls.len(), polls, "it was asked without its provider");
    let lines = gateway.log().lines().filter(|line| line.contains(&id)).count();
    assert!(lines < 10, "{lines} lines about one job:\n{}", gateway.log());
    assert!(gateway.ticks() < 300, "{} ticks of processor time for waiting", gateway.ticks());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_harms_no_other() {
    // One that was under way, and one that was done.
    for status in ["running", "succeeded"] {
        for damage in ["'{'", "CAST(x'fffe' AS TEXT)", "x'00'", "'{\"v\": 99}'"] {
            let service = OpenAi::start();
            let mut gateway = quick(&service, "").await;
            let mut ids = Vec::new();
            for _ in 0..3 {
                let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
                ids.push(job.id);
            }
            assert_eq!(gateway.sigterm().await.code, Some(0));
            let broken = &ids[1];
            let change = format!(
                "UPDATE jobs SET record = {damage}, status = '{status}' WHERE id = '{broken}'"
            );
            database::sql(&gateway, &change);

            gateway.restart().await;
            let client = gateway.client();
            let listed: Vec<String> = jobs(&client).await.into_iter().map(|job| job.id).collect();
            assert_eq!(listed, [ids[2].clone(), ids[0].clone()], "{damage} {status}");
            let told = client.get(&format!("/v1/jobs/{broken}")).await;
            assert!(told.status >= 404, "{damage} {status}: {}", told.text());
            assert!(told.json::<Value>()["error"]["message"].is_string(), "{}", told.text());
            client.done(&Edit::new("grey")).await.succeeded();
            service.ledger().assert_paid(4, 4);
        }
    }
}

#[tokio::test]
async fn pages_of_the_list_go_on_behind_a_row_that_cannot_be_read() {
    let service = OpenAi::start();
    let mut gateway = quick(&service, "").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(gateway.client().done(&Edit::new("grey")).await.succeeded().id);
    }
    assert_eq!(gateway.sigterm().await.code, Some(0));
    let change = format!("UPDATE jobs SET record = '{{' WHERE id = '{}'", ids[2]);
    database::sql(&gateway, &change);
    gateway.restart().await;

    let client = gateway.client();
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/jobs?limit=1".to_owned();
    loop {
        let page: Value = client.get(&path).await.expect(200).json();
        let data = page["data"].as_array().unwrap();
        seen.extend(data.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        if page["has_more"] != true {
            break;
        }
        let last = seen.last().unwrap();
        path = format!("/v1/jobs?limit=1&after={last}");
    }
    assert_eq!(seen, [&ids[3], &ids[1], &ids[0]].map(Clone::clone));
}

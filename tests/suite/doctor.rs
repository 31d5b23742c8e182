//! `retouch doctor`: what is wrong with a provider is found and named, and nothing is paid for it.

use retouch_tests::{
    AcmeServer, Answer, Edit, Ended, Fal, Gateway, Home, OpenAi, Plugin, Provider, ProviderFile,
    Turn,
    config::KEY,
    provider::{EDIT, QUERY, Query, Setup, UPLOAD, UPLOAD_V2},
};
use serde_json::{Value, json};

/// The step of a report.
fn step(report: &Value, name: &str) -> Value {
    let steps = report["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["step"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}")).clone()
}

#[track_caller]
fn finds(report: &Value, name: &str, mark: &str, words: &str) {
    let step = step(report, name);
    assert_eq!(step["mark"], mark, "{step:#}");
    let told = format!("{} {}", step["message"]["en"], step["mend"]["en"]);
    assert!(told.contains(words), "no {words} in {step:#}");
    assert!(step["message"]["zh"].as_str().is_some_and(|zh| !zh.is_empty()), "{step:#}");
    if mark == "failed" {
        assert!(step["mend"]["zh"].is_string() && step["took_ms"].is_u64(), "no mend: {step:#}");
    }
    assert!(!report.to_string().contains(KEY), "the key is in {report:#}");
}

async fn check(gateway: &Gateway, id: &str) -> Value {
    let path = format!("/admin/api/providers/{id}/check");
    Answer::to(gateway.client().post_json(&path, &json!({}))).await.expect(200).json()
}

/// The report on a provider at a service set up so; nothing was paid for it.
async fn at(setup: Setup) -> Value {
    let service = Provider::with(setup);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &service)]).await;
    let report = check(&gateway, "only").await;
    service.ledger().assert_paid(0, 0);
    assert_eq!(gateway.client().get("/v1/jobs").await.json::<Value>()["data"], json!([]));
    report
}

fn lines(ended: &Ended, words: &[&str]) {
    for words in words {
        assert!(ended.stdout.contains(words), "no {words} in {ended:#?}");
    }
}

#[tokio::test]
async fn a_good_provider_is_in_order_and_nothing_is_charged() {
    let service = Provider::start();
    let file = ProviderFile::runninghub("only", &service);
    let gateway = Gateway::with([file.line("price = \"0.40 CNY\"")]).await;
    let told = gateway.run(&["doctor", "only"]).await.with(0);
    lines(&told, &["only is in order", "nothing charged", "result path", "poller", "clock"]);
    let json = gateway.run(&["doctor", "only", "--json"]).await.with(0);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&report["ok"], &report["price"]["amount"]), (&json!(true), &json!("0.40")));
    for name in [
        "sync", "dns", "connect", "http", "clock", "edit", "key", "result", "upload", "queue",
        "poller", "jobs",
    ] {
        finds(&report, name, "ok", "");
    }
    let all = gateway.run(&["doctor"]).await.with(0);
    lines(&all, &["only is in order"]);
    service.ledger().assert_paid(0, 0);
    service.ledger().assert_proper(KEY);
}

#[tokio::test]
async fn without_a_server_one_in_its_own_process_does_it() {
    let service = Provider::start();
    let home = Home::with([ProviderFile::runninghub("only", &service)]);
    let home = home.settings("listen = \"127.0.0.1:0\"\n");
    let told = home.env("LANG", "zh_CN.UTF-8").run(&["doctor", "only"]).await.with(0);
    lines(&told, &["only 正常", "没有计费", "结果接口", "轮询"]);
    service.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_named() {
    let endpoints = [("edit", EDIT), ("result", QUERY), ("upload", UPLOAD)];
    let file = ProviderFile::of("runninghub-rhart-edit", "only", "http://127.0.0.1:1", &endpoints);
    let gateway = Gateway::with([file]).await;
    let told = gateway.run(&["doctor", "only"]).await.with(1);
    lines(
        &told,
        &[
            "127.0.0.1:1 takes no connection",
            "-> check host and port",
            "only does not work",
            "first of all connection",
        ],
    );
    let report = check(&gateway, "only").await;
    finds(&report, "connect", "failed", "takes no connection");
    finds(&report, "key", "skipped", "not reached");
    assert_eq!(report["ok"], false);
}

#[tokio::test]
async fn a_wrong_key_and_a_key_of_the_wrong_kind_are_told_apart() {
    let wrong = at(Setup { key: Some("another"), ..Setup::default() }).await;
    for name in ["key", "result", "upload"] {
        finds(&wrong, name, "failed", "the key is not accepted");
    }
    let kind = at(Setup { key_kind: Some("NORMAL"), ..Setup::default() }).await;
    finds(&kind, "key", "failed", "enterprise-shared");
    finds(&kind, "result", "ok", "");
}

#[tokio::test]
async fn a_wrong_result_path_is_named_whatever_it_answers() {
    for (query, words) in [
        (Query::Page, "web page"),
        (Query::Status(404), "no such path (HTTP 404)"),
        (Query::Status(405), "takes no such request"),
    ] {
        let report = at(Setup { query, ..Setup::default() }).await;
        finds(&report, "result", "failed", words);
        finds(&report, "result", "failed", "result = \\\"/openapi/v2/query\\\"");
    }
}

#[tokio::test]
async fn an_upload_path_that_is_none_is_a_remark_as_long_as_the_documented_one_works() {
    let service = Provider::with(Setup { lacks_guide_upload: true, ..Setup::default() });
    let gateway = Gateway::with([ProviderFile::runninghub("only", &service)]).await;
    let told = gateway.run(&["doctor", "only"]).await.with(0);
    lines(&told, &["only works, with 1 remarks", UPLOAD_V2, "a tiny picture was taken"]);
    service.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named() {
    let setup = Setup { date: Some("Sun, 06 Nov 1994 08:49:37 GMT"), ..Setup::default() };
    let report = at(setup).await;
    finds(&report, "clock", "failed", "ahead of the provider's");
}

/// 一直显示“处理中”: the guide's first cause.
#[tokio::test]
async fn the_sync_flag_is_found_before_anything_is_sent() {
    let service = Provider::start();
    let file = ProviderFile::runninghub("only", &service).line("sync = true");
    let home = Home::with([file]).settings("listen = \"127.0.0.1:0\"\n");
    let told = home.run(&["doctor", "only"]).await.with(1);
    for words in ["only.toml:4", "sync", "write `sync = false`"] {
        assert!(told.said().contains(words), "no {words} in {told:#?}");
    }

    // A server that runs goes on with the file as it was, and says what is wrong with it now.
    let good = ProviderFile::runninghub("only", &service);
    let gateway = Gateway::with([good.clone()]).await;
    let wrong = good.line("sync = true").text();
    gateway.home().write("config/providers/only.toml", wrong);
    finds(&check(&gateway, "only").await, "file", "failed", "write `sync = false`");
    let new = ProviderFile::runninghub("new", &service).line("sync = true").text();
    gateway.home().write("config/providers/new.toml", new);
    let told = gateway.run(&["doctor", "new"]).await.with(1);
    assert!(told.stderr.contains("write `sync = false`"), "{told:#?}");
    service.ledger().assert_paid(0, 0);

    let openai = OpenAi::start();
    let sync = ProviderFile::openai("plain", &openai).line("sync = true");
    let gateway = Home::with([sync]).plugin(Plugin::OpenAi).serve().await;
    finds(&check(&gateway, "plain").await, "sync", "ok", "the answer to a submit is the result");
}

/// The second cause, while a job waits, and the fourth: whether it is asked for.
#[tokio::test]
async fn a_job_that_waits_shows_that_the_poller_runs() {
    let service = Provider::scripted([Turn::Hold]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &service)]).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    service.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    let report = check(&gateway, "only").await;
    finds(&report, "poller", "ok", "1 tasks are asked for");
    finds(&report, "queue", "ok", "1 of ");
    finds(&report, "jobs", "ok", "1 jobs under way");
    service.release();
    gateway.client().finished(&id).await.succeeded();
    service.ledger().assert_paid(1, 1);
}

/// The third cause: no task id was saved.
#[tokio::test]
async fn a_job_without_a_task_id_is_named_with_what_to_do() {
    let service = Provider::scripted([Turn::Cut]);
    let file = ProviderFile::runninghub("only", &service).line("on_ambiguous = \"hold\"");
    let gateway = Gateway::with([file]).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    let look = || async {
        let job = gateway.client().job(&id).await;
        job.attempts.last().is_some_and(|last| last.state == "unknown").then_some(())
    };
    retouch_tests::wait::answered("a held job", look).await;
    let report = check(&gateway, "only").await;
    finds(&report, "jobs", "warning", "no task id is known");
    finds(&report, "jobs", "warning", &format!("retouch jobs resolve {id}"));
    service.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn other_protocols_have_free_questions_of_their_own() {
    let (openai, fal, acme) = (OpenAi::start(), Fal::start(), AcmeServer::start());
    let files = [
        ProviderFile::openai("one", &openai),
        ProviderFile::fal("two", &fal),
        ProviderFile::acme("three", &acme),
    ];
    let home = Home::with(files).plugin(Plugin::OpenAi).plugin(Plugin::Fal).plugin(Plugin::Acme);
    let gateway = home.serve().await;
    // A plugin that knows of none says so, which is no failure.
    finds(&check(&gateway, "three").await, "key", "skipped", "no free question");
    for id in ["one", "two"] {
        let report = check(&gateway, id).await;
        finds(&report, "http", "ok", "");
        step(&report, "key");
    }
    openai.ledger().assert_paid(0, 0);
    fal.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn a_real_edit_is_made_only_after_its_price_was_named_and_agreed_to() {
    let service = Provider::start();
    let gateway = Gateway::with([
        ProviderFile::runninghub("priced", &service).line("price = \"0.40 CNY\""),
        ProviderFile::runninghub("other", &service),
    ])
    .await;
    // Nobody is at the terminal to say yes.
    let told = gateway.run(&["doctor", "priced", "--edit"]).await.with(2);
    for words in ["costs 0.40 CNY", "--yes"] {
        assert!(told.stderr.contains(words), "no {words} in {told:#?}");
    }
    service.ledger().assert_paid(0, 0);
    let told = gateway.run(&["doctor", "other", "--edit", "--yes"]).await.with(0);
    for words in ["is not known here", "the real edit works", "done by other"] {
        assert!(told.stderr.contains(words), "no {words} in {told:#?}");
    }
    service.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn no_real_edit_is_made_where_a_step_failed() {
    let service = Provider::with(Setup { key: Some("another"), ..Setup::default() });
    let gateway = Gateway::with([ProviderFile::runninghub("only", &service)]).await;
    let told = gateway.run(&["doctor", "only", "--edit", "--yes"]).await.with(1);
    assert!(told.stderr.contains("No real edit was made"), "{told:#?}");
    service.ledger().assert_paid(0, 0);
}

#[tokio::test]
async fn it_is_for_the_operator_and_for_providers_that_are_there() {
    let service = Provider::start();
    let home = Home::with([ProviderFile::runninghub("only", &service)]);
    let home = home.env("RETOUCH_CLIENT_KEY", "sk-client").env("RETOUCH_ADMIN_TOKEN", "operator");
    let gateway = home.serve().await;
    let post = |path: &str, key: &str| {
        Answer::to(gateway.client().post_json(path, &json!({})).bearer_auth(key))
    };
    for path in ["/admin/api/providers/only/check", "/admin/api/check"] {
        post(path, "sk-client").await.error(401, "invalid_admin_token");
        post(path, "operator").await.expect(200);
    }
    post("/admin/api/providers/none/check", "operator").await.error(404, "not_found");
    gateway.run(&["doctor", "only"]).await.with(0);
    gateway.run(&["doctor", "none"]).await.with(1);
}

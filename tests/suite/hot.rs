//! Everything that can change while a gateway runs, changed while it runs: provider files as editors,
//! git and Kubernetes save them, and the libraries of plugins.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    time::Duration,
};

use retouch_tests::{
    AcmeServer, Answer, Edit, Gateway, Home, OpenAi, Plugin, Provider, ProviderFile, Turn, acme,
    cc,
    config::KEY,
    gateway::files_below,
    hot,
    provider::Setup,
    relabel::{put, versioned, with_state},
    wait::answered,
};
use serde_json::{Value, json};

/// Waits until the running catalog says something of itself.
async fn until(gateway: &Gateway, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    answered(what, async || Some(hot::status(gateway).await).filter(&wanted)).await
}

fn has_changed(status: &Value, what: &str) -> bool {
    let changed = status["changed"].as_array().unwrap();
    changed.iter().any(|change| change.as_str().unwrap().contains(what))
}

async fn until_changed(gateway: &Gateway, what: &str) -> Value {
    until(gateway, what, |status| has_changed(status, what)).await
}

async fn until_problem(gateway: &Gateway, what: &str) -> Value {
    until(gateway, what, |status| status["problems"].to_string().contains(what)).await
}

async fn ready(gateway: &Gateway) -> Value {
    gateway.client().get("/readyz").await.expect(200).json()
}

/// A provider's file in the gateway's folder.
fn of(gateway: &Gateway, id: &str) -> PathBuf {
    gateway.home().path(&format!("config/providers/{id}.toml"))
}

/// A library beside the executable.
fn library(gateway: &Gateway, name: &str) -> PathBuf {
    gateway.home().path(&format!("bin/lib{name}.so"))
}

#[tokio::test]
async fn a_file_saved_by_an_editor_is_live() {
    let (one, two) = (Provider::start(), Provider::start());
    let gateway = Gateway::with([ProviderFile::runninghub("one", &one)]).await;
    let client = gateway.client();
    put(&of(&gateway, "two"), ProviderFile::runninghub("two", &two).priority(9).text());
    until_changed(&gateway, "provider two added").await;
    client.done(&Edit::new("grey")).await.succeeded();
    one.ledger().assert_paid(0, 0);
    two.ledger().assert_paid(1, 1);

    let disabled = ProviderFile::runninghub("two", &two).line("enabled = false");
    put(&of(&gateway, "two"), disabled.text());
    until_changed(&gateway, "provider two disabled").await;
    client.done(&Edit::new("grey")).await.succeeded();
    one.ledger().assert_paid(1, 1);

    fs::remove_file(of(&gateway, "two")).unwrap();
    let status = until_changed(&gateway, "provider two removed").await;
    assert_eq!(status["revision"], 4, "{status}");
    assert_eq!(ready(&gateway).await["catalog"], status);
    assert!(gateway.log().contains("provider two disabled"), "{}", gateway.log());
}

#[tokio::test]
async fn a_git_checkout_is_taken_whole() {
    let provider = Provider::start();
    let file = |n: usize| ProviderFile::runninghub(&format!("p{n:02}"), &provider);
    let gateway = Gateway::with((0..20).map(file)).await;
    for n in 0..15 {
        let path = of(&gateway, &format!("p{n:02}"));
        fs::remove_file(&path).unwrap();
        fs::write(&path, file(n).line("description = \"of the other branch\"").text()).unwrap();
    }
    (15..20).for_each(|n| fs::remove_file(of(&gateway, &format!("p{n:02}"))).unwrap());
    (20..25).for_each(|n| fs::write(of(&gateway, &format!("p{n}")), file(n).text()).unwrap());
    let status = until_changed(&gateway, "provider p24 added").await;
    assert!(status["refused"] == false && status["problems"] == json!([]), "{status}");
    gateway.client().done(&Edit::new("grey").field("provider", "p24")).await.succeeded();
    let gone = gateway.client().edit(&Edit::new("grey").field("provider", "p19")).await;
    gone.error(404, "provider_not_found");
}

#[tokio::test]
async fn a_folder_is_swapped_as_kubernetes_does() {
    let provider = Provider::start();
    let home = Home::with([]);
    let release = |name: &str, id: &str| {
        let text = ProviderFile::runninghub(id, &provider).text();
        home.write(&format!("config/providers/..{name}/only.toml"), text);
    };
    release("one", "before");
    release("two", "behind");
    let folder = home.path("config/providers");
    symlink("..one", folder.join("..data")).unwrap();
    symlink("..data/only.toml", folder.join("only.toml")).unwrap();
    let gateway = home.serve().await;
    symlink("..two", folder.join("..next")).unwrap();
    fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
    until_changed(&gateway, "provider only changed").await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn a_broken_save_changes_nothing_and_is_explained() {
    let provider = Provider::start();
    let file = ProviderFile::runninghub("only", &provider);
    let gateway = Gateway::with([file.clone()]).await;
    let client = gateway.client();
    let text = file.clone().line("prority = 3").text();
    let line = text.lines().position(|line| line.starts_with("prority")).unwrap() + 1;
    put(&of(&gateway, "only"), &text);
    put(&of(&gateway, "more"), "name = \n");

    let status = until_problem(&gateway, "more.toml").await;
    assert_eq!((&status["revision"], &status["refused"]), (&json!(1), &json!(true)), "{status}");
    let problems = status["problems"].as_array().unwrap();
    let typo =
        problems.iter().find(|p| p["file"].as_str().unwrap().ends_with("only.toml")).unwrap();
    assert_eq!(typo["line"], line, "{status}");
    assert!(typo["message"].as_str().unwrap().contains("prority"), "{status}");
    assert!(typo["mend"].as_str().unwrap().contains("priority"), "{status}");
    let told = ready(&gateway).await;
    assert_eq!((&told["status"], &told["reasons"]), (&json!("ready"), &json!(["catalog_refused"])));
    assert_eq!(told["catalog"]["problems"], status["problems"]);
    let asked = Answer::to(client.post_json("/admin/api/reload", &json!({}))).await;
    let error = asked.expect(422).json::<Value>();
    assert_eq!(error["error"]["problems"], status["problems"], "{error}");
    client.done(&Edit::new("grey")).await.succeeded();

    let said = format!("only.toml:{line}");
    assert_eq!(gateway.log().matches(&said).count(), 1, "{}", gateway.log());
    put(&of(&gateway, "only"), file.line("priority = 3").text());
    fs::remove_file(of(&gateway, "more")).unwrap();
    until_changed(&gateway, "provider only changed").await;
    assert_eq!(ready(&gateway).await["reasons"], json!([]));
}

#[tokio::test]
async fn a_job_of_a_provider_that_was_removed_is_asked_after() {
    let (provider, other) = (Provider::scripted([Turn::Hold]), Provider::start());
    let files = [("first", &provider, 2), ("second", &other, 1)];
    let file = |(id, at, priority)| ProviderFile::runninghub(id, at).priority(priority);
    let mut gateway = Gateway::with(files.map(file)).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    fs::remove_file(of(&gateway, "first")).unwrap();
    until_changed(&gateway, "provider first removed").await;

    gateway.client().done(&Edit::new("grey")).await.succeeded();
    other.ledger().assert_paid(1, 1);
    let polls = provider.ledger().polls.len();
    provider.until("a poll after that", |ledger| ledger.polls.len() > polls).await;
    gateway.kill9().await;
    gateway.restart().await;
    provider.release();
    gateway.client().finished(&id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
    provider.ledger().assert_proper(KEY);
}

#[tokio::test]
async fn who_waits_in_line_looks_again() {
    let (busy, idle) = (Provider::scripted([Turn::Hold; 2]), Provider::start());
    let narrow = |places| ProviderFile::runninghub("busy", &busy).line(places);
    let gateway = Gateway::with([narrow("limits.concurrency = 1")]).await;
    let client = gateway.client();
    client.submit(&Edit::new("first")).await;
    busy.until("the first", |ledger| ledger.submits.len() == 1).await;
    // In half a minute they look again by themselves; that would be too late.
    let [second, third] = [
        client.submit(&Edit::new("second").field("timeout", "15")).await,
        client.submit(&Edit::new("third").field("timeout", "15")).await,
    ];
    put(&of(&gateway, "busy"), narrow("limits.concurrency = 2").text());
    busy.until("the second", |ledger| ledger.submits.len() == 2).await;
    put(&of(&gateway, "idle"), ProviderFile::runninghub("idle", &idle).text());
    client.finished(&third.id).await.succeeded();
    idle.ledger().assert_paid(1, 1);
    busy.release();
    client.finished(&second.id).await.succeeded();
}

#[tokio::test]
async fn a_secret_that_changed_elsewhere_is_read_at_a_sighup() {
    let provider = Provider::with(Setup { key: Some("right-key"), ..Setup::default() });
    let home = Home::with([]);
    let secret = home.write("secret", "wrong-key");
    let file =
        ProviderFile::runninghub("only", &provider).key(&format!("${{file:{}}}", secret.display()));
    home.write("config/providers/only.toml", file.text());
    let gateway = home.serve().await;
    gateway.client().edit(&Edit::new("grey")).await.error(502, "provider_auth");
    put(&secret, "right-key");
    gateway.sighup();
    until_changed(&gateway, "provider only changed").await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(gateway.sigterm().await.code, Some(0));
}

#[tokio::test]
async fn a_start_with_a_broken_catalog_takes_the_last_good_one() {
    let provider = Provider::start();
    let file = ProviderFile::runninghub("only", &provider);
    let mut gateway = Gateway::with([file.clone()]).await;
    gateway.kill9().await;
    put(&of(&gateway, "only"), file.clone().line("prority = 3").text());
    gateway.restart().await;
    let told = ready(&gateway).await;
    assert_eq!(told["status"], "degraded", "{told}");
    assert_eq!(told["reasons"], json!(["degraded", "catalog_refused"]), "{told}");
    assert!(told["catalog"]["problems"].to_string().contains("prority"), "{told}");
    assert!(gateway.log().contains("the last good one is"), "{}", gateway.log());
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    for (path, bytes) in files_below(&gateway.data()) {
        let found = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
        assert!(!found, "{} holds the key", path.display());
    }

    put(&of(&gateway, "only"), file.line("priority = 3").text());
    until(&gateway, "a catalog of the files", |status| status["degraded"] == false).await;
    assert_eq!(ready(&gateway).await["reasons"], json!([]));
    gateway.client().done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn a_first_start_with_a_broken_catalog_says_everything() {
    let home = Home::with([]);
    home.write("config/providers/a.toml", "name = 1\n");
    home.write("config/providers/b.toml", "nmae = \"b\"\n");
    let ended = home.start(&["serve", "--listen", "127.0.0.1:0"]).end().await.with(1);
    assert!(ended.said().contains("a.toml:1") && ended.said().contains("b.toml:1"), "{ended:#?}");
}

#[tokio::test]
async fn a_replaced_plugin_goes_on_with_the_jobs_it_can_read() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    let file = library(&gateway, "retouch_runninghub");
    put(&file, versioned(Plugin::RunningHub, "0.1.1"));
    let status = until_changed(&gateway, "plugin runninghub replaced: 0.1.0 → 0.1.1").await;
    assert_eq!(status["changed"].as_array().unwrap().len(), 1, "{status}");
    // Whatever it began with is not needed any more.
    fs::remove_file(&file).unwrap();
    put(&file, versioned(Plugin::RunningHub, "0.1.2"));
    until_changed(&gateway, "0.1.1 → 0.1.2").await;
    let polls = provider.ledger().polls.len();
    provider.until("a poll by the new one", |ledger| ledger.polls.len() > polls).await;
    provider.release();
    gateway.client().finished(&id).await.succeeded();
    gateway.client().done(&Edit::new("grey")).await.succeeded();
    provider.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn jobs_that_a_new_plugin_cannot_read_finish_on_the_old_one_also_over_a_restart() {
    let provider = Provider::scripted([Turn::Hold]);
    let mut gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let id = gateway.client().submit(&Edit::new("grey")).await.id;
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    let stranger = with_state(versioned(Plugin::RunningHub, "0.2.0"), 2);
    put(&library(&gateway, "retouch_runninghub"), stranger);
    until_changed(&gateway, "0.1.0 → 0.2.0").await;
    let polls = provider.ledger().polls.len();
    provider.until("a poll by the old one", |ledger| ledger.polls.len() > polls).await;

    gateway.kill9().await;
    gateway.restart().await;
    let polls = provider.ledger().polls.len();
    provider.until("a poll after the restart", |ledger| ledger.polls.len() > polls).await;
    provider.release();
    gateway.client().finished(&id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_library_overwritten_in_place_harms_nothing() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let client = gateway.client();
    let file = library(&gateway, "retouch_runninghub");
    let whole = versioned(Plugin::RunningHub, "0.1.1");
    // The file is a link to what was built; this one is the test's own.
    put(&file, fs::read(&file).unwrap());
    for half in [whole.len() / 2, whole.len() - 1_000, 10] {
        fs::write(&file, &whole[..half]).unwrap();
        let status = until_problem(&gateway, "goes on").await;
        assert_eq!(
            (&status["revision"], &status["refused"]),
            (&json!(1), &json!(false)),
            "{status}"
        );
        client.done(&Edit::new("grey")).await.succeeded();
    }
    fs::write(&file, &whole).unwrap();
    let status = until_changed(&gateway, "0.1.0 → 0.1.1").await;
    assert_eq!(status["problems"], json!([]), "{status}");
    client.done(&Edit::new("grey")).await.succeeded();
    fs::remove_file(&file).unwrap();
    until_problem(&gateway, "not there any more").await;
    client.done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn a_plugin_that_takes_no_provider_leaves_the_old_one() {
    let service = AcmeServer::start();
    let file = ProviderFile::of("tiny-edit", "tiny", service.origin(), &[("edit", "/v1/edits")]);
    let home = Home::with([file.key(acme::KEY)]);
    cc::library(&home, "tiny", "tiny", &[]);
    let gateway = home.serve().await;
    let build = |flags: &[&str]| {
        cc::library(gateway.home(), "tiny", "next", flags);
        fs::rename(library(&gateway, "next"), library(&gateway, "tiny")).unwrap();
    };
    build(&["-DVERSION=\"1.1.0\"", "-DREFUSES"]);
    let status = until_problem(&gateway, "this version takes no provider").await;
    let told = status["problems"].to_string();
    assert!(told.contains("tiny 1.1.0") && told.contains("tiny 1.0.0"), "{status}");
    gateway.client().done(&Edit::new("grey")).await.succeeded();

    build(&["-DVERSION=\"1.2.0\""]);
    let status = until_changed(&gateway, "tiny replaced: 1.0.0 → 1.2.0").await;
    assert_eq!(status["problems"], json!([]), "{status}");
    gateway.client().done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn a_new_plugin_and_its_provider_come_together() {
    let (provider, service) = (Provider::start(), OpenAi::start());
    let gateway = Gateway::with([ProviderFile::runninghub("old", &provider)]).await;
    put(&of(&gateway, "new"), ProviderFile::openai("new", &service).priority(9).text());
    until_problem(&gateway, "openai-images-edit").await;
    put(&library(&gateway, "retouch_openai"), fs::read(Plugin::OpenAi.library()).unwrap());
    let status = until_changed(&gateway, "provider new added").await;
    assert!(has_changed(&status, "plugin openai 0.1.0"), "{status}");
    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    assert_eq!(job.provider.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_plugin_of_another_folder_is_taken_up_once_it_is_trusted() {
    let service = OpenAi::start();
    let home = Home::with([]);
    let file = home.write("more/libother.so", fs::read(Plugin::OpenAi.library()).unwrap());
    let folder = home.path("more");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let gateway = home.settings(&format!("plugin_dirs = [{:?}]\n", folder.display())).serve().await;
    until_problem(&gateway, "is not listed in").await;
    put(&of(&gateway, "other"), ProviderFile::openai("other", &service).text());
    until(&gateway, "a refusal", |status| status["refused"] == true).await;
    let line = ["plugin", "trust", &file.display().to_string()];
    gateway.home().run(&line).await.with(0);
    until_changed(&gateway, "provider other added").await;
    gateway.client().done(&Edit::new("grey")).await.succeeded();
}

#[tokio::test]
async fn edits_go_on_while_everything_changes() {
    let short = Duration::from_millis(100);
    let times = hot::Times { quiet: short, files: short, hot: Duration::from_secs(6) };
    let phase = hot::run(times).await.hot;
    assert_eq!(phase.seen.failed, Vec::<String>::new());
    assert!(phase.catalogs() > 0 && phase.refused > 0 && phase.plugins() > 0);
}

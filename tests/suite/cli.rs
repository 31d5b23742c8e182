//! The command line: edits, jobs, checks, and the exit codes scripts rely on.

use retouch_tests::{Edit, Gateway, Home, Provider, ProviderFile, Turn, pictures};

/// Puts a photo into the folder to work in.
fn photo(home: &Home) {
    home.write("work/photo.jpg", pictures::jpeg());
}

fn result(home: &Home) -> Vec<u8> {
    std::fs::read(home.path("work/out.png")).unwrap()
}

const EDIT: &[&str] = &["edit", "photo.jpg", "-p", "grayscale", "-o", "out.png"];

#[tokio::test]
async fn edit_asks_the_server_that_runs() {
    let gateway = Gateway::fresh().await;
    photo(gateway.home());
    let ended = gateway.run(EDIT).await.with(0);
    assert!(pictures::is_grey(&result(gateway.home())));
    assert_eq!(ended.stdout.trim(), "out.png");
    assert!(ended.stderr.contains("job_"), "{ended:#?}");
    let jobs: serde_json::Value = gateway.client().get("/v1/jobs").await.json();
    assert_eq!(jobs["data"].as_array().unwrap().len(), 1, "it was done elsewhere");
}

#[tokio::test]
async fn edit_needs_no_server() {
    let home = Home::bare().env("RETOUCH_LISTEN", "127.0.0.1:0");
    photo(&home);
    home.run(EDIT).await.with(0);
    let picture = result(&home);
    assert!(pictures::is_grey(&picture));
    assert_eq!(pictures::size(&picture), (120, 90));
}

#[tokio::test]
async fn edit_shows_a_bar_at_a_terminal() {
    let gateway = Gateway::fresh().await;
    photo(gateway.home());
    let executable = gateway.home().path("bin/retouch").display().to_string();
    let line = format!("{executable} {} --server {}", EDIT.join(" "), gateway.origin());
    let mut command = std::process::Command::new("script");
    command.args(["-qefc", &line, "/dev/null"]).current_dir(gateway.home().path("work"));
    gateway.home().dress(&mut command);
    command.env("TERM", "xterm").env("COLUMNS", "100");
    let ended = retouch_tests::Process::start(command).end().await.with(0);
    for word in ["processing", "%"] {
        assert!(ended.stdout.contains(word), "no {word} in {:?}", ended.stdout);
    }
}

#[tokio::test]
async fn an_interrupted_edit_names_the_job_that_goes_on() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    photo(gateway.home());
    let edit = gateway.start(EDIT);
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    edit.signal("INT");

    let ended = edit.end().await.with(1);
    let id = ended.stderr.split(|c: char| !c.is_alphanumeric() && c != '_');
    let id =
        id.clone().find(|word| word.starts_with("job_")).unwrap_or_else(|| panic!("{ended:#?}"));
    assert!(!gateway.home().path("work/out.png").exists());
    provider.release();
    gateway.client().finished(id).await.succeeded();
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn jobs_are_listed_shown_and_watched() {
    let provider = Provider::start();
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    let none = gateway.run(&["jobs", "list"]).await.with(0);
    assert!(!none.said().contains("job_"), "{none:#?}");

    let job = gateway.client().done(&Edit::new("grey")).await.succeeded();
    let list = gateway.run(&["jobs", "list"]).await.with(0).stdout;
    assert!(list.contains(&job.id) && list.contains("only"), "{list}");
    let show = gateway.run(&["jobs", "show", &job.id]).await.with(0).stdout;
    for word in [job.id.as_str(), "only", job.task().unwrap(), "/openapi/v2/query"] {
        assert!(show.contains(word), "no {word} in {show}");
    }
    gateway.run(&["jobs", "watch", &job.id]).await.with(0);
    let json = gateway.run(&["jobs", "show", &job.id, "--json"]).await.with(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["id"], job.id.as_str());
}

#[tokio::test]
async fn exit_codes_tell_what_kind_of_end_it_was() {
    let provider = Provider::scripted([Turn::Moderated]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    photo(gateway.home());
    let failed = gateway.run(EDIT).await.with(1);
    assert!(failed.stderr.contains("moderation_blocked"), "{failed:#?}");
    gateway.run(&["jobs", "show", "job_nothing"]).await.with(1);

    for wrong in [["edit", "photo.jpg"].as_slice(), &["nonsense"], &["edit", "none.jpg", "-p", "x"]]
    {
        gateway.home().run(wrong).await.with(2);
    }
    let nobody = ["jobs", "list", "--server", "http://127.0.0.1:1"];
    let unreachable = gateway.home().run(&nobody).await.with(3);
    assert!(unreachable.stderr.contains("127.0.0.1:1"), "{unreachable:#?}");
}

#[tokio::test]
async fn messages_follow_the_language() {
    let home = Home::bare().env("LANG", "zh_CN.UTF-8");
    let help = home.run(&["--help"]).await.with(0).stdout;
    assert!(help.contains("图片") || help.contains("任务"), "{help}");
}

#[tokio::test]
async fn check_passes_what_is_good() {
    let provider = Provider::start();
    Home::bare().run(&["check"]).await.with(0);
    Home::with([ProviderFile::runninghub("only", &provider)]).run(&["check"]).await.with(0);
}

#[tokio::test]
async fn check_says_where_what_and_how_to_mend() {
    let provider = Provider::start();
    let good = ProviderFile::runninghub("good", &provider);
    let bad = |id: &str, line: &str| ProviderFile::runninghub(id, &provider).line(line);
    let home = Home::with([
        good,
        bad("misspelt", "priorty = 3"),
        bad("mistyped", "priority = \"high\""),
        bad("synchronous", "sync = true"),
    ]);
    home.write("config/providers/broken.toml", "name = \"x\"\ntype = \n");
    let said = home.run(&["check"]).await.with(1).said();
    for place in ["misspelt.toml:4", "mistyped.toml:4", "synchronous.toml:4", "broken.toml:2"] {
        assert!(said.contains(place), "no {place} in {said}");
    }
    assert!(said.contains("`priority`") || said.contains("priority"), "the nearest name: {said}");
    assert!(!said.contains("good.toml"), "{said}");
}

#[tokio::test]
async fn check_reads_the_settings_too() {
    let home = Home::with([]).settings("\nlisen = \"127.0.0.1:8000\"\n");
    let said = home.run(&["check"]).await.with(1).said();
    assert!(said.contains("retouch.toml:2") && said.contains("listen"), "{said}");
}

#[tokio::test]
async fn two_defaults_are_an_error_that_names_both() {
    let provider = Provider::start();
    let file = |id: &str| ProviderFile::runninghub(id, &provider).line("default = true");
    let said = Home::with([file("one"), file("two")]).run(&["check"]).await.with(1).said();
    assert!(said.contains("one") && said.contains("two"), "{said}");
}

#[tokio::test]
async fn the_example_provider_is_in_order_and_check_leaves_nothing_behind() {
    let example = include_str!("../../config/examples/runninghub.toml");
    let home = Home::with([]).env("RUNNINGHUB_API_KEY", "a-key");
    home.write("config/providers/runninghub.toml", example);
    home.run(&["check"]).await.with(0);
    assert!(!home.path("data").exists(), "check makes no data folder");
}

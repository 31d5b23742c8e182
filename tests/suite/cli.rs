//! The command line: edits, jobs, checks, and the exit codes scripts rely on.

use retouch_tests::{Edit, Gateway, Home, Provider, ProviderFile, Turn, pictures};

/// Puts a photo into the folder to work in.
fn photo(home: &Home) {
    home.write("work/photo.jpg", pictures::jpeg());
}

fn result(home: &Home) -> Vec<u8> {
    std::fs::read(home.path("work/out.png")).unwrap()
}

/// Runs a line of a shell in the folder to work in; `$RETOUCH` is the executable.
async fn sh(home: &Home, line: &str) -> retouch_tests::Ended {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", line]).current_dir(home.path("work"));
    home.dress(&mut command);
    command.env("RETOUCH", home.path("bin/retouch"));
    retouch_tests::Process::start(command).end().await
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
async fn the_gateway_that_has_the_data_folder_is_found_wherever_it_listens() {
    let gateway = Gateway::fresh().await;
    photo(gateway.home());
    let ended = gateway.home().run(EDIT).await.with(0);
    assert!(!ended.stderr.contains("waiting"), "{ended:#?}");
    assert!(pictures::is_grey(&result(gateway.home())));
    let jobs: serde_json::Value = gateway.client().get("/v1/jobs").await.json();
    let id = jobs["data"][0]["id"].as_str().unwrap();
    // An address that nobody listens at is no hindrance.
    for line in [["jobs", "list"].as_slice(), &["jobs", "list", "--listen", "127.0.0.1:1"]] {
        let list = gateway.home().run(line).await.with(0).stdout;
        assert!(list.contains(id), "{list}");
    }
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
async fn an_interrupted_edit_says_how_to_get_the_picture() {
    let provider = Provider::scripted([Turn::Hold]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    photo(gateway.home());
    let edit = gateway.start(EDIT);
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    edit.signal("INT");

    let ended = edit.end().await.with(1);
    assert!(!gateway.home().path("work/out.png").exists());
    let (_, line) =
        ended.stderr.split_once("retouch jobs watch").unwrap_or_else(|| panic!("{ended:#?}"));
    let line = line.lines().next().unwrap();
    assert!(line.contains("-o out.png"), "{ended:#?}");
    provider.release();
    sh(gateway.home(), &format!("$RETOUCH jobs watch {line}")).await.with(0);
    assert!(!result(gateway.home()).is_empty());
    provider.ledger().assert_paid(1, 1);
}

#[tokio::test]
async fn a_watched_job_is_saved_as_an_edit_is() {
    let gateway = Gateway::fresh().await;
    photo(gateway.home());
    let job = gateway.client().done(&Edit::new("grayscale")).await.succeeded();
    for command in ["show", "watch"] {
        let ended = gateway.run(&["jobs", command, &job.id]).await.with(0);
        let fetch = format!("retouch jobs watch {} -o out.png", job.id);
        assert!(ended.stderr.contains(&fetch), "{command}: {ended:#?}");
    }
    let watch = ["jobs", "watch", &job.id, "-o"];
    let ended = gateway.run(&[&watch[..], &["out.png"]].concat()).await.with(0);
    assert_eq!(ended.stdout.trim(), "out.png");
    assert!(pictures::is_grey(&result(gateway.home())));
    let nowhere = gateway.run(&[&watch[..], &["none/out.png"]].concat()).await.with(2);
    assert!(nowhere.stderr.contains("none/out.png"), "{nowhere:#?}");
}

#[tokio::test]
async fn a_picture_can_go_to_stdout() {
    let gateway = Gateway::fresh().await;
    photo(gateway.home());
    let edit = "$RETOUCH edit photo.jpg -p grayscale -o -";
    let server = format!("--server {}", gateway.origin());
    sh(gateway.home(), &format!("{edit} {server} > out.png")).await.with(0);
    assert!(pictures::is_grey(&result(gateway.home())));
    for refused in ["-n 2", "--json"] {
        let ended = sh(gateway.home(), &format!("{edit} {refused} {server}")).await.with(2);
        assert!(ended.stderr.contains("-o"), "{ended:#?}");
    }
}

#[tokio::test]
async fn errors_are_json_where_json_is_wanted() {
    let provider = Provider::scripted([Turn::Moderated]);
    let gateway = Gateway::with([ProviderFile::runninghub("only", &provider)]).await;
    photo(gateway.home());
    let code = |ended: &retouch_tests::Ended| {
        let told: serde_json::Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error} in {ended:#?}"));
        assert!(told["error"]["message"].is_string(), "{told}");
        told["error"]["code"].as_str().unwrap().to_owned()
    };
    let json = [EDIT, &["--json"]].concat();
    assert_eq!(code(&gateway.run(&json).await.with(1)), "moderation_blocked");
    let none = gateway.run(&["jobs", "show", "job_nothing", "--json"]).await.with(1);
    assert_eq!(code(&none), "not_found");
    let nobody = ["jobs", "list", "--json", "--server", "http://127.0.0.1:1"];
    assert_eq!(code(&gateway.home().run(&nobody).await.with(3)), "unreachable");
    assert_eq!(code(&gateway.home().run(&["nonsense", "--json"]).await.with(2)), "usage");
}

#[tokio::test]
async fn another_server_is_not_taken_for_a_gateway() {
    let other = Provider::start();
    let home = Home::bare();
    photo(&home);
    let listen = other.origin().strip_prefix("http://").unwrap();
    let list = home.run(&["jobs", "list", "--listen", listen]).await.with(3);
    assert!(list.stderr.contains("no Retouch gateway"), "{list:#?}");
    assert!(list.stderr.contains(other.origin()), "{list:#?}");
    let edit = home.run(&[EDIT, &["--listen", listen]].concat()).await.with(0);
    assert!(edit.stderr.contains(other.origin()), "{edit:#?}");
    assert!(pictures::is_grey(&result(&home)));
}

#[tokio::test]
async fn two_edits_without_a_server_take_turns() {
    let provider = Provider::scripted([Turn::Hold]);
    let home = Home::with([ProviderFile::runninghub("only", &provider)])
        .env("RETOUCH_LISTEN", "127.0.0.1:0");
    photo(&home);
    let first = home.start(EDIT);
    provider.until("a poll", |ledger| !ledger.polls.is_empty()).await;
    let second = home.start(&["edit", "photo.jpg", "-p", "sepia", "-o", "second.png"]);
    let folder = home.path("data").display().to_string();
    let waits = |said: &String| said.contains("waiting") && said.contains(&folder);
    second.until_stderr("the second to wait", waits).await;
    provider.release();
    first.end().await.with(0);
    second.end().await.with(0);
    assert!(home.path("work/second.png").exists());
    provider.ledger().assert_paid(2, 2);
}

#[tokio::test]
async fn the_first_hint_works_and_shows_what_is_wrong() {
    let gateway = Gateway::fresh().await;
    photo(gateway.home());
    let hint = |prompt: &str| {
        format!(
            r#"curl -sS {}/v1/images/edits -F image=@photo.jpg -F {prompt} \
            | sed -n -e 's/.*"b64_json":"\([^"]*\)".*/\1/p' -e t -e 'w /dev/stderr' \
            | base64 -d > out.png"#,
            gateway.origin()
        )
    };
    sh(gateway.home(), &hint("prompt=grayscale")).await.with(0);
    assert!(pictures::is_grey(&result(gateway.home())));
    let wrong = sh(gateway.home(), &hint("promt=grayscale")).await;
    assert!(wrong.stderr.contains("unknown_parameter"), "{wrong:#?}");
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
    for word in ["图片", "用法", "命令", "选项"] {
        assert!(help.contains(word), "no {word} in {help}");
    }
    let edit = home.run(&["help", "edit"]).await.with(0).stdout;
    assert!(edit.contains("--prompt") && edit.contains("要做的修改"), "{edit}");
    let wrong = home.run(&["--listen", "8005"]).await.with(2);
    assert!(wrong.stderr.contains("127.0.0.1:8005") && wrong.stderr.contains("错误"), "{wrong:#?}");
}

#[tokio::test]
async fn check_passes_what_is_good() {
    let provider = Provider::start();
    let bare = Home::bare().run(&["check"]).await.with(0);
    for word in ["config/retouch.toml", "sandbox", "1 plugin"] {
        assert!(bare.stderr.contains(word), "no {word} in {bare:#?}");
    }
    let file = |id: &str| ProviderFile::runninghub(id, &provider).line(&format!("# {id}"));
    let home = Home::with([file("a")]);
    home.write("config/providers/runninghub.txt", file("b").text());
    let fine = home.run(&["check"]).await.with(0);
    for word in ["retouch.toml", "1 provider in", "(a)", "1 plugin", "runninghub.txt is not read"] {
        assert!(fine.stderr.contains(word), "no {word} in {fine:#?}");
    }
    assert!(fine.stdout.is_empty(), "{fine:#?}");
    let json = home.run(&["check", "--json"]).await.with(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["looked_at"]["providers"], serde_json::json!(["a"]), "{json}");
    assert_eq!((&json["ok"], &json["problems"]), (&true.into(), &serde_json::json!([])), "{json}");
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

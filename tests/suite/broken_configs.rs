//! `retouch check` on a folder in which everything is wrong: all of it is said in one run, each
//! with file, line and mend.

use retouch_tests::{Ended, Home};

/// A provider that is right, and loses a line or gains one in each case.
const GOOD: &str =
    "name = \"NAME\"\ntype = \"runninghub-rhart-edit\"\napi_key = \"k-0123456789\"\n";

/// File, its text, the line that is wrong, and what is said of it: the mistake and the mend.
type Broken = (&'static str, String, usize, &'static [&'static str]);

fn good(name: &str) -> String {
    GOOD.replace("NAME", name)
}

/// A good file with more lines at its end; the last of them is line `3 + lines`.
fn with(name: &str, more: &str) -> String {
    format!("{}{more}\n", good(name))
}

fn within() -> Vec<Broken> {
    vec![
        ("a01", with("A1", "prority = 3"), 4, &["prority", "priority"]),
        (
            "a02",
            good("A2").replace("rhart", "rhrat"),
            2,
            &["runninghub-rhrat-edit", "did you mean", "runninghub-rhart-edit"],
        ),
        ("a03", with("A3", "priority = \"high\""), 4, &["priority", "number"]),
        (
            "a04",
            with("A4", "[hosts]\ndomestic = \"www.runninghub.cn\""),
            5,
            &["hosts.domestic", "https://"],
        ),
        (
            "a05",
            with("A5", "[hosts]\ndomestic = \"https://u:p@www.runninghub.cn\""),
            5,
            &["hosts.domestic", "api_key"],
        ),
        ("a06", with("A6", "sync = true"), 4, &["sync = false", "异步"]),
        (
            "a07",
            good("A7").replace("k-0123456789", "${env:NOT_SET_ANYWHERE}"),
            3,
            &["NOT_SET_ANYWHERE", "export"],
        ),
        (
            "a08",
            good("A8").replace("k-0123456789", "${file:/nowhere/key}"),
            3,
            &["/nowhere/key", "check path"],
        ),
        (
            "a09",
            with(
                "A9",
                "model = \"rhart-image-v1\"\n[endpoints]\nedit = \"/openapi/v2/rhart-image-n-pro/edit\"",
            ),
            4,
            &["rhart-image-v1", "rhart-image-n-pro", "change one of them"],
        ),
        ("a10", with("A10", "[endpoints]\nedit = \"openapi/v2/x\""), 5, &["endpoints.edit", "'/'"]),
        (
            "a11",
            with("A11", "[endpoints]\nedits = \"/openapi/v2/x\""),
            5,
            &["endpoints.edits", "endpoints.edit"],
        ),
        ("a12", with("A12", "[limits]\nconcurrency = 0"), 5, &["limits.concurrency", "at least 1"]),
        ("a13", with("A13", "[limits]\ntimeout = \"ten minutes\""), 5, &["limits.timeout", "10m"]),
        (
            "a14",
            "type = \"runninghub-rhart-edit\"\napi_key = \"k\"\n".to_owned(),
            1,
            &["name is missing", "write name"],
        ),
        (
            "a15",
            "name = \"A15\"\napi_key = \"k\"\n".to_owned(),
            1,
            &["type is missing", "write type"],
        ),
        (
            "a16",
            "name = \"A16\"\ntype = \"runninghub-rhart-edit\"\n".to_owned(),
            1,
            &["api_key is missing", "write"],
        ),
        ("a17", with("A17", "model = \"rhart"), 4, &["not TOML", "mend the syntax"]),
        ("a18", with("A18", "on_ambiguous = \"pay\""), 4, &["on_ambiguous", "cost_safe"]),
        (
            "a19",
            with("A19", "[options]\nresolution = \"16k\""),
            5,
            &["options.resolution", "one of 1k, 2k, 4k"],
        ),
        ("a20", with("A20", "price = \"cheap\""), 4, &["price", "CNY"]),
    ]
}

/// What is wrong only with two files side by side.
fn between() -> Vec<Broken> {
    vec![
        ("b01", with("B1", "default = true"), 0, &[]),
        (
            "b02",
            with("B2", "default = true"),
            4,
            &["B1", "b01.toml", "B2", "keep `default = true` in one"],
        ),
        ("b03", good("B1"), 1, &["B1", "b01.toml", "a name of its own"]),
    ]
}

async fn check(files: &[Broken]) -> Ended {
    let home = Home::with([]);
    for (id, text, ..) in files {
        home.write(&format!("config/providers/{id}.toml"), text);
    }
    home.run(&["check"]).await
}

#[tokio::test]
async fn everything_wrong_in_twenty_files_is_said_in_one_run() {
    let files: Vec<Broken> = within().into_iter().chain(between()).collect();
    let said = check(&files).await.with(1).stdout;
    let mut missing = Vec::new();
    for (id, _, line, words) in &files {
        let place = match line {
            0 => format!("{id}.toml:"),
            line => format!("{id}.toml:{line}: "),
        };
        let is_said =
            |text: &&str| text.contains(&place) && words.iter().all(|word| text.contains(word));
        let problem = said.lines().find(is_said);
        if !words.is_empty() && problem.is_none() {
            missing.push(format!("{place} {words:?}"));
        }
    }
    assert!(missing.is_empty(), "not said:\n{}\n\n{said}", missing.join("\n"));
    assert!(!said.contains("u:p@"), "a password is shown: {said}");
}

#[tokio::test]
async fn one_mistake_is_one_problem() {
    let mut more = Vec::new();
    for file in within() {
        let said = check(std::slice::from_ref(&file)).await.with(1).stdout;
        let (id, _, line, _) = file;
        let is_one = said.lines().count() == 1 && said.contains(&format!("{id}.toml:{line}: "));
        if !is_one {
            more.push(said);
        }
    }
    assert!(more.is_empty(), "one mistake, and not one line:\n{}", more.join("\n"));
}

#[tokio::test]
async fn broken_settings_do_not_hide_a_broken_provider() {
    let home = Home::with([]).settings("listen = \"127.0.0.1:8000\"\nlisen = \"x\"\n");
    home.write("config/providers/a.toml", with("A", "prority = 3"));
    let said = home.run(&["check"]).await.with(1).stdout;
    assert!(said.contains("retouch.toml:2") && said.contains("`listen`"), "{said}");
    assert!(said.contains("a.toml:4") && said.contains("`priority`"), "{said}");
}

#[tokio::test]
async fn a_gateway_does_not_start_from_what_check_refuses() {
    let home = Home::with([]);
    home.write("config/providers/a.toml", with("A", "sync = true"));
    let ended = home.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("a.toml:4"), "{ended:#?}");
}

#[tokio::test]
async fn problems_can_be_read_by_a_program() {
    let home = Home::with([]);
    home.write("config/providers/a.toml", with("A", "prority = 3\n[hosts]\ndomestic = \"x\""));
    let said = home.run(&["check", "--json"]).await.with(1).stdout;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["ok"], false);
    let problems = said["problems"].as_array().unwrap();
    let lines: Vec<u64> = problems.iter().filter_map(|problem| problem["line"].as_u64()).collect();
    assert_eq!(lines, [4, 6], "{said:#}");
    for problem in problems {
        assert!(problem["file"].as_str().unwrap().ends_with("a.toml"), "{problem}");
        assert!(!problem["what"].as_str().unwrap().is_empty(), "{problem}");
        assert!(!problem["mend"].as_str().unwrap().is_empty(), "{problem}");
    }
}

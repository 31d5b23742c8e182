//! What the README shows is what happens: its marked blocks are run as they stand, the job it prints
//! is held against a real one, and the provider files it names are in order.
//!
//! `tests/README.md` says how a block is marked and what is put in place for it.

use std::{fs, process::Command};

use retouch_tests::{
    Edit, Ended, Gateway, Home, Plugin, Process, built, gateway::files_below, pictures,
};
use serde_json::Value;

/// The plugins that a build makes.
const PLUGINS: [Plugin; 3] = [Plugin::RunningHub, Plugin::OpenAi, Plugin::Fal];

/// Where a reader's gateway listens.
const SHOWN: &str = "http://127.0.0.1:8000";

/// A marked block.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    language: String,
    is_start: bool,
    text: String,
}

/// The fenced blocks whose info string is `LANGUAGE run` or `LANGUAGE start`.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        let mut words = info.split_whitespace();
        let (language, mark) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if ["run", "start"].contains(&mark) {
            let (language, is_start) = (language.to_owned(), mark == "start");
            blocks.push(Block { language, is_start, text: text.join("\n") });
        }
    }
    blocks
}

/// A folder that looks like a freshly built clone.
fn clone_of_the_repository() -> Home {
    let home = Home::bare().env("RETOUCH_LISTEN", "127.0.0.1:0");
    let release = home.path("work/target/release");
    fs::create_dir_all(&release).unwrap();
    built::place(&built::executable(), &release);
    for plugin in PLUGINS {
        built::place(&plugin.library(), &release);
    }
    for file in shipped_config() {
        let content = fs::read(built::repository().join(&file)).unwrap();
        home.write(&format!("work/{file}"), content);
    }
    // The build itself is what made the executable under test.
    let cargo = home.write("stubs/cargo", "#!/bin/sh\ntest \"$*\" = 'build --release'\n");
    make_executable(&cargo);
    home
}

/// What a clone has in `config/`. A provider that somebody has added stays out of it.
fn shipped_config() -> Vec<String> {
    let own = ["config/retouch.toml", "config/providers/sandbox.toml"].map(str::to_owned);
    own.into_iter().chain(examples()).collect()
}

/// The files of `config/examples`, from the repository's root.
fn examples() -> Vec<String> {
    let root = built::repository();
    let files = files_below(&root.join("config/examples")).into_iter();
    files.map(|(path, _)| path.strip_prefix(&root).unwrap().display().to_string()).collect()
}

fn make_executable(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn start(home: &Home, block: &Block, origin: &str) -> Process {
    let text = block.text.replace(SHOWN, origin);
    let mut command = match block.language.as_str() {
        "sh" => Command::new("bash"),
        "python" => Command::new(built::python()),
        other => panic!("nobody knows how to run a block of {other}"),
    };
    let text = if block.language == "sh" { format!("set -euo pipefail\n{text}") } else { text };
    command.args(["-c", &text]).current_dir(home.path("work"));
    home.dress(&mut command);
    let path = format!("{}:{}", home.path("stubs").display(), std::env::var("PATH").unwrap());
    command.env("PATH", path);
    if !origin.is_empty() {
        command.env("RETOUCH_SERVER", origin);
    }
    Process::start(command)
}

async fn run(home: &Home, block: &Block, origin: &str) -> Ended {
    let ended = start(home, block, origin).end().await;
    assert_eq!(ended.code, Some(0), "{}\n{}", block.text, ended.said());
    ended
}

/// Runs a page's blocks in order and returns how many pictures they left.
async fn follow(page: &str) -> (Vec<Block>, usize) {
    let text = fs::read_to_string(built::repository().join(page)).unwrap();
    let blocks = blocks(&text);
    let home = clone_of_the_repository();
    let [first, rest @ ..] = blocks.as_slice() else { panic!("{page} has no block to run") };
    assert!(first.is_start, "the first marked block of {page} must start the gateway");
    let gateway = start(&home, first, "");
    let origin = gateway.line("retouch listening on ").await;
    for block in rest {
        run(&home, block, &origin).await;
    }
    let left = pictures_in(&home);
    for (path, picture) in &left {
        assert!(pictures::size(picture).0 > 0, "{}", path.display());
    }
    (blocks.clone(), left.len())
}

fn pictures_in(home: &Home) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = fs::read_dir(home.path("work")).unwrap().map(|entry| entry.unwrap().path());
    let is_picture = |path: &std::path::PathBuf| {
        path.extension().is_some_and(|ending| ending == "png" || ending == "jpg")
    };
    files.filter(is_picture).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Every way in that the page promises: curl, the official client, the command line.
fn assert_complete(page: &str, blocks: &[Block], pictures: usize) {
    for way in ["curl", "OpenAI(", "retouch edit"] {
        assert!(blocks.iter().any(|block| block.text.contains(way)), "{page} does not show {way}");
    }
    assert!(pictures >= 1, "the blocks of {page} leave no picture");
}

#[tokio::test]
async fn the_readme_does_what_it_says() {
    let (blocks, pictures) = follow("README.md").await;
    assert_complete("README.md", &blocks, pictures);
}

#[tokio::test]
async fn the_chinese_readme_does_what_it_says() {
    let (blocks, pictures) = follow("README.zh-CN.md").await;
    assert_complete("README.zh-CN.md", &blocks, pictures);
}

#[tokio::test]
async fn the_job_shown_looks_like_a_real_one() {
    let gateway = Gateway::fresh().await;
    let client = gateway.client();
    let job = client.done(&Edit::new("rotate, blur")).await.succeeded();
    let real: Value = client.get(&format!("/v1/jobs/{}", job.id)).await.expect(200).json();
    for page in ["README.md", "README.zh-CN.md"] {
        let text = fs::read_to_string(built::repository().join(page)).unwrap();
        let shown = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
        let shown: Value = serde_json::from_str(shown.unwrap()).unwrap();
        assert_eq!(unlike(&shown, &real, ""), None, "{page} shows what no job has: {real:#}");
    }
}

/// The first place where what is shown has no counterpart of its kind.
fn unlike(shown: &Value, real: &Value, at: &str) -> Option<String> {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => shown.iter().find_map(|(key, value)| {
            let at = format!("{at}/{key}");
            real.get(key).map_or_else(|| Some(at.clone()), |real| unlike(value, real, &at))
        }),
        (Value::Array(shown), Value::Array(real)) => {
            let pairs = shown.iter().zip(real);
            let inside =
                pairs.enumerate().find_map(|(n, (s, r))| unlike(s, r, &format!("{at}/{n}")));
            inside.or_else(|| (shown.len() != real.len()).then(|| at.to_owned()))
        }
        _ => {
            let is_alike = std::mem::discriminant(shown) == std::mem::discriminant(real);
            (!is_alike).then(|| at.to_owned())
        }
    }
}

#[tokio::test]
async fn every_example_of_a_file_is_in_order() {
    let mut home = PLUGINS.into_iter().fold(Home::with([]), Home::plugin);
    let files: Vec<String> = examples().into_iter().filter(|f| f.ends_with(".toml")).collect();
    assert!(files.len() >= PLUGINS.len(), "{files:?}");
    for file in &files {
        let text = fs::read_to_string(built::repository().join(file)).unwrap();
        let variables = text.split("${env:").skip(1).filter_map(|rest| rest.split('}').next());
        for name in variables {
            home = home.env(name, "any-key");
        }
        let place = match file.strip_prefix("config/examples/style-") {
            Some(name) => format!("config/styles/{name}"),
            None => file.replace("config/examples", "config/providers"),
        };
        home.write(&place, text);
    }
    let checked = home.run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.said());
    assert!(!checked.said().contains("warning"), "{}", checked.said());
}

#[test]
fn only_marked_blocks_are_found() {
    let page = "text\n```sh start\na\n```\n```sh\nb\n```\n```python run\nc\nd\n```\n";
    let expected = [("sh", true, "a"), ("python", false, "c\nd")];
    let expected = expected.map(|(language, is_start, text)| Block {
        language: language.to_owned(),
        is_start,
        text: text.to_owned(),
    });
    assert_eq!(blocks(page), expected);
}

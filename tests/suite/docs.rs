//! What the README shows is what happens: its marked blocks are run as they stand.
//!
//! `tests/README.md` says how a block is marked and what is put in place for it.

use std::{fs, process::Command};

use retouch_tests::{Ended, Home, Plugin, Process, built, pictures};

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

/// A folder that looks like a freshly built clone with a photo in it.
fn clone_of_the_repository() -> Home {
    let home = Home::bare().env("RETOUCH_LISTEN", "127.0.0.1:0");
    let release = home.path("work/target/release");
    fs::create_dir_all(&release).unwrap();
    built::place(&built::executable(), &release);
    built::place(&Plugin::RunningHub.library(), &release);
    home.write("work/photo.jpg", pictures::jpeg());
    home.write("work/photo.png", pictures::png());
    // The build itself is what made the executable under test.
    let cargo = home.write("stubs/cargo", "#!/bin/sh\ntest \"$*\" = 'build --release'\n");
    make_executable(&cargo);
    home
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
    let given = pictures_in(&home).len();
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
    (blocks.clone(), left.len() - given)
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

//! The repository's rules, as far as a program can check them. Each failure says how to mend it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use retouch_tests::built::repository;

/// A file longer than this has more than one noun in it.
const LONGEST_FILE: usize = 400;

/// The only places where `unsafe` may stand: the boundary of the plugin ABI.
const UNSAFE: &[&str] = &["sdk/abi/", "sdk/src/export.rs", "gateway/src/plugin/ffi.rs"];

/// A file with its path from the root and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines of code with their numbers; comments are left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Every text file of ours below one of the top folders, or at the root.
fn files() -> Vec<File> {
    let root = repository();
    let mut found = Vec::new();
    for folder in ["config", "gateway", "plugins", "sdk", "tests", ".ci"] {
        walk(&root.join(folder), &mut found);
    }
    let top = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    found.extend(top.filter(|path| path.is_file()));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(&root).unwrap().display().to_string();
        Some(File { path, text })
    };
    found.into_iter().filter_map(read).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let is_generated = path.ends_with("target") || path.ends_with("__pycache__");
        match (path.is_dir(), is_generated) {
            (true, true) => {}
            (true, false) => walk(&path, found),
            (false, _) => found.push(path),
        }
    }
}

/// Fails with every finding and the mend.
#[track_caller]
fn none(findings: impl IntoIterator<Item = String>, mend: &str) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "{mend}:\n  {}", findings.join("\n  "));
}

fn rust() -> impl Iterator<Item = File> {
    files().into_iter().filter(File::is_rust)
}

#[test]
fn unsafe_stands_at_the_boundary_only() {
    // Spelt so that this file does not find itself.
    let keyword = concat!("un", "safe");
    let forms = ["{", "fn ", "impl ", "extern ", "trait ", "(no_mangle", "(export_name"];
    let forms = forms.map(|form| format!("{keyword} {form}").replace(" (", "("));
    let mut findings = Vec::new();
    for file in rust().filter(|file| !UNSAFE.iter().any(|place| file.path.starts_with(place))) {
        let hits = file.code().filter(|(_, line)| forms.iter().any(|form| line.contains(form)));
        findings.extend(hits.map(|(number, _)| format!("{}:{number}", file.path)));
    }
    none(findings, "move it to the plugin boundary, or do without");
}

#[test]
fn the_gateway_names_no_provider() {
    let name = concat!("running", "hub");
    let mut findings = Vec::new();
    for file in files() {
        let is_ours = file.path.starts_with("gateway/");
        if !is_ours || file.path.starts_with("gateway/src/sandbox") {
            continue;
        }
        let lines = file.text.lines().enumerate();
        let hits = lines.filter(|(_, line)| line.to_lowercase().contains(name));
        findings.extend(hits.map(|(index, _)| format!("{}:{}", file.path, index + 1)));
    }
    none(findings, "what only one provider needs belongs into its plugin or its file");
}

#[test]
fn every_source_file_says_what_it_is() {
    // A module's tests in a file of their own are the end of that module.
    let sources = rust().filter(|file| !file.path.ends_with("/tests.rs"));
    let findings = sources.filter(|file| !file.text.starts_with("//! ")).map(|file| file.path);
    none(findings, "begin the file with `//!`: what it is, promises and never does");
}

#[test]
fn files_are_short_and_named_by_their_module() {
    let long = rust().filter(|file| file.text.lines().count() > LONGEST_FILE);
    let long = long.map(|file| format!("{} has {} lines", file.path, file.text.lines().count()));
    none(long, "split it: one noun a file");
    let modules = rust().filter(|file| file.path.ends_with("/mod.rs")).map(|file| file.path);
    none(modules, "write foo.rs and foo/ instead");
}

#[test]
fn tests_neither_sleep_nor_are_ignored() {
    let sleep = concat!("sle", "ep(");
    let ignore = concat!("#[ign", "ore");
    let is_test = |file: &File| file.path.starts_with("tests/") || file.path.ends_with("tests.rs");
    // Under a paused clock it takes no time.
    let waits = |file: &File| !file.code().any(|(_, line)| line.contains("start_paused"));
    let mut findings = Vec::new();
    for file in rust() {
        let mut banned = vec![ignore];
        if is_test(&file) && waits(&file) {
            banned.push(sleep);
        }
        let hits = file.code().filter(|(_, line)| banned.iter().any(|word| line.contains(word)));
        findings.extend(hits.map(|(number, _)| format!("{}:{number}", file.path)));
    }
    none(findings, "wait for something to be seen (tests/src/wait.rs), or delete the test");
}

#[test]
fn the_pages_of_the_project_are_there() {
    let pages = "README.md README.zh-CN.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md \
        LICENSE-MIT LICENSE-APACHE deny.toml clippy.toml rustfmt.toml config/retouch.toml \
        config/providers/sandbox.toml tests/run .ci/run";
    let missing = pages.split_whitespace().filter(|page| !repository().join(page).exists());
    none(missing.map(str::to_owned), "write it");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut findings = Vec::new();
    for file in files().into_iter().filter(|file| file.path.ends_with(".md")) {
        let folder = repository().join(&file.path).parent().unwrap().to_owned();
        for link in links(&file.text) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                findings.push(format!("{}: {link}", file.path));
            }
        }
    }
    none(findings, "mend the link");
}

/// The targets of `[text](target)`.
fn links(markdown: &str) -> Vec<&str> {
    let after = markdown.split("](").skip(1);
    after.filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains(' ')).collect()
}

#[test]
fn scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    for script in ["tests/run", ".ci/run"] {
        let mode = fs::metadata(repository().join(script)).unwrap().permissions().mode();
        assert!(mode & 0o111 != 0, "chmod +x {script}");
    }
}

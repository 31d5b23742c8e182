use std::os::unix::fs::MetadataExt;

use super::steps::Step;
use super::*;
use crate::catalog::Files;

/// Two files that change, one that comes and one that goes; the second is a link that leads elsewhere.
fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    for folder in ["config/providers", "elsewhere"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    fs::write(config.join("providers/a.toml"), "old a").unwrap();
    fs::write(dir.path().join("elsewhere/b.toml"), "old b").unwrap();
    std::os::unix::fs::symlink("../../elsewhere/b.toml", config.join("providers/b.toml")).unwrap();
    fs::write(config.join("keys.toml"), "old keys").unwrap();
    (dir, config)
}

fn changes() -> Vec<(PathBuf, Option<String>)> {
    [("providers/a.toml", Some("new a")), ("providers/b.toml", Some("new b"))]
        .into_iter()
        .chain([("styles/s.toml", Some("new s")), ("keys.toml", None)])
        .map(|(file, text)| (PathBuf::from(file), text.map(str::to_owned)))
        .collect()
}

/// Every file's text, and the names of all that is hidden.
fn seen(config: &Path) -> (Vec<Option<String>>, Vec<String>) {
    let texts = changes().into_iter().map(|(file, _)| fs::read_to_string(config.join(file)).ok());
    let folders = [config.to_owned(), config.join("providers"), config.join("../elsewhere")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    (texts.collect(), names.filter(|name| name.starts_with('.')).collect())
}

fn old() -> Vec<Option<String>> {
    [Some("old a"), Some("old b"), None, Some("old keys")].map(|t| t.map(str::to_owned)).to_vec()
}

fn new() -> Vec<Option<String>> {
    changes().into_iter().map(|(_, text)| text).collect()
}

#[test]
fn all_or_none_wherever_the_process_dies() {
    let count = Save::of(&place().1, &changes()).unwrap().steps().len();
    let mut outcomes = Vec::new();
    for lived in 0..=count {
        let (_dir, config) = place();
        let save = Save::of(&config, &changes()).unwrap();
        let steps = save.steps();
        steps.iter().take(lived).for_each(|step| save.step(*step).unwrap());
        finish(&config).unwrap();
        let (texts, _) = seen(&config);
        let decided = steps.iter().position(|step| *step == Step::Decide).unwrap() < lived;
        assert_eq!(texts, if decided { new() } else { old() }, "after {lived} of {steps:?}");
        outcomes.push(decided);
        // Whatever was left is gone with the next write.
        write(&config, &changes()).unwrap();
        assert_eq!(seen(&config), (new(), Vec::new()), "after {lived} of {steps:?}");
        assert!(fs::symlink_metadata(config.join("providers/b.toml")).unwrap().is_symlink());
    }
    assert!(outcomes.contains(&true) && outcomes.contains(&false));
}

#[test]
fn a_death_while_completing_is_completed_too() {
    let (_dir, config) = place();
    let save = Save::of(&config, &changes()).unwrap();
    let until = |last: Step| save.steps().into_iter().take_while(move |step| *step != last);
    until(Step::Carry(2)).for_each(|step| save.step(step).unwrap());
    // As if the second were in its place already, and the first not.
    fs::write(config.join("providers/a.toml"), "old a").unwrap();
    for _ in 0..2 {
        finish(&config).unwrap();
        assert_eq!(seen(&config).0.last(), Some(&None), "the file that goes is gone");
    }
}

#[test]
fn what_the_system_refuses_changes_nothing() {
    let (_dir, config) = place();
    // Nothing can take a folder's place.
    fs::create_dir_all(config.join("styles/s.toml/in")).unwrap();
    assert!(write(&config, &changes()).is_err());
    assert_eq!(seen(&config), (old(), Vec::new()));
    // In the midst of it, with files before and after.
    let save = Save::of(&config, &changes()).unwrap();
    let mut kept = Vec::new();
    assert!(save.keep(&mut kept).is_err(), "of a folder no second name is made");
    assert!(save.all_steps(&kept, || true).is_err());
    assert_eq!(seen(&config).0, old());
    assert!(!Journal::is_in(&config));
}

#[test]
fn a_damaged_journal_is_set_aside_and_moves_nothing() {
    let unsound = |from: &str, to: &str| {
        serde_json::json!({"v": 1, "moves": [{"from": from, "to": to}]}).to_string()
    };
    for journal in [
        String::new(),
        "{".to_owned(),
        "x".repeat(2 << 20),
        "{\"v\":2,\"moves\":[]}".to_owned(),
        unsound("keys.toml", "stolen.toml"),
        unsound("../.retouch-save.a", "../x"),
        unsound("providers/.retouch-save.a", "keys.toml"),
        serde_json::json!({"v": 1, "moves": [{"from": null, "to": "/etc/passwd"}]}).to_string(),
        serde_json::json!({"v": 1, "moves": [{"from": null, "to": "../x"}]}).to_string(),
    ] {
        let (_dir, config) = place();
        fs::write(config.join(MARK), &journal).unwrap();
        finish(&config).unwrap();
        assert_eq!(seen(&config), (old(), vec![format!("{MARK}-damaged")]), "{journal}");
        write(&config, &changes()).unwrap();
        assert_eq!(seen(&config).0, new(), "{journal}");
    }
}

#[test]
fn rights_and_links_stay_and_new_files_are_their_owners() {
    let (_dir, config) = place();
    let mode = |file: &str| fs::metadata(config.join(file)).unwrap().mode() & 0o777;
    for (file, rights) in [("providers/a.toml", 0o644), ("providers/b.toml", 0o660)] {
        fs::set_permissions(config.join(file), fs::Permissions::from_mode(rights)).unwrap();
    }
    write(&config, &changes()).unwrap();
    assert_eq!((mode("providers/a.toml"), mode("providers/b.toml")), (0o644, 0o660));
    assert_eq!((mode("styles/s.toml"), mode("styles")), (0o600, 0o755));
    assert!(fs::symlink_metadata(config.join("providers/b.toml")).unwrap().is_symlink());
    // A link goes alone.
    write(&config, &[(PathBuf::from("providers/b.toml"), None)]).unwrap();
    assert!(!config.join("providers/b.toml").exists());
    assert_eq!(fs::read_to_string(config.join("../elsewhere/b.toml")).unwrap(), "new b");
    // One to nowhere leads to what is made.
    std::os::unix::fs::symlink("../../elsewhere/c.toml", config.join("providers/c.toml")).unwrap();
    write(&config, &[(PathBuf::from("providers/c.toml"), Some("c".to_owned()))]).unwrap();
    assert_eq!(fs::read_to_string(config.join("../elsewhere/c.toml")).unwrap(), "c");
}

#[test]
fn one_file_alone_is_replaced_or_made() {
    let (_dir, config) = place();
    for (file, text) in [("keys.toml", "new"), ("admin.toml", "made")] {
        replace(&config.join(file), text).unwrap();
        assert_eq!(fs::read_to_string(config.join(file)).unwrap(), text);
    }
    assert_eq!(seen(&config).1, [""; 0]);
    assert!(replace(&config.join("none/x.toml"), "text").is_ok(), "its folder is made");
    assert!(replace(&config.join("no/none/x.toml"), "text").is_err());
}

#[test]
fn nobody_takes_what_is_on_its_way_for_a_file() {
    let (_dir, config) = place();
    let watch = crate::catalog::watch::Watch::new(
        config.clone(),
        crate::plugin::Dirs { own: Vec::new(), listed: Vec::new(), lock: config.join("lock") },
    );
    let (before, files) = (watch.look(), crate::catalog::Files::read(&config));
    let save = Save::of(&config, &changes()).unwrap();
    for step in save.steps().into_iter().take_while(|step| !matches!(step, Step::Carry(_))) {
        save.step(step).unwrap();
        assert_eq!(watch.look(), before, "{step:?}");
        assert_eq!(crate::catalog::Files::read(&config), files, "{step:?}");
    }
}

#[test]
fn a_folder_is_made_whole_and_never_over_another() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("a/config");
    for _ in 0..2 {
        make_folder(&config).unwrap();
        assert_eq!(crate::catalog::Files::read(&config), crate::catalog::Files::founded(&config));
    }
    assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1);
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(make_folder(&dir.path().join("file")).is_err());
}

#[test]
fn a_death_while_it_is_taken_back_is_completed_too() {
    let count = Save::of(&place().1, &changes()).unwrap().steps().len();
    for lived in 0..count {
        for moved in 0..=changes().len() {
            let (_dir, config) = place();
            let save = Save::of(&config, &changes()).unwrap();
            let mut kept = Vec::new();
            save.keep(&mut kept).unwrap();
            let done: Vec<_> = save.steps().into_iter().take(lived).collect();
            done.iter().for_each(|step| save.step(*step).unwrap());
            let is_decided = done.contains(&Step::Decide);
            if is_decided {
                let back = save.back(&done, &kept);
                back.write(&config).unwrap();
                // As if the process died after so many.
                back.first(moved).carry(&config).unwrap();
            }
            finish(&config).unwrap();
            assert_eq!(seen(&config), (old(), Vec::new()), "{moved} back after {done:?}");
        }
    }
}

#[test]
fn what_an_editor_writes_meanwhile_is_not_written_over() {
    let (_dir, config) = place();
    let edited = || {
        fs::write(config.join("keys.toml"), "edited").unwrap();
        false
    };
    assert!(!write_while(&config, &changes(), edited).unwrap());
    let mut want = old();
    *want.last_mut().unwrap() = Some("edited".to_owned());
    assert_eq!(seen(&config), (want, Vec::new()));
    assert!(write_while(&config, &changes(), || true).unwrap());
    assert_eq!(seen(&config), (new(), Vec::new()));
}

#[test]
fn a_lock_that_is_never_let_go_of_is_told() {
    let (_dir, config) = place();
    let held = lock(&config).unwrap();
    assert!(held.is_some());
    let error = lock_within(&config, 2).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(error.to_string().contains("another process holds the lock of"), "{error}");
    drop(held);
    assert!(lock_within(&config, 1).unwrap().is_some());
    assert!(lock(&config.join("none")).unwrap().is_none());
}

#[test]
fn what_would_not_be_read_back_is_not_written() {
    let (_dir, config) = place();
    let most = usize::try_from(text::MOST).unwrap();
    for (file, length, fits) in [
        ("providers/a.toml", most, true),
        ("providers/a.toml", most + 1, false),
        ("keys.toml", most + 1, true),
        ("keys.toml", 16 * most + 1, false),
    ] {
        let change = [(PathBuf::from(file), Some("#".repeat(length)))];
        let written = write(&config, &change).map_err(|error| error.kind());
        let want = if fits { Ok(()) } else { Err(io::ErrorKind::FileTooLarge) };
        assert_eq!(written, want, "{file}");
        assert!(Files::read(&config).get(Path::new(file)).is_some());
    }
}

#[test]
fn a_start_removes_what_was_left_on_its_way() {
    let (dir, config) = place();
    for left in ["config", "config/providers", "elsewhere"] {
        fs::write(dir.path().join(left).join(format!("{MARK}.1")), "api_key = 'sk'").unwrap();
        finish(&config).unwrap();
        assert_eq!(seen(&config), (old(), Vec::new()), "{left}");
    }
    assert!(!is_mounted(&config.join("keys.toml")));
    assert!(!Path::new("/proc/self/status").exists() || is_mounted(Path::new("/proc")));
}

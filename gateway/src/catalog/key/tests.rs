use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

const NOW: Ms = 1_800_000_000_000; // 2027-01-15T08:00:00Z

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"; // of "test"

fn parse(text: &str) -> (Keys, Vec<String>) {
    let (keys, problems) = Keys::parse(Path::new("keys.toml"), text);
    (keys, problems.iter().map(ToString::to_string).collect())
}

fn one(more: &str) -> String {
    format!("[[keys]]\nid = \"key_a\"\nname = \"app\"\nsha256 = \"{HASH}\"\n{more}\n")
}

fn key(more: &str) -> Key {
    let (keys, problems) = parse(&one(more));
    assert_eq!(problems, [""; 0], "{more}");
    Key::clone(keys.find("test").unwrap())
}

fn change(dir: &Path, id: &str, patch: &serde_json::Value) -> Result<Arc<Key>, FileError> {
    let changed = Held::of(dir)?.change(id, patch.as_object().unwrap());
    changed.map(|changed| changed.after)
}

fn named(name: &str) -> NewKey {
    NewKey { name: name.to_owned(), scopes: Scope::ALL.into(), ..NewKey::default() }
}

#[test]
fn a_key_is_found_by_itself_and_has_what_the_file_says() {
    let (keys, _) = parse(&one(""));
    assert!(keys.find("test2").is_none() && keys.find("").is_none() && keys.find(HASH).is_none());
    let plain = key("");
    assert_eq!(plain.scopes, Scope::ALL.into());
    assert_eq!((plain.limits, plain.standing(NOW)), (Limits::default(), Standing::Active));
    assert_eq!(key("scopes = [\"read\"]").scopes, [Scope::Read].into());
    let limited = Limits { per_minute: 3, concurrency: 2 };
    assert_eq!(key("limits = { per_minute = 3, concurrency = 2 }").limits, limited);
    assert_eq!(key("[keys.limits]\nper_minute = 3\nconcurrency = 2").limits, limited);
}

#[test]
fn a_key_stands_as_its_times_say() {
    for (more, want) in [
        ("expires = 2027-01-15T08:00:01Z", Standing::Active),
        ("expires = 2027-01-15T08:00:00Z", Standing::Expired),
        ("expires = 2027-01-15", Standing::Active),
        ("expires = \"2027-01-14\"", Standing::Expired),
        ("expires = 2027-01-15T10:00:00+08:00", Standing::Expired),
        ("revoked = 2027-01-01T00:00:00Z", Standing::Revoked),
        ("revoked = 2099-01-01", Standing::Revoked),
        ("revoked = true", Standing::Revoked),
        ("revoked = false", Standing::Active),
        ("expires = 2020-01-01\nrevoked = 2020-01-01", Standing::Revoked),
    ] {
        assert_eq!(key(more).standing(NOW), want, "{more}");
    }
}

#[test]
fn every_problem_has_its_line_and_none_repeats_what_was_written() {
    let canary = "rt_live_canary";
    for (text, want) in [
        ("keys = 3".to_owned(), "keys.toml:1: keys must be a list of tables; write [[keys]]"),
        ("keys = [3]".to_owned(), "keys.toml:1: keys must be a list of tables; write [[keys]]"),
        ("[[key]]".to_owned(), "keys.toml:1: key is not a known key; did you mean `keys`?"),
        (one("scope = []"), "keys.toml:5: scope is not a known key; did you mean `scopes`?"),
        (one("scopes = []"), "keys.toml:5: scopes is empty; name some of edit, read, models"),
        (
            one("scopes = [\"reed\"]"),
            "keys.toml:5: scopes names one there is not; did you mean \"read\"?",
        ),
        (one("limits = { per_minut = 3 }"), "keys.toml:5: limits.per_minut is not a known key"),
        (
            one("limits = { per_minute = -1 }"),
            "keys.toml:5: limits.per_minute must be a whole number",
        ),
        (one("limits = { concurrency = 2000000 }"), "keys.toml:5: limits.concurrency is more than"),
        (one("\nexpires = \"soon\""), "keys.toml:6: expires must be a date or time"),
        (one("expires = 08:00:00"), "keys.toml:5: expires must be a date or time"),
        (one("revoked = 1"), "keys.toml:5: revoked must be a date or time"),
        (one(&one("")), "keys.toml:6: the id is already taken on line 2"),
        (one(&one("").replace("key_a", "key_b")), "keys.toml:8: the same key is already on line 4"),
        (one("").replace("key_a", "operator"), "keys.toml:2: id cannot be a key's id"),
        (one("").replace("key_a", "../a"), "keys.toml:2: id cannot be a key's id"),
        (one("").replace(HASH, canary), "keys.toml:4: sha256 is no hash"),
        (one(&format!("key = \"{canary}\"")), "keys.toml:5: key is not a known key"),
        (format!("{}\n[[keys]]\nname = \"b\"", one("")), "keys.toml:7: id is missing"),
        (format!("[[keys]\nid = \"{canary}\""), "keys.toml:1: is not TOML"),
    ] {
        let (_, problems) = parse(&text);
        assert!(problems.iter().any(|found| found.starts_with(want)), "{text}\n{problems:#?}");
        assert!(!problems.concat().contains(canary), "{problems:#?}");
    }
}

#[test]
fn making_and_revoking_keeps_comments_and_order() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let before =
        format!("# ours\n\n{}# the app's\n", one("# until spring\nscopes = [\"read\"] # all"));
    fs::write(&file, &before).unwrap();
    let new = NewKey {
        limits: Limits { per_minute: 5, concurrency: 0 },
        expires: Expiry::parse("2027-03-01", NOW),
        ..named("a \"quoted\" name\n")
    };
    let made = create(dir.path(), &new, NOW).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&before), "{text}");
    assert!(!text.contains(made.secret.expose()), "{text}");
    for line in
        ["limits = { per_minute = 5 }", "expires = 2027-03-01\n", "created = 2027-01-15T08:00:00Z"]
    {
        assert!(text.contains(line), "no {line} in {text}");
    }
    let (keys, problems) = list(dir.path()).unwrap();
    assert_eq!((keys.iter().count(), problems.len()), (2, 0), "{problems:?}");
    assert_eq!(keys.find(made.secret.expose()), Some(&made.key));
    assert_eq!((made.key.name.as_str(), made.key.limits), (new.name.as_str(), new.limits));

    let revoked = revoke(dir.path(), "key_a", NOW).unwrap();
    assert_eq!(revoked.revoked, Some(NOW));
    let text = fs::read_to_string(&file).unwrap();
    for comment in ["# ours\n", "# until spring\n", "# all\n", "# the app's\n"] {
        assert!(text.contains(comment), "no {comment} in {text}");
    }
    let again = revoke(dir.path(), "key_a", NOW + 5_000).unwrap();
    assert_eq!(again.revoked, Some(NOW), "the first time counts");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert!(matches!(revoke(dir.path(), "key_x", NOW), Err(FileError::Unknown)));
}

#[test]
fn a_list_in_brackets_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "keys = [ # ours\n  {{ id = \"key_a\", name = \"app\", sha256 = \"{HASH}\" }},\n]\n"
    );
    fs::write(dir.path().join(FILE), text).unwrap();
    let made = create(dir.path(), &named("b"), NOW).unwrap();
    revoke(dir.path(), "key_a", NOW).unwrap();
    let (keys, problems) = list(dir.path()).unwrap();
    assert_eq!(problems, []);
    let standing: Vec<_> = keys.iter().map(|key| key.standing(NOW)).collect();
    assert_eq!(standing, [Standing::Revoked, Standing::Active]);
    assert!(keys.by_id(&made.key.id).is_some());
    assert!(fs::read_to_string(dir.path().join(FILE)).unwrap().contains("# ours"));
}

#[test]
fn a_key_is_changed_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let first =
        one("# until spring\nexpires = 2027-03-01 # at noon\nlimits = { per_minute = 5 }\n");
    let second = one("").replace("key_a", "key_b").replace("9f", "8f");
    let patched = |patch: serde_json::Value| {
        fs::write(&file, format!("{first}\n{second}")).unwrap();
        let changed = change(dir.path(), "key_a", &patch);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.ends_with(&second) && text.contains("# until spring\n"), "{text}");
        (changed, text)
    };
    let (changed, text) = patched(serde_json::json!({
        "name": "b", "scopes": ["read"], "expires": "2027-04-01T00:00:00Z",
        "limits": { "per_minute": null, "concurrency": 2 },
    }));
    let changed = changed.unwrap();
    assert_eq!((changed.name.as_str(), &changed.scopes), ("b", &[Scope::Read].into()));
    assert_eq!(changed.limits, Limits { per_minute: 0, concurrency: 2 });
    assert_eq!(changed.expires, Expiry::parse("2027-04-01T00:00:00Z", NOW).map(Expiry::at));
    assert!(text.contains("expires = 2027-04-01T00:00:00Z # at noon\n"), "{text}");
    let (changed, text) = patched(serde_json::json!({ "expires": null, "limits": null }));
    let changed = changed.unwrap();
    assert_eq!((changed.expires, changed.limits), (None, Limits::default()));
    assert!(!text.contains("expires") && !text.contains("limits"), "{text}");
    for patch in [serde_json::json!({ "scopes": [] }), serde_json::json!({ "scopes": [null] })] {
        let (refused, text) = patched(patch);
        assert!(matches!(refused, Err(FileError::Problems(_))));
        assert_eq!(text, format!("{first}\n{second}"));
    }
    let unknown = change(dir.path(), "key_x", &serde_json::json!({}));
    assert!(matches!(unknown, Err(FileError::Unknown)));
}

#[test]
fn a_key_without_limits_may_be_given_none() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    for text in
        [one(""), format!("keys = [{{ id = \"key_a\", name = \"a\", sha256 = \"{HASH}\" }}]\n")]
    {
        fs::write(&file, &text).unwrap();
        for limits in [serde_json::json!(null), serde_json::json!({ "per_minute": null })] {
            let changed = change(dir.path(), "key_a", &serde_json::json!({ "limits": limits }));
            assert_eq!(changed.unwrap().limits, Limits::default());
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}

#[test]
fn a_file_that_is_not_in_order_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    for text in ["[[keys]\n".to_owned(), one("scopes = []"), one("") + "\u{0}"] {
        fs::write(&file, &text).unwrap();
        let made = create(dir.path(), &named("b"), NOW);
        assert!(matches!(made, Err(FileError::Problems(_))), "{text}");
        assert!(matches!(revoke(dir.path(), "key_a", NOW), Err(FileError::Problems(_))), "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn a_file_that_is_being_written_in_place_is_left_to_whoever_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let (whole, more) = (one(""), format!("{}# and more\n", one("")));
    // What lies there before each look.
    let settled = |running: &str, looks: &[&str]| {
        let mut looks = looks.iter();
        let mut write =
            || looks.next().into_iter().for_each(|text| fs::write(&file, text).unwrap());
        write();
        let held = Held::of(dir.path()).unwrap().settled(Some(running), write);
        held.map(|held| held.text().to_owned()).map_err(|why| why.to_string())
    };
    assert_eq!(settled(&whole, &[&whole, "no second look"]), Ok(whole.clone()));
    assert_eq!(settled(&whole, &[&more]), Ok(more.clone()), "twice the same");
    assert_eq!(settled("", &[&whole]), Ok(whole.clone()));
    assert_eq!(settled("", &["# none\n"]), Ok("# none\n".to_owned()));
    // Truncated, and written a while later.
    assert_eq!(settled(&whole, &["", "", &more[..9], &more]), Ok(more.clone()));
    let writing = settled(&whole, &["1", "2", "3", "4", "5"]).unwrap_err();
    assert!(writing.contains("is being written"), "{writing}");
    for empty in ["", "# none\n"] {
        let gone = settled(&whole, &[empty]).unwrap_err();
        assert!(gone.contains("every key is gone"), "{gone}");
    }
    fs::remove_file(&file).unwrap();
    let gone = Held::of(dir.path()).unwrap().settled(Some(&whole), || ());
    assert!(matches!(gone, Err(FileError::Gone(_))) && !file.exists());
}

#[test]
fn whoever_holds_the_file_is_alone_with_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE), one("")).unwrap();
    let first = Held::of(dir.path()).unwrap();
    let seen = first.text().to_owned();
    let done = std::thread::scope(|scope| {
        let second = scope.spawn(|| Held::of(dir.path()).unwrap().text().to_owned());
        let changed =
            first.change("key_a", serde_json::json!({ "name": "b" }).as_object().unwrap());
        (changed.unwrap(), second.join().unwrap())
    });
    let (Changed { before, after, text }, seen_by_second) = done;
    assert_eq!((before.name.as_str(), after.name.as_str()), ("app", "b"));
    assert!(seen_by_second == text && text != seen, "no version is seen that is gone");
}

#[test]
fn lines_end_as_the_file_ends_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let list = format!("keys = [\n  {{ id = \"key_a\", name = \"a\", sha256 = \"{HASH}\" }},\n]\n");
    for text in [one("# ours"), one("") + "\n\n", list, "# none\n".to_owned()] {
        for end in ["\n", "\r\n"] {
            fs::write(&file, text.replace('\n', end)).unwrap();
            create(dir.path(), &named("b"), NOW).unwrap();
            let now = fs::read_to_string(&file).unwrap();
            let others = now.replace(end, "");
            assert!(!others.contains(['\r', '\n']), "{end:?} {now:?}");
        }
    }
}

#[test]
fn as_many_keys_as_a_file_holds_are_read_and_changed_in_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    let key = |n: usize| {
        one("").replace("key_a", &format!("key_{n}")).replace("9f86d0", &format!("{n:06}"))
    };
    let many: String = (0..5_000).map(key).collect();
    fs::write(&file, &many).unwrap();
    let patch = serde_json::json!({ "name": "b" });
    assert_eq!(change(dir.path(), "key_4999", &patch).unwrap().name, "b");
    assert_eq!(list(dir.path()).unwrap().0.iter().count(), 5_000);
}

#[test]
fn only_its_owner_reads_a_new_file_and_nothing_is_left_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("a/config");
    create(&config, &named("b"), NOW).unwrap();
    let mode = |file: &str| fs::metadata(config.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(FILE), mode("")), (0o600, 0o755));
    let mut left: Vec<_> =
        fs::read_dir(&config).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["keys.toml", "providers"]);
    assert!(config.join("providers/sandbox.toml").is_file(), "it was built in until now");
    assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1);

    fs::set_permissions(config.join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
    create(&config, &named("c"), NOW).unwrap();
    assert_eq!(mode(FILE), 0o644, "who read it still does");
}

#[test]
fn keys_made_at_the_same_time_are_all_there() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let dir = dir.path();
            scope.spawn(move || create(dir, &named(&n.to_string()), NOW).unwrap());
        }
    });
    assert_eq!(list(dir.path()).unwrap().0.iter().count(), 8);
}

#[test]
fn a_link_stays_a_link() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("real.toml"), "# real\n").unwrap();
    std::os::unix::fs::symlink("real.toml", dir.path().join(FILE)).unwrap();
    create(dir.path(), &named("b"), NOW).unwrap();
    assert!(fs::symlink_metadata(dir.path().join(FILE)).unwrap().is_symlink());
    assert!(fs::read_to_string(dir.path().join("real.toml")).unwrap().starts_with("# real\n"));
}

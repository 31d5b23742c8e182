use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::admin::Operator;
use crate::admin::version::Condition;
use crate::catalog::provider::Hosts;
use crate::master::MasterKey;
use crate::plugin::{Label, Registry};

const COMMENTED: &str = "# Ours.\nname = \"A\" # the first\ntype = \"acme-edit\"\napi_key = \"sk-1\"\n\
    \n# Slow today.\npriority = 3\n\n[limits]\nconcurrency = 2 # no more\n";

fn providers() -> Providers {
    let label = r#"{"abi":1,"id":"acme","version":"1.0.0","types":[
        {"id":"acme-edit","defaults":{"hosts":{"domestic":"https://acme.example"}}},
        {"id":"acme-fast","defaults":{"hosts":{"domestic":"https://acme.example"}}},
        {"id":"other-edit","defaults":{"hosts":{"domestic":"https://other.example"}}}]}"#;
    let plugins = Arc::new(Registry::of_labels([Label::parse(label.as_bytes()).unwrap()]));
    Providers { plugins, master: MasterKey::of(&"k".repeat(32)).unwrap() }
}

fn files(all: &[(&str, &str)]) -> Files {
    let texts = all.iter().map(|(id, text)| (KIND.place(id), (*text).to_owned()));
    Files::restored(Path::new("/c"), texts)
}

fn asker(sent: &[(&'static str, &str)]) -> Asker {
    let headers = sent
        .iter()
        .map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap()));
    let condition = Condition::of(&headers.collect());
    Asker { by: Operator::Local, from: None, condition }
}

/// What a key for these hosts is sealed for.
fn place(domestic: &str) -> String {
    let hosts = Hosts { domestic: domestic.to_owned(), ..Hosts::default() };
    reference::place(&hosts)
}

fn fields(json: &Value) -> Fields {
    json.as_object().unwrap().clone()
}

/// The one file that a plan writes.
fn text(plan: Result<Plan, NotDone>) -> Result<String, NotDone> {
    plan.map(|plan| {
        let changes: Vec<_> = plan.overlay.changes().collect();
        assert_eq!(changes.len(), 1, "{changes:?}");
        changes[0].1.unwrap().to_owned()
    })
}

/// What a plan writes, by file.
fn written(plan: &Plan) -> Vec<(PathBuf, String)> {
    let changes = plan.overlay.changes();
    changes.map(|(file, text)| (file.to_owned(), text.unwrap_or("gone").to_owned())).collect()
}

fn names(error: NotDone) -> (String, Option<String>) {
    match error {
        NotDone::Stale => ("stale".to_owned(), None),
        NotDone::Refused(error) => {
            let (code, param) = error.names();
            (code.to_owned(), param.map(str::to_owned))
        }
    }
}

fn change(before: &str, manner: Manner, sent: Value) -> Result<String, NotDone> {
    let Value::Object(sent) = sent else { panic!("{sent} is none") };
    let files = files(&[("a", before)]);
    text(providers().changed(&files, &asker(&[]), "a", manner, sent))
}

#[test]
fn a_new_file_reads_as_people_write_it_and_its_key_is_sealed() {
    let sent = json!({
        "hosts": {"domestic": "https://x.example"}, "retry": false, "api_key": " sk-canary ",
        "type": "acme-edit", "name": "Größe \"甲\"\nzwei", "id": "mine", "region": null,
    });
    let plan = providers().created(&files(&[]), fields(&sent)).unwrap();
    assert_eq!(plan.id, "mine");
    let text = text(Ok(plan)).unwrap();
    let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word} in {text}"));
    assert!(at("name") < at("type") && at("type") < at("api_key"), "{text}");
    assert!(at("api_key") < at("retry") && at("retry") < at("[hosts]"), "{text}");
    assert!(!text.contains("canary") && !text.contains("region"), "{text}");
    let shown = edit::shown(&text).unwrap();
    assert_eq!(shown["name"], "Größe \"甲\"\nzwei");
    let sealed = key::written(&shown).unwrap();
    let master = providers().master;
    assert_eq!(master.unseal(sealed, &place("https://x.example")).unwrap().expose(), "sk-canary");
    assert!(master.unseal(sealed, &place("https://acme.example")).is_err());
}

#[test]
fn comments_and_what_is_not_named_survive() {
    let text = change(COMMENTED, Manner::Merge, json!({"priority": 5, "limits": {"per_day": 9}}));
    let text = text.unwrap();
    assert!(text.starts_with("# Ours.\nname = \"A\" # the first\n"), "{text}");
    assert!(text.contains("# Slow today.\npriority = 5\n"), "{text}");
    assert!(text.contains("concurrency = 2 # no more\nper_day = 9\n"), "{text}");

    let text = change(COMMENTED, Manner::Replace, json!({"name": "B", "type": "acme-edit"}));
    let text = text.unwrap();
    assert!(text.starts_with("# Ours.\nname = \"B\""), "{text}");
    assert!(text.contains("api_key = \"sk-1\"") && !text.contains("concurrency"), "{text}");
}

#[test]
fn a_default_that_comes_back_is_not_written_down() {
    let shown = providers().parsed(Entry {
        id: "a",
        file: Path::new("a.toml"),
        text: &Ok(COMMENTED.to_owned()),
    });
    let mut sent = Value::Object(effective(&shown.unwrap()));
    sent["limits"]["per_day"] = json!(7);
    let text = change(COMMENTED, Manner::Replace, sent).unwrap();
    assert_eq!(text, format!("{COMMENTED}per_day = 7\n"));
}

#[test]
fn what_is_sent_to_a_disabled_one_has_to_be_right() {
    let off = COMMENTED.replace("priority = 3", "priority = 3\nenabled = false\nwhen_full = \"x\"");
    for (sent, wrong) in [
        (json!({"priority": "high"}), Some("priority")),
        (json!({"limits": {"concurrency": "x"}}), Some("limits.concurrency")),
        (json!({"name": ""}), Some("name")),
        (json!({"priority": 4}), None),
        (json!({"when_full": "next"}), None),
    ] {
        let changed = change(&off, Manner::Merge, sent.clone());
        let found = changed.err().map(|error| names(error).1.unwrap_or_default());
        assert_eq!(found.as_deref(), wrong, "{sent}");
    }
}

#[test]
fn a_key_stays_where_it_was_given_for() {
    let asked = Err(("invalid_provider".to_owned(), Some("api_key".to_owned())));
    let hosts = |domestic: &str| json!({ "hosts": { "domestic": domestic } });
    for (sent, want) in [
        (json!({"name": "B", "region": "overseas"}), Ok("sk-1")),
        (json!({"type": "acme-fast"}), Ok("sk-1")),
        (json!({"api_key": "", "name": "B"}), Ok("sk-1")),
        (json!({"api_key": null, "name": "B"}), Ok("sk-1")),
        (hosts("https://acme.example:443/"), Ok("sk-1")),
        (hosts("https://evil.example"), asked.clone()),
        (hosts("http://acme.example"), asked.clone()),
        (hosts("https://acme.example:8443"), asked.clone()),
        (json!({"hosts": {"overseas": "https://evil.example"}}), asked.clone()),
        (json!({"hosts": {"overseas": "https://evil.example"}, "enabled": false}), asked.clone()),
        (json!({"type": "other-edit"}), asked.clone()),
    ] {
        for manner in [Manner::Merge, Manner::Replace] {
            let mut sent = sent.clone();
            if manner == Manner::Replace {
                sent["name"] = json!("C");
                sent["type"] = sent.get("type").cloned().unwrap_or_else(|| json!("acme-edit"));
            }
            let text = change(COMMENTED, manner, sent.clone()).map_err(names);
            let key =
                text.map(|text| key::written(&edit::shown(&text).unwrap()).unwrap().to_owned());
            assert_eq!(key, want.clone().map(str::to_owned), "{sent}");
        }
    }
    // Whatever kind it is of: what it stands for would go there.
    for key in ["${env:MINE}", "${file:/run/secret}", "enc:v1:AAAA"] {
        let before = COMMENTED.replace("sk-1", key);
        let error = change(&before, Manner::Merge, hosts("https://evil.example")).unwrap_err();
        assert_eq!(names(error), asked.clone().unwrap_err(), "{key}");
        let mut sent = hosts("https://evil.example");
        sent["api_key"] = json!(key);
        assert_eq!(
            names(change(&before, Manner::Merge, sent).unwrap_err()),
            asked.clone().unwrap_err()
        );
    }
}

#[test]
fn a_new_key_goes_with_new_hosts() {
    let sent = json!({"hosts": {"domestic": "https://b.example"}, "api_key": "sk-2"});
    let text = change(COMMENTED, Manner::Merge, sent).unwrap();
    let shown = edit::shown(&text).unwrap();
    let opened =
        providers().master.unseal(key::written(&shown).unwrap(), &place("https://b.example"));
    assert_eq!(opened.unwrap().expose(), "sk-2");
    let sent = json!({"api_key": "${env:RETOUCH_SECRET_A}"});
    let text = change(COMMENTED, Manner::Merge, sent).unwrap();
    assert!(text.contains("api_key = \"${env:RETOUCH_SECRET_A}\""), "{text}");
    let sandbox = json!({"hosts": {"domestic": "sandbox:"}});
    let text = change(COMMENTED, Manner::Merge, sandbox).unwrap();
    assert!(!text.contains("api_key"), "{text}");
}

#[test]
fn what_is_wrong_with_the_hosts_is_said_before_the_key_is_asked_for() {
    let error = change(COMMENTED, Manner::Merge, json!({"type": "acme-edti"})).unwrap_err();
    assert_eq!(names(error), ("invalid_provider".to_owned(), Some("type".to_owned())));
}

#[test]
fn what_is_no_toml_can_only_be_replaced() {
    let broken = "name = \"A\"\napi_key = sk-canary\n";
    let error = change(broken, Manner::Merge, json!({"name": "B"})).unwrap_err();
    assert_eq!(names(error).0, "invalid_provider");
    let sent = json!({"name": "B", "type": "acme-edit", "api_key": "sk-2"});
    let text = change(broken, Manner::Replace, sent).unwrap();
    assert!(text.starts_with("name = \"B\"\n") && !text.contains("canary"), "{text}");
}

#[test]
fn a_wrong_key_in_a_broken_file_can_be_taken_out() {
    let text = change("nmae = \"A\"\n", Manner::Merge, json!({"nmae": null, "name": "A"}));
    assert_eq!(text.unwrap(), "name = \"A\"\n");
}

#[test]
fn a_copy_has_a_name_and_an_id_of_its_own() {
    let first = COMMENTED.replace("priority = 3", "default = true");
    let (second, broken) = (COMMENTED.replace("\"A\"", "\"A (2)\""), "[");
    let files = files(&[("a", &first), ("b", &second), ("broken", broken)]);
    let copied = |sent: Value| providers().copied(&files, &asker(&[]), "a", fields(&sent));
    let plan = copied(json!({})).unwrap();
    assert_eq!(plan.id, "a-2");
    let text = text(Ok(plan)).unwrap();
    assert!(text.contains("name = \"A (3)\" # the first") && text.contains("sk-1"), "{text}");
    assert!(!text.contains("default = true"), "{text}");
    assert_eq!(copied(json!({"id": "c", "name": "C"})).unwrap().id, "c");
    for (sent, want) in [
        (json!({"id": "b"}), ("already_exists", Some("id"))),
        (
            json!({"hosts": {"domestic": "https://evil.example"}}),
            ("invalid_provider", Some("api_key")),
        ),
    ] {
        let (code, param) = want;
        assert_eq!(names(copied(sent).unwrap_err()), (code.to_owned(), param.map(str::to_owned)));
    }
}

#[test]
fn a_change_is_made_for_the_version_it_was_meant_for() {
    let files = files(&[("a", COMMENTED)]);
    let version = format!("\"{}\"", KIND.entry(&files, "a").unwrap().version());
    let (is, none) = ("if-match", "if-none-match");
    let new = json!({"name": "B", "type": "acme-edit", "api_key": "k"});
    for (id, sent, want) in [
        ("a", (is, version.as_str()), Ok(())),
        ("a", (is, "*"), Ok(())),
        ("a", (is, "\"other\""), Err("stale")),
        ("a", (none, "*"), Err("stale")),
        ("b", (is, "*"), Err("not_found")),
        ("b", (none, "*"), Ok(())),
        ("B c", (none, "*"), Err("invalid_value")),
        ("order", (none, "*"), Err("already_exists")),
    ] {
        let asker = asker(&[sent]);
        let plan = providers().changed(&files, &asker, id, Manner::Replace, fields(&new));
        assert_eq!(
            plan.map(drop).map_err(|e| names(e).0),
            want.map_err(str::to_owned),
            "{id} {sent:?}"
        );
    }
}

#[test]
fn clicks_touch_no_more_than_they_must() {
    let at = |more: &str| format!("name = \"N\"\ntype = \"acme-edit\"\n{more}");
    let texts = [at("default = true\n"), at("priority = 1\n"), at("enabled = false\n")];
    let files = files(&[("a", &texts[0]), ("b", &texts[1]), ("c", &texts[2])]);
    let (editor, asker) = (providers(), asker(&[]));
    let names = |plan: Plan| -> Vec<String> {
        let stem = |(file, _): (PathBuf, String)| file.file_stem().unwrap().display().to_string();
        written(&plan).into_iter().map(stem).collect()
    };
    assert_eq!(names(editor.enabled(&files, &asker, "a", true).unwrap()), [""; 0]);
    assert_eq!(names(editor.enabled(&files, &asker, "c", true).unwrap()), ["c"]);
    assert_eq!(names(editor.defaulted(&files, &asker, "a").unwrap()), [""; 0]);
    let moved = written(&editor.defaulted(&files, &asker, "b").unwrap());
    assert!(moved[0].1.contains("default = false") && moved[1].1.contains("default = true"));
    assert_eq!(moved.len(), 2);

    let order = |ids: &[&str]| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        editor.ordered(&files, &asker, &ids)
    };
    assert_eq!(names(order(&["b"]).unwrap()), [""; 0], "it is so already");
    assert_eq!(names(order(&["b", "c", "a"]).unwrap()), ["a"]);
    assert_eq!(names(order(&["b", "a"]).unwrap()), ["c"], "which is not to be level with a");
    assert_eq!(names(order(&["a"]).unwrap()), ["a"]);
    for wrong in [&["a", "a"][..], &["a", "x"]] {
        assert!(order(wrong).is_err());
    }
}

proptest! {
    /// Whatever hosts are sent: a key that was not sent with them is only where it was given for.
    #[test]
    fn no_key_goes_where_it_was_not_given_for(
        domestic in "https://acme.example(:443|/)?|(https?://)?[a-z]{1,3}(\\.example)?(:[0-9]{2,4})?(/|/x)?|sandbox:|",
        overseas in prop::option::of("https?://[a-z]{1,2}\\.example/?"),
        enabled in any::<bool>(),
        replace in any::<bool>(),
    ) {
        let manner = if replace { Manner::Replace } else { Manner::Merge };
        let sent = json!({
            "name": "A", "type": "acme-edit", "enabled": enabled,
            "hosts": { "domestic": domestic, "overseas": overseas },
        });
        if let Ok(text) = change(COMMENTED, manner, sent) {
            let has_key = edit::shown(&text).unwrap().contains_key(FIELD);
            let goes_to = providers().place(Path::new("a.toml"), &text).unwrap();
            prop_assert!(!has_key || goes_to == place("https://acme.example"), "{}", text);
        }
    }
}

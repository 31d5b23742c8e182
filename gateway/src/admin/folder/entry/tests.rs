use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::admin::providers::KIND;

fn files(ids: &[&str]) -> Files {
    let texts = ids.iter().map(|id| (KIND.place(id), format!("name = \"{id}\"\n")));
    Files::restored(Path::new("/c"), texts)
}

#[test]
fn an_id_is_proposed_from_the_name_and_unique() {
    for (name, want) in [
        ("Acme-全能图片PRO", "acme-pro"),
        ("全能图片", "provider"),
        ("", "provider"),
        ("  A  b__C!", "a-b-c"),
        ("../../etc/passwd", "etc-passwd"),
        ("taken", "taken-3"),
        ("Order", "order-2"),
    ] {
        let files = files(&["taken", "taken-2", "x"]);
        assert_eq!(KIND.new_id(&files, None, name).unwrap(), want, "{name}");
    }
}

#[test]
fn an_id_asked_for_is_taken_or_refused() {
    let files = files(&["taken"]);
    let new = |asked: Value| KIND.new_id(&files, Some(&asked), "Name");
    assert_eq!(new(json!("a-1")).unwrap(), "a-1");
    assert_eq!(new(json!(null)).unwrap(), "name");
    for wrong in [json!(""), json!("A"), json!("a/b"), json!(".."), json!(3), json!("x".repeat(65))]
    {
        assert_eq!(new(wrong).unwrap_err().names(), ("invalid_value", Some("id")));
    }
    assert_eq!(new(json!("taken")).unwrap_err().names(), ("already_exists", Some("id")));
}

#[test]
fn unknown_fields_name_the_nearest() {
    let fields = |sent: Value| KIND.fields_of("a", sent.as_object().unwrap().clone());
    for (sent, path, near) in [
        (json!({"prioritty": 3}), "prioritty", "`priority`"),
        (json!({"hosts": {"domestik": ""}}), "hosts.domestik", "`hosts.domestic`"),
        (json!({"limits": {"concurency": 3}}), "limits.concurency", "`limits.concurrency`"),
        (json!({"zzzzzzzz": 3}), "zzzzzzzz", "known are: name"),
    ] {
        let error = fields(sent).unwrap_err();
        assert_eq!(error.names(), ("unknown_parameter", Some(path)));
        assert!(format!("{error:?}").contains(near), "{error:?}");
    }
    for fine in [
        json!({"prioritty": null, "hosts": {"domestik": null}}),
        json!({"id": "a", "revision": "x", "health": {"state": "free"}, "key": {}, "problems": []}),
        json!({"hosts": "no table", "endpoints": {"any": "/"}, "options": {"any": 1}}),
    ] {
        assert!(fields(fine).is_ok());
    }
    assert_eq!(fields(json!({"id": "b"})).unwrap_err().names(), ("invalid_value", Some("id")));
}

#[test]
fn the_version_of_all_changes_with_each() {
    let (one, two) = (files(&["a"]), files(&["a", "b"]));
    let changed = Files::restored(Path::new("/c"), [(KIND.place("a"), "name = 1".to_owned())]);
    let versions = [&one, &two, &changed].map(|files| KIND.version(files));
    assert!(versions[0] != versions[1] && versions[0] != versions[2]);
    assert_eq!(versions[0], KIND.version(&files(&["a"])));
}

proptest! {
    #[test]
    fn whatever_the_name_the_id_is_one_and_free(name in ".*", taken in 0..5_u64) {
        let first = KIND.new_id(&files(&[]), None, &name).unwrap();
        let mut ids = vec![first.clone()];
        ids.extend((2..2 + taken).map(|n| format!("{first}-{n}")));
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let id = KIND.new_id(&files(&ids), None, &name).unwrap();
        prop_assert!(is_id(&first) && is_id(&id), "{} {}", first, id);
        prop_assert!(!ids.contains(&id.as_str()));
    }
}

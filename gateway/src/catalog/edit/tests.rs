use proptest::prelude::*;
use serde_json::json;

use super::*;

const FILE: &str = "\
# Our account.
name     = \"Acme\"      # as people call it
type     = \"acme-edit\"
api_key  = \"${env:KEY}\"
priority = 0           # larger first
# aliases = [\"a\"]

# Where it is.
[hosts]
domestic = \"https://acme.test\"   # the only one

[limits]
concurrency = 3                  # of a new account
timeout     = \"10m\"

# [options]
# seed = 1
";

fn patch(patch: Json) -> Map<String, Json> {
    let Json::Object(patch) = patch else { unreachable!("{patch}") };
    patch
}

fn merge(text: &str, with: Json) -> String {
    merged(text, &patch(with)).unwrap()
}

#[track_caller]
fn check(text: &str, with: Json, want: &str) {
    let said = with.to_string();
    assert_eq!(merge(text, with.clone()), want, "{said} in:\n{text}");
    // The same again finds everything as it shall be.
    assert_eq!(merge(want, with), want, "{said} twice");
}

#[test]
fn a_value_is_replaced_where_it_stands() {
    for (with, old, new) in [
        (json!({"priority": 7}), "priority = 0  ", "priority = 7  "),
        (json!({"name": "A \"b\"\\"}), "\"Acme\"", r#"'A "b"\'"#),
        (json!({"hosts": {"domestic": "x"}}), "\"https://acme.test\"", "\"x\""),
        (json!({"limits": {"concurrency": 12}}), "concurrency = 3 ", "concurrency = 12 "),
        (json!({"limits": {"timeout": "1h"}}), "\"10m\"", "\"1h\""),
        (json!({"name": "2027-01-01"}), "\"Acme\"", "\"2027-01-01\""),
        (json!({"priority": ["a", 1, true, 1.5]}), "= 0", "= [\"a\", 1, true, 1.5]"),
        (json!({"priority": {"a": {"b": 1}}}), "= 0", "= { a = { b = 1 } }"),
        (json!({"priority": 0, "limits": {"concurrency": 3}}), "", ""),
    ] {
        check(FILE, with, &FILE.replacen(old, new, 1));
    }
}

#[test]
fn a_table_is_changed_in_the_form_it_has() {
    for (text, with, want) in [
        (
            "[limits]\na = 1 # x\n",
            json!({"limits": {"a": 2, "b": 3}}),
            "[limits]\na = 2 # x\nb = 3\n",
        ),
        (
            "limits.a = 1 # x\nlast = 1\n",
            json!({"limits": {"a": 2, "b": 3}}),
            "limits.a = 2 # x\nlimits.b = 3\nlast = 1\n",
        ),
        (
            "limits = { a = 1 } # x\nlast = 1\n",
            json!({"limits": {"a": 2, "b": 3}}),
            "limits = { a = 2, b = 3 } # x\nlast = 1\n",
        ),
        ("limits = {a=1,b=2}\n", json!({"limits": {"b": 3}}), "limits = {a=1,b=3}\n"),
        ("limits = {}\n", json!({"limits": {"b": 3}}), "limits = { b = 3 }\n"),
        (
            "limits = {\n  a = 1, # one\n}\n",
            json!({"limits": {"a": 3}}),
            "limits = {\n  a = 3, # one\n}\n",
        ),
        (
            "[limits.deep]\na = 1\n",
            json!({"limits": {"b": 3}}),
            "[limits.deep]\na = 1\n\n[limits]\nb = 3\n",
        ),
        (
            "[limits]\ndeep.a = 1\n",
            json!({"limits": {"deep": {"b": 2}, "c": {"d": 3}}}),
            "[limits]\ndeep.a = 1\ndeep.b = 2\nc = { d = 3 }\n",
        ),
        ("[limits]\n# none yet\n", json!({"limits": {"a": 1}}), "[limits]\na = 1\n# none yet\n"),
        ("  [limits]\n  a = 1\n", json!({"limits": {"b": 1}}), "  [limits]\n  a = 1\n  b = 1\n"),
        // Fields of one table that stand apart stay apart.
        ("l.a = 1\nx = 1\nl.b = 2\n", json!({"l": {"a": 3}}), "l.a = 3\nx = 1\nl.b = 2\n"),
        (
            "\"odd key\".a = 1\n",
            json!({"odd key": {"b c": 2}}),
            "\"odd key\".a = 1\n\"odd key\".\"b c\" = 2\n",
        ),
    ] {
        check(text, with, want);
    }
}

#[test]
fn a_new_field_goes_before_the_tables_and_a_new_table_to_the_end() {
    let with = json!({"enabled": false, "options": {"seed": 1, "none": null}, "empty": {}});
    let want = FILE.replace("# aliases", "enabled  = false\n# aliases") + "\n[options]\nseed = 1\n";
    check(FILE, with, &want);
    for (text, with, want) in [
        ("", json!({"a": 1}), "a = 1\n"),
        ("", json!({"t": {"a": 1}}), "[t]\na = 1\n"),
        ("", json!({"t": {"a": 1}, "b": 2}), "b = 2\n\n[t]\na = 1\n"),
        ("# only this", json!({"a": 1}), "# only this\na = 1\n"),
        ("a = 1", json!({"b": 2}), "a = 1\nb = 2\n"),
        ("a = 1 # x", json!({"t": {"b": 2}}), "a = 1 # x\n\n[t]\nb = 2\n"),
        ("[t]\nb = 2\n", json!({"a": 1}), "a = 1\n\n[t]\nb = 2\n"),
        (
            "# file\n\n# table\n[t]\nb = 2\n",
            json!({"a": 1}),
            "# file\n\na = 1\n\n# table\n[t]\nb = 2\n",
        ),
        ("[[t]]\nb = 2\n", json!({"a": 1}), "a = 1\n\n[[t]]\nb = 2\n"),
        (
            "a = 1\r\n[t]\r\nb = 2\r\n",
            json!({"c": 3, "u": {"d": 4}}),
            "a = 1\r\nc = 3\r\n[t]\r\nb = 2\r\n\r\n[u]\r\nd = 4\r\n",
        ),
        ("\u{feff}a = 1\n", json!({"a": 2, "b": 3}), "\u{feff}a = 2\nb = 3\n"),
        ("\u{feff}", json!({"b": 3}), "\u{feff}b = 3\n"),
        ("\u{feff}a = 1\n", json!({"a": null}), "\u{feff}"),
    ] {
        check(text, with, want);
    }
}

#[test]
fn what_goes_takes_its_line_and_nothing_else() {
    for (text, with, want) in [
        ("# above\na = 1 # behind\nb = 2\n", json!({"a": null}), "# above\nb = 2\n"),
        ("a = 1\nb = 2", json!({"b": null}), "a = 1\n"),
        ("a = \"\"\"\nx\n[y]\n\"\"\" # z\nb = 2\n", json!({"a": null}), "b = 2\n"),
        ("a = [\n 1, # one\n]\nb = 2\n", json!({"a": null}), "b = 2\n"),
        // A header stays, and serves the next that comes.
        ("[t]\na = 1\n\n[u]\nb = 2\n", json!({"t": {"a": null}}), "[t]\n\n[u]\nb = 2\n"),
        ("[t]\na = 1\n\n[u]\nb = 2\n", json!({"t": null}), "[u]\nb = 2\n"),
        ("x = 1\n\n[t]\na = 1\n\n[u]\nb = 2\n", json!({"t": null}), "x = 1\n\n[u]\nb = 2\n"),
        ("x = 1\n\n# of t\n[t]\na = 1\n", json!({"t": null}), "x = 1\n\n# of t\n"),
        ("x = 1\n\n[t]\na = 1\n", json!({"t": null}), "x = 1\n"),
        ("[t.d]\na = 1\n[u]\nb = 2\n[t]\nc = 3\n", json!({"t": null}), "[u]\nb = 2\n"),
        ("t.a = 1\nb = 2\nt.c = 3\n", json!({"t": null}), "b = 2\n"),
        ("t.a = 1\nb = 2\nt.c = 3\n", json!({"t": {"a": null}}), "b = 2\nt.c = 3\n"),
        ("t = { a = 1, b = 2 }\n", json!({"t": {"b": null}}), "t = { a = 1 }\n"),
        ("t = { a = 1 } # x\n", json!({"t": {"a": null}}), "t = {} # x\n"),
        ("[[t]]\na = 1\n[t.u]\nc = 2\n[[t]]\na = 2\n", json!({"t": null}), ""),
        ("b = 2\n", json!({"a": null, "t": {"a": null}}), "b = 2\n"),
        // Another kind of thing under the same name.
        ("x = 1\n[t]\na = 1\n", json!({"t": 3}), "x = 1\nt = 3\n"),
        ("[[t]]\na = 1\n", json!({"t": {"b": 2}}), "[t]\nb = 2\n"),
        ("t.a = 1\nx = 2\n", json!({"t": [1]}), "x = 2\nt = [1]\n"),
    ] {
        check(text, with, want);
    }
}

#[test]
fn put_leaves_what_is_given_and_what_is_kept() {
    let fields = json!({"name": "Acme", "limits": {"timeout": "10m"}, "priority": 5});
    let want = FILE
        .replace("type     = \"acme-edit\"\n", "")
        .replace("= 0 ", "= 5 ")
        .replace("[hosts]\ndomestic = \"https://acme.test\"   # the only one\n", "")
        .replace("concurrency = 3                  # of a new account\n", "");
    let found = replaced(FILE, &patch(fields.clone()), &["api_key"]).unwrap();
    assert_eq!(found.replace("\n\n", "\n"), want.replace("\n\n", "\n"));
    let wanted = json!({
        "name": "Acme", "api_key": "${env:KEY}", "priority": 5, "limits": {"timeout": "10m"}
    });
    assert_eq!(Json::Object(shown(&found).unwrap()), wanted);
    let found = replaced(FILE, &patch(fields.clone()), &[]).unwrap();
    assert_eq!(Json::Object(shown(&found).unwrap()), fields);
    // What is both given and kept is as given.
    let found = replaced(FILE, &patch(json!({"api_key": "k"})), &["api_key"]).unwrap();
    assert_eq!(Json::Object(shown(&found).unwrap()), json!({"api_key": "k"}));
}

#[test]
fn what_has_no_form_is_refused_by_name() {
    for (text, with, want) in [
        ("a = ", json!({}), "is not TOML"),
        ("a = 1\nb = \n", json!({}), "is not TOML"),
        ("", json!({"a": {"b": [1, null]}}), "a.b.1 cannot hold null"),
        ("", json!({"a": [{"b": null}]}), "a.0.b cannot hold null"),
        ("", json!({"a": u64::MAX}), "a is too large a number"),
    ] {
        let unfit = merged(text, &patch(with)).unwrap_err();
        assert!(unfit.to_string().trim().starts_with(want), "{unfit}");
    }
    assert_eq!(shown("a = 1\nb = \n").unwrap_err().mend, "mend the syntax on line 2");
}

#[test]
fn one_of_a_list_is_found_by_its_id() {
    let set = |value: i64| vec![("n".to_owned(), Change::Set(value.into()))];
    for (text, want) in [
        (
            "[[k]] # a\nid = \"a\"\n\n[[k]] # b\nid = \"b\"\n\n[k.t]\nx = 1\n\n[[k]]\nid = \"c\"\n",
            "[[k]] # a\nid = \"a\"\n\n[[k]] # b\nid = \"b\"\nn = 1\n\n[k.t]\nx = 1\n\n[[k]]\nid = \"c\"\n",
        ),
        (
            "k = [ # ours\n  { id = \"a\" },\n  { id = \"b\", n = 0 }, # b\n]\n",
            "k = [ # ours\n  { id = \"a\" },\n  { id = \"b\", n = 1 }, # b\n]\n",
        ),
    ] {
        assert_eq!(in_list(text, "k", "b", &set(1)), Ok(Some(want.to_owned())));
        assert_eq!(in_list(text, "k", "x", &set(1)), Ok(None));
        assert_eq!(in_list(text, "l", "b", &set(1)), Ok(None));
    }
}

/// A file as somebody may have written it, whose fields `a`, `t.a`, `u.a` and `v.a` are there or not.
fn file() -> impl Strategy<Value = String> {
    let comment = prop_oneof![Just(""), Just("# one"), Just("  # two = 2"), Just("\n# three\n")];
    let value = prop_oneof![
        Just("1"),
        Just("\"# no\""),
        Just("[ 1, # in\n 2 ]"),
        Just("'''\n[t]\n# text\n'''"),
        Just("0x1F"),
        Just("2027-01-01"),
        Just("{ x = 1, y.z = [2] }"),
    ];
    let field = |key: &'static str| {
        let line = (comment.clone(), value.clone(), comment.clone(), any::<bool>());
        line.prop_map(move |(above, value, behind, there)| {
            let behind = behind.trim();
            let above = above.to_owned() + "\n";
            if there { format!("{above}{key} = {value} {behind}\n") } else { above }
        })
    };
    let top = (field("a"), field("b"), field("u.a"), field("u.b"));
    let tables = (field("a"), field("b"), field("a"), field("\"c d\""));
    let ends = (any::<bool>(), any::<bool>(), any::<bool>());
    (top, tables, ends).prop_map(|((a, b, c, d), (ta, tb, va, vb), (crlf, bom, cut))| {
        let text =
            format!("{a}{c}{b}{d}v = {{ a = 1 }} # v\n[t]\n{ta}{tb}# w\n[[w]]\n{va}[w.x]\n{vb}");
        let text = if cut { text.trim_end().to_owned() } else { text };
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

fn json_value() -> impl Strategy<Value = Json> {
    let text =
        prop_oneof!["\\PC{0,9}", "[a\r\n\t\"'\\\\#\u{0}]{0,6}", Just("2027-01-01".to_owned())];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9_f64).prop_map(Json::from),
        text.prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Json::from))
}

fn any_patch() -> impl Strategy<Value = Map<String, Json>> {
    let leaf = prop_oneof![3 => json_value(), 1 => Just(Json::Null)];
    let key = prop_oneof![Just("a".to_owned()), Just("b".to_owned()), "\\PC{0,4}"];
    let table = prop::collection::vec((key, leaf.clone()), 0..3);
    let table = table.prop_map(|fields| Json::Object(fields.into_iter().collect()));
    let key = prop_oneof!["[abtuvw]", "\\PC{0,4}"];
    let field = (key, prop_oneof![leaf, table]);
    prop::collection::vec(field, 0..4).prop_map(|fields| fields.into_iter().collect())
}

/// The comments that stand on lines of their own.
fn comments(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim());
    lines.filter(|line| line.starts_with('#')).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_asked_for_changes_nothing(text in file()) {
        prop_assert_eq!(&merged(&text, &Map::new()).unwrap(), &text);
        let fields = shown(&text).unwrap();
        prop_assert_eq!(&merged(&text, &fields).unwrap(), &text);
        prop_assert_eq!(&replaced(&text, &fields, &[]).unwrap(), &text);
    }

    #[test]
    fn what_is_set_is_read_and_all_else_stays(text in file(), patch in any_patch()) {
        let after = merged(&text, &patch).unwrap();
        let mut wanted = shown(&text).unwrap();
        change::apply(&mut wanted, &change::of_patch("", &patch).unwrap());
        let found = shown(&after).unwrap();
        prop_assert_eq!(json::without_empty(found), json::without_empty(wanted));
        prop_assert_eq!(&merged(&after, &patch).unwrap(), &after, "once is enough");
    }

    #[test]
    fn comments_stay_in_their_order(text in file(), value in json_value(), key in "[abk]") {
        let in_value = |text: &str| comments(text).contains(&"# text".to_owned());
        prop_assume!(!in_value(&text) && !text.contains("# in"));
        let fields = Json::Object([(key, value)].into_iter().collect());
        let tables = ["t", "u", "v"].map(|table| json!({ table: fields }));
        for patch in tables.into_iter().chain([fields]) {
            let after = merge(&text, patch);
            let mut left = comments(&after).into_iter();
            for comment in comments(&text) {
                prop_assert!(left.any(|found| found == comment), "{} is lost in\n{}", comment, after);
            }
        }
    }

    #[test]
    fn a_file_becomes_what_is_put(text in file(), fields in any_patch()) {
        let after = replaced(&text, &fields, &[]).unwrap();
        let mut wanted = Map::new();
        change::apply(&mut wanted, &change::of_patch("", &fields).unwrap());
        let found = shown(&after).unwrap();
        prop_assert_eq!(json::without_empty(found), json::without_empty(wanted));
    }
}

//! The loader against a plugin in C, built from the public header, and against broken ones.
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// A folder with plugins, a cache and a lock file.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["own", "listed"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(dir.path().join(folder), mode).unwrap();
        }
        fs::write(dir.path().join("retouch_plugin.h"), retouch_abi::HEADER).unwrap();
        fs::write(dir.path().join("answering.c"), include_str!("tests/answering.c")).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Compiles the C plugin to `file` with that label.
    fn build(&self, file: &str, label: &Value, flags: &[&str]) -> PathBuf {
        let path = self.path(file);
        let output = Command::new("cc")
            .args(["-std=c99", "-Wall", "-Wno-unused", "-shared", "-fPIC"])
            .arg("-fvisibility=hidden")
            .arg(format!("-DLABEL={:?}", label.to_string()))
            .args(flags)
            .arg("-o")
            .args([&path, &self.path("answering.c")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn scan(&self) -> Registry {
        let (own, listed) = (vec![self.path("own")], vec![self.path("listed")]);
        let dirs = Dirs { own, listed, lock: self.path("plugins.lock") };
        Registry::scan(&dirs, &self.path("cache"))
    }
}

fn label() -> Value {
    labelled("acme.images", "1.0.0", "acme-edit")
}

fn labelled(id: &str, version: &str, api_type: &str) -> Value {
    json!({ "abi": 1, "id": id, "version": version, "types": [{ "id": api_type }] })
}

fn call(event: &str) -> StepCall<'_> {
    StepCall { event: event.as_bytes(), state: b"old", attach: &[], now_ms: 7, deadline_ms: 9 }
}

fn instance(registry: &Registry) -> Instance {
    let (library, _) = registry.api_type("acme-edit").unwrap();
    library.create(&json!({ "type": "acme-edit" })).unwrap()
}

#[test]
fn a_plugin_in_c_answers_a_step() {
    let place = Place::new();
    let file = place.build("own/libacme.so", &label(), &[]);
    let registry = place.scan();
    assert_eq!(registry.refusals(), []);
    let [library] = registry.libraries() else { unreachable!("{registry:?}") };
    assert_eq!((library.label().id.as_str(), library.file()), ("acme.images", file.as_path()));

    let instance = instance(&registry);
    let attach: &[&[u8]] = &[b"first ", b"", b"second "];
    let answer = instance.step(StepCall { attach, ..call("answer") }).unwrap();
    assert_eq!(answer.outcome, b"[7,9,1]");
    assert_eq!(answer.state, b"first second old");
    let answer = instance.step(StepCall { state: b"", ..call("answer") }).unwrap();
    assert_eq!(answer.state, b"");
}

#[test]
fn an_instance_is_destroyed_with_its_last_owner() {
    let place = Place::new();
    place.build("own/libacme.so", &label(), &[]);
    let registry = place.scan();
    let (first, second) = (instance(&registry), instance(&registry));
    assert_eq!(first.step(call("answer")).unwrap().outcome, b"[7,9,2]");
    drop(second);
    assert_eq!(first.step(call("answer")).unwrap().outcome, b"[7,9,1]");
}

#[test]
fn a_new_registry_takes_over_what_is_loaded() {
    let place = Place::new();
    let file = place.build("own/libacme.so", &label(), &[]);
    let held = instance(&place.scan());
    assert_eq!(place.scan().refusals(), []);
    // Overwritten in place, then removed: what is loaded is a copy.
    fs::write(&file, b"no library any more").unwrap();
    assert_eq!(held.step(call("answer")).unwrap().state, b"old");
    fs::remove_file(&file).unwrap();
    assert!(place.scan().libraries().is_empty());
    assert_eq!(held.step(call("answer")).unwrap().state, b"old");
}

#[test]
fn steps_run_on_many_threads() {
    let place = Place::new();
    place.build("own/libacme.so", &label(), &[]);
    let registry = place.scan();
    let instance = &instance(&registry);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    assert_eq!(instance.step(call("answer")).unwrap().state, b"old");
                }
            });
        }
    });
}

#[test]
fn a_bad_answer_is_an_error_of_the_plugin() {
    let place = Place::new();
    place.build("own/libacme.so", &label(), &[]);
    let registry = place.scan();
    let instance = instance(&registry);
    for (event, error) in [
        ("nothing", "the plugin breaks the ABI: its step wrote no outcome"),
        ("garbage", "the plugin breaks the ABI: its outcome is not UTF-8"),
        ("attach", "the plugin breaks the ABI: it wrote on a channel that does not exist"),
        ("huge", "the plugin wrote more than 65536 bytes as its state"),
        ("panic", "the plugin panicked: boom"),
    ] {
        assert_eq!(instance.step(call(event)).unwrap_err().to_string(), error);
    }
    let (library, _) = registry.api_type("acme-edit").unwrap();
    let refused = library.create(&json!({ "type": "acme-edit", "model": "!" })).unwrap_err();
    let (message, field) = ("holds a !".to_owned(), "model".to_owned());
    assert_eq!(refused, PluginError::Config { message, field });
    let refused = library.create(&json!({ "model": "?" })).unwrap_err();
    assert_eq!(refused, PluginError::Broken("it created a null instance"));
}

#[test]
fn a_plugins_lines_reach_the_log() {
    let place = Place::new();
    place.build("own/libacme.so", &label(), &[]);
    let registry = place.scan();
    let instance = instance(&registry);
    let written = Written::default();
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer({
        let written = written.clone();
        move || written.clone()
    });
    tracing::subscriber::with_default(log.finish(), || instance.step(call("log")).unwrap());
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let line = r#"INFO plugin: answer read plugin=acme.images source=acme fields={"status":200}"#;
    assert!(text.contains(line), "{text}");
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_broken_plugin_is_refused_by_name() {
    let cases: [(Value, &[&str], &str, &str); 9] = [
        (label(), &["-DNO_ENTRY"], "does not export retouch_entry_1", "build it again"),
        (label(), &["-DNO_TABLE"], "cannot work here", "log"),
        (label(), &["-DSHORT_TABLE"], "table of 24 bytes, too short", "build it again"),
        (label(), &["-DNO_STEP"], "has no function `step`", "build it again"),
        (label(), &["-Dstrlen=missing_function"], "cannot be loaded", "again"),
        (json!({ "abi": 2 }), &[], "built for plugin ABI 2", "newer Retouch"),
        (json!("not an object"), &[], "the label cannot be read", "label.json"),
        (json!({ "abi": 1, "id": "x" }), &[], "missing field", "label.json"),
        (with_panic_abort(), &[], "panic = \"abort\"", "remove `panic = \"abort\"`"),
    ];
    for (label, flags, what, mend) in cases {
        let place = Place::new();
        let file = place.build("own/broken.so", &label, flags);
        let registry = place.scan();
        assert!(registry.libraries().is_empty(), "{what}");
        let [refusal] = registry.refusals() else { unreachable!("{what}: {registry:?}") };
        assert_eq!(refusal.file, file);
        assert!(refusal.what.contains(what), "{refusal}");
        assert!(refusal.mend.contains(mend), "{refusal}");
    }
}

fn with_panic_abort() -> Value {
    let mut label = label();
    label["panic"] = json!("abort");
    label
}

#[test]
fn other_files_are_passed_over_in_silence() {
    let place = Place::new();
    place.build("own/unlabelled.so", &label(), &["-DNO_LABEL"]);
    place.build("own/libacme.so.bak", &label(), &[]);
    fs::write(place.path("own/text.so"), "INPUT(libc.so.6)").unwrap();
    fs::write(place.path("own/empty.so"), "").unwrap();
    let registry = place.scan();
    assert!(registry.libraries().is_empty() && registry.refusals().is_empty(), "{registry:?}");
}

#[test]
fn a_half_copied_plugin_is_named() {
    let place = Place::new();
    let whole = fs::read(place.build("libacme.so", &label(), &[])).unwrap();
    fs::write(place.path("own/libacme.so"), &whole[..whole.len() / 2 + 4096]).unwrap();
    let registry = place.scan();
    assert!(registry.libraries().is_empty());
    assert!(registry.refusals()[0].what.contains("not a whole library"), "{registry:?}");
}

#[test]
fn the_highest_version_is_taken() {
    let place = Place::new();
    for (file, version) in [("a", "1.9.0"), ("b", "1.10.0"), ("c", "1.10.0-rc.1")] {
        let label = labelled("acme.images", version, "acme-edit");
        place.build(&format!("own/{file}.so"), &label, &[]);
    }
    fs::copy(place.path("own/b.so"), place.path("own/same-bytes.so")).unwrap();
    let registry = place.scan();
    assert_eq!(registry.refusals(), []);
    let [library] = registry.libraries() else { unreachable!("{registry:?}") };
    assert_eq!(library.label().version, "1.10.0");
}

#[test]
fn what_contradicts_itself_is_refused_on_both_sides() {
    let same_version = [label(), label()];
    let same_type = [labelled("a", "1.0.0", "edit"), labelled("b", "2.0.0", "edit")];
    for (labels, what) in [
        (same_version, "is acme.images 1.0.0, as is "),
        (same_type, "offers the API type `edit`, as does "),
    ] {
        let place = Place::new();
        let one = place.build("own/one.so", &labels[0], &[]);
        let two = place.build("own/two.so", &labels[1], &["-DSHORT_TABLE"]);
        let registry = place.scan();
        assert!(registry.libraries().is_empty());
        let [first, second] = registry.refusals() else { unreachable!("{registry:?}") };
        assert_eq!((&first.file, &second.file), (&one, &two));
        assert!(first.what.contains(what) && second.what.contains(what), "{first}; {second}");
        assert!(first.what.contains("two.so") && second.what.contains("one.so"), "{first}");
    }
}

#[test]
fn a_listed_folder_needs_the_operators_word() {
    let place = Place::new();
    let file = place.build("listed/libacme.so", &label(), &[]);
    let refused = |what: &str| {
        let registry = place.scan();
        assert!(registry.libraries().is_empty());
        assert!(registry.refusals().iter().any(|r| r.what.contains(what)), "{what}: {registry:?}");
    };
    refused("is not listed in");

    let (label, sha256) = inspect(&file).unwrap();
    let line = format!(
        "[[plugin]]\nid = {:?}\nversion = {:?}\nsha256 = {sha256:?}\n",
        label.id, label.version
    );
    fs::write(place.path("plugins.lock"), &line).unwrap();
    assert_eq!(place.scan().libraries().len(), 1);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o775)).unwrap();
    refused("can be written by its group");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(place.path("plugins.lock"), line.replace("sha256", "sha")).unwrap();
    refused("unknown field");
    fs::remove_dir_all(place.path("listed")).unwrap();
    refused("cannot be searched for plugins");
}

#[test]
fn a_folder_of_ours_may_be_listed_too() {
    let place = Place::new();
    place.build("own/libacme.so", &label(), &[]);
    let (own, listed) = (vec![place.path("own")], vec![place.path("listed/../own")]);
    let dirs = Dirs { own, listed, lock: place.path("plugins.lock") };
    let registry = Registry::scan(&dirs, &place.path("cache"));
    assert_eq!((registry.libraries().len(), registry.refusals().len()), (1, 0));
}

#[test]
fn inspect_reads_without_loading() {
    let place = Place::new();
    let file = place.build("libacme.so", &with_panic_abort(), &["-DNO_ENTRY"]);
    let (label, sha256) = inspect(&file).unwrap();
    assert_eq!(label.types[0].id, "acme-edit");
    assert_eq!(sha256, cache::sha256(&fs::read(&file).unwrap()));
    assert!(label.fit().is_err());
    let other = inspect(Path::new("/dev/null")).unwrap_err();
    assert_eq!(other.to_string(), "/dev/null: is no file; move it away");
    let other = inspect(Path::new("/bin/sh")).unwrap_err();
    assert_eq!(other.what, "is no Retouch plugin");
}

#[test]
fn labels_alone_answer_what_the_catalog_asks() {
    let label = Label::parse(label().to_string().as_bytes()).unwrap();
    let registry = Registry::of_labels([label]);
    let (library, api_type) = registry.api_type("acme-edit").unwrap();
    assert_eq!((library.label().id.as_str(), api_type.id.as_str()), ("acme.images", "acme-edit"));
    assert!(matches!(library.create(&json!({})), Err(PluginError::Broken(_))));
    assert!(registry.api_type("other").is_none());
}

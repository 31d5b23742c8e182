use super::*;

/// A folder with `photo.jpg`, `photo-edited.png` and `out-1.png` in it.
fn folder_with_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["photo.jpg", "photo-edited.png", "out-1.png"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    folder
}

#[test]
fn results_are_named_after_what_was_asked() {
    let folder = folder_with_files();
    let at = |name: &str| folder.path().join(name);
    let table = [
        (Some("out.png"), 0, false, "image/png", "out.png"),
        (Some("out.png"), 0, false, "image/webp", "out.png"),
        (Some("out.png"), 0, true, "image/png", "out-0.png"),
        (Some("out.png"), 1, true, "image/png", "out-1.png"),
        (Some("a.b.png"), 1, true, "image/png", "a.b-1.png"),
        (Some("out"), 2, true, "image/png", "out-2"),
        (Some("sub"), 0, false, "image/png", "sub/photo-edited.png"),
        (Some("sub"), 3, true, "image/jpeg", "sub/photo-edited-3.jpg"),
        (None, 0, false, "image/jpeg", "photo-edited.jpg"),
        (None, 0, false, "image/webp; q=1", "photo-edited.webp"),
        (None, 0, false, "text/plain", "photo-edited.image"),
        (None, 0, false, "image/png", "photo-edited-2.png"),
        (None, 1, true, "image/png", "photo-edited-1.png"),
    ];
    for (out, index, several, content_type, expected) in table {
        let out = out.map(at);
        let plan = Plan::new(out.as_deref(), &[at("photo.jpg")], 1).unwrap();
        assert_eq!(plan.path(index, several, content_type), at(expected), "{out:?} {index}");
    }
}

#[test]
fn a_bad_place_is_refused_before_the_edit() {
    let folder = folder_with_files();
    let at = |name: &str| folder.path().join(name);
    let inputs = [at("photo.jpg"), at("out-1.png")];
    let table = [
        ("photo.jpg", 1, Some("save.is_input")),
        ("sub/../photo.jpg", 1, Some("save.is_input")),
        ("out.png", 2, Some("save.is_input")),
        ("out.png", 1, None),
        ("missing/out.png", 1, Some("save.no_folder")),
        ("photo.jpg/out.png", 1, Some("save.no_folder")),
        ("/dev/null", 1, Some("save.not_a_file")),
        ("photo-edited.png", 1, None),
    ];
    for (out, n, refusal) in table {
        let plan = Plan::new(Some(&at(out)), &inputs, n);
        assert_eq!(plan.err(), refusal.map(Refusal), "{out} n {n}");
    }
}

#[test]
fn stdout_takes_one_picture() {
    let plan = |n| Plan::new(Some(Path::new("-")), &[], n);
    assert!(matches!(plan(1), Ok(Plan::Stdout)));
    assert_eq!(plan(2).err(), Some(Refusal("save.stdout_one")));
}

#[tokio::test]
async fn a_file_appears_whole_or_not_at_all() {
    let folder = folder_with_files();
    let target = folder.path().join("result.png");
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = names();

    let mut dropped = Draft::new(target.clone()).await.unwrap();
    dropped.write(b"half").await.unwrap();
    assert!(!target.exists());
    drop(dropped);
    assert_eq!(names(), before);

    let mut kept = Draft::new(target.clone()).await.unwrap();
    kept.write(b"who").await.unwrap();
    kept.write(b"le").await.unwrap();
    kept.keep().await.unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"whole");
    assert_eq!(names(), before + 1);
}

#[test]
fn an_extension_that_promises_another_format_is_noticed() {
    let table = [
        ("out.png", "image/png", false),
        ("out.PNG", "image/png", false),
        ("out.jpeg", "image/jpeg", false),
        ("out.jpg", "image/png", true),
        ("out.tmp", "image/png", false),
        ("out", "image/png", false),
    ];
    for (path, content_type, misnamed) in table {
        assert_eq!(is_misnamed(Path::new(path), content_type), misnamed, "{path} {content_type}");
    }
}

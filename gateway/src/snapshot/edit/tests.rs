use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;
use crate::catalog::provider::Region;
use crate::plugin::{Dirs, Finder};
use crate::snapshot::Source;

const STYLE: &str = "name = \"A\"\nprompt = \"in oil: {prompt}\"\n";
const BROKEN: &str = "name = \"B\"\nprompt = \"{\"\n";
const KEY: &str = "[[keys]]\nid = \"a\"\nname = \"a\"\nsha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";

/// A configuration with these styles.
fn place(styles: &[(&str, &str)]) -> (tempfile::TempDir, Reloader) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("styles")).unwrap();
    let plugins = Dirs { own: Vec::new(), listed: Vec::new(), lock: dir.path().join("lock") };
    let source = Source {
        config_dir: dir.path().to_owned(),
        region: Region::Domestic,
        sandbox: None,
        loopback: true,
        public_url: false,
        master: None,
    };
    let finder = Finder::new(plugins, dir.path().join("cache"));
    let publisher = Publisher::start(source, finder, None).ok().unwrap();
    for (file, text) in styles {
        fs::write(dir.path().join(file), text).unwrap();
    }
    (dir, Reloader::new(publisher))
}

fn read(dir: &Path, file: &str) -> Option<String> {
    fs::read_to_string(dir.join(file)).ok()
}

async fn with(reloader: &Reloader, overlay: Overlay) -> Result<Saved<()>, Unsaved<()>> {
    reloader.edit("a test", move |_| Ok((overlay.clone(), ()))).await
}

#[tokio::test]
async fn a_change_is_written_and_in_use_when_it_is_answered() {
    let (dir, reloader) = place(&[]);
    let overlay = Overlay::default().with("styles/a.toml", STYLE);
    let saved = reloader.edit("a test", move |files| {
        assert_eq!(files.readable().count(), 0);
        Ok::<_, ()>((overlay.clone(), 7))
    });
    let saved = saved.await.unwrap();
    assert_eq!((saved.made, saved.status.revision, saved.status.refused), (7, 2, false));
    assert_eq!(read(dir.path(), "styles/a.toml").as_deref(), Some(STYLE));
    assert_eq!(reloader.current().load().styles.len(), 1);
    assert_eq!(reloader.status(), saved.status);
    // Who looks at the files next finds nothing new, and neither does the same change again.
    assert_eq!(reloader.reload("files changed").await.unwrap().revision, 2);
    let again = with(&reloader, Overlay::default().with("styles/a.toml", STYLE)).await.unwrap();
    assert_eq!(again.status.revision, 2);
    let gone = with(&reloader, Overlay::default().without("styles/a.toml")).await.unwrap();
    assert_eq!((gone.status.revision, read(dir.path(), "styles/a.toml")), (3, None));
}

#[tokio::test]
async fn what_would_break_the_catalog_is_not_written() {
    let (dir, reloader) = place(&[("styles/a.toml", STYLE)]);
    let refused = reloader.edit("a test", |_| Err::<(Overlay, ()), _>("no")).await;
    assert!(matches!(refused, Err(Unsaved::Plan("no"))));
    let both = Overlay::default().with("styles/a.toml", BROKEN).with("styles/c.toml", STYLE);
    let Err(Unsaved::Problems(problems)) = with(&reloader, both).await else { unreachable!() };
    assert!(problems.iter().all(|p| p.is_error() && p.file.ends_with("styles/a.toml")));
    assert_eq!(read(dir.path(), "styles/a.toml").as_deref(), Some(STYLE));
    assert_eq!(read(dir.path(), "styles/c.toml"), None);
}

#[tokio::test]
async fn one_file_is_mended_while_another_is_broken() {
    let broken = [("styles/a.toml", BROKEN), ("styles/b.toml", BROKEN)];
    let (_dir, reloader) = place(&broken);
    // On another line, and still what it was before.
    let moved = format!("# a\n{BROKEN}");
    with(&reloader, Overlay::default().with("styles/b.toml", moved)).await.unwrap();
    let mend = Overlay::default().with("styles/a.toml", STYLE);
    let saved = with(&reloader, mend).await.unwrap();
    assert!(saved.status.refused, "b is still broken");
    let worse = Overlay::default().with("styles/a.toml", BROKEN);
    assert!(matches!(with(&reloader, worse).await, Err(Unsaved::Problems(_))));
    let mend = Overlay::default().with("styles/b.toml", STYLE.replace('A', "B"));
    assert!(!with(&reloader, mend).await.unwrap().status.refused);
    assert_eq!(reloader.current().load().styles.len(), 2);
}

#[tokio::test]
async fn the_last_key_does_not_go() {
    let (dir, reloader) = place(&[]);
    with(&reloader, Overlay::default().with("keys.toml", KEY)).await.unwrap();
    for gone in [Overlay::default().without("keys.toml"), Overlay::default().with("keys.toml", "")]
    {
        assert!(matches!(with(&reloader, gone).await, Err(Unsaved::Problems(_))));
    }
    assert_eq!(read(dir.path(), "keys.toml").as_deref(), Some(KEY));
}

#[tokio::test]
async fn changes_at_the_same_time_come_one_after_the_other() {
    let (dir, reloader) = place(&[("styles/a.toml", "name = \"A\"\nprompt = \"\"\n")]);
    let edits = (0..8).map(|n| {
        let reloader = reloader.clone();
        async move {
            let plan = move |files: &Files| {
                let text = files.get(Path::new("styles/a.toml")).unwrap_or_default();
                Ok::<_, ()>((
                    Overlay::default().with("styles/a.toml", format!("{text}# {n}\n")),
                    (),
                ))
            };
            let (edited, _) = tokio::join!(reloader.edit("a test", plan), reloader.reload("else"));
            edited.unwrap()
        }
    });
    futures_util::future::join_all(edits).await;
    let text = read(dir.path(), "styles/a.toml").unwrap();
    assert!((0..8).all(|n| text.contains(&format!("# {n}\n"))), "{text}");
}

#[tokio::test]
async fn what_an_editor_saves_meanwhile_is_not_lost() {
    for (saves, is_saved) in [(1, true), (2, true), (3, false)] {
        let (dir, reloader) = place(&[("styles/a.toml", "name = \"A\"\nprompt = \"\"\n")]);
        let (file, left) = (dir.path().join("styles/a.toml"), AtomicUsize::new(saves));
        let plan = move |files: &Files| {
            let text = files.get(Path::new("styles/a.toml")).unwrap().to_owned();
            // Between the gateway's look and its write.
            let n = left.load(Relaxed);
            if n > 0 {
                fs::write(&file, format!("{text}# editor {n}\n")).unwrap();
                left.store(n - 1, Relaxed);
            }
            Ok::<_, ()>((Overlay::default().with("styles/a.toml", text + "# gateway\n"), ()))
        };
        let edited = reloader.edit("a test", plan).await;
        let text = read(dir.path(), "styles/a.toml").unwrap();
        assert!((1..=saves).all(|n| text.contains(&format!("# editor {n}\n"))), "{text}");
        assert_eq!(text.contains("# gateway"), is_saved, "{text}");
        assert_eq!(matches!(edited, Err(Unsaved::Overtaken)), !is_saved);
        assert!(is_saved || edited.is_err());
    }
}

#[tokio::test]
async fn who_holds_the_folder_holds_up_no_revocation() {
    let (dir, reloader) = place(&[("keys.toml", KEY)]);
    reloader.reload("a test").await.unwrap();
    let held = save::lock(dir.path()).unwrap();
    let (begun, ready) = std::sync::mpsc::channel();
    let edit = {
        let reloader = reloader.clone();
        async move {
            let plan = move |_: &Files| {
                begun.send(()).unwrap();
                Ok::<_, ()>((Overlay::default().with("styles/a.toml", STYLE), ()))
            };
            reloader.edit("a test", plan).await
        }
    };
    let revoke = async {
        let revoked = format!("{KEY}revoked = 2026-01-01\n");
        fs::write(dir.path().join("keys.toml"), revoked).unwrap();
        let status = reloader.reload("a test").await.unwrap();
        assert!(ready.try_recv().is_err(), "the folder is still held");
        drop(held);
        status
    };
    let (edited, revoked) = tokio::join!(edit, revoke);
    assert_eq!((revoked.revision, edited.unwrap().status.revision), (3, 4));
}

#[tokio::test]
async fn what_could_not_be_read_again_is_refused() {
    let (dir, reloader) = place(&[("styles/a.toml", STYLE)]);
    let large = format!("{STYLE}# {}\n", "x".repeat(1 << 20));
    for _ in 0..2 {
        let change = Overlay::default().with("styles/a.toml", large.as_str());
        assert!(reloader.check(change.clone()).await.iter().any(Problem::is_error));
        let Err(Unsaved::Problems(problems)) = with(&reloader, change).await else {
            unreachable!()
        };
        assert!(problems.iter().all(|p| p.what.contains("larger than 1024 KiB")), "{problems:?}");
        // Nor if it is so already.
        fs::write(dir.path().join("styles/a.toml"), &large).unwrap();
    }
}

#[test]
fn a_folder_that_is_not_ours_to_write_is_told_with_what_is_to_be_done() {
    for (number, is_read_only) in [
        (libc::EROFS, true),
        (libc::EACCES, true),
        (libc::EPERM, true),
        (libc::EBUSY, true),
        (libc::ENOSPC, false),
        (libc::EIO, false),
    ] {
        let told = unsaved::<()>(io::Error::from_raw_os_error(number), || "+ a".to_owned());
        let is = matches!(&told, Unsaved::ReadOnly { diff, .. } if diff == "+ a");
        assert_eq!((is, matches!(told, Unsaved::Io(_))), (is_read_only, !is_read_only), "{number}");
    }
}

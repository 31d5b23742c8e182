//! Whether files have changed: their names, sizes, times and numbers, looked at four times a second.
//! Nothing is read but folders, so that it works on bind mounts, network file systems and through
//! links that are swapped, and a look that finds nothing new costs microseconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{self, is_meant};
use crate::plugin::Dirs;
use crate::stamp::Stamp;

/// Between two looks.
pub const EVERY: Duration = Duration::from_millis(250);
/// Looks after which change without end is acted on all the same.
const PATIENCE: u32 = 4;

/// Every watched file as it is now.
pub type Picture = BTreeMap<PathBuf, Stamp>;

/// Where is looked.
#[derive(Clone, Debug)]
pub struct Watch {
    config_dir: PathBuf,
    plugins: Dirs,
}

/// Decides from one look to the next. Pure.
#[derive(Debug)]
pub struct Steady {
    acted: Picture,
    last: Picture,
    restless: u32,
}

impl Watch {
    /// The configuration's folder, and where plugins are looked for.
    pub fn new(config_dir: PathBuf, plugins: Dirs) -> Self {
        Self { config_dir, plugins }
    }

    /// How everything is now.
    pub fn look(&self) -> Picture {
        let mut picture = Picture::new();
        for folder in files::FOLDERS {
            see_folder(&mut picture, &self.config_dir.join(folder), is_meant);
        }
        for dir in self.plugins.own.iter().chain(&self.plugins.listed) {
            see_folder(&mut picture, dir, is_library);
        }
        let single = files::SINGLE.map(|file| self.config_dir.join(file));
        for file in single.iter().chain([&self.plugins.lock, &self.config_dir]) {
            see(&mut picture, file);
        }
        // Only whether it is there: much else may be written into it.
        if let Some(there) = picture.get_mut(&self.config_dir) {
            *there = there.of_place();
        }
        picture
    }
}

impl Steady {
    /// From this look on.
    pub fn new(picture: Picture) -> Self {
        Self { acted: picture.clone(), last: picture, restless: 0 }
    }

    /// Whether it is time to act: something is other than it was when that was last said, and two
    /// looks agree, so that nobody is still writing; or nobody stops writing.
    pub fn sees(&mut self, picture: Picture) -> bool {
        let is_still = picture == self.last;
        self.last = picture;
        if self.last == self.acted {
            self.restless = 0;
            return false;
        }
        self.restless += 1;
        if !is_still && self.restless < PATIENCE {
            return false;
        }
        self.acted.clone_from(&self.last);
        self.restless = 0;
        true
    }
}

fn is_library(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "so")
}

fn see(picture: &mut Picture, path: &Path) {
    if let Some(stamp) = Stamp::of(path) {
        picture.insert(path.to_owned(), stamp);
    }
}

fn see_folder(picture: &mut Picture, folder: &Path, is_meant: fn(&Path) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| is_meant(path)) {
        see(picture, &path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: u64) -> Picture {
        Picture::from([(PathBuf::from("a.toml"), Stamp::sized(size))])
    }

    #[test]
    fn acts_once_two_looks_agree() {
        let cases: [(&[u64], &[bool]); 5] = [
            (&[1, 1, 1], &[false, false, false]),
            (&[2, 2, 2], &[false, true, false]),
            (&[2, 3, 3, 3], &[false, false, true, false]),
            // There and back before anybody acted.
            (&[2, 1, 1], &[false, false, false]),
            // Without end: every fourth look.
            (&[2, 3, 4, 5, 6, 7, 8, 9], &[false, false, false, true, false, false, false, true]),
        ];
        for (looks, expected) in cases {
            let mut steady = Steady::new(picture(1));
            let acts: Vec<bool> = looks.iter().map(|look| steady.sees(picture(*look))).collect();
            assert_eq!(acts, expected, "{looks:?}");
        }
    }

    fn place() -> (tempfile::TempDir, Watch) {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["config/providers", "bin", "more"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let path = |name: &str| dir.path().join(name);
        let lock = path("config/plugins.lock");
        let plugins = Dirs { own: vec![path("bin")], listed: vec![path("more")], lock };
        let watch = Watch::new(path("config"), plugins);
        (dir, watch)
    }

    #[test]
    fn sees_what_belongs_to_the_catalog_and_nothing_else() {
        let (dir, watch) = place();
        let mut before = watch.look();
        for (file, counts) in [
            ("config/providers/a.toml", true),
            ("config/providers/.a.toml.swp", false),
            ("config/providers/a.toml~", false),
            ("config/retouch.toml", false),
            ("config/keys.toml", true),
            ("config/plugins.lock", true),
            ("bin/libacme.so", true),
            ("bin/retouch", false),
            ("more/libacme.so", true),
        ] {
            fs::write(dir.path().join(file), "text").unwrap();
            let after = watch.look();
            assert_eq!(after != before, counts, "{file}");
            before = after;
        }
        fs::create_dir(dir.path().join("config/styles")).unwrap();
        fs::write(dir.path().join("config/styles/a.toml"), "").unwrap();
        assert_ne!(watch.look(), before);
    }

    #[test]
    fn sees_through_a_link_that_is_swapped() {
        let (dir, _) = place();
        let path = |name: &str| dir.path().join(name);
        for release in ["one", "two"] {
            fs::create_dir_all(path(release).join("providers")).unwrap();
            fs::write(path(release).join("providers/a.toml"), "same").unwrap();
        }
        std::os::unix::fs::symlink("one", path("now")).unwrap();
        let plugins = Dirs { own: Vec::new(), listed: Vec::new(), lock: path("lock") };
        let watch = Watch::new(path("now"), plugins);
        let before = watch.look();
        std::os::unix::fs::symlink("two", path("next")).unwrap();
        fs::rename(path("next"), path("now")).unwrap();
        assert_ne!(watch.look(), before);
    }
}

//! Rotations, whole and broken off after each step.

use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::catalog::last_good::Copy;
use crate::catalog::{self, Catalog};
use crate::master::MasterKey;
use crate::pin::PinId;
use crate::plugin::Label;

/// Files by name: what is before the sealed key, the secret, what is after it. The hosts of the second
/// are its API type's.
const SEALED: [(&str, &str, &str, &str); 2] = [
    (
        "one",
        "# The wiki knows more.\nname = 'One'\ntype = 'acme-edit' # ours\n",
        "sk-one",
        " # Tom's\n\n[hosts]\ndomestic = 'https://one.example' # near\noverseas = 'https://far.example'\n",
    ),
    ("two", "name = 'Two'\nenabled = false\ntype = 'acme-edit'\n", "sk-two", "\n"),
];
const PLAIN: &str = "name = 'Plain'\ntype = 'acme-edit'\napi_key = 'sk-plain'\n";
const HOST: &str = "https://one.example";

/// An installation that has sealed something of everything.
struct World {
    dir: tempfile::TempDir,
    plugins: Registry,
    old: MasterKey,
    given: Given,
}

fn plugins() -> Registry {
    let label = json!({
        "abi": 1, "id": "acme", "version": "1.0.0",
        "types": [{
            "id": "acme-edit",
            "defaults": {
                "hosts": { "domestic": "https://acme.example" },
                "endpoints": { "edit": "/edit" },
            },
        }],
    });
    Registry::of_labels([Label::parse(label.to_string().as_bytes()).unwrap()])
}

impl World {
    /// Its master key in a file, or in the environment.
    async fn new(in_file: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("config/providers")).unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        let secret = |text: &str| (!in_file).then(|| Secret::new(text.repeat(32)));
        let given = Given { current: secret("a"), new: secret("b") };
        let current = given.current.as_ref().map(Secret::expose);
        let old = MasterKey::open(current, &dir.path().join("data")).unwrap();
        let world = Self { dir, plugins: plugins(), old, given };
        world.furnish().await;
        world
    }

    async fn furnish(&self) {
        for (name, before, secret, after) in SEALED {
            let hosts = match name {
                "one" => "https://far.example:443 https://one.example:443",
                _ => "https://acme.example:443",
            };
            let sealed = self.old.seal(&Secret::new(secret), hosts).unwrap();
            fs::write(self.file(name), format!("{before}api_key = \"{sealed}\"{after}")).unwrap();
        }
        fs::write(self.file("plain"), PLAIN).unwrap();
        assert!(self.catalog(&self.old).problems.is_empty());
        for id in [1, 2] {
            let sealed = self.old.seal(&Secret::new(format!("sk-{id}")), HOST).unwrap();
            let pin = json!({ "host": HOST, "key": sealed }).to_string();
            self.store().pin(PinId(id), pin).await.unwrap();
        }
        self.store().pin(PinId(3), "damaged".to_owned()).await.unwrap();
        let copy = Copy::of(&Files::read(&self.config()), &self.plugins);
        LastGood::new(&self.data(), self.old.clone()).keep(&copy).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.config().join(format!("providers/{name}.toml"))
    }

    fn store(&self) -> Sqlite {
        Sqlite::open(&self.data().join(DATABASE)).unwrap()
    }

    fn catalog(&self, master: &MasterKey) -> Catalog {
        catalog::load(&self.config(), &self.plugins, Some(master))
    }

    async fn rotate(&self) -> Result<Done, RotationError> {
        self.steps(Step::ALL.len()).await
    }

    /// The first so many steps; then the process ends.
    async fn steps(&self, most: usize) -> Result<Done, RotationError> {
        let (config_dir, data_dir) = (self.config(), self.data());
        let (config_dir, data_dir) = (&*config_dir, &*data_dir);
        let place = Place { config_dir, data_dir, plugins: &self.plugins };
        taken(place, &self.given, most).await
    }

    /// As the next start would.
    fn open(&self) -> io::Result<MasterKey> {
        MasterKey::open(self.given.new.as_ref().map(Secret::expose), &self.data())
    }

    /// Every file of both folders but the lock, the database and its log.
    fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folders = [self.config(), self.config().join("providers"), self.data()];
        let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap().flatten());
        let files = entries.map(|entry| entry.path()).filter(|path| path.is_file());
        let is_small = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name != "lock" && !name.starts_with(DATABASE)
        };
        let mut all: Vec<_> =
            files.filter(is_small).map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        all.sort();
        all
    }

    async fn assert_rotated(&self) {
        let new = self.open().unwrap();
        assert_ne!(new, self.old);
        self.assert_files(&new);
        for id in [1, 2] {
            let content = self.store().pinned(PinId(id)).await.unwrap().unwrap();
            let pin: Value = serde_json::from_str(&content).unwrap();
            let opened = new.unseal(pin["key"].as_str().unwrap(), HOST).unwrap();
            assert_eq!(opened.expose(), format!("sk-{id}"));
        }
        assert_eq!(self.store().pinned(PinId(3)).await, Ok(Some("damaged".to_owned())));
        let copy = LastGood::new(&self.data(), new.clone()).read().unwrap();
        let copy = Files::restored(&self.config(), copy.files);
        assert_opens(&catalog::read(&copy, &self.plugins, Some(&new)));
        let names: Vec<_> = self.everything().into_iter().map(|(path, _)| path).collect();
        assert!(!names.iter().any(|path| path.ends_with("master.next")), "{names:?}");
    }

    /// Only the seals differ, and the new key opens them.
    fn assert_files(&self, new: &MasterKey) {
        assert_opens(&self.catalog(new));
        for (name, before, _, after) in SEALED {
            let text = fs::read_to_string(self.file(name)).unwrap();
            let key = text.strip_prefix(before).unwrap().strip_suffix(after).unwrap();
            assert!(key.starts_with("api_key = \"enc:v1:"), "{key}");
        }
        assert_eq!(fs::read_to_string(self.file("plain")).unwrap(), PLAIN);
    }
}

fn assert_opens(catalog: &Catalog) {
    assert!(catalog.problems.is_empty(), "{:?}", catalog.problems);
    let keys = catalog.providers.iter().map(|provider| provider.api_key.as_ref().unwrap());
    assert_eq!(keys.map(Secret::expose).collect::<Vec<_>>(), ["sk-one", "sk-plain", "sk-two"]);
}

#[tokio::test]
async fn everything_sealed_is_sealed_with_the_new_key() {
    for in_file in [true, false] {
        let world = World::new(in_file).await;
        let done = world.rotate().await.unwrap();
        let key_file = in_file.then(|| world.data().join("master.key"));
        let files = vec![world.file("one"), world.file("two")];
        assert_eq!(done, Done { resumed: false, files, pins: 2, last_good: true, key_file });
        world.assert_rotated().await;
        let old = MasterKey::open(Some(&"a".repeat(32)), &world.data());
        assert!(old.unwrap_err().to_string().contains("another master key"));
    }
}

#[tokio::test]
async fn broken_off_after_any_step_it_is_finished_by_the_next_run() {
    for in_file in [true, false] {
        for steps in 0..Step::ALL.len() {
            let world = World::new(in_file).await;
            let before = world.everything();
            world.steps(steps).await.unwrap();
            match steps {
                0 => assert_eq!(world.everything(), before, "only looked at"),
                _ => {
                    let refused = world.open().unwrap_err().to_string();
                    assert!(refused.contains("retouch key rotate-master"), "{refused}");
                }
            }
            // And broken off again in the middle.
            world.steps(3).await.unwrap();
            let done = world.rotate().await.unwrap();
            assert!(done.resumed, "after {steps}");
            world.assert_rotated().await;
        }
    }
}

#[tokio::test]
async fn a_key_that_nobody_can_open_stops_it_before_anything_is_written() {
    let world = World::new(true).await;
    let text = fs::read_to_string(world.file("one")).unwrap();
    fs::write(world.file("one"), text.replace("one.example", "other.example")).unwrap();
    fs::write(world.file("plain"), "name = ").unwrap();
    let before = world.everything();
    let error = world.rotate().await.unwrap_err().to_string();
    for part in ["one.toml:4: api_key was sealed for other hosts", "plain.toml:1: is not TOML"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(world.everything(), before);
    assert_eq!(world.open().unwrap(), world.old);
}

#[tokio::test]
async fn what_fails_after_the_beginning_says_that_it_must_be_finished() {
    let world = World::new(true).await;
    world.steps(1).await.unwrap();
    let text = fs::read_to_string(world.file("two")).unwrap();
    fs::write(world.file("two"), "name = ").unwrap();
    let error = world.rotate().await.unwrap_err().to_string();
    assert!(error.contains("two.toml:1") && error.contains("run this again"), "{error}");
    fs::write(world.file("two"), text).unwrap();
    world.rotate().await.unwrap();
    world.assert_rotated().await;
}

#[tokio::test]
async fn a_folder_in_use_is_left_alone() {
    let world = World::new(true).await;
    let lock = Lock::take(&world.data(), Duration::ZERO).await.unwrap();
    let error = world.rotate().await.unwrap_err().to_string();
    assert!(error.contains("another retouch uses"), "{error}");
    drop(lock);
    world.rotate().await.unwrap();
    let none = World { dir: tempfile::tempdir().unwrap(), ..world };
    let error = none.rotate().await.unwrap_err().to_string();
    assert!(error.contains("there is no master key"), "{error}");
}

#[tokio::test]
async fn files_that_are_not_written_leave_the_old_key() {
    let world = World::new(true).await;
    let (config_dir, data_dir) = (world.config(), world.data());
    let place = Place { config_dir: &config_dir, data_dir: &data_dir, plugins: &world.plugins };
    let before = world.everything();
    let lock = Lock::take(&data_dir, Duration::ZERO).await.unwrap();
    let keys = Keys::read(&data_dir, &world.given).unwrap();
    let mut rotation = Rotation::prepare(place, keys, lock).unwrap();
    rotation.take(Step::Mark).await.unwrap();
    assert!(world.open().is_err());
    // After all was looked at.
    fs::write(world.file("plain"), "name = ").unwrap();
    assert!(rotation.take(Step::Files).await.is_err());
    drop(rotation);
    fs::write(world.file("plain"), PLAIN).unwrap();
    assert_eq!(world.everything(), before);
    assert_eq!(world.open().unwrap(), world.old);
    world.rotate().await.unwrap();
    world.assert_rotated().await;
}

#[test]
fn what_is_mounted_by_itself_is_told_apart() {
    let busy = || io::Error::from_raw_os_error(libc::EBUSY);
    let told = |file: &str, error| {
        let changes = [(PathBuf::from(file), Some(String::new()))];
        files::unwritten(Path::new("config"), &changes, error).to_string()
    };
    let mount = Path::new("/proc/self/status").exists().then_some("/proc");
    let told_mount = mount.map(|mount| told(mount, busy()));
    assert!(told_mount.is_none_or(|told| told.contains("is mounted by itself")));
    assert!(told("Cargo.toml", busy()).contains("config cannot be written"));
    let mounted =
        mount.map(|mount| files::assert_writable(Path::new("/"), &[(mount.into(), String::new())]));
    assert!(mounted.is_none_or(|told| matches!(told, Err(RotationError::Mounted(_)))));
    let none = tempfile::tempdir().unwrap().path().join("none");
    let files = ["a", "b"].map(|name| (PathBuf::from(name), String::new()));
    assert!(
        matches!(files::assert_writable(&none, &files), Err(RotationError::Unwritable { path, .. }) if path == none)
    );
}

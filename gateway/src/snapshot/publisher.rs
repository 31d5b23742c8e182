//! The one writer of the running snapshot. What it publishes was built whole and found good whole;
//! anything else leaves what runs as it is, and is explained.
//!
//! It reads files and loads libraries, so it belongs on a thread that may block.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::reloads::{Outcome, Reloads};
use super::{Snapshot, Source, Status, build_from, changes};
use crate::catalog::key::{self, Keys};
use crate::catalog::last_good::{Copy, LastGood};
use crate::catalog::{Files, Overlay};
use crate::clock::now_ms;
use crate::plugin::{Finder, Library, Registry};
use crate::problem::Problem;

/// The writer.
pub struct Publisher {
    source: Source,
    finder: Finder,
    last_good: Option<LastGood>,
    current: Arc<ArcSwap<Snapshot>>,
    /// What the running snapshot was built from.
    files: Files,
    status: Arc<Status>,
    reloads: Arc<Reloads>,
}

/// A snapshot that may be published, and the plugins whose new files it does not use.
struct Built {
    snapshot: Snapshot,
    held: Vec<Problem>,
}

impl Publisher {
    /// Builds the first snapshot: of the files, or where they cannot be used, of the last good copy.
    ///
    /// # Errors
    /// Every problem of the files, if there is no copy that can be used either.
    pub fn start(
        source: Source,
        mut finder: Finder,
        last_good: Option<LastGood>,
    ) -> Result<Self, Vec<Problem>> {
        let files = Files::read(&source.config_dir);
        let found = finder.scan();
        let refusals = refusals(&found);
        let (snapshot, files, problems, degraded) = match build_from(&files, &source, &found, None)
        {
            Ok(snapshot) => {
                let problems = [refusals, snapshot.warnings.clone()].concat();
                (snapshot, files, problems, false)
            }
            Err(problems) => {
                let copy = last_good.as_ref().and_then(LastGood::read);
                let Some((snapshot, files)) =
                    copy.and_then(|copy| revive(copy, &files, &source, &found, &finder))
                else {
                    return Err([refusals, problems].concat());
                };
                (snapshot, files, [refusals, problems].concat(), true)
            }
        };
        let status = Status {
            revision: snapshot.revision,
            at: snapshot.at,
            changed: Vec::new(),
            problems,
            refused: degraded,
            degraded,
        };
        let current = Arc::new(ArcSwap::from_pointee(snapshot));
        let reloads = Arc::new(Reloads::started(!degraded, now_ms()));
        let status = Arc::new(status);
        let mut publisher = Self { source, finder, last_good, current, files, status, reloads };
        publisher.tell_start();
        if !degraded {
            publisher.keep();
        }
        Ok(publisher)
    }

    /// Where the running snapshot is read.
    pub fn current(&self) -> Arc<ArcSwap<Snapshot>> {
        self.current.clone()
    }

    /// What the last build came to.
    pub fn status(&self) -> Arc<Status> {
        self.status.clone()
    }

    /// How reloads went.
    pub fn reloads(&self) -> Arc<Reloads> {
        self.reloads.clone()
    }

    /// The folder the files are in.
    pub fn dir(&self) -> &Path {
        &self.source.config_dir
    }

    /// What the running snapshot was built from.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Reads files and plugins again and publishes what they make, if it is good.
    ///
    /// # Errors
    /// The status with every problem; what ran goes on.
    pub fn reload(&mut self, why: &str) -> Result<Arc<Status>, Arc<Status>> {
        let running = self.current.load_full();
        let files = Files::read(&self.source.config_dir);
        let found = self.finder.scan();
        let refusals = refusals(&found);
        let built = match gone(&files, &self.files) {
            Some(problem) => Err(vec![problem]),
            None => self.build(&files, &found, &running),
        };
        match built.and_then(|built| still_keyed(built, &files, &running)) {
            Ok(built) => {
                let status = self.publish(&running, built, files, refusals, why);
                let is_new = status.revision != running.revision;
                let outcome = if is_new { Outcome::Published } else { Outcome::Unchanged };
                self.reloads.note(outcome, now_ms());
                Ok(status)
            }
            Err(problems) => {
                self.reloads.note(Outcome::Refused, now_ms());
                self.take_keys(&running, &files);
                let problems = [refusals, problems].concat();
                let status = Status { problems, refused: true, ..Status::clone(&self.status) };
                self.tell_refused(&status, why);
                self.status = Arc::new(status);
                Err(self.status.clone())
            }
        }
    }

    /// Everything wrong with the files as they would be after a change; nothing is written.
    pub fn check(&self, overlay: &Overlay) -> Vec<Problem> {
        self.wrong_with(&Files::read(&self.source.config_dir).overlaid(overlay))
    }

    /// The files as they are now, and everything wrong with them.
    pub fn look(&self) -> (Files, Vec<Problem>) {
        let files = Files::read(&self.source.config_dir);
        let problems = self.wrong_with(&files);
        (files, problems)
    }

    /// The files that a change begins with: where there is no folder yet, as once it is made.
    ///
    /// # Errors
    /// What is gone that was there.
    pub(super) fn before_change(&self) -> Result<Files, Problem> {
        let files = Files::read(self.dir());
        match gone(&files, &self.files) {
            Some(problem) => Err(problem),
            None if files.is_built_in() => Ok(Files::founded(self.dir())),
            None => Ok(files),
        }
    }

    /// Everything wrong with these files.
    pub(super) fn wrong_with(&self, files: &Files) -> Vec<Problem> {
        let running = self.current.load_full();
        let built = build_from(files, &self.source, &running.plugins, Some(&running));
        let built = built.map(|snapshot| Built { snapshot, held: Vec::new() });
        match built.and_then(|built| still_keyed(built, files, &running)) {
            Ok(built) => built.snapshot.warnings,
            Err(problems) => problems,
        }
    }

    /// With what was found; where that cannot be used, with as many of the running plugins as it takes.
    fn build(
        &self,
        files: &Files,
        found: &Registry,
        running: &Snapshot,
    ) -> Result<Built, Vec<Problem>> {
        let with = |plugins: &Registry| build_from(files, &self.source, plugins, Some(running));
        let problems = match with(found) {
            Ok(snapshot) => return Ok(Built { snapshot, held: Vec::new() }),
            Err(problems) => problems,
        };
        let mut kept = found.superseded(&running.plugins);
        let mut built = match kept.is_empty() {
            true => return Err(problems),
            false => with(&found.keeping(&kept)).map_err(|_| problems.clone())?,
        };
        for library in kept.clone() {
            let fewer: Vec<_> =
                kept.iter().filter(|k| !Arc::ptr_eq(k, &library)).cloned().collect();
            if let Ok(better) = with(&found.keeping(&fewer)) {
                (built, kept) = (better, fewer);
            }
        }
        let held = kept.iter().map(|library| held(library, found, &problems)).collect();
        Ok(Built { snapshot: built, held })
    }

    fn publish(
        &mut self,
        running: &Snapshot,
        built: Built,
        files: Files,
        refusals: Vec<Problem>,
        why: &str,
    ) -> Arc<Status> {
        let Built { mut snapshot, held } = built;
        let problems = [refusals, held, snapshot.warnings.clone()].concat();
        let changed = changes::between((running, &self.files), (&snapshot, &files));
        let is_new = !changed.is_empty() || files != self.files || self.status.degraded;
        let mut status =
            Status { problems, refused: false, degraded: false, ..Status::clone(&self.status) };
        if is_new {
            snapshot.revision = running.revision + 1;
            (status.revision, status.at) = (snapshot.revision, snapshot.at);
            status.changed = changed;
            self.current.store(Arc::new(snapshot));
            self.files = files;
            self.keep();
        }
        self.tell_published(&status, is_new, why);
        self.status = Arc::new(status);
        self.status.clone()
    }

    /// Of files that are refused, the client keys count all the same: see [`Files::with_keys_of`].
    fn take_keys(&mut self, running: &Snapshot, refused: &Files) {
        let files = self.files.clone().with_keys_of(refused);
        if files == self.files {
            return;
        }
        let Some((file, Ok(text))) = files.single(key::FILE) else { return };
        // Only the keys: what else the files hold may not even build any more.
        let (keys, _) = Keys::parse(file, text);
        if keys.is_empty() && !running.keys.is_empty() {
            return; // Emptied, perhaps by somebody who is about to write it: that lets nobody in.
        }
        let revision = running.revision + 1;
        let snapshot = Snapshot { keys, revision, at: now_ms(), ..running.clone() };
        let (revision, at) = (snapshot.revision, snapshot.at);
        let changed = changes::between((running, &self.files), (&snapshot, &files));
        tracing::info!(revision, "The client keys are in use; the rest of the catalog is refused.");
        self.current.store(Arc::new(snapshot));
        self.files = files;
        self.status = Arc::new(Status { revision, at, changed, ..Status::clone(&self.status) });
        self.keep();
    }

    /// Keeps a copy of what was found good. That it cannot be written stops nothing.
    fn keep(&mut self) {
        let Some(last_good) = &mut self.last_good else { return };
        let plugins = self.current.load().plugins.clone();
        if let Err(error) = last_good.keep(&Copy::of(&self.files, &plugins)) {
            tracing::warn!(%error, "No copy of the catalog could be kept for a start with a broken one.");
        }
    }

    fn tell_start(&self) {
        let status = &self.status;
        if status.degraded {
            tracing::error!(
                "The catalog cannot be used; the last good one is. Mend the files and it is taken up."
            );
        }
        status.problems.iter().for_each(tell);
    }

    fn tell_published(&self, status: &Status, is_new: bool, why: &str) {
        if is_new {
            let (revision, changed) = (status.revision, status.changed.join(", "));
            tracing::info!(revision, changed, why, "A new catalog is in use.");
        } else if self.status.refused {
            tracing::info!(revision = status.revision, why, "The files are what is in use again.");
        }
        self.tell_new(status);
    }

    fn tell_refused(&self, status: &Status, why: &str) {
        if self.status.problems != status.problems || !self.status.refused {
            let (revision, problems) = (status.revision, status.problems.len());
            tracing::error!(
                revision,
                problems,
                why,
                "The files cannot be used; the running catalog stays."
            );
        }
        self.tell_new(status);
    }

    /// Each problem once, for as long as it is the same.
    fn tell_new(&self, status: &Status) {
        status.problems.iter().filter(|p| !self.status.problems.contains(p)).for_each(tell);
    }
}

fn tell(problem: &Problem) {
    if problem.is_error() { tracing::error!("{problem}") } else { tracing::warn!("{problem}") }
}

/// A library that is refused stops nothing by itself: a provider that needs it says so.
fn refusals(plugins: &Registry) -> Vec<Problem> {
    let refused = plugins.refusals().iter();
    let problem = |r: &crate::plugin::Refusal| {
        Problem::error(&r.file, None, r.what.clone(), r.mend.clone()).warning()
    };
    refused.map(problem).collect()
}

/// Why a running plugin goes on although its file is not what it was.
fn held(library: &Library, found: &Registry, problems: &[Problem]) -> Problem {
    let id = &library.label().id;
    let goes_on = changes::named(library);
    let new = found.libraries().iter().find(|new| new.label().id == *id);
    let why = match new {
        Some(new) => {
            let first = problems.iter().find(|p| p.is_error()).map(ToString::to_string);
            let version = changes::named(new);
            format!("{version} cannot be used: {}", first.unwrap_or_default())
        }
        None => format!("the plugin {id} is not there any more, and providers need it"),
    };
    let file = new.map_or(library.file(), |new| new.file());
    let mend = "put a version there that fits";
    Problem::error(file, None, format!("{why}; {goes_on} goes on"), mend).warning()
}

/// A snapshot of the last good copy: with the plugins that are there, or where it takes them, with
/// those it ran with.
fn revive(
    copy: Copy,
    now: &Files,
    source: &Source,
    found: &Registry,
    finder: &Finder,
) -> Option<(Snapshot, Files)> {
    let files = Files::restored(&source.config_dir, copy.files).with_keys_of(now);
    if let Ok(snapshot) = build_from(&files, source, found, None) {
        return Some((snapshot, files));
    }
    let there: BTreeSet<&str> = found.libraries().iter().map(|library| library.sha256()).collect();
    let missing = copy.plugins.iter().filter(|kept| !there.contains(kept.sha256.as_str()));
    let kept: Vec<Arc<Library>> =
        missing.filter_map(|kept| finder.kept_copy(&kept.sha256, &kept.file)).collect();
    let snapshot = build_from(&files, source, &found.keeping(&kept), None).ok()?;
    Some((snapshot, files))
}

/// What was there and is not any more as a whole: a folder that is moved or unmounted for a moment is
/// no word of the operator's that there shall be none.
fn gone(files: &Files, running: &Files) -> Option<Problem> {
    let lost = |what: &str, path: &Path| {
        let what = format!("{what} is gone");
        Problem::error(path, None, what, "put it back, or start anew to go on without it")
    };
    if files.is_built_in() && !running.is_built_in() {
        return Some(lost("the configuration's folder", files.dir()));
    }
    let had = running.of_folder("providers").next().is_some();
    let folder = files.dir().join("providers");
    (had && !files.is_built_in() && !folder.is_dir()).then(|| lost("the folder", &folder))
}

/// Where keys are asked for they stay asked for while the process runs, whatever becomes of the file.
fn still_keyed(built: Built, files: &Files, running: &Snapshot) -> Result<Built, Vec<Problem>> {
    if running.keys.is_empty() || !built.snapshot.keys.is_empty() {
        return Ok(built);
    }
    let mend = "put the keys back (a revoked one counts too), or start anew to go on without any";
    let what = "every client key is gone, and anybody would be let in";
    Err(vec![Problem::error(&files.dir().join(key::FILE), None, what, mend)])
}

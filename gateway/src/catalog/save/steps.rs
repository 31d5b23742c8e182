//! A write as a list of steps, so that it can be seen what a death between any two of them leaves.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::journal::{Journal, Move};
use super::sync;
use super::target::{self, folder};
use crate::catalog::files::at;

/// A write.
#[derive(Debug)]
pub(super) struct Save {
    dir: PathBuf,
    changes: Vec<Change>,
}

/// One file of it.
#[derive(Debug)]
struct Change {
    /// Where the text lies until it is decided; `None`: the file goes.
    fresh: Option<(PathBuf, String)>,
    target: PathBuf,
}

/// What is done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A text is written beside its place.
    Fill(usize),
    /// The names of these texts are safe too.
    Settle,
    /// The journal stands: from here on it is decided.
    Decide,
    /// A file is in its place, or gone.
    Carry(usize),
    /// The places are safe too.
    Close,
    /// The journal goes.
    Forget,
}

impl Save {
    /// Of these changes. Folders that are missing are made; nothing else is done yet.
    pub(super) fn of(dir: &Path, changes: &[(PathBuf, Option<String>)]) -> io::Result<Self> {
        let mut all = Vec::new();
        for (file, text) in changes {
            let file = at(dir, file);
            match text {
                Some(text) => {
                    target::make_folder(folder(&file))?;
                    let target = target::written(&file)?;
                    let fresh = Some((target::temporary(&target), text.clone()));
                    all.push(Change { fresh, target });
                }
                // What is not there need not go.
                None if file.symlink_metadata().is_err() => {}
                None => all.push(Change { fresh: None, target: target::whole(&file)? }),
            }
        }
        Ok(Self { dir: fs::canonicalize(dir)?, changes: all })
    }

    /// Where something is written.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        self.changes.iter().map(|change| folder(&change.target).to_owned()).collect()
    }

    /// Everything there is to do. One file needs no journal: it is in its place or it is not.
    pub(super) fn steps(&self) -> Vec<Step> {
        let all = || 0..self.changes.len();
        let mut steps: Vec<Step> = all().map(Step::Fill).collect();
        if self.changes.len() > 1 {
            steps.extend([Step::Settle, Step::Decide]);
        }
        steps.extend(all().map(Step::Carry));
        steps.push(Step::Close);
        if self.changes.len() > 1 {
            steps.push(Step::Forget);
        }
        steps
    }

    /// Does it all, or leaves everything as it was. `false`: before the first file would have taken
    /// its place, `is_still` said no.
    pub(super) fn run(&self, is_still: impl FnOnce() -> bool) -> io::Result<bool> {
        let mut kept = Vec::new();
        let done = self.keep(&mut kept).and_then(|()| self.all_steps(&kept, is_still));
        // A change that could not be taken back now is taken back by whoever comes next.
        if done.is_ok() || !Journal::is_in(&self.dir) {
            kept.iter().flatten().for_each(|kept| drop(fs::remove_file(kept)));
        }
        done
    }

    /// Keeps what is there until it is known that it went well.
    pub(super) fn keep(&self, kept: &mut Vec<Option<PathBuf>>) -> io::Result<()> {
        for change in &self.changes {
            kept.push(target::keep(&change.target)?);
        }
        Ok(())
    }

    pub(super) fn all_steps(
        &self,
        kept: &[Option<PathBuf>],
        is_still: impl FnOnce() -> bool,
    ) -> io::Result<bool> {
        let steps = self.steps();
        let first = steps.iter().position(|step| matches!(step, Step::Decide | Step::Carry(_)));
        let (ahead, rest) = steps.split_at(first.unwrap_or(steps.len()));
        self.some_steps(&[], ahead, kept)?;
        if !is_still() {
            self.undo(ahead, kept);
            return Ok(false);
        }
        self.some_steps(ahead, rest, kept).map(|()| true)
    }

    fn some_steps(
        &self,
        done: &[Step],
        steps: &[Step],
        kept: &[Option<PathBuf>],
    ) -> io::Result<()> {
        for (at, step) in steps.iter().enumerate() {
            if let Err(error) = self.step(*step) {
                let done = [done, steps.get(..at).unwrap_or_default()].concat();
                self.undo(&done, kept);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn step(&self, step: Step) -> io::Result<()> {
        match step {
            Step::Fill(n) => match self.changes.get(n) {
                Some(Change { fresh: Some((fresh, text)), target }) => {
                    target::fill(fresh, target, text)
                }
                Some(_) | None => Ok(()),
            },
            Step::Carry(n) => self.changes.get(n).map_or(Ok(()), Change::carry),
            Step::Settle | Step::Close => self.folders().iter().try_for_each(|folder| sync(folder)),
            Step::Decide => self.journal().write(&self.dir),
            Step::Forget => Journal::remove(&self.dir),
        }
    }

    fn journal(&self) -> Journal {
        let moves = self.changes.iter().map(|change| Move {
            from: change.fresh.as_ref().map(|(fresh, _)| self.named(fresh)),
            to: self.named(&change.target),
        });
        Journal::of(moves.collect())
    }

    /// What takes back the files that are in their places.
    pub(super) fn back(&self, done: &[Step], kept: &[Option<PathBuf>]) -> Journal {
        let all = self.changes.iter().zip(kept).enumerate();
        let carried = all.filter(|(n, _)| done.contains(&Step::Carry(*n)));
        let moves = carried.map(|(_, (change, kept))| Move {
            from: kept.as_deref().map(|kept| self.named(kept)),
            to: self.named(&change.target),
        });
        Journal::of(moves.collect())
    }

    fn named(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.dir).unwrap_or(path).to_owned()
    }

    /// Takes back what was done: the system refused a file in the midst of the others, as it does one
    /// that may not be replaced or is mounted by itself. Where it was decided, the way back takes the
    /// decision's place in one step, so that a death completes the one or the other. Only where that
    /// cannot be written, as on a full disk, a death while it is gone back leaves some files.
    fn undo(&self, done: &[Step], kept: &[Option<PathBuf>]) {
        let back = self.back(done, kept);
        let taken_back = match done.contains(&Step::Decide) {
            true if back.write(&self.dir).is_ok() => back.carry_out(&self.dir),
            true => Journal::remove(&self.dir).and_then(|()| back.carry(&self.dir)),
            false => back.carry(&self.dir),
        };
        if let Err(error) = taken_back {
            let dir = self.dir.display();
            tracing::error!(%dir, %error, "A change that was broken off could not be taken back.");
        }
        let fresh = self.changes.iter().filter_map(|change| change.fresh.as_ref());
        fresh.for_each(|(fresh, _)| drop(fs::remove_file(fresh)));
    }
}

impl Change {
    fn carry(&self) -> io::Result<()> {
        match &self.fresh {
            Some((fresh, _)) => fs::rename(fresh, &self.target),
            None => fs::remove_file(&self.target),
        }
    }
}

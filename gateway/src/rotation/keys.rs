//! Which key takes which one's place: as the environment says, and as was begun before.

use std::path::Path;

use super::{Given, RotationError};
use crate::master::{CHECK, MasterKey, Next, Succession, foreign};
use crate::secret::Secret;

/// The keys of a change that is to begin or to be finished.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) keys: Succession,
    /// The mark of it, left already or not.
    pub(super) next: Next,
    /// Whether it was.
    pub(super) resumed: bool,
}

impl Keys {
    /// Reads them; nothing is written.
    pub(super) fn read(data_dir: &Path, given: &Given) -> Result<Self, RotationError> {
        let marked = Next::read(data_dir).map_err(RotationError::Key)?;
        if given.current.is_none() && given.new.is_some() {
            return Err(match marked {
                Some(Next::Given { .. }) => RotationError::OtherVariables,
                _ => RotationError::NewKeyUnused,
            });
        }
        let current = given.current.as_ref().map(Secret::expose);
        let old = MasterKey::found(current, data_dir).map_err(RotationError::Key)?;
        let new = given.new.as_ref().map(|new| MasterKey::of(new.expose()));
        let new = new.transpose().map_err(RotationError::Key)?;
        match marked {
            None => {
                let old = old.ok_or_else(|| missing(data_dir))?;
                Self::fresh(data_dir, old, new, current.is_some())
            }
            Some(next) => Self::resumed(data_dir, old, new, next, current.is_some()),
        }
    }

    fn fresh(
        data_dir: &Path,
        old: MasterKey,
        new: Option<MasterKey>,
        is_given: bool,
    ) -> Result<Self, RotationError> {
        let (new, next) = match (new, is_given) {
            (None, true) => return Err(RotationError::NoNewKey),
            (Some(new), _) if new == old => return Err(RotationError::SameKey),
            (Some(new), _) => (new.clone(), Next::Given { check: new.check() }),
            (None, false) => {
                let new = MasterKey::make().map_err(RotationError::Key)?;
                (new.clone(), Next::Made(new))
            }
        };
        let keys = Succession { old, new };
        belongs(data_dir, &[&keys.old])?;
        Ok(Self { keys, next, resumed: false })
    }

    /// Once everything is sealed anew, the folder is checked against the new key already.
    fn resumed(
        data_dir: &Path,
        old: Option<MasterKey>,
        new: Option<MasterKey>,
        next: Next,
        is_given: bool,
    ) -> Result<Self, RotationError> {
        match (&next, is_given) {
            (Next::Given { .. }, false) => return Err(RotationError::OtherVariables),
            (Next::Made(_), true) => return Err(RotationError::OtherFile),
            (Next::Given { .. }, true) | (Next::Made(_), false) => {}
        }
        let old = old.ok_or_else(|| missing(data_dir))?;
        let new = match (&next, new) {
            (Next::Made(made), _) => made.clone(),
            (Next::Given { .. }, Some(new)) if next.is(&new) => new,
            (Next::Given { .. }, Some(_)) => return Err(RotationError::OtherNewKey),
            // Set to the new one too early, or just in time.
            (Next::Given { .. }, None) if next.is(&old) => old.clone(),
            (Next::Given { .. }, None) => return Err(RotationError::NoNewKey),
        };
        let keys = Succession { old, new };
        belongs(data_dir, &[&keys.old, &keys.new])?;
        Ok(Self { keys, next, resumed: true })
    }
}

/// Refuses keys none of which is the folder's.
fn belongs(data_dir: &Path, keys: &[&MasterKey]) -> Result<(), RotationError> {
    for key in keys {
        if key.is_of(data_dir).map_err(RotationError::Key)? {
            return Ok(());
        }
    }
    Err(RotationError::Key(foreign(data_dir)))
}

/// There is no key: none yet, or it was lost.
fn missing(data_dir: &Path) -> RotationError {
    match data_dir.join(CHECK).exists() {
        true => RotationError::Key(foreign(data_dir)),
        false => RotationError::NoKey(data_dir.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(current: &str, new: &str) -> Given {
        let secret = |text: &str| (!text.is_empty()).then(|| Secret::new(text.repeat(32)));
        Given { current: secret(current), new: secret(new) }
    }

    fn key(text: &str) -> MasterKey {
        MasterKey::of(&text.repeat(32)).unwrap()
    }

    /// A folder of the key in its file (`f`) or of the one that text stands for; marked or not.
    fn folder(of: &str, mark: Option<&Next>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        match of {
            "" => {}
            "f" => drop(MasterKey::open(None, dir.path()).unwrap()),
            of => drop(MasterKey::open(Some(&of.repeat(32)), dir.path()).unwrap()),
        }
        if let Some(next) = mark {
            next.mark(dir.path()).unwrap();
        }
        dir
    }

    fn said(of: &str, mark: Option<&Next>, (current, new): (&str, &str)) -> String {
        let dir = folder(of, mark);
        match Keys::read(dir.path(), &given(current, new)) {
            Ok(Keys { keys, next, resumed }) => {
                assert!(next.is(&keys.new) && resumed == mark.is_some());
                "goes on".to_owned()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    #[rustfmt::skip]
    fn says_what_to_set_before_anything_begins() {
        let (made, to_b) = (Next::Made(key("m")), Next::Given { check: key("b").check() });
        for (of, mark, set, want) in [
            ("f", None, ("", ""), "goes on"),
            ("a", None, ("a", "b"), "goes on"),
            ("", None, ("", ""), "there is no master key"),
            ("a", None, ("", ""), "was used with another master key"),
            ("a", None, ("a", ""), "put the key to come into RETOUCH_NEW_MASTER_KEY"),
            ("a", None, ("a", "a"), "is the key in use"),
            ("a", None, ("c", "b"), "was used with another master key"),
            ("f", None, ("", "b"), "unset RETOUCH_NEW_MASTER_KEY"),
            ("f", Some(&made), ("", ""), "goes on"),
            ("f", Some(&made), ("a", "b"), "unset RETOUCH_MASTER_KEY"),
            ("f", Some(&made), ("", "b"), "unset RETOUCH_NEW_MASTER_KEY"),
            ("a", Some(&to_b), ("a", "b"), "goes on"),
            ("a", Some(&to_b), ("a", ""), "put the key to come into RETOUCH_NEW_MASTER_KEY"),
            ("a", Some(&to_b), ("a", "c"), "not the key this change began with"),
            ("a", Some(&to_b), ("", "b"), "set both as they were then"),
            ("a", Some(&to_b), ("", ""), "set both as they were then"),
            ("a", Some(&to_b), ("b", ""), "was used with another master key"),
            ("a", Some(&to_b), ("b", "b"), "was used with another master key"),
            // All but the mark is done.
            ("b", Some(&to_b), ("a", "b"), "goes on"),
            ("b", Some(&to_b), ("b", "b"), "goes on"),
            ("b", Some(&to_b), ("b", ""), "goes on"),
        ] {
            let said = said(of, mark, set);
            assert!(said.contains(want), "{of} {mark:?} {set:?}: {said}");
        }
    }
}

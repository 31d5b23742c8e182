//! The sessions of who signed in: in memory only, bounded in number and in time, each good for the
//! password it was begun with. A restart ends them all.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

use crate::clock::Ms;
use crate::secret::Secret;

/// An operator has a few; whoever knows the password could begin any number.
const MOST: usize = 256;
/// A session nobody uses ends.
const IDLE: Ms = 30 * 60 * 1_000;
/// And so does one that is used.
const LONGEST: Ms = 12 * 60 * 60 * 1_000;

/// A hash: of a token, or of the password's string.
pub(super) type Hash = [u8; 32];

/// All of them, by their tokens' hashes.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Hash, Session>>);

#[derive(Clone, Copy, Debug)]
struct Session {
    begun: Ms,
    used: Ms,
    password: Hash,
}

/// One that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What it is called in logs.
    pub(super) id: String,
    /// When it ends if nobody uses it.
    pub(super) expires: Ms,
}

/// One that has just begun.
#[derive(Debug)]
pub(super) struct Begun {
    /// For the browser alone.
    pub(super) token: Secret,
    pub(super) found: Found,
}

impl Sessions {
    /// Begins one, for whoever knew that password.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn begin(&self, password: Hash, now: Ms) -> io::Result<Begun> {
        let token = random()?;
        let hash = hash(&token);
        let session = Session { begun: now, used: now, password };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.expires() > now && session.password == password);
        if sessions.len() >= MOST {
            let idle = sessions.iter().min_by_key(|(_, session)| session.used);
            if let Some(idle) = idle.map(|(hash, _)| *hash) {
                sessions.remove(&idle);
            }
        }
        sessions.insert(hash, session);
        Ok(Begun { token, found: session.found(hash) })
    }

    /// The one of a token, if it goes on and the password is still the same.
    pub(super) fn find(&self, token: &Secret, password: Hash, now: Ms) -> Option<Found> {
        let hash = hash(token);
        let session = self.lock().get(&hash).copied()?;
        let goes_on = session.expires() > now && session.password == password;
        goes_on.then(|| session.found(hash))
    }

    /// Counts as use, which puts off its end.
    pub(super) fn touch(&self, token: &Secret, now: Ms) {
        if let Some(session) = self.lock().get_mut(&hash(token)) {
            session.used = session.used.max(now);
        }
    }

    /// Ends it.
    pub(super) fn end(&self, token: &Secret) {
        self.lock().remove(&hash(token));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    const fn expires(&self) -> Ms {
        let (idle, last) = (self.used.saturating_add(IDLE), self.begun.saturating_add(LONGEST));
        if idle < last { idle } else { last }
    }

    fn found(&self, hash: Hash) -> Found {
        let mut id = HEXLOWER.encode(&hash);
        id.truncate(6);
        Found { id, expires: self.expires() }
    }
}

/// A text of 256 random bits that fits into a cookie and a link.
///
/// # Errors
/// When the system gives no randomness.
pub(super) fn random() -> io::Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Secret::new(BASE64URL_NOPAD.encode(&bytes)))
}

/// What is kept and compared in a secret's place: its timing tells nothing of the secret.
pub(super) fn hash(secret: &Secret) -> Hash {
    Sha256::digest(secret.expose().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Ms = 60_000;
    const PASSWORD: Hash = [1; 32];

    #[test]
    fn one_ends_when_nobody_uses_it_and_after_half_a_day_anyway() {
        for (used_every, ends_after) in
            [(None, 30), (Some(29), 12 * 60), (Some(30), 30), (Some(7), 12 * 60)]
        {
            let sessions = Sessions::default();
            let token = sessions.begin(PASSWORD, 0).unwrap().token;
            let mut ended = None;
            for minute in 1..=13 * 60 {
                let goes_on = sessions.find(&token, PASSWORD, minute * MINUTE).is_some();
                if !goes_on && ended.is_none() {
                    ended = Some(minute);
                }
                if goes_on && used_every.is_some_and(|every| minute % every == 0) {
                    sessions.touch(&token, minute * MINUTE);
                }
            }
            assert_eq!(ended, Some(ends_after), "used every {used_every:?} minutes");
        }
    }

    #[test]
    fn it_is_known_by_its_token_and_its_password_alone() {
        let sessions = Sessions::default();
        let one = sessions.begin(PASSWORD, 0).unwrap();
        let other = sessions.begin(PASSWORD, 0).unwrap();
        assert_ne!(one.token, other.token);
        assert_eq!(one.token.expose().len(), 43, "256 bits");
        assert_eq!(sessions.find(&one.token, PASSWORD, 1), Some(one.found));
        assert_eq!(sessions.find(&Secret::new("x"), PASSWORD, 1), None);
        assert_eq!(sessions.find(&one.token, [2; 32], 1), None, "the password was changed");
        sessions.end(&one.token);
        assert_eq!(sessions.find(&one.token, PASSWORD, 1), None);
        assert!(sessions.find(&other.token, PASSWORD, 1).is_some());
        assert!(!format!("{other:?}").contains(other.token.expose()));
    }

    #[test]
    fn there_are_so_many_and_the_idlest_goes() {
        let sessions = Sessions::default();
        let begin = |now| sessions.begin(PASSWORD, now).unwrap().token;
        let (first, second) = (begin(0), begin(1));
        sessions.touch(&first, 2);
        for now in 3..=MOST as Ms {
            begin(now);
        }
        assert!(sessions.find(&second, PASSWORD, 9).is_some());
        begin(1_000);
        assert!(sessions.find(&second, PASSWORD, 1_000).is_none());
        assert!(sessions.find(&first, PASSWORD, 1_000).is_some());
        assert_eq!(sessions.lock().len(), MOST);
        sessions.begin([2; 32], 1_001).unwrap();
        assert_eq!(sessions.lock().len(), 1, "those of another password are gone");
    }
}

//! The operator's password: what may be one, and the argon2id string that is kept in its place. Works
//! out one and compares with one; both take a core and 19 MiB for a moment, so that only so many go on
//! at once, on threads that may block.

mod current;
mod file;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use super::session::{self, Hash};
use crate::secret::Secret;

pub(crate) use current::{Current, Known};
pub(crate) use file::write;

/// The fewest characters.
const SHORTEST: usize = 8;
/// The most bytes; nobody remembers more.
const LONGEST: usize = 1_024;
/// The most memory, in KiB, and passes a string may ask for that we did not write.
const COSTLIEST: (u32, u32) = (256 << 10, 16);
/// Comparisons at once.
const AT_ONCE: usize = 2;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Compared with where there is no password, which then takes as long. Of random bytes nobody kept.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$HyRCafStllf8XuFtNiC/Lg$EpJHiXPp9aRhyKvmMf7x9aeXiuRqoBIunEV/pmONWtI";

/// A password's argon2id string. It is nowhere shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hashed(Arc<str>);

/// Why something is no password, or no string of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Too easily guessed.
    #[error("the password needs at least {SHORTEST} characters")]
    Short,
    /// More than anybody types.
    #[error("the password has more than {LONGEST} bytes")]
    Long,
    /// Nobody could type it.
    #[error("the password has control characters")]
    Control,
    /// Not of argon2id.
    #[error("it is no argon2id hash; set the password with `retouch admin set-password`")]
    Form,
    /// It would take too long, or too much memory.
    #[error("its argon2id hash costs too much; set the password with `retouch admin set-password`")]
    Costly,
    /// No randomness, or no memory.
    #[error("the system gives no randomness or no memory")]
    System,
}

/// So many are at it that this one had no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

impl Unfit {
    /// Whether another password would do.
    pub(super) const fn is_the_callers(self) -> bool {
        match self {
            Self::Short | Self::Long | Self::Control => true,
            Self::Form | Self::Costly | Self::System => false,
        }
    }
}

impl Hashed {
    /// Of a password. Takes a while.
    ///
    /// # Errors
    /// When it may not be one.
    pub(crate) fn of(password: &Secret) -> Result<Self, Unfit> {
        fit(password)?;
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_| Unfit::System)?;
        let argon2 = Argon2::from(Params::DEFAULT);
        let hashed = argon2.hash_password_with_salt(password.expose().as_bytes(), &salt);
        hashed.map(|hashed| Self(hashed.to_string().into())).map_err(|_| Unfit::System)
    }

    /// Reads one that was kept.
    ///
    /// # Errors
    /// When it is no string of ours.
    pub(super) fn parse(text: &str) -> Result<Self, Unfit> {
        let hash = PasswordHash::new(text).map_err(|_| Unfit::Form)?;
        if hash.algorithm != ARGON2ID_IDENT || hash.salt.is_none() || hash.hash.is_none() {
            return Err(Unfit::Form);
        }
        let params = Params::try_from(&hash).map_err(|_| Unfit::Form)?;
        let (memory, passes) = COSTLIEST;
        let is_costly = params.m_cost() > memory || params.t_cost() > passes;
        if is_costly { Err(Unfit::Costly) } else { Ok(Self(text.into())) }
    }

    /// What sessions remember of it.
    pub(super) fn fingerprint(&self) -> Hash {
        session::hash(&Secret::new(self.0.clone()))
    }

    fn is_of(&self, password: &Secret) -> bool {
        let verified = Argon2::default().verify_password(password.expose().as_bytes(), &*self.0);
        verified.is_ok()
    }
}

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Turns {
    /// For all who want one.
    pub(super) const fn new() -> Self {
        Self(Semaphore::const_new(AT_ONCE))
    }

    /// Whether it is the password. Without one to compare with it takes as long, and is not.
    pub(super) async fn compare(
        &self,
        hashed: Option<Hashed>,
        password: Secret,
    ) -> Result<bool, Busy> {
        let is_set = hashed.is_some();
        let hashed = hashed.unwrap_or_else(|| Hashed(NOBODYS.into()));
        let is_it = self.take(move || hashed.is_of(&password)).await?;
        Ok(is_it && is_set)
    }

    /// Works out the string of a new one.
    pub(super) async fn hash(&self, password: Secret) -> Result<Result<Hashed, Unfit>, Busy> {
        // What is no password need not wait to be told so.
        match fit(&password) {
            Ok(()) => self.take(move || Hashed::of(&password)).await,
            Err(unfit) => Ok(Err(unfit)),
        }
    }

    async fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let turn = tokio::time::timeout(PATIENCE, self.0.acquire()).await;
        let _turn = turn.map_err(|_| Busy)?.map_err(|_| Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

fn fit(password: &Secret) -> Result<(), Unfit> {
    let text = password.expose();
    match text {
        _ if text.chars().count() < SHORTEST => Err(Unfit::Short),
        _ if text.len() > LONGEST => Err(Unfit::Long),
        _ if text.chars().any(char::is_control) => Err(Unfit::Control),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Of `correct horse`, and as cheap as can be.
    pub(in crate::admin) const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$fGboIvzlkt1eU7JnWpaFoCiFdQqj41xKJW/x6HC4Hu4";

    #[test]
    fn a_password_is_known_by_its_string_alone() {
        let hashed = Hashed::of(&Secret::new("correct horse")).unwrap();
        assert!(hashed.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "OWASP's least");
        assert_eq!(Hashed::parse(&hashed.0), Ok(hashed.clone()));
        assert!(hashed.is_of(&Secret::new("correct horse")));
        assert!(!hashed.is_of(&Secret::new("correct horsf")));
        assert_eq!(format!("{hashed:?}"), "[secret]");
    }

    #[test]
    fn what_can_be_guessed_or_not_typed_is_none() {
        for (password, want) in [
            ("", Err(Unfit::Short)),
            ("1234567", Err(Unfit::Short)),
            ("12345678", Ok(())),
            ("密码密码密码密码", Ok(())),
            ("密码密码密", Err(Unfit::Short)),
            ("with spaces", Ok(())),
            ("12345678\n", Err(Unfit::Control)),
            (&"x".repeat(LONGEST), Ok(())),
            (&"x".repeat(LONGEST + 1), Err(Unfit::Long)),
        ] {
            assert_eq!(fit(&Secret::new(password)), want, "{password:?}");
        }
    }

    #[test]
    fn a_string_of_another_kind_is_refused() {
        let with = |params: &str| CHEAP.replace("m=8,t=1,p=1", params);
        assert!(Hashed::parse(CHEAP).is_ok());
        assert!(Hashed::parse(NOBODYS).is_ok());
        for (text, want) in [
            (String::new(), Unfit::Form),
            ("correct horse".to_owned(), Unfit::Form),
            (CHEAP.replace("argon2id", "argon2i"), Unfit::Form),
            (CHEAP.replace("argon2id", "scrypt"), Unfit::Form),
            (CHEAP.rsplit_once('$').unwrap().0.to_owned(), Unfit::Form),
            (with("m=0,t=1,p=1"), Unfit::Form),
            (with("m=4194304,t=1,p=1"), Unfit::Costly),
            (with("m=19456,t=1000,p=1"), Unfit::Costly),
        ] {
            assert_eq!(Hashed::parse(&text), Err(want), "{text}");
        }
    }

    #[tokio::test]
    async fn without_a_password_nothing_is_right() {
        let turns = Turns::new();
        let cheap = || Some(Hashed::parse(CHEAP).unwrap());
        let right = || Secret::new("correct horse");
        assert_eq!(turns.compare(cheap(), right()).await, Ok(true));
        assert_eq!(turns.compare(cheap(), Secret::new("wrong horse")).await, Ok(false));
        assert_eq!(turns.compare(None, right()).await, Ok(false));
        assert_eq!(turns.hash(Secret::new("short")).await, Ok(Err(Unfit::Short)));
    }
}

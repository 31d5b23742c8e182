//! The client keys of `keys.toml`: who may ask for what, how much of it and until when. Of a key
//! only its hash is known here: it is shown once, when it is made, and kept nowhere.

mod entry;
mod file;
mod read;
pub mod rules;
mod token;
mod when;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::{Ms, seconds};
use crate::problem::Problem;

pub use entry::NewKey;
pub use file::{Changed, Created, FileError, Held, create, list, read, revoke};
pub use when::{Expiry, shown};

/// The file below the configuration's folder.
pub const FILE: &str = "keys.toml";
/// The most bytes it may have: a key must be revoked however many there are.
pub const MOST: u64 = 16 << 20;
/// From so many on no key is added: there is room left to revoke every one.
const FULL: u64 = 12 << 20;

/// SHA-256 of a key. A key is random enough that a slow hash would add nothing.
pub type Hash = [u8; 32];

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything that makes, changes or removes jobs: submit, cancel, delete.
    Edit,
    /// Looking at jobs and their images.
    Read,
    /// The list of models.
    Models,
}

/// Bounds of one key; 0 sets none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Requests a minute that make jobs.
    pub per_minute: u32,
    /// Jobs not at their end, at once.
    pub concurrency: u32,
}

/// A key's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Names it everywhere, and owns its jobs.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How the key begins, so that it can be recognised.
    pub prefix: String,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// How much of it.
    pub limits: Limits,
    /// When it was made.
    pub created: Option<Ms>,
    /// From when on it is refused.
    pub expires: Option<Ms>,
    /// When it was revoked.
    pub revoked: Option<Ms>,
}

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be used.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

/// All keys there are, the ones that are refused too: they still say that somebody set up keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys {
    all: Vec<Arc<Key>>,
    by_hash: HashMap<Hash, Arc<Key>>,
}

impl Scope {
    /// Each, in the order they are written.
    pub const ALL: [Self; 3] = [Self::Edit, Self::Read, Self::Models];

    /// As files and messages spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Read => "read",
            Self::Models => "models",
        }
    }

    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

impl Key {
    /// How it stands. A time of revocation that has not come yet revokes all the same: whoever wrote
    /// it wanted the key gone, and clocks differ.
    pub const fn standing(&self, now: Ms) -> Standing {
        match (self.revoked, self.expires) {
            (Some(_), _) => Standing::Revoked,
            (None, Some(at)) if at <= now => Standing::Expired,
            (None, _) => Standing::Active,
        }
    }

    /// As JSON, for people and programs: everything but the key and its hash. Times are unix seconds.
    pub fn record(&self, now: Ms) -> Value {
        json!({
            "id": self.id,
            "object": "key",
            "name": self.name,
            "prefix": self.prefix,
            "scopes": self.scopes,
            "limits": self.limits,
            "created_at": self.created.map(seconds),
            "expires_at": self.expires.map(seconds),
            "revoked_at": self.revoked.map(seconds),
            "state": self.standing(now).as_str(),
        })
    }
}

impl Standing {
    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Keys {
    /// Reads a file's text: what could be read of it, and everything wrong with it.
    pub fn parse(file: &Path, text: &str) -> (Self, Vec<Problem>) {
        read::read(file, text)
    }

    /// Whether nobody ever made one.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Each, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.all.iter()
    }

    /// The record of a key that somebody sent. One hash and one look into a map: there is nothing a
    /// cache could save, and nothing the time it takes could tell, as the map knows only hashes.
    pub fn find(&self, key: &str) -> Option<&Arc<Key>> {
        self.by_hash.get(&hash(key))
    }

    /// By its id.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Key>> {
        self.all.iter().find(|key| key.id == id)
    }

    fn add(&mut self, hash: Hash, key: Key) {
        let key = Arc::new(key);
        self.all.push(key.clone());
        self.by_hash.insert(hash, key);
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|key| &key.id)).finish()
    }
}

/// The hash of a key.
pub fn hash(key: &str) -> Hash {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests;

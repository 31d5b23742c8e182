//! What came to a scripted provider, and what it charged for.
//!
//! The truth about money in the tests: whatever the gateway says, this is what happened.

use serde_json::Value;

use super::Turn;

/// Everything a provider saw, in order.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Paid POSTs, whatever became of them.
    pub submits: Vec<Submit>,
    /// The tasks that were charged for.
    pub charges: Vec<String>,
    /// Questions how a task goes.
    pub polls: Vec<Poll>,
    /// Images handed over.
    pub uploads: Vec<Upload>,
    /// Results fetched.
    pub downloads: Vec<Download>,
    /// Requests no such service expects.
    pub strays: Vec<String>,
}

/// One paid POST.
#[derive(Clone, Debug)]
pub struct Submit {
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// What was asked for.
    pub body: Value,
    /// What the script said to do with it.
    pub turn: Turn,
}

/// One question how a task goes.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The task that was asked about.
    pub task: String,
    /// The status word of the answer.
    pub answer: &'static str,
}

/// One image handed over.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The path it came to.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The file name it was given.
    pub filename: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// One result fetched.
#[derive(Clone, Debug)]
pub struct Download {
    /// The path it was fetched from.
    pub path: String,
    /// The `Authorization` header; there must be none.
    pub authorization: Option<String>,
    /// The answer's status.
    pub status: u16,
}

impl Ledger {
    /// Fails unless exactly so many paid POSTs came and exactly so many were charged.
    #[track_caller]
    pub fn assert_paid(&self, submits: usize, charges: usize) {
        let seen = (self.submits.len(), self.charges.len());
        assert_eq!(seen, (submits, charges), "submits and charges: {self:#?}");
    }

    /// Fails if the provider's key went anywhere but where it belongs, or anything unheard of came.
    #[track_caller]
    pub fn assert_proper(&self, key: &str) {
        self.assert_signed(&format!("Bearer {key}"));
    }

    /// The same for any way of saying the key.
    #[track_caller]
    pub fn assert_signed(&self, authorization: &str) {
        let bearer = Some(authorization.to_owned());
        assert!(self.submits.iter().all(|submit| submit.authorization == bearer), "{self:#?}");
        assert!(self.polls.iter().all(|poll| poll.authorization == bearer), "{self:#?}");
        assert!(self.uploads.iter().all(|upload| upload.authorization == bearer), "{self:#?}");
        assert!(self.downloads.iter().all(|file| file.authorization.is_none()), "{self:#?}");
        assert!(self.strays.is_empty(), "{:#?}", self.strays);
    }
}

//! Uploads once: answers to idempotent requests that may serve again, by account, request and the
//! content of the images in it. The same picture goes up once while the provider keeps it, also when
//! several jobs want it at the same time.
//!
//! Promises: bounded in bytes; nothing is kept that its plugin did not take for good, nor beyond the
//! time the plugin gave; what fails holds nobody up twice. It never keeps an answer to a request that
//! is paid for. It forgets at a stop, which costs an upload.

mod key;

pub(super) use key::UploadKey;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::sync::Cache;
use retouch_sdk::{BodyRef, Request, ResponseHead};
use tokio::sync::watch;

use crate::clock::{Ms, now_ms};
use crate::images::Stored;
use crate::live::AccountId;
use crate::upstream::Answer;

/// All answers kept, in bytes: some ten thousand uploads.
const BYTES: u64 = 8 << 20;
/// Longer answers are no receipts of an upload.
const LONGEST: usize = 64 << 10;

/// The answers, and what is under way. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Uploads {
    kept: Cache<UploadKey, Arc<Kept>>,
    under_way: Arc<Mutex<HashMap<UploadKey, watch::Receiver<()>>>>,
}

/// Whose turn it is.
#[derive(Debug)]
pub(super) enum Turn {
    /// Nobody's: this was answered to the same request.
    Known(Answer),
    /// The caller's.
    Mine(Upload),
}

/// An upload under way. Others with the same key wait until it is dropped.
#[derive(Debug)]
pub(super) struct Upload {
    uploads: Uploads,
    key: UploadKey,
    cache_ms: Ms,
    answer: Option<Answer>,
    /// None when it did not wait for another a second time.
    leads: Option<watch::Sender<()>>,
}

#[derive(Debug)]
struct Kept {
    head: ResponseHead,
    body: Bytes,
    /// What decides.
    until: Ms,
    /// What frees the memory.
    life: Duration,
}

/// Lives as long as the entry says.
struct Life;

impl Default for Uploads {
    fn default() -> Self {
        Self::of(BYTES)
    }
}

impl Uploads {
    fn of(bytes: u64) -> Self {
        let weight = |key: &UploadKey, kept: &Arc<Kept>| {
            u32::try_from(key.weight() + kept.weight()).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().max_capacity(bytes).weigher(weight).expire_after(Life).build();
        Self { kept, under_way: Arc::default() }
    }

    /// The answer that is known, or leave to upload. Waits for another that is under way with the
    /// same key, but only for one and no longer than the request itself may take.
    pub(super) async fn turn(&self, key: UploadKey, request: &Request) -> Turn {
        if let Some(answer) = self.get(&key, request, now_ms()) {
            return Turn::Known(answer);
        }
        let mut other = match self.lead(&key) {
            Ok(leads) => return Turn::Mine(self.upload(key, request, Some(leads))),
            Err(other) => other,
        };
        // It ends by being dropped, which is an error here.
        let limit = Duration::from_millis(request.timeout_ms);
        let _ = tokio::time::timeout(limit, other.changed()).await;
        match self.get(&key, request, now_ms()) {
            Some(answer) => Turn::Known(answer),
            None => {
                let leads = self.lead(&key).ok();
                Turn::Mine(self.upload(key, request, leads))
            }
        }
    }

    /// Forgets what was uploaded of these images at an account: it may be gone there.
    pub(super) fn forget(&self, account: &AccountId, images: &[Stored]) {
        let gone = |key: &UploadKey| {
            key.account == *account && images.iter().any(|image| key.streams(image))
        };
        for (key, _) in self.kept.iter().filter(|(key, _)| gone(key)) {
            self.kept.invalidate(&*key);
        }
    }

    fn get(&self, key: &UploadKey, request: &Request, now: Ms) -> Option<Answer> {
        let kept = self.kept.get(key).filter(|kept| now < kept.until)?;
        let head = ResponseHead { effect: request.id.clone(), ..kept.head.clone() };
        Some(Answer { head, body: kept.body.clone(), blobs: Vec::new() })
    }

    fn put(&self, key: &UploadKey, answer: Answer, cache_ms: Ms, now: Ms) {
        let plain = matches!(answer.head.body, BodyRef::Attach { .. }) && answer.blobs.is_empty();
        let taken = (200..300).contains(&answer.head.status);
        let kept = Kept {
            head: ResponseHead { elapsed_ms: 0, ..answer.head },
            body: answer.body,
            until: now.saturating_add(cache_ms),
            life: Duration::from_millis(cache_ms),
        };
        if plain && taken && kept.weight() <= LONGEST {
            self.kept.insert(key.clone(), Arc::new(kept));
        }
    }

    /// Leave to go first, or the one that does.
    fn lead(&self, key: &UploadKey) -> Result<watch::Sender<()>, watch::Receiver<()>> {
        let mut under_way = self.lock();
        if let Some(other) = under_way.get(key) {
            return Err(other.clone());
        }
        let (leads, over) = watch::channel(());
        under_way.insert(key.clone(), over);
        Ok(leads)
    }

    fn upload(
        &self,
        key: UploadKey,
        request: &Request,
        leads: Option<watch::Sender<()>>,
    ) -> Upload {
        Upload { uploads: self.clone(), key, cache_ms: request.cache_ms, answer: None, leads }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadKey, watch::Receiver<()>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// What came. It is not yet known whether it is any good: errors too are answered with a 200.
    pub(super) fn came(&mut self, answer: &Answer) {
        self.answer = Some(answer.clone());
    }

    /// Its plugin took the answer and went on: it may serve again.
    pub(super) fn accept(mut self, now: Ms) {
        if let Some(answer) = self.answer.take() {
            self.uploads.put(&self.key, answer, self.cache_ms, now);
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.leads.is_some() {
            self.uploads.lock().remove(&self.key);
        }
    }
}

impl Kept {
    fn weight(&self) -> usize {
        let headers = self.head.headers.iter();
        headers.map(|(name, value)| name.len() + value.len()).sum::<usize>() + self.body.len()
    }
}

impl Expiry<UploadKey, Arc<Kept>> for Life {
    fn expire_after_create(&self, _: &UploadKey, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.life)
    }

    fn expire_after_update(
        &self,
        _: &UploadKey,
        kept: &Arc<Kept>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.life)
    }
}

#[cfg(test)]
mod tests;

//! Fetching results: its own step with its own retries. A result that was paid for is never asked
//! for again by submitting again.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use retouch_sdk::{Billed, Class, Failure, Output, Retry};

use super::Engine;
use super::note;
use crate::attempt::{Attempt, Event, Fetched, State};
use crate::clock::now_ms;
use crate::images::{Format, Kind, Stored};
use crate::job::Job;
use crate::snapshot::Provider;
use crate::upstream::DownloadError;

/// Downloads of one link before a fresh link is asked for.
const TRIES: u32 = 3;

impl Engine {
    /// Brings an attempt's results into our own storage, in the format asked for.
    pub(super) async fn fetch(&self, job: &Job, attempt: &Attempt, provider: &Provider) -> Event {
        let State::Fetching(outputs) = &attempt.state else { return Event::Interrupted };
        match self.images(job, attempt, outputs, provider).await {
            Ok(images) => Event::Saved(self.converted(job, images).await),
            Err(failure) => Event::Lost(failure),
        }
    }

    /// What cannot be converted is kept as it is: it was paid for.
    async fn converted(&self, job: &Job, images: Vec<Fetched>) -> Vec<Fetched> {
        let params = &job.request.params;
        let Some(format) = params.output_format.as_deref().and_then(Format::named) else {
            return images;
        };
        let mut converted = Vec::with_capacity(images.len());
        for image in images {
            let Ok(original) = image else {
                converted.push(image);
                continue;
            };
            let made =
                self.parts.images.transcode(&original, format, params.output_compression).await;
            converted.push(Ok(made.unwrap_or_else(|error| {
                tracing::warn!(job = %job.id, %error, "A result stays in the provider's format.");
                original
            })));
        }
        converted
    }

    /// Each output, or why it is not here; an error when none is.
    async fn images(
        &self,
        job: &Job,
        attempt: &Attempt,
        outputs: &[Output],
        provider: &Provider,
    ) -> Result<Vec<Fetched>, Failure> {
        let mut images = Vec::new();
        for output in outputs {
            images.push(match output {
                Output::Url(url) => self.download(job, attempt, url, provider).await,
                Output::Blob(n) => attempt
                    .blobs
                    .get(*n as usize)
                    .cloned()
                    .ok_or_else(|| Failure::plugin_bug(format!("there is no blob {n}"))),
                Output::Inline(text) => self.decode(text).await,
                Output::Failed(failure) => Err(failure.clone()),
            });
        }
        match images.iter().any(Result::is_ok) {
            true => Ok(images),
            false => Err(images.into_iter().find_map(Result::err).unwrap_or_else(|| {
                Failure::new(Class::NoOutput, "the provider finished without a picture")
            })),
        }
    }

    async fn download(
        &self,
        job: &Job,
        attempt: &Attempt,
        url: &str,
        provider: &Provider,
    ) -> Result<Stored, Failure> {
        let mut wait = Duration::from_secs(1);
        let mut tries = 1;
        loop {
            let at = now_ms();
            let fetched = self.parts.line.download(url, &provider.origins).await;
            let note = note::download(job, attempt, provider, url, fetched.as_ref().err(), at);
            self.parts.store.note(note);
            let error = match fetched {
                Ok(image) => return Ok(image),
                Err(error) => error,
            };
            tracing::warn!(job = %job.id, provider = %provider.file.id, %error, tries, "A result could not be fetched.");
            if tries >= TRIES || !passing(&error) {
                return Err(unfetched(&error.to_string()));
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
            tries += 1;
        }
    }

    /// An image that came as text, too short to be lifted.
    async fn decode(&self, text: &str) -> Result<Stored, Failure> {
        let base64 = text.split_once(";base64,").map_or(text, |(_, data)| data);
        let bytes =
            STANDARD.decode(base64.trim()).map_err(|error| unfetched(&error.to_string()))?;
        let mut spool =
            self.parts.images.spool(Kind::Result).await.map_err(|e| unfetched(&e.to_string()))?;
        spool.write(&bytes).await.map_err(|error| unfetched(&error.to_string()))?;
        spool.finish(true).await.map_err(|error| unfetched(&error.to_string()))
    }
}

/// Paid for, and not to be had: asking another provider would pay twice.
fn unfetched(detail: &str) -> Failure {
    Failure::new(
        Class::ProviderError,
        "the provider finished, but its picture could not be fetched",
    )
    .billed(Billed::Yes)
    .retry(Retry::Never)
    .detail(detail)
}

/// Whether the same link may work a moment later.
fn passing(error: &DownloadError) -> bool {
    match error {
        DownloadError::Unreachable { .. } | DownloadError::Timeout | DownloadError::Io(_) => true,
        DownloadError::Status(status) => matches!(status, 408 | 429 | 500..=599),
        DownloadError::Blocked(_) | DownloadError::TooManyRedirects | DownloadError::Image(_) => {
            false
        }
    }
}

//! Fetching results: its own step with its own retries. A result that was paid for is never asked
//! for again by submitting again.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use retouch_sdk::{Billed, Class, Failure, Output, Retry};

use super::Engine;
use super::note;
use crate::attempt::{Attempt, Event, State};
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
    async fn converted(&self, job: &Job, images: Vec<Stored>) -> Vec<Stored> {
        let params = &job.request.params;
        let Some(format) = params.output_format.as_deref().and_then(Format::named) else {
            return images;
        };
        let mut converted = Vec::with_capacity(images.len());
        for image in images {
            match self.parts.images.transcode(&image, format, params.output_compression).await {
                Ok(image) => converted.push(image),
                Err(error) => {
                    tracing::warn!(job = %job.id, %error, "A result stays in the provider's format.");
                    converted.push(image);
                }
            }
        }
        converted
    }

    async fn images(
        &self,
        job: &Job,
        attempt: &Attempt,
        outputs: &[Output],
        provider: &Provider,
    ) -> Result<Vec<Stored>, Failure> {
        let mut images = Vec::new();
        let mut lost = Failure::new(Class::NoOutput, "the provider finished without a picture");
        for output in outputs {
            match output {
                Output::Url(url) => match self.download(job, attempt, url, provider).await {
                    Ok(image) => images.push(image),
                    Err(failure) => lost = failure,
                },
                Output::Blob(n) => match attempt.blobs.get(*n as usize) {
                    Some(image) => images.push(image.clone()),
                    None => lost = Failure::plugin_bug(format!("there is no blob {n}")),
                },
                Output::Inline(text) => match self.decode(text).await {
                    Ok(image) => images.push(image),
                    Err(failure) => lost = failure,
                },
                Output::Failed(failure) => lost = failure.clone(),
            }
        }
        if images.is_empty() { Err(lost) } else { Ok(images) }
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
            let fetched = self.parts.upstream.download(url, &provider.origins).await;
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

//! Fetches a result by its link: without the key, guarded at every hop, straight into the store.

use std::io;

use reqwest::header::{ACCEPT_ENCODING, HeaderValue, LOCATION};
use reqwest::{Method, Response};
use tokio::time::timeout;
use url::Url;

use super::Upstream;
use super::egress::{Blocked, Origin, Pass};
use super::lost::Lost;
use crate::images::{Kind, SpoolError, Stored};

/// Signed links of object stores redirect once or twice.
const HOPS: usize = 3;

/// Why a result was not fetched. The link stays good: it can be tried again after the mend.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// Our rules forbid it.
    #[error("the result's link is not followed: {0}")]
    Blocked(String),
    /// It cannot be reached, or the connection broke.
    #[error("the result cannot be fetched: {class}: {detail}")]
    Unreachable {
        /// `connect`, `tls` or `reset`.
        class: &'static str,
        /// For operators.
        detail: String,
    },
    /// It took too long, as a whole or to go on.
    #[error("the result was not fetched in time")]
    Timeout,
    /// Another status than 200.
    #[error("the result's link answers with status {0}")]
    Status(u16),
    /// More redirects than are followed.
    #[error("the result's link redirects more than {HOPS} times")]
    TooManyRedirects,
    /// What came is not taken.
    #[error("the result is not taken: {0}")]
    Image(SpoolError),
    /// The disk's trouble.
    #[error("the result cannot be stored: {0}")]
    Io(io::Error),
}

impl Upstream {
    /// Fetches an image that a client names: from public addresses only.
    ///
    /// # Errors
    /// See [`DownloadError`]; nothing is left in the store.
    pub async fn fetch_input(&self, url: &str) -> Result<Stored, DownloadError> {
        let fetched =
            timeout(self.limits.download, Box::pin(self.follow(url, &[], Kind::Input))).await;
        fetched.map_err(|_| DownloadError::Timeout)?
    }

    /// Fetches a result. `origins` are those the operator wrote: the link may lead there even where
    /// that is private; else only to public addresses. No header of the provider's goes along.
    ///
    /// # Errors
    /// See [`DownloadError`]; nothing is left in the store.
    pub async fn download(&self, url: &str, origins: &[Origin]) -> Result<Stored, DownloadError> {
        let fetched =
            timeout(self.limits.download, Box::pin(self.follow(url, origins, Kind::Result))).await;
        fetched.map_err(|_| DownloadError::Timeout)?
    }

    async fn follow(
        &self,
        url: &str,
        origins: &[Origin],
        kind: Kind,
    ) -> Result<Stored, DownloadError> {
        let mut pass = self.dialer.judge(url, origins, &[])?;
        for _ in 0..=HOPS {
            let response = self.get(&pass).await?;
            match response.status().as_u16() {
                200 => return self.store(response, kind).await,
                301 | 302 | 303 | 307 | 308 => {
                    pass = self.dialer.judge(next(&pass.url, &response)?.as_str(), origins, &[])?;
                }
                status => return Err(DownloadError::Status(status)),
            }
        }
        Err(DownloadError::TooManyRedirects)
    }

    async fn get(&self, pass: &Pass) -> Result<Response, DownloadError> {
        let blocked = |why: &str| DownloadError::Blocked(why.to_owned());
        let client =
            self.dialer.client(pass.route).ok_or_else(|| blocked("nothing opens its port"))?;
        let mut request = reqwest::Request::new(Method::GET, pass.url.clone());
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let response = timeout(self.limits.stall, client.execute(request)).await??;
        if self.dialer.confirms(pass.route, response.remote_addr()) {
            return Ok(response);
        }
        Err(blocked("the connection went to an address that is not public"))
    }

    async fn store(&self, mut response: Response, kind: Kind) -> Result<Stored, DownloadError> {
        let mut spool = self.images.spool(kind).await.map_err(DownloadError::Io)?;
        while let Some(chunk) = timeout(self.limits.stall, response.chunk()).await?? {
            spool.write(&chunk).await?;
        }
        Ok(spool.finish(true).await?)
    }
}

/// Where a redirect leads.
fn next(from: &Url, response: &Response) -> Result<Url, DownloadError> {
    let location = response.headers().get(LOCATION).and_then(|l| l.to_str().ok());
    let to = location.and_then(|l| from.join(l).ok());
    let to = to.ok_or(Blocked::Malformed("a redirect leads nowhere"))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Blocked::Downgrade.into());
    }
    Ok(to)
}

impl From<Blocked> for DownloadError {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked(blocked.to_string())
    }
}

impl From<tokio::time::error::Elapsed> for DownloadError {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Timeout
    }
}

impl From<reqwest::Error> for DownloadError {
    fn from(error: reqwest::Error) -> Self {
        let lost = Lost::transport(error);
        match lost.class {
            "blocked" => Self::Blocked(lost.detail),
            "timeout" => Self::Timeout,
            class => Self::Unreachable { class, detail: lost.detail },
        }
    }
}

impl From<SpoolError> for DownloadError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Io(error) => Self::Io(error),
            refused => Self::Image(refused),
        }
    }
}

//! Results out: `GET /v1/jobs/{id}/images/{n}`, whole or in part, with a key or a signed link.

use std::io::{self, ErrorKind, SeekFrom};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::edits::about;
use super::error::ApiError;
use super::extract::{Asked, Named};
use super::{Api, Caller};
use crate::catalog::key::Scope;
use crate::clock::now_ms;
use crate::id::JobId;
use crate::images::{Format, Stored, sniff};
use crate::retention::Policy;

#[derive(Deserialize)]
pub(super) struct Signed {
    exp: Option<u64>,
    sig: Option<String>,
}

/// `GET /v1/jobs/{id}/images/{n}`
pub(super) async fn image(
    State(api): State<Arc<Api>>,
    Named((id, n)): Named<(String, String)>,
    Asked(signed): Asked<Signed>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let missing = || ApiError::not_found("image");
    let (id, n) = JobId::parse(&id).zip(n.parse::<usize>().ok()).ok_or_else(missing)?;
    let job = match (signed.exp, signed.sig) {
        (Some(exp), Some(sig)) if api.links.is_valid(&id, n, exp, &sig, now_ms()) => {
            api.engine.signed(&id).await?
        }
        (Some(_), Some(_)) => {
            let message = "the link has expired or was changed; read the job again for a fresh one";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "invalid_link", message));
        }
        _ => {
            let caller = Caller::of(&api, &headers, Scope::Read)?;
            api.engine.job(&caller.owner, &id).await?
        }
    };
    let job = job.ok_or_else(missing)?;
    let image = job.image(n).ok_or_else(missing)?;
    let expires = Policy::of(&api.settings.retention).expires(&job);
    if expires.is_some_and(|at| at <= now_ms()) {
        return Err(expired());
    }
    let mut response = serve(&api, image, &headers).await?;
    about(response.headers_mut(), &job);
    Ok(response)
}

/// `GET /io/in/{token}`: an input, for a provider that fetches. The token is the permission.
pub(super) async fn input(
    State(api): State<Arc<Api>>,
    Named(token): Named<String>,
) -> Result<Response, ApiError> {
    let missing = || ApiError::not_found("image");
    let name = api.links.input(&token, now_ms()).ok_or_else(missing)?;
    let (file, length) = api.images.open_read(name).await.map_err(|_| missing())?;
    let mut file = tokio::io::BufReader::new(file);
    let mime = sniff(file.fill_buf().await.unwrap_or_default())
        .map_or("application/octet-stream", Format::mime);
    let mut response =
        Body::from_stream(ReaderStream::with_capacity(file, 64 << 10)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    put(headers, header::CONTENT_TYPE, mime);
    put(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(response)
}

async fn serve(api: &Api, image: &Stored, headers: &HeaderMap) -> Result<Response, ApiError> {
    let etag = format!("\"{}\"", image.name);
    // Opened first: what is gone is gone also for who has it already.
    let opened = api.images.open_read(&image.name).await;
    let (mut file, length) = opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => expired(),
        _ => unreadable(&error),
    })?;
    if headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let range = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let (status, start, end) = match range.map(|r| part(r, length)) {
        None | Some(Part::Whole) => (StatusCode::OK, 0, length),
        Some(Part::Of(start, end)) => (StatusCode::PARTIAL_CONTENT, start, end),
        Some(Part::Outside) => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response());
        }
    };
    file.seek(SeekFrom::Start(start)).await.map_err(|error| unreadable(&error))?;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(end - start), 64 << 10));
    let mut response = (status, body).into_response();
    describe(response.headers_mut(), image, &etag, end - start);
    if status == StatusCode::PARTIAL_CONTENT {
        put(
            response.headers_mut(),
            header::CONTENT_RANGE,
            &format!("bytes {start}-{}/{length}", end - 1),
        );
    }
    Ok(response)
}

fn expired() -> ApiError {
    ApiError::new(StatusCode::GONE, "image_expired", "the image is no longer kept")
}

fn unreadable(error: &io::Error) -> ApiError {
    tracing::error!(%error, "An image could not be read.");
    let message = "the image cannot be read just now";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", message).retry_after(10)
}

/// A picture from a provider is still a stranger's file: nothing in it may run.
fn describe(headers: &mut HeaderMap, image: &Stored, etag: &str, length: u64) {
    let extension = image.mime.strip_prefix("image/").unwrap_or("bin");
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    put(headers, header::CONTENT_TYPE, &image.mime);
    put(headers, header::ETAG, etag);
    put(headers, header::ACCEPT_RANGES, "bytes");
    put(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    put(headers, header::CACHE_CONTROL, "private, max-age=3600, immutable");
    put(
        headers,
        header::CONTENT_DISPOSITION,
        &format!("inline; filename=\"{}.{extension}\"", &image.name[..16.min(image.name.len())]),
    );
}

fn put(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What a `Range` header asks of a file.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the first up to but without the second.
    Of(u64, u64),
    Outside,
}

/// One range of bytes; anything else is answered whole, as RFC 9110 allows.
fn part(range: &str, length: u64) -> Part {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Part::Whole;
    };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if last.is_empty() => (first, length),
        (Err(_), Ok(suffix)) if first.is_empty() && suffix > 0 => {
            (length.saturating_sub(suffix), length)
        }
        (Err(_), Ok(_)) if first.is_empty() => return Part::Outside,
        _ => return Part::Whole,
    };
    if start < length { Part::Of(start, end) } else { Part::Outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ranges() {
        for (range, want) in [
            ("bytes=0-9", Part::Of(0, 10)),
            ("bytes=5-", Part::Of(5, 100)),
            ("bytes=-10", Part::Of(90, 100)),
            ("bytes=90-1000", Part::Of(90, 100)),
            ("bytes=100-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=9-5", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("items=0-1", Part::Whole),
        ] {
            assert_eq!(part(range, 100), want, "{range}");
        }
    }
}

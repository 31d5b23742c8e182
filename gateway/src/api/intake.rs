//! Bodies in: a form or JSON, streamed. Every image goes to the store as it arrives; what is left
//! is small and bounded.

use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::draft::Draft;
use super::error::ApiError;
use super::inbound::Inbound;
use crate::images::{Images, Kind, Spool, SpoolError, Stored};
use crate::settings::Limits;
use crate::upstream::intake::{Intake as Json, IntakeError};
use crate::upstream::lift::{LiftError, Rule};
use crate::upstream::{DownloadError, Upstream};

/// Text fields of a form, each entry of a list or object counted.
const FIELDS: usize = 128;
/// How long a body may bring nothing.
const STALL: Duration = Duration::from_secs(30);
/// Bytes of all text in a request.
const TEXT: usize = 512 << 10;

/// Where a body goes.
pub(super) struct Intake<'a> {
    pub(super) images: &'a Images,
    /// For images that are named by link.
    pub(super) upstream: &'a Upstream,
    pub(super) limits: &'a Limits,
    /// Whether images must be on disk for good before the answer.
    pub(super) durable: bool,
}

impl Intake<'_> {
    /// Reads a body of either kind.
    pub(super) async fn read(&self, request: Request) -> Result<Draft, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let (parts, body) = request.into_parts();
        let body = Inbound::new(body);
        let read = if kind.starts_with("multipart/form-data") {
            let form = Request::from_parts(parts, Body::from_stream(body.clone()));
            self.form(form, &body).await
        } else if kind.starts_with("application/json") {
            self.json(body.clone()).await
        } else {
            let message = "the body must be multipart/form-data or application/json";
            Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_content_type", message))
        };
        if read.is_err() {
            body.drain().await;
        }
        read
    }

    async fn form(&self, request: Request, body: &Inbound) -> Result<Draft, ApiError> {
        let mut form = Multipart::from_request(request, &()).await.map_err(|error| {
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", error.body_text())
        })?;
        let mut draft = Draft::default();
        let mut text = Text::default();
        while let Some(field) = soon(form.next_field()).await?.map_err(|error| broken(&error))? {
            body.progress();
            let name = field.name().unwrap_or_default().to_owned();
            match slot(&name) {
                Slot::Image if draft.images.len() >= self.limits.images => {
                    return Err(too_many(self.limits.images));
                }
                Slot::Image => draft.images.push(self.file(field, body, "image").await?),
                Slot::Mask if draft.mask.is_some() => {
                    return Err(ApiError::invalid("mask", "only one `mask` is taken"));
                }
                Slot::Mask => draft.mask = Some(self.file(field, body, "mask").await?),
                Slot::Text if field.file_name().is_some() => {
                    let message =
                        format!("`{name}` is not a field for files; a picture goes into `image`");
                    return Err(ApiError::field("unknown_parameter", &name, message));
                }
                Slot::Text => {
                    let value = text.read(field, body, &name).await?;
                    place(&mut draft.fields, &name, value)?;
                }
            }
        }
        let cut = |error| unreadable(&format!("the body breaks off: {error}"));
        soon(body.clone().ended()).await?.map_err(cut)?;
        Ok(draft)
    }

    async fn file(
        &self,
        mut field: Field<'_>,
        body: &Inbound,
        param: &str,
    ) -> Result<Stored, ApiError> {
        let mut spool = self.spool().await?;
        while let Some(chunk) = soon(field.chunk()).await?.map_err(|error| broken(&error))? {
            body.progress();
            spool.write(&chunk).await.map_err(|error| refused(param, error))?;
        }
        spool.finish(self.durable).await.map_err(|error| refused(param, error))
    }

    async fn json(&self, mut body: Inbound) -> Result<Draft, ApiError> {
        // One more than the pictures allowed may be the mask.
        let most = u32::try_from(self.limits.images + 1).unwrap_or(u32::MAX);
        let rule = Rule { images: most, ..Rule::REQUEST };
        let mut json = Json::new(self.images, Kind::Input, self.durable, rule, TEXT);
        let mut total = 0;
        while let Some(chunk) = soon(body.next()).await? {
            let chunk = chunk.map_err(|_| unreadable("the body was cut off"))?;
            body.progress();
            total += chunk.len() as u64;
            if total > self.limits.request_bytes {
                return Err(too_large(self.limits.request_bytes));
            }
            json.push(&chunk).await.map_err(untaken)?;
        }
        let (rest, lifted) = json.finish().map_err(untaken)?;
        let rest: Value = serde_json::from_slice(&rest)
            .map_err(|error| unreadable(&format!("the body is not JSON: {error}")))?;
        let Value::Object(fields) = rest else {
            return Err(unreadable("the body must be a JSON object"));
        };
        self.assemble(fields, &lifted).await
    }

    /// Puts images where `images` and `mask` refer to them.
    async fn assemble(
        &self,
        mut fields: Map<String, Value>,
        lifted: &[Stored],
    ) -> Result<Draft, ApiError> {
        let mut draft = Draft::default();
        if fields.contains_key("image") {
            let message = "in JSON pictures stand in `images`, a list of {\"image_url\": …}";
            return Err(ApiError::invalid("image", message));
        }
        match fields.remove("images") {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) if list.len() > self.limits.images => {
                return Err(too_many(self.limits.images));
            }
            Some(Value::Array(list)) => {
                for (index, entry) in list.iter().enumerate() {
                    let param = format!("images[{index}].image_url");
                    draft.images.push(self.referred(entry, lifted, &param).await?);
                }
            }
            Some(_) => {
                return Err(ApiError::invalid(
                    "images",
                    "`images` must be a list of {\"image_url\": …}",
                ));
            }
        }
        if let Some(mask) = fields.remove("mask").filter(|mask| !mask.is_null()) {
            draft.mask = Some(self.referred(&mask, lifted, "mask.image_url").await?);
        }
        draft.fields = fields;
        Ok(draft)
    }

    async fn referred(
        &self,
        entry: &Value,
        lifted: &[Stored],
        param: &str,
    ) -> Result<Stored, ApiError> {
        if entry.get("file_id").is_some() {
            let message = "uploaded files are not offered; send the image itself or a link to it";
            return Err(ApiError::unsupported(param, message));
        }
        // OpenAI's own JSON has the link as a string; chat-style clients wrap it once more.
        let url = entry.get("image_url").unwrap_or(entry);
        let url = url.get("url").unwrap_or(url);
        let blob = url.get("$blob").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        if let Some(image) = blob.and_then(|n| lifted.get(n)) {
            return Ok(image.clone());
        }
        match url.as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
            Some(url) => {
                self.upstream.fetch_input(url).await.map_err(|error| unfetched(param, error))
            }
            None => {
                let message =
                    "an image is {\"image_url\": \"data:image/png;base64,…\"} or a link to one";
                Err(ApiError::field("invalid_image", param, message))
            }
        }
    }

    async fn spool(&self) -> Result<Spool, ApiError> {
        self.images
            .spool(Kind::Input)
            .await
            .map_err(|error| refused("image", SpoolError::Io(error)))
    }
}

/// Waits for the next piece of a body, but not for ever: stalled bodies must not fill the house.
async fn soon<T>(piece: impl Future<Output = T>) -> Result<T, ApiError> {
    tokio::time::timeout(STALL, piece).await.map_err(|_| {
        let message = format!("nothing more of the body came for {} seconds", STALL.as_secs());
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
    })
}

enum Slot {
    Image,
    Mask,
    Text,
}

/// Official SDKs send `image` for one file and `image[]` for a list.
fn slot(name: &str) -> Slot {
    match name.split_once('[').map_or(name, |(stem, _)| stem) {
        "image" => Slot::Image,
        "mask" => Slot::Mask,
        _ => Slot::Text,
    }
}

/// A form's text fields, bounded in number and in all.
#[derive(Default)]
struct Text {
    fields: usize,
    bytes: usize,
}

impl Text {
    async fn read(
        &mut self,
        mut field: Field<'_>,
        body: &Inbound,
        name: &str,
    ) -> Result<String, ApiError> {
        self.fields += 1;
        self.grow(name.len(), name)?;
        if self.fields > FIELDS {
            return Err(unreadable(&format!("the form has more than {FIELDS} text fields")));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = soon(field.chunk()).await?.map_err(|error| broken(&error))? {
            body.progress();
            self.grow(chunk.len(), name)?;
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes)
            .map_err(|_| ApiError::invalid(name, format!("`{name}` is not UTF-8 text")))
    }

    fn grow(&mut self, bytes: usize, name: &str) -> Result<(), ApiError> {
        self.bytes += bytes;
        if self.bytes <= TEXT {
            return Ok(());
        }
        let message = format!("the form's text fields have more than {TEXT} bytes");
        Err(ApiError::invalid(name, message).status(StatusCode::PAYLOAD_TOO_LARGE))
    }
}

/// `x`, and nested as SDKs write their `extra_body`: `x[key]` and `x[]`.
fn place(fields: &mut Map<String, Value>, name: &str, value: String) -> Result<(), ApiError> {
    let Some((stem, inner)) = name.split_once('[') else {
        fields.insert(name.to_owned(), Value::String(value));
        return Ok(());
    };
    let Some(key) = inner.strip_suffix(']').filter(|key| !key.contains(['[', ']'])) else {
        return Err(ApiError::field(
            "unknown_parameter",
            name,
            format!("`{name}` is not a field name"),
        ));
    };
    let empty = if key.is_empty() { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    match fields.entry(stem).or_insert(empty) {
        Value::Array(list) if key.is_empty() => list.push(Value::String(value)),
        Value::Object(map) if !key.is_empty() => {
            map.insert(key.to_owned(), Value::String(value));
        }
        _ => return Err(ApiError::invalid(stem, format!("`{stem}` is given in two forms"))),
    }
    Ok(())
}

/// A link that is forbidden and one that leads nowhere read the same, so that nobody can look
/// around our network with us.
fn unfetched(param: &str, error: DownloadError) -> ApiError {
    tracing::info!(%error, "An image named by a client could not be fetched.");
    match error {
        DownloadError::Image(error) => refused(param, error),
        DownloadError::Io(error) => refused(param, SpoolError::Io(error)),
        DownloadError::Timeout => {
            ApiError::field("invalid_image", param, "the link was not answered in time")
        }
        DownloadError::Blocked(_)
        | DownloadError::Unreachable { .. }
        | DownloadError::Status(_)
        | DownloadError::TooManyRedirects => ApiError::field(
            "invalid_image",
            param,
            "the link cannot be fetched; send the image itself",
        ),
    }
}

fn refused(param: &str, error: SpoolError) -> ApiError {
    let message = error.to_string();
    match error {
        SpoolError::Io(error) => {
            // Where there is no room, that was said once.
            if error.kind() != std::io::ErrorKind::StorageFull {
                tracing::error!(%error, "An image could not be stored.");
            }
            let message = "images cannot be stored just now; nothing was sent";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", message)
                .retry_after(10)
        }
        SpoolError::TooLarge { .. } => {
            ApiError::field("image_too_large", param, message).status(StatusCode::PAYLOAD_TOO_LARGE)
        }
        SpoolError::TooManyPixels { .. } => ApiError::field("image_too_large", param, message),
        SpoolError::NotAnImage { .. } => ApiError::field("invalid_image", param, message),
    }
}

fn broken(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(
            error.status(),
            "request_too_large",
            "the request is larger than is taken",
        );
    }
    unreadable(&format!("the form is broken: {}", error.body_text()))
}

fn untaken(error: IntakeError) -> ApiError {
    let error = match error {
        IntakeError::Image { number, why } => {
            return refused(&format!("images[{number}].image_url"), why);
        }
        IntakeError::Lift(error) => error,
    };
    match &error {
        LiftError::Base64(n) | LiftError::Cut(n) => {
            ApiError::field("invalid_image", &format!("images[{n}].image_url"), error.to_string())
        }
        LiftError::TooManyImages { limit } => too_many((*limit as usize).saturating_sub(1)),
        LiftError::TooLarge { .. } => {
            let message = format!("the JSON has {error}");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
        }
        LiftError::Reserved(key) => ApiError::field("unknown_parameter", key, error.to_string()),
    }
}

fn too_many(limit: usize) -> ApiError {
    ApiError::field("too_many_images", "image", format!("at most {limit} images are taken"))
}

fn too_large(limit: u64) -> ApiError {
    let message = format!("the request is larger than {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
}

fn unreadable(message: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bracketed_names_nest() {
        let mut fields = Map::new();
        for (name, value) in [("a", "1"), ("m[k]", "v"), ("m[l]", "w"), ("s[]", "x"), ("s[]", "y")]
        {
            assert!(place(&mut fields, name, value.to_owned()).is_ok(), "{name}");
        }
        assert_eq!(
            Value::Object(fields.clone()),
            json!({ "a": "1", "m": { "k": "v", "l": "w" }, "s": ["x", "y"] })
        );
        for name in ["m[]", "s[k]", "m[a][b]", "m[a"] {
            assert!(place(&mut fields, name, String::new()).is_err(), "{name}");
        }
    }
}

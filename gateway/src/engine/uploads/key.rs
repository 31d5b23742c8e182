//! What makes two uploads the same: the account, and all that is sent, with images by their content.

use std::sync::Arc;

use retouch_sdk::{Body, Effect, Part, Phase, Request};
use serde_json::{Value, json};

use crate::images::Stored;
use crate::live::AccountId;

/// What an entry takes beside its own bytes, roughly.
const OVERHEAD: usize = 256;

/// Names what is sent: to which account, and every byte of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine) struct UploadKey {
    pub(super) account: AccountId,
    digest: [u8; 32],
    /// Names of the images in it.
    images: Arc<[String]>,
}

impl UploadKey {
    /// None when the answer must not serve again, or the request names an image that is not there.
    pub(in crate::engine) fn of(
        account: &AccountId,
        request: &Request,
        inputs: &[Stored],
    ) -> Option<Self> {
        let repeats = request.effect == Effect::Idempotent && request.phase != Phase::Submitting;
        if !repeats || request.cache_ms == 0 {
            return None;
        }
        let mut images = Vec::new();
        let body = body(&request.body, inputs, &mut images)?;
        let Request { method, url, headers, idempotency_key, .. } = request;
        let whole = json!([method, url, headers, idempotency_key, body]);
        let digest = *blake3::hash(whole.to_string().as_bytes()).as_bytes();
        Some(Self { account: *account, digest, images: images.into() })
    }

    /// Whether that image is in it.
    pub(super) fn streams(&self, image: &Stored) -> bool {
        self.images.contains(&image.name)
    }

    /// Bytes it takes, roughly, with all that is kept beside an answer.
    pub(super) fn weight(&self) -> usize {
        OVERHEAD + self.images.iter().map(String::len).sum::<usize>()
    }
}

/// A body with each image named by its content instead of its place in the job.
fn body(body: &Body, inputs: &[Stored], images: &mut Vec<String>) -> Option<Value> {
    let mut name = |handle: u64| {
        let name = inputs.get(usize::try_from(handle).ok()?)?.name.clone();
        images.push(name.clone());
        Some(name)
    };
    Some(match body {
        Body::Empty => json!("empty"),
        Body::Form(fields) => json!({ "form": fields }),
        Body::Image(handle) => json!({ "image": name(u64::from(*handle))? }),
        Body::Json(template) => {
            let mut filled = template.clone();
            fill(&mut filled, &mut name)?;
            json!({ "json": filled })
        }
        Body::Multipart(parts) => {
            let part = |part: &Part| match part {
                Part::Text { name, text } => Some(json!({ "name": name, "text": text })),
                Part::File { name: field, image, filename } => {
                    let image = name(u64::from(*image))?;
                    Some(json!({ "name": field, "image": image, "filename": filename }))
                }
            };
            json!({ "multipart": parts.iter().map(part).collect::<Option<Vec<_>>>()? })
        }
    })
}

/// Puts a name in the place of every image handle.
fn fill(value: &mut Value, name: &mut impl FnMut(u64) -> Option<String>) -> Option<()> {
    match value {
        Value::Object(fields) => {
            if let Some(handle) = fields.get_mut("$image") {
                *handle = json!(name(handle.as_u64()?)?);
            }
            fields.values_mut().try_for_each(|value| fill(value, name))
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| fill(value, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(()),
    }
}

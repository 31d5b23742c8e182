//! A request as it arrived: images in the store, fields still as text or JSON. Reading it against
//! the table of known fields gives the canonical [`EditRequest`].

use std::collections::BTreeMap;

use retouch_sdk::{Params, Size};
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::catalog::document::nearest;
use crate::images::Stored;
use crate::request::styled::Asked;
use crate::request::{EditRequest, value};
use crate::secret::PLACEHOLDER;
use crate::settings::Limits;

/// What form and JSON bodies are both read into.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) fields: Map<String, Value>,
    pub(super) images: Vec<Stored>,
    pub(super) mask: Option<Stored>,
}

/// Every field a request may have.
const KNOWN: [&str; 30] = [
    "prompt",
    "image",
    "images",
    "mask",
    "model",
    "n",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "input_fidelity",
    "response_format",
    "stream",
    "partial_images",
    "moderation",
    "user",
    "safety_identifier",
    "provider",
    "style",
    "variables",
    "resolution",
    "aspect_ratio",
    "seed",
    "negative_prompt",
    "metadata",
    "webhook_url",
    "timeout",
    "strict",
    "provider_options",
];

impl Draft {
    /// Checks every field.
    pub(super) fn read(mut self, limits: &Limits) -> Result<EditRequest, ApiError> {
        self.refuse_unknown()?;
        self.parse_objects()?;
        self.refuse_reserved()?;
        self.refuse_unbuilt()?;
        let style = self.style()?;
        let request = EditRequest {
            prompt: self.prompt(limits, style.is_some())?,
            n: self.count()?,
            model: self.text("model")?,
            provider: self.text("provider")?,
            style,
            styled: None,
            params: self.params()?,
            provider_options: self.object("provider_options")?,
            metadata: self.metadata(limits)?,
            timeout: self.timeout(limits)?,
            links: self.links()?,
            strict: self.flag("strict")?,
            partial_images: self.whole("partial_images")?.is_some_and(|n| n > 0),
            request_id: String::new(),
            images: std::mem::take(&mut self.images),
            mask: self.mask.take(),
        };
        if request.images.is_empty() {
            let message =
                "an image is missing; send it as the file field `image`, or as `images` in JSON";
            return Err(ApiError::field("missing_image", "image", message));
        }
        Ok(request)
    }

    fn refuse_unknown(&self) -> Result<(), ApiError> {
        match self.fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let hint = nearest(name, KNOWN.into_iter())
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                Err(ApiError::field(
                    "unknown_parameter",
                    name,
                    format!("`{name}` is not a known field{hint}"),
                ))
            }
        }
    }

    /// Forms send objects as JSON text; they are checked as what they are.
    fn parse_objects(&mut self) -> Result<(), ApiError> {
        for name in ["provider_options", "metadata", "variables"] {
            let Some(Value::String(text)) = self.fields.get(name) else { continue };
            let wrong = |_| ApiError::invalid(name, format!("`{name}` must be an object"));
            let parsed: Map<String, Value> = serde_json::from_str(text).map_err(wrong)?;
            self.fields.insert(name.to_owned(), Value::Object(parsed));
        }
        Ok(())
    }

    /// The gateway's own marks must not come from outside: for a provider's key, which would be put
    /// into a text that others read, and for images.
    fn refuse_reserved(&self) -> Result<(), ApiError> {
        for (name, value) in &self.fields {
            if let Some(mark) = reserved(value) {
                let message = format!(
                    "`{name}` holds `{mark}`, which has a meaning here; write it otherwise"
                );
                return Err(ApiError::invalid(name, message));
            }
        }
        Ok(())
    }

    /// Fields whose meaning would be lost are refused rather than dropped.
    fn refuse_unbuilt(&mut self) -> Result<(), ApiError> {
        if self.flag("stream")? {
            return Err(ApiError::unsupported(
                "stream",
                "streaming is not offered; wait, or use POST /v1/jobs",
            ));
        }
        for name in ["webhook_url"] {
            if self.fields.get(name).is_some_and(|v| !v.is_null()) {
                return Err(ApiError::unsupported(
                    name,
                    format!("`{name}` is not offered; leave it out"),
                ));
            }
        }
        Ok(())
    }

    fn count(&self) -> Result<u32, ApiError> {
        match self.whole("n")?.unwrap_or(1) {
            n @ 1..=10 => Ok(u32::try_from(n).unwrap_or(1)),
            n => Err(ApiError::invalid("n", format!("`n` is 1 to 10, not {n}"))),
        }
    }

    /// The style, with the words for its variables.
    fn style(&mut self) -> Result<Option<Asked>, ApiError> {
        let mut variables = BTreeMap::new();
        for (name, value) in self.object("variables")? {
            match value {
                Value::String(text) => {
                    variables.insert(name, text);
                }
                Value::Null => {}
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    let message = format!("`variables.{name}` must be text");
                    return Err(ApiError::invalid(&format!("variables.{name}"), message));
                }
            }
        }
        let style = self.text("style")?;
        if style.is_none() && !variables.is_empty() {
            let message = "`variables` are for the words of a style; name it in `style`";
            return Err(ApiError::unsupported("variables", message));
        }
        Ok(style.map(|style| Asked { style, variables }))
    }

    /// In a style it may have no words of its own.
    fn prompt(&mut self, limits: &Limits, in_style: bool) -> Result<String, ApiError> {
        let prompt = self.text("prompt")?.unwrap_or_default();
        if prompt.trim().is_empty() && !in_style {
            return Err(ApiError::field(
                "missing_prompt",
                "prompt",
                "`prompt` is missing; say what to do to the image",
            ));
        }
        let length = prompt.chars().count();
        if length > limits.prompt {
            let message = format!("`prompt` has {length} characters, more than {}", limits.prompt);
            return Err(ApiError::invalid("prompt", message));
        }
        Ok(prompt)
    }

    fn params(&mut self) -> Result<Params, ApiError> {
        Ok(Params {
            size: self.word("size")?.map(|text| size(&text)).transpose()?,
            resolution: self.word("resolution")?.map(|text| resolution(&text)).transpose()?,
            aspect_ratio: self.word("aspect_ratio")?.map(|text| ratio(&text)).transpose()?,
            seed: self.whole("seed")?,
            negative_prompt: self.text("negative_prompt")?,
            quality: self.word("quality")?,
            background: self.word("background")?,
            output_format: self.format()?,
            output_compression: self.percent("output_compression")?,
            input_fidelity: self.word("input_fidelity")?,
            moderation: self.word("moderation")?,
            user: self.text("safety_identifier")?.or(self.text("user")?),
        })
    }

    fn format(&mut self) -> Result<Option<String>, ApiError> {
        let Some(text) = self.word("output_format")? else { return Ok(None) };
        value::output_format(&text).map(Some).ok_or_else(|| {
            let message = format!("`output_format` is png, jpeg or webp, not '{text}'");
            ApiError::invalid("output_format", message)
        })
    }

    fn percent(&self, name: &str) -> Result<Option<u8>, ApiError> {
        match self.whole(name)? {
            None => Ok(None),
            Some(n @ 0..=100) => Ok(u8::try_from(n).ok()),
            Some(n) => Err(ApiError::invalid(name, format!("`{name}` is 0 to 100, not {n}"))),
        }
    }

    fn links(&mut self) -> Result<bool, ApiError> {
        match self.text("response_format")?.as_deref() {
            None | Some("b64_json") => Ok(false),
            Some("url") => Ok(true),
            Some(other) => {
                let message = format!("`response_format` is b64_json or url, not '{other}'");
                Err(ApiError::invalid("response_format", message))
            }
        }
    }

    fn metadata(&mut self, limits: &Limits) -> Result<Map<String, Value>, ApiError> {
        let metadata = self.object("metadata")?;
        if metadata.len() > limits.metadata {
            let message =
                format!("`metadata` has {} keys, more than {}", metadata.len(), limits.metadata);
            return Err(ApiError::invalid("metadata", message));
        }
        let fits = |v: &Value| v.as_str().is_some_and(|text| text.chars().count() <= 512);
        match metadata.iter().find(|(_, v)| !fits(v)) {
            None => Ok(metadata),
            Some((key, _)) => {
                let message = format!("`metadata.{key}` must be text of up to 512 characters");
                Err(ApiError::invalid("metadata", message))
            }
        }
    }

    fn timeout(&mut self, limits: &Limits) -> Result<Option<u64>, ApiError> {
        let most = limits.timeout.duration.as_secs();
        match self.whole("timeout")? {
            Some(seconds) if seconds == 0 || seconds > most => Err(ApiError::invalid(
                "timeout",
                format!("`timeout` is 1 to {most} seconds, not {seconds}"),
            )),
            timeout => Ok(timeout),
        }
    }

    /// A word from a list, of which `auto` is the same as none.
    fn word(&self, name: &str) -> Result<Option<String>, ApiError> {
        Ok(self.text(name)?.filter(|word| word != "auto"))
    }

    /// Text that says something; nothing is the same as absent.
    fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(ApiError::invalid(name, format!("`{name}` must be text"))),
        }
    }

    fn whole(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let wrong = || ApiError::invalid(name, format!("`{name}` must be a whole number"));
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => number.as_u64().ok_or_else(wrong).map(Some),
            Some(Value::String(text)) => text.trim().parse().map_err(|_| wrong()).map(Some),
            Some(_) => Err(wrong()),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" || text.is_empty() => Ok(false),
            Some(_) => Err(ApiError::invalid(name, format!("`{name}` must be true or false"))),
        }
    }

    fn object(&mut self, name: &str) -> Result<Map<String, Value>, ApiError> {
        let wrong = || ApiError::invalid(name, format!("`{name}` must be an object"));
        match self.fields.remove(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map),
            Some(Value::String(text)) => serde_json::from_str(&text).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }
}

/// Marks that have a meaning to the gateway: in any text, and as the key of an object.
const HANDLES: [&str; 2] = ["$image", "$blob"];

fn reserved(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(text) => text.contains(PLACEHOLDER).then_some(PLACEHOLDER),
        Value::Array(list) => list.iter().find_map(reserved),
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            let handle = HANDLES.into_iter().find(|handle| handle == key);
            let placeholder = key.contains(PLACEHOLDER).then_some(PLACEHOLDER);
            handle.or(placeholder).or_else(|| reserved(value))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn size(text: &str) -> Result<Size, ApiError> {
    let parsed =
        text.split_once(['x', 'X']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    match parsed {
        Some((width, height))
            if (1..=16_384).contains(&width) && (1..=16_384).contains(&height) =>
        {
            Ok(Size { width, height })
        }
        _ => {
            Err(ApiError::invalid("size", format!("`size` is auto or WIDTHxHEIGHT, not '{text}'")))
        }
    }
}

fn resolution(text: &str) -> Result<String, ApiError> {
    value::resolution(text).ok_or_else(|| {
        ApiError::invalid("resolution", format!("`resolution` is 1K, 2K or 4K, not '{text}'"))
    })
}

fn ratio(text: &str) -> Result<String, ApiError> {
    value::aspect_ratio(text).ok_or_else(|| {
        let message = format!("`aspect_ratio` is WIDTH:HEIGHT such as 3:4, not '{text}'");
        ApiError::invalid("aspect_ratio", message)
    })
}

#[cfg(test)]
mod tests;

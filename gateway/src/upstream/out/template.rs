//! From an envelope's body to segments: JSON with images filled in, forms, multipart, one image.

use std::io;

use bytes::Bytes;
use retouch_sdk::{As, Body, Part};
use serde::Deserialize;
use serde_json::Value;

use super::{Coding, OutBody, Segment, Wire};
use crate::clock::now_ms;
use crate::images::{Images, Stored};
use crate::link::Links;
use crate::upstream::fill::{Filler, KeyRefused};

/// The key of an image handle in JSON.
const HANDLE: &str = "$image";

/// Why a body cannot be made. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum OutError {
    /// A handle beyond the job's images.
    #[error("the body names image {0}, and the job has none of that number")]
    NoSuchImage(usize),
    /// A handle that is none.
    #[error(
        "the body's `$image` is not {{\"$image\": number, \"as\": \"data_uri|base64|url\"}}: {0}"
    )]
    BadHandle(serde_json::Error),
    /// The provider wants to fetch the image itself.
    #[error("the provider fetches images by URL, and no public_url is set under which it could")]
    NoPublicUrl,
    /// The store no longer has it.
    #[error("image {index} cannot be read: {error}")]
    Gone {
        /// Which of the job's.
        index: usize,
        /// Why.
        error: io::Error,
    },
    /// The key in a place that must not have it.
    #[error(transparent)]
    Key(#[from] KeyRefused),
    /// A value that serde cannot write.
    #[error("the body cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// A body laid out, before its images are opened.
#[derive(Debug)]
pub struct Plan {
    segments: Vec<Segment>,
    content_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Handle {
    #[serde(rename = "$image")]
    image: usize,
    #[serde(rename = "as")]
    how: As,
}

impl Plan {
    /// Lays out `body` with the key and the images' types filled in.
    ///
    /// # Errors
    /// When it asks for what is not there or not allowed.
    pub fn of(
        body: &Body,
        inputs: &[Stored],
        filler: Filler<'_>,
        links: Option<&Links>,
    ) -> Result<Self, OutError> {
        let mut writer = Writer { segments: Vec::new(), text: Vec::new(), inputs, filler, links };
        let content_type = match body {
            Body::Empty => None,
            Body::Json(value) => {
                writer.json(value)?;
                Some("application/json".to_owned())
            }
            Body::Form(fields) => {
                writer.form(fields)?;
                Some("application/x-www-form-urlencoded".to_owned())
            }
            Body::Multipart(parts) => {
                let boundary = boundary();
                writer.multipart(parts, &boundary)?;
                Some(format!("multipart/form-data; boundary={boundary}"))
            }
            Body::Image(index) => Some(writer.image(*index as usize, Coding::Raw)?.mime.clone()),
        };
        Ok(Self { segments: writer.finish(), content_type })
    }

    /// What the body is, for its header; `None` for no body.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Opens the images. `wire` is touched at the first poll.
    ///
    /// # Errors
    /// When the store no longer has one of them.
    pub async fn open(
        self,
        images: &Images,
        inputs: &[Stored],
        wire: Wire,
    ) -> Result<OutBody, OutError> {
        OutBody::open(self.segments, images, inputs, wire).await
    }
}

/// Random, so that no text part can contain it.
fn boundary() -> String {
    format!("retouch-{}", uuid::Uuid::now_v7().simple())
}

struct Writer<'a> {
    segments: Vec<Segment>,
    text: Vec<u8>,
    inputs: &'a [Stored],
    filler: Filler<'a>,
    links: Option<&'a Links>,
}

impl<'a> Writer<'a> {
    fn finish(mut self) -> Vec<Segment> {
        self.cut();
        self.segments
    }

    /// Ends the text so far as a segment.
    fn cut(&mut self) {
        if !self.text.is_empty() {
            self.segments.push(Segment::Text(Bytes::from(std::mem::take(&mut self.text))));
        }
    }

    fn put(&mut self, text: impl AsRef<[u8]>) {
        self.text.extend_from_slice(text.as_ref());
    }

    fn image(&mut self, index: usize, coding: Coding) -> Result<&'a Stored, OutError> {
        let stored = self.inputs.get(index).ok_or(OutError::NoSuchImage(index))?;
        self.cut();
        self.segments.push(Segment::Image { index, coding });
        Ok(stored)
    }

    fn json(&mut self, value: &Value) -> Result<(), OutError> {
        match value {
            Value::String(text) => {
                let filled = self.filler.fill(text)?;
                serde_json::to_writer(&mut self.text, &filled)?;
            }
            Value::Array(values) => {
                self.put("[");
                for (n, value) in values.iter().enumerate() {
                    self.put(if n == 0 { "" } else { "," });
                    self.json(value)?;
                }
                self.put("]");
            }
            Value::Object(map) if map.contains_key(HANDLE) => self.handle(value)?,
            Value::Object(map) => {
                self.put("{");
                for (n, (key, value)) in map.iter().enumerate() {
                    self.put(if n == 0 { "" } else { "," });
                    serde_json::to_writer(&mut self.text, key)?;
                    self.put(":");
                    self.json(value)?;
                }
                self.put("}");
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                serde_json::to_writer(&mut self.text, value)?;
            }
        }
        Ok(())
    }

    /// Neither base64 nor a media type needs escaping in JSON.
    fn handle(&mut self, value: &Value) -> Result<(), OutError> {
        let handle = Handle::deserialize(value).map_err(OutError::BadHandle)?;
        let stored = self.inputs.get(handle.image).ok_or(OutError::NoSuchImage(handle.image))?;
        if handle.how == As::Url {
            let url = self.links.and_then(|links| links.input_url(&stored.name, now_ms()));
            serde_json::to_writer(&mut self.text, &url.ok_or(OutError::NoPublicUrl)?)?;
            return Ok(());
        }
        self.put("\"");
        if handle.how == As::DataUri {
            self.put(format!("data:{};base64,", stored.mime));
        }
        self.image(handle.image, Coding::Base64)?;
        self.put("\"");
        Ok(())
    }

    fn form(&mut self, fields: &[(String, String)]) -> Result<(), OutError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            form.append_pair(name, &self.filler.fill(value)?);
        }
        self.put(form.finish());
        Ok(())
    }

    fn multipart(&mut self, parts: &[Part], boundary: &str) -> Result<(), OutError> {
        for part in parts {
            self.put(format!("--{boundary}\r\ncontent-disposition: form-data; name=\""));
            match part {
                Part::Text { name, text } => {
                    self.put(format!("{}\"\r\n\r\n", quoted(name)));
                    let filled = self.filler.fill(text)?;
                    self.put(filled.as_bytes());
                }
                Part::File { name, image, filename } => {
                    let index = *image as usize;
                    let stored = self.inputs.get(index).ok_or(OutError::NoSuchImage(index))?;
                    self.put(format!("{}\"; filename=\"{}\"\r\n", quoted(name), quoted(filename)));
                    self.put(format!("content-type: {}\r\n\r\n", stored.mime));
                    self.image(index, Coding::Raw)?;
                }
            }
            self.put("\r\n");
        }
        self.put(format!("--{boundary}--\r\n"));
        Ok(())
    }
}

/// A name within quotes, escaped as browsers do (HTML Standard, multipart form data).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

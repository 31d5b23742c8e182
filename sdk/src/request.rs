//! What to send: a request with its effect, its phase, and images by handle.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Next;

/// Stands for the provider's key until the bytes go on the wire.
pub const SECRET: &str = "{{secret:api_key}}";

/// One HTTP request the gateway is asked to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct Request {
    /// Names this request in the event that answers it.
    pub id: String,
    /// How long to wait before it is sent. In a question how a task goes, which is [`Effect::Safe`]
    /// and [`Phase::Polling`], it is the provider's own hint such as `Retry-After`: not sooner. Without
    /// one leave it 0: the gateway learns how long such tasks take and asks when it pays.
    #[serde(default)]
    pub after_ms: u64,
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// Absolute; its origin must be the provider's or one of the label's hosts.
    pub url: String,
    /// Headers beside those the body needs; [`SECRET`] stands for the key.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// What is sent.
    #[serde(default)]
    pub body: Body,
    /// What sending it twice would do.
    pub effect: Effect,
    /// What a person sees meanwhile.
    pub phase: Phase,
    /// Sent as `Idempotency-Key` where the provider honours one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Limit from sending to the answer's end.
    pub timeout_ms: u64,
    /// A longer answer is refused.
    pub max_response_bytes: u64,
    /// How long the answer may be used again for the same images at the same account; 0: never.
    #[serde(default)]
    pub cache_ms: u64,
}

/// What sending a request twice would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: a question.
    Safe,
    /// The same as once: an upload.
    Idempotent,
    /// Possibly a second charge: sent once and never again.
    Unsafe,
}

/// What is under way, as the job shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Images go to the provider.
    Uploading,
    /// The edit is handed over.
    Submitting,
    /// The provider works.
    Polling,
    /// The result is fetched.
    Downloading,
}

/// A request's body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// JSON in which [`Image`] handles are filled in.
    Json(Value),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`.
    Multipart(Vec<Part>),
    /// The bytes of one image.
    Image(u32),
}

/// A part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// A text field.
    Text {
        /// Field name.
        name: String,
        /// Its value.
        text: String,
    },
    /// An image by handle.
    File {
        /// Field name.
        name: String,
        /// Which of [`crate::Job::inputs`]; the mask is the one after the last.
        image: u32,
        /// As the provider sees it.
        filename: String,
    },
}

/// A handle of an input image, for a JSON body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image(pub u32);

/// How an image stands in a JSON body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum As {
    /// `data:image/png;base64,…`.
    DataUri,
    /// Bare base64.
    Base64,
    /// A URL the provider can fetch.
    Url,
}

impl Image {
    /// `data:<mime>;base64,…`, streamed by the gateway.
    pub fn as_data_uri(self) -> Value {
        self.as_(As::DataUri)
    }

    /// Bare base64, streamed by the gateway.
    pub fn as_base64(self) -> Value {
        self.as_(As::Base64)
    }

    /// A URL under which the provider can fetch it for a while: only where the configuration says
    /// `"public_url": true`.
    pub fn as_url(self) -> Value {
        self.as_(As::Url)
    }

    fn as_(self, how: As) -> Value {
        json!({ "$image": self.0, "as": how })
    }
}

impl Request {
    pub(crate) fn new(id: String, method: &str, url: String) -> Self {
        let get = method == "GET";
        Self {
            id,
            after_ms: 0,
            method: method.to_owned(),
            url,
            headers: Vec::new(),
            body: Body::Empty,
            effect: if get { Effect::Safe } else { Effect::Unsafe },
            phase: if get { Phase::Polling } else { Phase::Submitting },
            idempotency_key: None,
            timeout_ms: 30_000,
            max_response_bytes: 1 << 20,
            cache_ms: 0,
        }
    }

    /// `Authorization: Bearer <the provider's key>`.
    pub fn bearer(self) -> Self {
        self.header("authorization", format!("Bearer {SECRET}"))
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.body = Body::Json(body.clone());
        self
    }

    /// A multipart body.
    pub fn multipart(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.body = Body::Multipart(parts.into_iter().collect());
        self
    }

    /// Says that sending it twice asks the same question twice: a POST that only reads.
    pub fn safe(mut self) -> Self {
        self.effect = Effect::Safe;
        self
    }

    /// Says that sending it twice does what once does.
    pub fn idempotent(mut self) -> Self {
        self.effect = Effect::Idempotent;
        self
    }

    /// What a person sees meanwhile.
    pub fn phase(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }

    /// Waits before it is sent. For a question how a task goes: only what the provider itself says;
    /// the rest is the gateway's to decide.
    pub fn after_ms(mut self, ms: u64) -> Self {
        self.after_ms = ms;
        self
    }

    /// Limits the time to the answer's end.
    pub fn timeout_ms(mut self, ms: u64) -> Self {
        self.timeout_ms = ms;
        self
    }

    /// Lets an idempotent answer serve again for the same images at the same account.
    pub fn cache_ms(mut self, ms: u64) -> Self {
        self.cache_ms = ms;
        self
    }

    /// Sends it, and keeps `state` for the step that gets its answer.
    pub fn then<S>(self, state: S) -> Next<S> {
        Next::send(self, state)
    }
}

impl Part {
    /// A text field.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Text { name: name.into(), text: text.into() }
    }

    /// An image.
    pub fn image(name: impl Into<String>, image: Image, filename: impl Into<String>) -> Self {
        Self::File { name: name.into(), image: image.0, filename: filename.into() }
    }
}

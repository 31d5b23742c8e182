//! What is to be done: the client's edit, as the plugin sees it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One call to make. A request for more pictures than a call makes becomes several calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// The model to ask for: the client's if this provider serves it, else the provider's own.
    pub model: Option<String>,
    /// What to do to the picture; never empty.
    pub prompt: String,
    /// How many pictures this call shall make: at most the label's `caps.n`, which is 1 unless said.
    pub n: u32,
    /// The pictures, in the client's order, by index; their bytes never come here.
    pub inputs: Vec<Input>,
    /// A mask whose transparent pixels are to be edited, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Input>,
    /// How the result shall be.
    pub params: Params,
    /// The request's `provider_options`, checked against the API type's schema.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            model: None,
            prompt: String::new(),
            n: 1,
            inputs: Vec::new(),
            mask: None,
            params: Params::default(),
            options: Map::new(),
        }
    }
}

/// A picture known by its place in [`Job::inputs`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// `image/png`, `image/jpeg` or `image/webp`, sniffed from the bytes.
    pub mime: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// What a client may ask of the result. Absent means the provider's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Params {
    /// Exact size in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// `1K`, `2K` or `4K`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// `width:height`, such as `3:4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aspect_ratio: Option<String>,
    /// Makes a result repeatable where the provider can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What shall not be in the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// `low`, `medium`, `high` or a newer word of that kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// `transparent` or `opaque`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// `png`, `jpeg` or `webp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<String>,
    /// 0 to 100, for JPEG and WebP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_compression: Option<u8>,
    /// `high` or `low`: how closely the input is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_fidelity: Option<String>,
    /// `low` or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moderation: Option<String>,
    /// The client's own id of its user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

//! The canonical edit request: what a client asked for, whatever the encoding it came in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use retouch_sdk::{Input, Job as PluginJob, Params};

use crate::images::Stored;

/// One edit as it is stored with its job. Never changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EditRequest {
    /// What to do to the picture.
    pub prompt: String,
    /// The pictures, in order.
    pub images: Vec<Stored>,
    /// Transparent pixels are to be edited.
    pub mask: Option<Stored>,
    /// The model asked for.
    pub model: Option<String>,
    /// The provider asked for, by id or name.
    pub provider: Option<String>,
    /// How the result shall be.
    pub params: Params,
    /// Handed to the provider's API type.
    pub provider_options: Map<String, Value>,
    /// The client's own labels.
    pub metadata: Map<String, Value>,
    /// Bounds the job, in seconds.
    pub timeout: Option<u64>,
    /// Whether a field the provider cannot honour is an error.
    pub strict: bool,
    /// Whether a waiting edit answers with links.
    pub links: bool,
    /// Fields that were understood and cannot be honoured.
    pub ignored: Vec<String>,
}

impl EditRequest {
    /// As a plugin sees it, with the model this provider is to be asked for.
    pub fn for_plugin(&self, model: Option<String>) -> PluginJob {
        PluginJob {
            model,
            prompt: self.prompt.clone(),
            n: 1,
            inputs: self.images.iter().map(input).collect(),
            mask: self.mask.as_ref().map(input),
            params: self.params.clone(),
            options: self.provider_options.clone(),
        }
    }

    /// Every image by the handle a plugin knows it by: the mask after the last picture.
    pub fn handles(&self) -> Vec<Stored> {
        self.images.iter().chain(&self.mask).cloned().collect()
    }
}

fn input(image: &Stored) -> Input {
    Input { mime: image.mime.clone(), bytes: image.bytes, width: image.width, height: image.height }
}

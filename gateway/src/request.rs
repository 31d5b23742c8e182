//! The canonical edit request: what a client asked for, whatever the encoding it came in.

pub mod styled;
pub mod value;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use retouch_sdk::{Input, Job as PluginJob, Params};

use crate::images::Stored;
use styled::{Asked, Styled};

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
    /// How many images to make.
    pub n: u32,
    /// The model asked for.
    pub model: Option<String>,
    /// The provider asked for, by id or name.
    pub provider: Option<String>,
    /// The style asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<Asked>,
    /// What the style has made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub styled: Option<Box<Styled>>,
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
    /// Whether previews were asked for, which no answer has.
    pub partial_images: bool,
    /// Whether a waiting edit answers with links.
    pub links: bool,
    /// The id of the request it came with.
    pub request_id: String,
}

impl EditRequest {
    /// As a plugin sees it: the model this provider is asked for, how many images its call shall
    /// make, and the images as it takes them, the mask last.
    pub fn for_plugin(&self, model: Option<String>, n: u32, inputs: &[Stored]) -> PluginJob {
        let pictures = inputs.len() - usize::from(self.mask.is_some()).min(inputs.len());
        let (pictures, mask) = inputs.split_at(pictures);
        PluginJob {
            model,
            prompt: self.prompt.clone(),
            n,
            inputs: pictures.iter().map(input).collect(),
            mask: mask.first().map(input),
            params: self.params.clone(),
            options: self.provider_options.clone(),
        }
    }

    /// Every image by the handle a plugin knows it by: the mask after the last picture.
    pub fn handles(&self) -> Vec<Stored> {
        self.images.iter().chain(&self.mask).cloned().collect()
    }
}

impl EditRequest {
    /// What tells two requests apart: everything the client said that decides the result, whatever
    /// the encoding it came in. Images count by their bytes; a style by its name, so that a request is
    /// the same after its style was changed.
    pub fn fingerprint(&self) -> String {
        let plain = Self { request_id: String::new(), links: false, ..self.as_asked() };
        let mut canonical = serde_json::to_value(&plain).unwrap_or_default();
        canonical.sort_all_objects();
        blake3::hash(canonical.to_string().as_bytes()).to_hex().to_string()
    }
}

fn input(image: &Stored) -> Input {
    Input { mime: image.mime.clone(), bytes: image.bytes, width: image.width, height: image.height }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_and_the_way_back_do_not_tell_requests_apart() {
        let request = |metadata: Value, links| EditRequest {
            prompt: "p".to_owned(),
            metadata: metadata.as_object().cloned().unwrap(),
            links,
            ..EditRequest::default()
        };
        let a = request(json!({ "a": 1, "b": { "c": 1, "d": 2 } }), false);
        let b = request(json!({ "b": { "d": 2, "c": 1 }, "a": 1 }), true);
        assert_eq!(a.fingerprint(), b.fingerprint());
        let c = request(json!({ "a": 2, "b": { "c": 1, "d": 2 } }), false);
        assert_ne!(a.fingerprint(), c.fingerprint());
    }
}

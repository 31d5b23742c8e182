//! A provider's configuration: at fal the path is the model.

use retouch_sdk::{Class, ConfigError, Failure, Job};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::{self, Fields, Images};

/// What stands in a path for the model.
const MODEL: &str = "{model}";
const ASYNC: &str =
    "write `sync = false`: fal's queue answers with a request_id that is then polled";

/// What a provider's file gives.
#[derive(Deserialize)]
pub struct Config {
    host: String,
    endpoints: Endpoints,
    model: Option<String>,
    #[serde(default)]
    sync: bool,
    #[serde(default)]
    options: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoints {
    edit: String,
}

/// A checked configuration.
pub(crate) struct Endpoint {
    pub(crate) host: String,
    edit: String,
    model: Option<String>,
    images: Option<String>,
}

impl Config {
    pub(crate) fn checked(mut self) -> Result<Endpoint, ConfigError> {
        if self.sync {
            return Err(ConfigError::new("sync", ASYNC));
        }
        let images = self.option("images")?;
        if let Some(name) = self.options.keys().next() {
            let message = "no such option; known is: images";
            return Err(ConfigError::new(format!("options.{name}"), message));
        }
        let edit = self.endpoints.edit.trim_matches('/').to_owned();
        let model = self.model.filter(|model| !model.is_empty());
        named(&edit, model.as_deref())?;
        // A path that is the model goes with it, should a job ask for another model.
        let edit = if model.as_ref() == Some(&edit) { MODEL.to_owned() } else { edit };
        Ok(Endpoint { host: self.host, edit, model, images })
    }

    /// The name of a field of the model's.
    fn option(&mut self, name: &str) -> Result<Option<String>, ConfigError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        match self.options.remove(name) {
            None => Ok(None),
            Some(Value::String(field)) if !field.is_empty() && field.bytes().all(plain) => {
                Ok(Some(field))
            }
            Some(_) => {
                let message = "write the name of the model's input field, such as \"image_urls\"";
                Err(ConfigError::new(format!("options.{name}"), message))
            }
        }
    }
}

/// That path and model together name one endpoint of fal's.
fn named(edit: &str, model: Option<&str>) -> Result<(), ConfigError> {
    let wrong = |field: &str, message: String| Err(ConfigError::new(field, message));
    let named = edit.contains(MODEL);
    match model {
        None if named => {
            wrong("model", "missing; write it as fal does, such as fal-ai/nano-banana/edit".into())
        }
        Some(model) if !named && model != edit => {
            let message = format!(
                "{model} is not the model that endpoints.edit names ({edit}); change one of them, \
                 or write endpoints.edit = \"/{MODEL}\""
            );
            wrong("model", message)
        }
        Some(model) if named && !is_id(&edit.replace(MODEL, model)) => {
            let message = format!("{model} is no model of fal's, which look like owner/name/edit");
            wrong("model", message)
        }
        None if !is_id(edit) => {
            let message = "write the path of a model, /owner/name, or \"/{model}\"".to_owned();
            wrong("endpoints.edit", message)
        }
        None | Some(_) => Ok(()),
    }
}

impl Endpoint {
    /// The endpoint's id at fal, which is also its path.
    pub(crate) fn model(&self, job: &Job) -> Result<String, Failure> {
        let model = job.model.as_deref().or(self.model.as_deref());
        let id = model.map_or_else(|| self.edit.clone(), |model| self.edit.replace(MODEL, model));
        let other = model.is_some_and(|model| !self.edit.contains(MODEL) && model != self.edit);
        if other || !is_id(&id) {
            return Err(Failure::new(Class::Config, "the provider has no model of that name"));
        }
        Ok(id)
    }

    /// The endpoint's id where nobody asks for another model.
    pub(crate) fn default_id(&self) -> String {
        self.edit.replace(MODEL, self.model.as_deref().unwrap_or_default())
    }

    /// What the model's fields are called.
    pub(crate) fn fields(&self, id: &str) -> Fields {
        let mut fields = model::fields(id);
        if let Some(images) = &self.images {
            fields.images = Images { field: images.clone(), many: images.ends_with('s') };
        }
        fields
    }
}

/// Whether it is `owner/name` or longer, of characters that need no escaping.
fn is_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let part = |part: &str| part.bytes().all(plain) && part.bytes().any(|b| b != b'.');
    id.contains('/') && id.split('/').all(part)
}

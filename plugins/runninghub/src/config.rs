//! A provider's configuration, and what about it cannot work.

use retouch_sdk::ConfigError;
use serde::Deserialize;
use serde_json::{Map, Value};

const ASYNC: &str = "write `sync = false`: RunningHub 是异步API，返回 taskId 后需要轮询 \
                     (RunningHub answers with a taskId that is then polled)";

/// What a provider's file gives.
#[derive(Deserialize)]
pub struct Config {
    pub(crate) host: String,
    pub(crate) endpoints: Endpoints,
    model: Option<String>,
    #[serde(default)]
    sync: bool,
    #[serde(default)]
    options: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoints {
    pub(crate) edit: String,
    pub(crate) result: String,
    /// Empty: images ride in the submit as data URIs.
    upload: Option<String>,
}

impl Config {
    pub(crate) fn upload_path(&self) -> Option<&str> {
        self.endpoints.upload.as_deref().filter(|path| !path.is_empty())
    }

    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        let Endpoints { edit, result, .. } = &self.endpoints;
        let wrong = |field: &str, message: &str| Err(ConfigError::new(field, message));
        if self.sync {
            return wrong("sync", ASYNC);
        }
        if let Some(option) = self.options.keys().next() {
            return wrong(&format!("options.{option}"), "no such option here; remove it");
        }
        if edit.is_empty() {
            return wrong("endpoints.edit", "empty; write the path that takes an edit");
        }
        if result.is_empty() {
            return wrong("endpoints.result", "empty; write the path that is asked for a task");
        }
        match self.model.as_deref().filter(|model| !names(edit, model)) {
            Some(model) => {
                let message = format!(
                    "{model} is not the model that endpoints.edit names ({edit}); change one of them"
                );
                wrong("model", &message)
            }
            None => Ok(self),
        }
    }
}

/// At RunningHub the path is the model.
fn names(edit: &str, model: &str) -> bool {
    model.is_empty() || edit.split('/').any(|part| part == model)
}

//! A provider's configuration, and what about it cannot work.

use retouch_sdk::ConfigError;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::Model;

const ASYNC: &str = "write `sync = false`: RunningHub 是异步API，返回 taskId 后需要轮询 \
                     (RunningHub answers with a taskId that is then polled)";
/// Where the older API gives a task's result.
const LEGACY_RESULT: &str = "/task/openapi/outputs";
/// Where it gives the state and no result.
const LEGACY_STATUS: &str = "/task/openapi/status";

/// What a provider's file gives.
#[derive(Deserialize)]
pub struct Config {
    pub(crate) host: String,
    pub(crate) endpoints: Endpoints,
    pub(crate) model: Option<String>,
    #[serde(default)]
    sync: bool,
    /// What `provider_options` are where a request gives none.
    #[serde(default)]
    pub(crate) options: Map<String, Value>,
    /// Whether RunningHub can fetch images from us.
    #[serde(default)]
    pub(crate) public_url: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoints {
    pub(crate) edit: String,
    pub(crate) result: String,
    /// Empty: nothing is uploaded.
    upload: Option<String>,
}

impl Config {
    pub(crate) fn upload_path(&self) -> Option<&str> {
        self.endpoints.upload.as_deref().filter(|path| !path.is_empty())
    }

    /// Whether results are asked for in the older API's form.
    pub(crate) fn asks_legacy(&self) -> bool {
        self.endpoints.result.trim_end_matches('/').ends_with(LEGACY_RESULT)
    }

    /// The model that is meant, `None` for one that only RunningHub knows.
    pub(crate) fn checked(&self) -> Result<Option<&'static Model>, ConfigError> {
        let Endpoints { edit, result, .. } = &self.endpoints;
        if self.sync {
            return wrong("sync", ASYNC);
        }
        if edit.is_empty() {
            return wrong("endpoints.edit", "empty; write the path that takes an edit");
        }
        if result.is_empty() {
            return wrong("endpoints.result", "empty; write the path that is asked for a task");
        }
        if result.trim_end_matches('/').ends_with(LEGACY_STATUS) {
            let message = "tells how a task goes but not its result; write /openapi/v2/query";
            return wrong("endpoints.result", message);
        }
        let model = self.named_model()?;
        for (name, value) in &self.options {
            let fault = match model {
                Some(model) => model.check(name, value).err(),
                None => passable(name, value).err(),
            };
            if let Some(fault) = fault {
                return wrong(&format!("options.{name}"), &fault);
            }
        }
        Ok(model)
    }

    /// At RunningHub the path is the model, so the two must say the same.
    fn named_model(&self) -> Result<Option<&'static Model>, ConfigError> {
        let edit = self.endpoints.edit.as_str();
        let given = self.model.as_deref().filter(|model| !model.is_empty());
        let by_path = Model::at(edit);
        match (by_path, given) {
            (Some(model), Some(given)) if given != model.id => {
                let mend = match Model::named(given) {
                    Some(_) => "change one of them".to_owned(),
                    None => format!("write {}, or a newer model's own path", model.id),
                };
                Err(contradiction(model.id, given, &mend))
            }
            (Some(model), _) => Ok(Some(model)),
            (None, given) => {
                takes_pictures(edit)?;
                match given {
                    Some(given) if !names(edit, given) => {
                        Err(contradiction(edit, given, &instead_of(given)))
                    }
                    _ => Ok(None),
                }
            }
        }
    }
}

/// Refuses paths that are known to be none for edits.
fn takes_pictures(edit: &str) -> Result<(), ConfigError> {
    let last = edit.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let instead = Model::beside(edit).map(Model::edit);
    if last.starts_with("text-to-image") {
        return wrong("endpoints.edit", "takes no picture; write the model's path for edits");
    }
    match instead {
        Some(instead) => {
            let message = format!("{edit} is no path of RunningHub; write {instead}");
            wrong("endpoints.edit", &message)
        }
        None => Ok(()),
    }
}

/// Whether a path has the model's name in it, as whole words between slashes.
fn names(edit: &str, model: &str) -> bool {
    format!("{edit}/").contains(&format!("/{model}/"))
}

fn contradiction(named: &str, given: &str, mend: &str) -> ConfigError {
    let message = format!("{given} is not the model that endpoints.edit names ({named}); {mend}");
    ConfigError::new("model", message)
}

fn instead_of(given: &str) -> String {
    match Model::named(given) {
        Some(model) => format!("write endpoints.edit = \"{}\", or leave it out", model.edit()),
        None => "leave model out, or write the one that the path names".to_owned(),
    }
}

/// Whether an option can go to a model nobody here knows: it is sent as it is.
pub(crate) fn passable(name: &str, value: &Value) -> Result<(), String> {
    match (name, value) {
        ("prompt" | "imageUrls" | "imageUrl" | "image", _) => {
            Err("is not an option: the request gives it".to_owned())
        }
        (_, Value::String(_) | Value::Number(_) | Value::Bool(_)) => Ok(()),
        _ => Err("must be text, a number, true or false".to_owned()),
    }
}

fn wrong<T>(field: &str, message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(field, message))
}

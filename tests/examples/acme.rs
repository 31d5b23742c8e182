//! A plugin as an outside author writes it, of another shape than the shipped one.
//!
//! One POST carries the picture as base64 in JSON, and its answer carries the result the same
//! way: no upload, no task, no poll. The gateway fills the picture in and lifts the result out.

use std::collections::BTreeMap;

use retouch_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct Acme {
    host: String,
    endpoints: BTreeMap<String, String>,
    model: Option<String>,
}

/// The protocol's only stage: the edit is out.
#[derive(Serialize, Deserialize)]
enum Stage {
    Asked,
}

#[derive(Deserialize)]
struct Answer {
    /// Base64, which the gateway lifts out where it is long.
    image: Value,
}

impl ApiType for Acme {
    const ID: &'static str = "acme-edit";
    type Config = Acme;
    type State = Stage;

    fn new(config: Acme) -> Result<Self, ConfigError> {
        match config.endpoints.get("edit") {
            Some(path) if path.starts_with('/') => Ok(config),
            _ => Err(ConfigError::new("endpoints.edit", "must be a path such as /v1/edits")),
        }
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<Stage> {
        let body = json!({
            "model": job.model.as_ref().or(self.model.as_ref()),
            "prompt": job.prompt,
            "image": Image(0).as_base64(),
        });
        let path = &self.endpoints["edit"];
        Ok(cx.post(&self.host, path).bearer().json(&body).then(Stage::Asked))
    }

    fn resume(&self, _cx: &Cx, Stage::Asked: Stage, event: &Event) -> Step<Stage> {
        let answer: Answer = event.response()?.success()?.json()?;
        Ok(Done::new([Output::embedded(&answer.image)?]).into())
    }
}

retouch_sdk::export_plugin!("acme.json", [Acme]);

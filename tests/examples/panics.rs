//! A plugin that panics where it is told to: by its model when a provider is made, by a word of
//! the prompt when an edit begins or is answered. Otherwise it speaks Acme's protocol.
#![expect(clippy::panic, reason = "what it is for")]

use retouch_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct Panics {
    host: String,
    model: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Asked {
    prompt: String,
}

impl ApiType for Panics {
    const ID: &'static str = "panics-edit";
    type Config = Panics;
    type State = Asked;

    fn new(config: Panics) -> Result<Self, ConfigError> {
        match config.model.as_deref() {
            Some("panics") => panic!("told to when a provider is made"),
            _ => Ok(config),
        }
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<Asked> {
        if job.prompt.contains("begin") {
            panic!("told to when an edit begins");
        }
        let body = json!({ "prompt": job.prompt, "image": Image(0).as_base64() });
        let asked = Asked { prompt: job.prompt.clone() };
        Ok(cx.post(&self.host, "/v1/edits").bearer().json(&body).then(asked))
    }

    fn resume(&self, _cx: &Cx, asked: Asked, event: &Event) -> Step<Asked> {
        if asked.prompt.contains("answer") {
            panic!("told to when an answer is read");
        }
        let answer: Value = event.response()?.success()?.json()?;
        Ok(Done::new([Output::embedded(&answer["image"])?]).into())
    }
}

retouch_sdk::export_plugin!("panics.json", [Panics]);

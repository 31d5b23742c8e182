//! OpenAI's image edit (`POST /v1/images/edits`), and Azure OpenAI's, which differs in address and
//! key: one multipart request that is answered with the pictures.
//!
//! That request is paid for and there is no way to ask again what became of it. It is sent once;
//! whatever leaves open whether the work was done ends as an unknown outcome.

mod check;
mod config;
mod fail;
mod map;
mod wire;

use retouch_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Site};

retouch_sdk::export_plugin!("../label.json", [OpenAiEdit, AzureEdit]);

/// Pictures of the largest sizes take minutes; official clients wait as long.
const MAX_WAIT_MS: u64 = 600_000;
/// A request that has no time left is still sent with enough to be refused.
const MIN_WAIT_MS: u64 = 1_000;

/// The API type `openai-images-edit`.
pub struct OpenAiEdit(Site);

/// The API type `azure-images-edit`.
pub struct AzureEdit(Site);

/// Where an attempt stands: there is but one place to be.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The paid request is out.
    Submitted,
}

impl ApiType for OpenAiEdit {
    const ID: &'static str = "openai-images-edit";
    type Config = Config;
    type State = State;

    fn new(config: Config) -> Result<Self, ConfigError> {
        config.openai().map(Self)
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<State> {
        submit(&self.0, cx, job)
    }

    fn resume(&self, _cx: &Cx, State::Submitted: State, event: &Event) -> Step<State> {
        answered(event)
    }

    fn check(&self, cx: &Cx) -> Check {
        check::questions(&self.0, cx)
    }

    fn checked(&self, _cx: &Cx, _question: &str, answer: &Response) -> Check {
        check::heard(&self.0, answer).into()
    }
}

impl ApiType for AzureEdit {
    const ID: &'static str = "azure-images-edit";
    type Config = Config;
    type State = State;

    fn new(config: Config) -> Result<Self, ConfigError> {
        config.azure().map(Self)
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<State> {
        submit(&self.0, cx, job)
    }

    fn resume(&self, _cx: &Cx, State::Submitted: State, event: &Event) -> Step<State> {
        answered(event)
    }
}

fn submit(site: &Site, cx: &Cx, job: &Job) -> Step<State> {
    let model = site.model(job)?;
    let mut parts = map::fields(job, site.known_as(model))?;
    parts.extend(site.model_field(model));
    parts.extend(map::images(job));
    let left = cx.deadline_ms.saturating_sub(cx.now_ms);
    let submit = site.post(cx, model).multipart(parts);
    let submit = submit.timeout_ms(left.clamp(MIN_WAIT_MS, MAX_WAIT_MS));
    Ok(submit.phase(Phase::Submitting).then(State::Submitted))
}

fn answered(event: &Event) -> Step<State> {
    let answer = event.response()?;
    if answer.success().is_err() {
        return Err(fail::refused(answer));
    }
    let Some(pictures) = wire::pictures(answer) else { return Err(fail::unreadable(answer)) };
    let outputs: Vec<Output> = pictures.iter().map(map::output).collect();
    if outputs.iter().any(|output| !matches!(output, Output::Failed(_))) {
        return Ok(Done::new(outputs).into());
    }
    let why = outputs.into_iter().find_map(|output| match output {
        Output::Failed(failure) => Some(failure),
        Output::Url(_) | Output::Blob(_) | Output::Inline(_) => None,
    });
    Err(why.unwrap_or_else(fail::no_picture))
}

//! Speaks Acme's API: one paid POST, then a question a second until the picture is there.

use retouch_sdk::prelude::*;
use serde::Deserialize;

/// What a provider's file gives, with the defaults of `label.json` filled in.
#[derive(Deserialize)]
pub struct Acme {
    host: String,
    endpoints: Endpoints,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Endpoints {
    edit: String,
}

/// Acme's answer to both requests. What may be missing one day is an `Option`.
#[derive(Deserialize)]
struct Ticket {
    id: Option<String>,
    url: Option<String>,
    error: Option<String>,
}

impl Task for Acme {
    const ID: &'static str = "acme-edit";
    type Config = Acme;

    fn new(config: Acme) -> Result<Self, ConfigError> {
        match config.endpoints.edit.starts_with('/') {
            true => Ok(config),
            false => Err(ConfigError::new("endpoints.edit", "begin it with `/`")),
        }
    }

    // A POST is taken to cost money: it is sent once, and never again unless you say it may be.
    fn submit(&self, cx: &Cx, job: &Job) -> Result<Request, Failure> {
        Ok(cx.post(&self.host, &self.endpoints.edit).bearer().json(&json!({
            "model": job.model.as_ref().or(self.model.as_ref()),
            "prompt": job.prompt,
            "image": Image(0).as_data_uri(), // streamed in by the gateway
        })))
    }

    fn submitted(&self, _cx: &Cx, answer: &Response) -> Result<Report, Failure> {
        // A 4xx is a refusal: not taken, not billed.
        let ticket: Ticket = answer.success()?.json()?;
        match ticket.id {
            Some(id) => Ok(Report::running(id)),
            // It said yes and not to what: paid for or not, nobody knows.
            None => Err(Failure::unknown_outcome("Acme took the edit and named no task")),
        }
    }

    fn poll(&self, cx: &Cx, task: &str) -> Request {
        cx.get(&self.host, &format!("{}/{task}", self.endpoints.edit)).bearer()
    }

    fn polled(&self, _cx: &Cx, task: &str, answer: &Response) -> Result<Report, Failure> {
        // An answer that cannot be read is no verdict: it is asked again.
        let Ok(ticket) = answer.success().and_then(Response::json::<Ticket>) else {
            return Ok(Report::running(task));
        };
        match (ticket.url, ticket.error) {
            (Some(url), _) => Ok(Report::Done(Done::new([Output::url(url)]))),
            (None, Some(code)) => Err(failed(&code)),
            (None, None) => Ok(Report::running(task)),
        }
    }
}

/// Acme's own codes for work it took and could not do.
fn failed(code: &str) -> Failure {
    let failure = match code {
        "unsafe_image" => Failure::new(Class::Moderation, "Acme's policy refuses the picture"),
        _ => Failure::new(Class::ProviderError, "Acme could not do it"),
    };
    // Its price list says so: what fails is not charged.
    failure.code(code).billed(Billed::No)
}

retouch_sdk::export_plugin!("../label.json", [SubmitThenPoll<Acme>]);

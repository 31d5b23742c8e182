//! RunningHub 全能图片PRO (`rhart-image-n-pro/edit`) and its sibling models, the whole protocol on one
//! screen: upload each image, submit once, ask until it ends. The path is the model; what each takes
//! is in `model`.
//!
//! Only the submit is paid for. It is sent once; whatever leaves open whether it was taken ends as
//! an unknown outcome. A question that is not answered is asked again.

mod check;
mod config;
mod fail;
mod map;
mod model;
mod wire;

use retouch_sdk::prelude::*;
use retouch_sdk::{Part, SECRET};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::map::Target;
use crate::model::Slot;
use crate::wire::{Answer, Status};

retouch_sdk::export_plugin!("../label.json", [RhartEdit]);

/// The upload endpoint that RunningHub documents, for where the configured one does not exist.
const DOCUMENTED_UPLOAD: &str = "/openapi/v2/media/upload/binary";
/// An uploaded file lives for a day, and the edit that uses it wants some of that.
const UPLOAD_CACHE_MS: u64 = 23 * 60 * 60 * 1000;
/// `Retry-After` is heeded up to here.
const MAX_WAIT_MS: u64 = 60_000;

/// The API type `runninghub-rhart-edit`.
pub struct RhartEdit {
    config: Config,
    target: Target,
}

/// Where an attempt stands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The next image goes up.
    Uploading(Draft),
    /// The paid request is out.
    Submitted,
    /// RunningHub works on it.
    Polling(String),
}

/// An edit whose images are not all uploaded.
#[derive(Serialize, Deserialize)]
pub struct Draft {
    order: Order,
    files: Vec<String>,
    /// Where they go up: as configured, or as documented once that proved wrong.
    upload: String,
}

/// What is submitted, and where.
#[derive(Serialize, Deserialize)]
pub struct Order {
    path: String,
    body: Map<String, Value>,
    slot: Slot,
    /// Links, or image handles where nothing is uploaded.
    images: Vec<Value>,
}

impl ApiType for RhartEdit {
    const ID: &'static str = "runninghub-rhart-edit";
    type Config = Config;
    type State = State;

    fn new(config: Config) -> Result<Self, ConfigError> {
        let target = Target::of(&config, config.checked()?);
        Ok(Self { config, target })
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<State> {
        let target = self.target.for_job(&self.config, job)?;
        let (body, slot) = (target.body(&self.config, job)?, target.model.images.slot);
        let mut order = Order { path: target.path, body, slot, images: Vec::new() };
        if let Some(path) = self.config.upload_path() {
            let (files, upload) = (map::file_names(job), path.to_owned());
            return self.upload(cx, Draft { order, files, upload });
        }
        order.images = map::handles(&self.config, job)?;
        self.submit(cx, order)
    }

    fn resume(&self, cx: &Cx, state: State, event: &Event) -> Step<State> {
        match state {
            State::Uploading(draft) => self.uploaded(cx, draft, event),
            State::Submitted => self.submitted(cx, event),
            State::Polling(task) => self.polled(cx, task, event),
        }
    }

    fn found(&self, cx: &Cx, _: State, task: &str) -> Step<State> {
        Ok(self.poll(cx, task.to_owned(), None, 0))
    }

    fn check(&self, cx: &Cx) -> Check {
        self.first_questions(cx)
    }

    fn checked(&self, cx: &Cx, question: &str, answer: &Response) -> Check {
        self.heard(cx, question, answer)
    }
}

impl RhartEdit {
    fn upload(&self, cx: &Cx, draft: Draft) -> Step<State> {
        let Some((n, name)) = (0..).zip(&draft.files).nth(draft.order.images.len()) else {
            return self.submit(cx, draft.order);
        };
        let file = Part::image("file", Image(n), name);
        let upload = cx.post(&self.config.host, &draft.upload).bearer().multipart([file]);
        let upload = upload.idempotent().phase(Phase::Uploading).timeout_ms(120_000);
        Ok(upload.cache_ms(UPLOAD_CACHE_MS).then(State::Uploading(draft)))
    }

    fn uploaded(&self, cx: &Cx, mut draft: Draft, event: &Event) -> Step<State> {
        let answer = event.response().map_err(fail::unpaid)?;
        let said = Answer::read(answer);
        if draft.upload != DOCUMENTED_UPLOAD && fail::wrong_path(answer, &said) {
            tracing::warn!(
                configured = draft.upload,
                used = DOCUMENTED_UPLOAD,
                "endpoints.upload is no path for uploads at the provider; the documented one is used"
            );
            let upload = DOCUMENTED_UPLOAD.to_owned();
            return self.upload(cx, Draft { upload, ..draft });
        }
        let Some(link) = said.link().filter(|_| answer.success().is_ok()) else {
            return Err(fail::upload(answer, &said));
        };
        draft.order.images.push(map::absolute(&self.config.host, link).into());
        self.upload(cx, draft)
    }

    fn submit(&self, cx: &Cx, order: Order) -> Step<State> {
        let Order { path, mut body, slot, images } = order;
        slot.fill(&mut body, images);
        let submit = cx.post(&self.config.host, &path).bearer().json(&Value::Object(body));
        Ok(submit.phase(Phase::Submitting).timeout_ms(60_000).then(State::Submitted))
    }

    /// A task id means that it was taken, whatever else the answer says.
    fn submitted(&self, cx: &Cx, event: &Event) -> Step<State> {
        let answer = event.response()?;
        let said = Answer::read(answer);
        match said.task() {
            Some(task) => self.follow(cx, task.to_owned(), answer, &said, None),
            None => Err(fail::submit(answer, &said)),
        }
    }

    fn polled(&self, cx: &Cx, task: String, event: &Event) -> Step<State> {
        let Event::Response(answer) = event else {
            return Ok(self.poll(cx, task, None, 0));
        };
        let said = match answer.status() {
            // A broken server's word is no verdict.
            500.. => Answer::default(),
            _ if self.config.asks_legacy() => Answer::read_legacy(answer),
            _ => Answer::read(answer),
        };
        self.follow(cx, task, answer, &said, fail::query(answer, &said))
    }

    /// Goes by the task's status. An answer without one leaves the task as it was, unless the
    /// question itself was `refused`.
    fn follow(
        &self,
        cx: &Cx,
        task: String,
        answer: &Response,
        said: &Answer,
        refused: Option<Failure>,
    ) -> Step<State> {
        let end = match (said.status(), refused) {
            (Status::Success, _) => self.done(answer, said),
            (Status::Failed | Status::Canceled, _) => Err(fail::ended(answer, said)),
            (Status::Other, Some(refused)) => Err(refused),
            (Status::Going | Status::Other, _) => {
                let wait = answer.retry_after_ms().unwrap_or(0).min(MAX_WAIT_MS);
                return Ok(self.poll(cx, task, said.word.as_deref(), wait));
            }
        };
        let word = said.word.iter();
        match end {
            Ok(done) => Ok(word.fold(Next::from(done).task(&task), Next::status)),
            Err(failure) => Err(word.fold(failure.task(&task), Failure::word)),
        }
    }

    fn poll(&self, cx: &Cx, task: String, word: Option<&str>, wait_ms: u64) -> Next<State> {
        let Config { host, endpoints, .. } = &self.config;
        let body = match self.config.asks_legacy() {
            true => json!({ "apiKey": SECRET, "taskId": task }),
            false => json!({ "taskId": task }),
        };
        let query = cx.post(host, &endpoints.result).bearer().safe().json(&body);
        let query = query.phase(Phase::Polling).after_ms(wait_ms);
        let next = query.then(State::Polling(task.clone())).task(task);
        word.into_iter().fold(next, Next::status)
    }

    fn done(&self, answer: &Response, said: &Answer) -> Result<Done, Failure> {
        let urls = said.urls();
        if urls.is_empty() {
            return Err(fail::no_output(answer, said));
        }
        let cost = said.amount().map(|amount| map::cost(amount, &self.config.host));
        Ok(Done::new(urls.into_iter().map(Output::url)).cost(cost))
    }
}

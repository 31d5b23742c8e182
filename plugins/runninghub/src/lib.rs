//! RunningHub 全能图片PRO (`rhart-image-n-pro/edit`), the whole protocol on one screen:
//! upload each image, submit once, ask until it ends.
//!
//! Only the submit is paid for. It is sent once; whatever leaves open whether it was taken ends as
//! an unknown outcome. A question that is not answered is asked again.

mod config;
mod fail;
mod map;
mod wire;

use retouch_sdk::Part;
use retouch_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::wire::{Answer, Edit, Status};

retouch_sdk::export_plugin!("../label.json", [RhartEdit]);

/// The upload endpoint that RunningHub documents, for where the configured one does not exist.
const DOCUMENTED_UPLOAD: &str = "/openapi/v2/media/upload/binary";
/// An uploaded file lives for a day, and the edit that uses it wants some of that.
const UPLOAD_CACHE_MS: u64 = 23 * 60 * 60 * 1000;
const POLL_MS: u64 = 3_000;
/// `Retry-After` is heeded up to here.
const MAX_POLL_MS: u64 = 60_000;

/// The API type `runninghub-rhart-edit`.
pub struct RhartEdit(Config);

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

/// An edit whose images are not all uploaded; `edit.image_urls` has those that are.
#[derive(Serialize, Deserialize)]
pub struct Draft {
    edit: Edit,
    files: Vec<String>,
    path: String,
}

impl ApiType for RhartEdit {
    const ID: &'static str = "runninghub-rhart-edit";
    type Config = Config;
    type State = State;

    fn new(config: Config) -> Result<Self, ConfigError> {
        config.checked().map(Self)
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<State> {
        let mut edit = map::edit(job)?;
        if let Some(path) = self.0.upload_path() {
            let (files, path) = (map::file_names(job), path.to_owned());
            return self.upload(cx, Draft { edit, files, path });
        }
        edit.image_urls = map::data_uris(job)?;
        self.submit(cx, &edit)
    }

    fn resume(&self, cx: &Cx, state: State, event: &Event) -> Step<State> {
        match state {
            State::Uploading(draft) => self.uploaded(cx, draft, event),
            State::Submitted => self.submitted(cx, event),
            State::Polling(task) => self.polled(cx, task, event),
        }
    }
}

impl RhartEdit {
    fn upload(&self, cx: &Cx, draft: Draft) -> Step<State> {
        let Some((n, name)) = (0..).zip(&draft.files).nth(draft.edit.image_urls.len()) else {
            return self.submit(cx, &draft.edit);
        };
        let file = Part::image("file", Image(n), name);
        let upload = cx.post(&self.0.host, &draft.path).bearer().multipart([file]).idempotent();
        let upload = upload.phase(Phase::Uploading).timeout_ms(120_000).cache_ms(UPLOAD_CACHE_MS);
        Ok(upload.then(State::Uploading(draft)))
    }

    fn uploaded(&self, cx: &Cx, mut draft: Draft, event: &Event) -> Step<State> {
        let answer = event.response().map_err(fail::unpaid)?;
        let said = Answer::read(answer);
        if draft.path != DOCUMENTED_UPLOAD && fail::wrong_path(answer, &said) {
            let path = DOCUMENTED_UPLOAD.to_owned();
            return self.upload(cx, Draft { path, ..draft });
        }
        let Some(link) = said.link().filter(|_| answer.success().is_ok()) else {
            return Err(fail::upload(answer, &said));
        };
        draft.edit.image_urls.push(map::absolute(&self.0.host, link).into());
        self.upload(cx, draft)
    }

    fn submit(&self, cx: &Cx, edit: &Edit) -> Step<State> {
        let submit = cx.post(&self.0.host, &self.0.endpoints.edit).bearer().json(&json!(edit));
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
            return Ok(self.poll(cx, task, None, POLL_MS));
        };
        // A broken server's word is no verdict.
        let said = if answer.status() < 500 { Answer::read(answer) } else { Answer::default() };
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
                let wait = answer.retry_after_ms().unwrap_or(0).clamp(POLL_MS, MAX_POLL_MS);
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
        let query = cx.post(&self.0.host, &self.0.endpoints.result).bearer().safe();
        let query = query.json(&json!({ "taskId": task })).phase(Phase::Polling).after_ms(wait_ms);
        let next = query.then(State::Polling(task.clone())).task(task);
        word.into_iter().fold(next, Next::status)
    }

    fn done(&self, answer: &Response, said: &Answer) -> Result<Done, Failure> {
        let urls = said.urls();
        if urls.is_empty() {
            return Err(fail::no_output(answer, said));
        }
        let cost = said.amount().map(|amount| map::cost(amount, &self.0.host));
        Ok(Done::new(urls.into_iter().map(Output::url)).cost(cost))
    }
}

//! fal.ai's queue: submit once, ask until it is completed, then fetch the result, which alone says
//! whether it went well.
//!
//! Only the submit is paid for. It is sent once; whatever leaves open whether it was taken ends as
//! an unknown outcome. All later addresses are the ones the answer to it gives, kept in the state.
//! A question that is not answered is asked again.

mod address;
mod check;
mod config;
mod fail;
mod form;
mod map;
mod model;
mod wire;

use retouch_sdk::SECRET;
use retouch_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::address::Ticket;
use crate::config::{Config, Endpoint};
use crate::wire::Stage;

retouch_sdk::export_plugin!("../label.json", [FalQueue]);

/// Between two tries to fetch a result that is there.
const FETCH_MS: u64 = 2_000;
/// `Retry-After` is heeded up to here.
const MAX_WAIT_MS: u64 = 60_000;
/// All images travel in the submit.
const SUBMIT_MS: u64 = 120_000;

/// The API type `fal-queue`.
pub struct FalQueue(Endpoint);

/// Where an attempt stands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The paid request is out, to the application of that name.
    Submitted(String),
    /// fal works on it.
    Polling(Ticket),
    /// It is completed, and the result is asked for.
    Fetching(Ticket),
    /// It was asked to stop.
    Canceling(Ticket),
}

impl ApiType for FalQueue {
    const ID: &'static str = "fal-queue";
    type Config = Config;
    type State = State;

    fn new(config: Config) -> Result<Self, ConfigError> {
        config.checked().map(Self)
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<State> {
        let id = self.0.model(job)?;
        let input = map::input(job, &self.0.fields(&id))?;
        let submit = self.request(cx, "POST", &format!("/{id}")).json(&input);
        let submit = submit.phase(Phase::Submitting).timeout_ms(SUBMIT_MS);
        Ok(submit.then(State::Submitted(address::application(&id))))
    }

    fn resume(&self, cx: &Cx, state: State, event: &Event) -> Step<State> {
        match state {
            State::Submitted(application) => self.submitted(cx, &application, event),
            State::Polling(ticket) => self.polled(cx, ticket, event),
            State::Fetching(ticket) => self.fetched(cx, ticket, event),
            // Whatever it says: how the work ended is for the status to tell.
            State::Canceling(ticket) => Ok(self.poll(cx, ticket, 0)),
        }
    }

    fn cancel(&self, cx: &Cx, state: State) -> Step<State> {
        match state {
            State::Polling(ticket) | State::Fetching(ticket) | State::Canceling(ticket) => {
                let cancel = self.request(cx, "PUT", &ticket.cancel_url).idempotent();
                Ok(followed(cancel.phase(Phase::Polling), ticket, State::Canceling))
            }
            State::Submitted(_) => Err(Failure::plugin_bug("there is no task yet to cancel")),
        }
    }

    fn found(&self, cx: &Cx, state: State, task: &str) -> Step<State> {
        let State::Submitted(application) = state else {
            return Err(Failure::plugin_bug("its task is known already"));
        };
        let receipt = wire::Receipt::named(task)
            .ok_or_else(|| Failure::plugin_bug("that is not the id of a request at fal"))?;
        let ticket = Ticket::of(receipt, &self.0.host, &application);
        Ok(self.poll(cx, ticket, 0))
    }

    fn check(&self, cx: &Cx) -> Check {
        self.questions(cx)
    }

    fn checked(&self, _cx: &Cx, _question: &str, answer: &Response) -> Check {
        check::heard(answer).into()
    }
}

impl FalQueue {
    /// An id means that it was taken.
    fn submitted(&self, cx: &Cx, application: &str, event: &Event) -> Step<State> {
        let answer = event.response()?;
        let receipt = answer.success().ok().and_then(wire::Receipt::read);
        match receipt {
            Some(receipt) => {
                let ticket = Ticket::of(receipt, &self.0.host, application);
                Ok(self.poll(cx, ticket, 0).status("IN_QUEUE"))
            }
            None => Err(fail::submit(answer)),
        }
    }

    fn polled(&self, cx: &Cx, mut ticket: Ticket, event: &Event) -> Step<State> {
        let Event::Response(answer) = event else { return Ok(self.poll(cx, ticket, 0)) };
        let said = wire::Status::read(answer);
        match said.stage {
            Stage::Completed => {
                ticket.failed = said.failed;
                Ok(self.fetch(cx, ticket, 0).status("COMPLETED"))
            }
            Stage::Going(word) => Ok(self.poll(cx, ticket, pause(answer)).status(word)),
            Stage::Unsaid => match fail::status(answer) {
                Some(failure) => Err(failure.task(ticket.id)),
                None => Ok(self.poll(cx, ticket, pause(answer))),
            },
        }
    }

    fn fetched(&self, cx: &Cx, ticket: Ticket, event: &Event) -> Step<State> {
        let Event::Response(answer) = event else { return Ok(self.fetch(cx, ticket, FETCH_MS)) };
        if fail::too_early(answer) {
            return Ok(self.poll(cx, ticket, 0));
        }
        let end = match answer.success().ok().and_then(wire::pictures) {
            Some(pictures) => map::done(&pictures, answer),
            None => match fail::result(answer, ticket.failed) {
                Some(failure) => Err(failure),
                None => return Ok(self.fetch(cx, ticket, pause(answer).max(FETCH_MS))),
            },
        };
        match end {
            Ok(done) => Ok(Next::from(done).task(ticket.id).status("COMPLETED")),
            Err(failure) => Err(failure.task(ticket.id).word("COMPLETED")),
        }
    }

    fn poll(&self, cx: &Cx, ticket: Ticket, wait_ms: u64) -> Next<State> {
        let status = self.request(cx, "GET", &ticket.status_url);
        followed(status.phase(Phase::Polling).after_ms(wait_ms), ticket, State::Polling)
    }

    /// No poll: a 500 here may be how the work itself ended, so it is asked again only a few times.
    fn fetch(&self, cx: &Cx, ticket: Ticket, wait_ms: u64) -> Next<State> {
        let result = self.request(cx, "GET", &ticket.response_url).safe();
        let result = result.phase(Phase::Downloading).after_ms(wait_ms).timeout_ms(60_000);
        followed(result, ticket, State::Fetching)
    }

    pub(crate) fn request(&self, cx: &Cx, method: &str, path: &str) -> Request {
        let request = cx.request(method, &self.0.host, path);
        request.header("authorization", format!("Key {SECRET}"))
    }
}

fn followed(request: Request, ticket: Ticket, stage: fn(Ticket) -> State) -> Next<State> {
    let id = ticket.id.clone();
    request.then(stage(ticket)).task(id).cancelable()
}

fn pause(answer: &Response) -> u64 {
    answer.retry_after_ms().unwrap_or(0).min(MAX_WAIT_MS)
}

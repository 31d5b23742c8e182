//! From bytes to an author's types and back: what the exported shims call.
//!
//! Nothing here is unsafe and nothing panics on what comes in.

use retouch_abi as abi;
use serde::Deserialize;

use crate::api_type::Act;
use crate::outcome::{Notes, Outcome, Verdict};
use crate::{
    ApiType, BodyRef, Check, Cx, Event, Failure, Kind, Response, ResponseHead, Step, StepEvent,
};

/// One call of `step`, as it crosses the boundary.
#[derive(Debug)]
pub struct Call<'a> {
    /// The event's JSON.
    pub event: &'a [u8],
    /// The state written last; empty at the start.
    pub state: &'a [u8],
    /// Raw bytes beside the event.
    pub attach: Vec<&'a [u8]>,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// When the attempt's time is over.
    pub deadline_ms: u64,
}

/// What a step wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The outcome's JSON.
    pub outcome: Vec<u8>,
    /// The next state; empty when there is none.
    pub state: Vec<u8>,
}

/// A call the plugin could not make sense of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// One of the ABI's status codes.
    pub status: i32,
    /// Why.
    pub message: String,
}

/// Any API type behind one call.
pub trait Driver: Send + Sync {
    /// Runs one step.
    ///
    /// # Errors
    /// When event or state cannot be read.
    fn step(&self, call: Call<'_>) -> Result<Answer, StepError>;
}

struct Typed<T>(T);

/// The API type that a provider's configuration names.
pub fn config_type(config: &[u8]) -> Result<String, StepError> {
    #[derive(Deserialize)]
    struct Named {
        r#type: String,
    }
    let named: Named =
        serde_json::from_slice(config).map_err(|e| error(abi::RETOUCH_E_CONFIG, &e))?;
    Ok(named.r#type)
}

/// Reads a configuration and makes the API type.
pub fn create<T: ApiType>(config: &[u8]) -> Result<Box<dyn Driver>, StepError> {
    let config = serde_json::from_slice(config).map_err(|e| error(abi::RETOUCH_E_CONFIG, &e))?;
    match T::new(config) {
        Ok(api_type) => Ok(Box::new(Typed(api_type))),
        Err(problem) => Err(StepError {
            status: abi::RETOUCH_E_CONFIG,
            message: serde_json::to_string(&problem).unwrap_or(problem.message),
        }),
    }
}

impl<T: ApiType> Driver for Typed<T> {
    fn step(&self, call: Call<'_>) -> Result<Answer, StepError> {
        let event: StepEvent =
            serde_json::from_slice(call.event).map_err(|e| error(abi::RETOUCH_E_INPUT, &e))?;
        let cx = Cx { context: event.cx, now_ms: call.now_ms, deadline_ms: call.deadline_ms };
        let kind = match event.kind {
            Kind::Check => return checked(&self.0.check(&cx)),
            Kind::Checked { question, response } => {
                let body = body(&response, &call.attach)?;
                let answer = Response { head: response, body };
                return checked(&self.0.checked(&cx, &question, &answer));
            }
            kind => kind,
        };
        let step = match kind {
            Kind::Start { job } => self.0.start(&cx, &job),
            Kind::Cancel => self.0.cancel(&cx, state::<T>(call.state)?),
            Kind::Found { task } => self.0.found(&cx, state::<T>(call.state)?, &task),
            kind => self.0.resume(&cx, state::<T>(call.state)?, &seen(kind, &call.attach)?),
        };
        answer(step)
    }
}

fn state<T: ApiType>(bytes: &[u8]) -> Result<T::State, StepError> {
    serde_json::from_slice(bytes).map_err(|e| error(abi::RETOUCH_E_STATE, &e))
}

fn seen(kind: Kind, attach: &[&[u8]]) -> Result<Event, StepError> {
    Ok(match kind {
        Kind::Response { response } => {
            let body = body(&response, attach)?;
            Event::Response(Response { head: response, body })
        }
        Kind::TransportError { error } => Event::Transport(error),
        Kind::Interrupted { .. } => Event::Interrupted,
        Kind::Callback => Event::Callback,
        Kind::Start { .. }
        | Kind::Cancel
        | Kind::Found { .. }
        | Kind::Check
        | Kind::Checked { .. } => {
            return Err(StepError {
                status: abi::RETOUCH_E_INTERNAL,
                message: "start, cancel, found and checks are steps of their own".to_owned(),
            });
        }
    })
}

fn body(head: &ResponseHead, attach: &[&[u8]]) -> Result<Vec<u8>, StepError> {
    match head.body {
        BodyRef::Blob { .. } => Ok(Vec::new()),
        BodyRef::Attach { bytes: 0, .. } => Ok(Vec::new()),
        BodyRef::Attach { attach: index, .. } => match attach.get(index) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Err(StepError {
                status: abi::RETOUCH_E_INPUT,
                message: format!("the answer's body is attachment {index}, which is not there"),
            }),
        },
    }
}

/// A check has no state: its questions are not a job's.
fn checked(check: &Check) -> Result<Answer, StepError> {
    let outcome = bytes(&serde_json::json!({ "check": check }))?;
    Ok(Answer { outcome, state: Vec::new() })
}

fn answer<S: serde::Serialize>(step: Step<S>) -> Result<Answer, StepError> {
    let (verdict, notes, state) = match step {
        Ok(next) => match next.act {
            Act::Send(request, state) => (Verdict::Send(request), next.notes, bytes(&state)?),
            Act::Done(done) => (Verdict::Done(done), next.notes, Vec::new()),
        },
        Err(failure) => failed(failure),
    };
    Ok(Answer { outcome: bytes(&Outcome::new(verdict, notes))?, state })
}

fn failed(mut failure: Failure) -> (Verdict, Notes, Vec<u8>) {
    let notes = std::mem::take(&mut *failure.notes);
    (Verdict::Fail(failure), notes, Vec::new())
}

fn bytes(value: &impl serde::Serialize) -> Result<Vec<u8>, StepError> {
    serde_json::to_vec(value).map_err(|e| error(abi::RETOUCH_E_INTERNAL, &e))
}

fn error(status: i32, cause: &serde_json::Error) -> StepError {
    StepError { status, message: cause.to_string() }
}

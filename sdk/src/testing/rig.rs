//! The API type under test, reached through the same bytes that cross the plugin boundary.

use serde_json::{Value, json};

use super::listen::listen;
use super::panics::caught;
use super::reply::Happened;
use crate::drive::{self, Answer, Call, Driver, StepError};
use crate::{ApiType, ConfigError, Context, Outcome, StepEvent};

/// When every test begins, so that two runs see the same clock.
const EPOCH_MS: u64 = 1_700_000_000_000;
const ATTEMPT_MS: u64 = 600_000;

type Create = fn(&[u8]) -> Result<Box<dyn Driver>, StepError>;

/// One API type with one configuration, its type erased.
#[derive(Clone)]
pub(super) struct Rig {
    config: Vec<u8>,
    create: Create,
    recode: fn(&[u8]) -> serde_json::Result<Vec<u8>>,
}

impl Rig {
    pub(super) fn of<T: ApiType>(mut config: Value) -> Self {
        if let Some(fields) = config.as_object_mut() {
            fields.entry("type").or_insert_with(|| json!(T::ID));
        }
        Self {
            config: config.to_string().into_bytes(),
            create: drive::create::<T>,
            recode: |state| serde_json::to_vec(&serde_json::from_slice::<T::State>(state)?),
        }
    }

    /// A new instance, as after a restart of the gateway.
    pub(super) fn make(&self) -> Box<dyn Driver> {
        match (self.create)(&self.config) {
            Ok(driver) => driver,
            Err(error) => panic!("the configuration is refused: {}", error.message),
        }
    }

    pub(super) fn refusal(&self) -> Option<ConfigError> {
        let error = (self.create)(&self.config).err()?;
        Some(serde_json::from_str(&error.message).unwrap_or(ConfigError::new("", error.message)))
    }

    /// A state's bytes after being read and written once more.
    pub(super) fn recode(&self, state: &[u8]) -> Vec<u8> {
        match (self.recode)(state) {
            Ok(bytes) => bytes,
            Err(error) => panic!("the state cannot be read back: {error}\n  {}", text(state)),
        }
    }
}

/// One step through bytes; a panic or an unreadable answer becomes the reason it failed.
pub(super) fn step(
    driver: &dyn Driver,
    number: u32,
    happened: &Happened,
    state: &[u8],
) -> Result<Answer, String> {
    heard(driver, number, happened, state).map(|(answer, _)| answer)
}

/// The same, with what the plugin logged meanwhile.
pub(super) fn heard(
    driver: &dyn Driver,
    number: u32,
    happened: &Happened,
    state: &[u8],
) -> Result<(Answer, String), String> {
    let event = StepEvent { v: 1, cx: context(number), kind: happened.kind() };
    let event = serde_json::to_vec(&event).map_err(|e| format!("the event is no JSON: {e}"))?;
    let call = Call {
        event: &event,
        state,
        attach: vec![happened.attachment()],
        now_ms: EPOCH_MS + u64::from(number) * 1_000,
        deadline_ms: EPOCH_MS + ATTEMPT_MS,
    };
    let (answer, log) = listen(|| caught(|| driver.step(call)));
    match answer {
        Ok(Ok(answer)) => Ok((answer, log)),
        Ok(Err(error)) => {
            Err(format!("the step answers status {}: {}", error.status, error.message))
        }
        Err(place) => Err(format!("the step panics at {place}")),
    }
}

/// What a step decided, read from its bytes.
pub(super) fn outcome(answer: &Answer) -> Result<Outcome, String> {
    serde_json::from_slice(&answer.outcome)
        .map_err(|e| format!("the outcome is not in the envelope's form: {e}"))
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn context(step: u32) -> Context {
    let (job, locale) = ("job_test".to_owned(), "en".to_owned());
    Context { job, attempt: 1, step, seed: 7, locale }
}

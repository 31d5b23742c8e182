//! The trait a plugin author implements: one API type as a pure state machine.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::outcome::Notes;
use crate::{Check, Cx, Done, Event, Failure, Job, Request, Response, TaskRef};

/// One protocol of a vendor. The state is an `enum` whose variants are the protocol's stages; the
/// gateway stores it after every step and hands it back with what happened next.
///
/// Steps are pure: the same arguments give the same answer, always. A step may run twice.
pub trait ApiType: Send + Sync + Sized + 'static {
    /// The API type's id, as `label.json` and a provider's file name it.
    const ID: &'static str;

    /// What a provider's file gives: `{"type", "host", "endpoints": {…}, "model", "sync",
    /// "options": {…}}` with the API type's defaults filled in. There is no key in it.
    type Config: DeserializeOwned;

    /// What is stored between steps; at most 64 KiB of JSON.
    type State: Serialize + DeserializeOwned;

    /// Checks a provider's configuration.
    ///
    /// # Errors
    /// Names the field that is wrong and how to mend it; the file is then refused whole.
    fn new(config: Self::Config) -> Result<Self, ConfigError>;

    /// The first step of an attempt.
    fn start(&self, cx: &Cx, job: &Job) -> Step<Self::State>;

    /// Every later step: what came of the request sent last.
    fn resume(&self, cx: &Cx, state: Self::State, event: &Event) -> Step<Self::State>;

    /// Asks the provider to stop, where its protocol can.
    fn cancel(&self, _cx: &Cx, _state: Self::State) -> Step<Self::State> {
        Err(Failure::plugin_bug("this API type cannot cancel"))
    }

    /// Follows a task of which only the id is known: the answer to the paid request was lost, and a
    /// person found what became of it. `state` is the one the paid request left.
    fn found(&self, _cx: &Cx, _state: Self::State, _task: &str) -> Step<Self::State> {
        Err(Failure::plugin_bug("this API type cannot follow a task by its id"))
    }

    /// What can be seen, and asked for nothing, of whether the provider is set up right: key, paths,
    /// upload. Never anything that is paid for; [`Request::safe`] must be true of it.
    fn check(&self, _cx: &Cx) -> Check {
        Check::none()
    }

    /// What the answer to one of [`ApiType::check`]'s questions says; it may lead to another.
    fn checked(&self, _cx: &Cx, _question: &str, _answer: &Response) -> Check {
        Check::none()
    }

    /// Reads a state that version `from` of this plugin wrote; `None` when it cannot.
    fn migrate(_from: u32, _state: &[u8]) -> Option<Self::State> {
        None
    }
}

/// What a step returns. `?` works on whatever turns into a [`Failure`].
pub type Step<S> = Result<Next<S>, Failure>;

/// The one thing to do next, made by [`Request::then`] or from a [`Done`].
#[derive(Debug)]
pub struct Next<S> {
    pub(crate) act: Act<S>,
    pub(crate) notes: Notes,
}

#[derive(Debug)]
pub(crate) enum Act<S> {
    Send(Request, S),
    Done(Done),
}

impl<S> Next<S> {
    pub(crate) fn send(request: Request, state: S) -> Self {
        Self { act: Act::Send(request, state), notes: Notes::default() }
    }

    /// Says under which id the provider knows the work. From the step that says so on, the attempt
    /// counts as accepted: it is polled and never submitted again.
    #[must_use]
    pub fn task(mut self, id: impl Into<String>) -> Self {
        self.notes.task = Some(TaskRef { id: id.into(), cancel: false });
        self
    }

    /// Says that [`ApiType::cancel`] can stop the task named before.
    #[must_use]
    pub fn cancelable(mut self) -> Self {
        if let Some(task) = &mut self.notes.task {
            task.cancel = true;
        }
        self
    }

    /// The provider's own word for where its work stands, such as `RUNNING`.
    #[must_use]
    pub fn status(mut self, word: impl Into<String>) -> Self {
        self.notes.status = Some(word.into());
        self
    }

    /// The provider's own progress, 0 to 100.
    #[must_use]
    pub fn percent(mut self, percent: u8) -> Self {
        self.notes.percent = Some(percent.min(100));
        self
    }
}

impl<S> From<Done> for Next<S> {
    fn from(done: Done) -> Self {
        Self { act: Act::Done(done), notes: Notes::default() }
    }
}

/// A provider's configuration is wrong: which field, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigError {
    /// Dotted path of the field in the provider's file, such as `endpoints.edit`.
    pub field: String,
    /// What is wrong with it and what to write instead.
    pub message: String,
}

impl ConfigError {
    /// A problem with `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

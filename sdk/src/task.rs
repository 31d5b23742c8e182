//! The commonest protocol: one paid POST, then questions until it ends.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{
    ApiType, Billed, Check, Class, ConfigError, Cx, Done, Event, Failure, Job, Phase, Request,
    Response, Retry, Step,
};

/// A service that takes an edit and is then asked how it goes. Each function makes one request or
/// reads one answer; [`SubmitThenPoll`] turns it into an [`ApiType`].
pub trait Task: Send + Sync + Sized + 'static {
    /// As [`ApiType::ID`].
    const ID: &'static str;
    /// As [`ApiType::Config`].
    type Config: DeserializeOwned;

    /// As [`ApiType::new`].
    ///
    /// # Errors
    /// Names the field and the mend.
    fn new(config: Self::Config) -> Result<Self, ConfigError>;

    /// The request that is paid for.
    ///
    /// # Errors
    /// When the job cannot be asked of this provider.
    fn submit(&self, cx: &Cx, job: &Job) -> Result<Request, Failure>;

    /// What the answer to it says.
    ///
    /// # Errors
    /// A definite refusal, or [`Failure::unknown_outcome`] when it may have been taken.
    fn submitted(&self, cx: &Cx, answer: &Response) -> Result<Report, Failure>;

    /// The question how a task goes. When it is asked is the gateway's to decide, which learns how
    /// long such tasks take; a `Retry-After` of the answer before is heeded.
    fn poll(&self, cx: &Cx, task: &str) -> Request;

    /// What the answer to it says of `task`.
    ///
    /// # Errors
    /// Only what the provider says for certain. An answer that cannot be read is no verdict:
    /// return [`Report::running`] with `task` and it is asked again.
    fn polled(&self, cx: &Cx, task: &str, answer: &Response) -> Result<Report, Failure>;

    /// As [`ApiType::check`].
    fn check(&self, _cx: &Cx) -> Check {
        Check::none()
    }

    /// As [`ApiType::checked`].
    fn checked(&self, _cx: &Cx, _question: &str, _answer: &Response) -> Check {
        Check::none()
    }
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// Not done yet.
    Running {
        /// The provider's id of it.
        task: String,
        /// The provider's own word for its state.
        status: Option<String>,
    },
    /// Done.
    Done(Done),
}

impl Report {
    /// Not done yet.
    pub fn running(task: impl Into<String>) -> Self {
        Self::Running { task: task.into(), status: None }
    }
}

/// Makes an [`ApiType`] of a [`Task`].
pub struct SubmitThenPoll<T>(T);

/// Where such a protocol stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The paid request is out.
    Submitted,
    /// The provider took it under this id.
    Polling(String),
}

impl<T: Task> ApiType for SubmitThenPoll<T> {
    const ID: &'static str = T::ID;
    type Config = T::Config;
    type State = Stage;

    fn new(config: T::Config) -> Result<Self, ConfigError> {
        T::new(config).map(Self)
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<Stage> {
        Ok(self.0.submit(cx, job)?.phase(Phase::Submitting).then(Stage::Submitted))
    }

    fn resume(&self, cx: &Cx, stage: Stage, event: &Event) -> Step<Stage> {
        match stage {
            Stage::Submitted => {
                let report = event.response().and_then(|answer| self.0.submitted(cx, answer));
                self.follow(cx, report.map_err(possibly_taken)?, hint(event))
            }
            Stage::Polling(task) => match event {
                Event::Response(answer) => {
                    let report = self.0.polled(cx, &task, answer);
                    self.follow(
                        cx,
                        report.map_err(|failure| after_acceptance(failure, answer, task))?,
                        hint(event),
                    )
                }
                Event::Transport(_) | Event::Interrupted | Event::Callback => {
                    self.follow(cx, Report::running(task), 0)
                }
            },
        }
    }

    fn found(&self, cx: &Cx, _: Stage, task: &str) -> Step<Stage> {
        self.follow(cx, Report::running(task), 0)
    }

    fn check(&self, cx: &Cx) -> Check {
        self.0.check(cx)
    }

    fn checked(&self, cx: &Cx, question: &str, answer: &Response) -> Check {
        self.0.checked(cx, question, answer)
    }
}

impl<T: Task> SubmitThenPoll<T> {
    fn follow(&self, cx: &Cx, report: Report, hint_ms: u64) -> Step<Stage> {
        let (task, status) = match report {
            Report::Done(done) => return Ok(done.into()),
            Report::Running { task, status } => (task, status),
        };
        let poll = self.0.poll(cx, &task).safe().phase(Phase::Polling);
        let wait_ms = poll.after_ms.max(hint_ms);
        let next = poll.after_ms(wait_ms).then(Stage::Polling(task.clone())).task(task);
        Ok(match status {
            Some(word) => next.status(word),
            None => next,
        })
    }
}

/// How long the provider itself asks to wait.
fn hint(event: &Event) -> u64 {
    let Event::Response(answer) = event else { return 0 };
    answer.retry_after_ms().unwrap_or(0)
}

/// A paid request whose answer makes no sense may have been taken all the same.
fn possibly_taken(mut failure: Failure) -> Failure {
    let accepted = failure.notes.task.is_some();
    if !accepted && failure.class == Class::ProviderError && failure.billed == Billed::Unknown {
        failure.class = Class::UnknownOutcome;
        failure.retry = Retry::Never;
    }
    failure
}

/// A refused question says nothing about the work that was asked about: it may be paid for.
fn after_acceptance(mut failure: Failure, answer: &Response, task: String) -> Failure {
    if answer.success().is_err() && failure.billed == Billed::No {
        failure.billed = Billed::Unknown;
        failure.retry = Retry::Never;
    }
    failure.task(task)
}

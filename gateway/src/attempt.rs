//! An attempt: one submission of a job to one provider. It owns the provider's task, the money and
//! the doubt. This file is the whole machine; it decides and never does.
//!
//! ```text
//! Planned ──► InFlight ──► Accepted ──► Fetching ──► Stored
//!    │            │            │            └──────► Failed (no picture came)
//!    ▼            ▼            ▼
//! Refused   Refused/Unknown  Failed/Unknown
//! ```

use retouch_sdk::{
    Billed, BodyRef, Class, Cost, Effect, Failure, Kind, Outcome, Output, Phase, Request,
    ResponseHead, Retry, Sent, TaskRef, TransportError, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::clock::Ms;
use crate::images::Stored;

/// One submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1 within the job.
    pub number: u32,
    /// Which of the wanted images it is for.
    pub slot: u32,
    /// The provider's id.
    pub provider: String,
    /// The model asked for.
    pub model: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What the plugin keeps between its steps.
    pub memo: Memo,
    /// The request to send next, and when.
    pub effect: Option<Planned>,
    /// The provider's id of the work.
    pub task: Option<TaskRef>,
    /// The provider's own word for where it stands.
    pub upstream_status: Option<String>,
    /// The provider's own progress.
    pub percent: Option<u8>,
    /// Images lifted out of answers, by blob number.
    pub blobs: Vec<Stored>,
    /// What it cost.
    pub cost: Option<Cost>,
    /// Whether an earlier attempt of this job may also have been charged.
    pub possible_duplicate_cost: bool,
    /// When it began.
    pub started: Ms,
    /// When its unsafe request was let go; its time-out counts from here.
    pub submitted: Option<Ms>,
    /// When it ended.
    pub finished: Option<Ms>,
    /// Answers to questions how it goes.
    pub polls: u32,
    /// When the last one came.
    pub last_poll: Option<Ms>,
    /// How often the present request was sent without an answer that counts.
    pub tries: u32,
    /// How often a fresh link to the result was asked for.
    pub refetches: u32,
}

/// The states; each carries what only it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing was sent that could cost money.
    Planned,
    /// An unsafe request was let go and is unanswered.
    InFlight,
    /// The provider took it.
    Accepted,
    /// The provider is done; its results are to be fetched.
    Fetching(Vec<Output>),
    /// The results are ours.
    Stored(Vec<Stored>),
    /// Definitely not taken.
    Refused(Failure),
    /// Taken, and definitely failed.
    Failed(Failure, Evidence),
    /// Let go, and nobody knows what became of it.
    Unknown(Failure),
    /// Given up while the provider may still be at it.
    Abandoned,
}

/// What makes a failure definite: the answer that said so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// HTTP status of that answer.
    pub status: Option<u16>,
    /// When it came.
    pub at: Ms,
}

/// The plugin's state and which plugin wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    /// The bytes, which are JSON.
    pub state: String,
    /// The library's SHA-256.
    pub plugin: String,
    /// The state's version, as its label says.
    pub version: u32,
    /// Which step comes next.
    pub step: u32,
    /// The attempt's randomness.
    pub seed: u64,
}

/// A request to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The request.
    pub request: Request,
    /// Not before then.
    pub at: Ms,
}

/// What happened to an attempt.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its request was answered.
    Reply {
        /// Status, headers and where the body is.
        head: ResponseHead,
        /// The body but for the images in it.
        body: bytes::Bytes,
        /// These.
        blobs: Vec<Stored>,
    },
    /// It was not.
    NoReply {
        /// Whether the provider may have seen it.
        sent: Sent,
        /// In one word.
        class: String,
        /// For the log.
        detail: String,
    },
    /// The process ended while an unsafe request was unanswered.
    Interrupted,
    /// Results are in our own storage.
    Saved(Vec<Stored>),
    /// No result could be fetched.
    Lost(Failure),
}

/// What a step is called with.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The event.
    pub kind: Kind,
    /// The body beside it.
    pub body: &'a [u8],
}

/// What a step answered: the outcome and the next state.
pub type Stepped = Result<(Outcome, String), Failure>;

/// What is to be done for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo {
    /// Send its request at that time.
    Send(Ms),
    /// Fetch its results.
    Fetch,
    /// Nothing: it is over.
    Closed,
}

impl Attempt {
    /// What is to be done next.
    pub fn todo(&self) -> Todo {
        match &self.state {
            State::Planned | State::InFlight | State::Accepted => {
                self.effect.as_ref().map_or(Todo::Closed, |effect| Todo::Send(effect.at))
            }
            State::Fetching(_) => Todo::Fetch,
            _ => Todo::Closed,
        }
    }

    /// Whether it still holds a place at its account.
    pub fn is_open(&self) -> bool {
        self.todo() != Todo::Closed
    }

    /// What a person sees of it.
    pub fn phase(&self) -> Phase {
        match (&self.state, &self.effect) {
            (State::Fetching(_) | State::Stored(_), _) => Phase::Downloading,
            (_, Some(effect)) => effect.request.phase,
            (_, None) => Phase::Polling,
        }
    }

    /// The failure it ended in.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.state {
            State::Refused(failure) | State::Failed(failure, _) | State::Unknown(failure) => {
                Some(failure)
            }
            _ => None,
        }
    }

    /// Lets the unsafe request go: from this commit on it counts as sent.
    pub fn release(&mut self, now: Ms) {
        self.state = State::InFlight;
        self.submitted.get_or_insert(now);
    }

    /// Takes what happened. `step` is the plugin, called at most once and only in memory.
    pub fn advance(
        &mut self,
        event: Event,
        now: Ms,
        step: impl FnOnce(&Memo, Call<'_>) -> Stepped,
    ) {
        match (self.todo(), event) {
            (Todo::Send(_), Event::Reply { head, body, blobs }) => {
                self.reply(head, &body, blobs, now, step);
            }
            (Todo::Send(_), Event::NoReply { sent, class, detail }) => {
                self.no_reply(sent, class, detail, now, step);
            }
            (Todo::Send(_), Event::Interrupted) => self.interrupted(now),
            (Todo::Fetch, Event::Saved(images)) => self.close(State::Stored(images), now),
            (Todo::Fetch, Event::Lost(failure)) => self.lost(failure, now),
            // Late news of something that is over, or that does not wait for it.
            (Todo::Send(_) | Todo::Fetch | Todo::Closed, _) => {}
        }
    }

    fn reply(
        &mut self,
        mut head: ResponseHead,
        body: &[u8],
        blobs: Vec<Stored>,
        now: Ms,
        step: impl FnOnce(&Memo, Call<'_>) -> Stepped,
    ) {
        let Some(effect) = self.effect.clone() else { return };
        if effect.request.phase == Phase::Polling {
            self.polls += 1;
            self.last_poll = Some(now);
        }
        if let Some(wait) = self.host_retries(effect.request.effect, &head) {
            self.again(now, wait);
            return;
        }
        if let BodyRef::Blob { blob, .. } = &mut head.body {
            *blob += u32::try_from(self.blobs.len()).unwrap_or(u32::MAX);
        }
        self.blobs.extend(blobs);
        let status = head.status;
        let call = Call { kind: Kind::Response { response: head }, body };
        self.step(call, Some(status), now, step);
    }

    fn no_reply(
        &mut self,
        sent: Sent,
        class: String,
        detail: String,
        now: Ms,
        step: impl FnOnce(&Memo, Call<'_>) -> Stepped,
    ) {
        let Some(effect) = self.effect.as_ref() else { return };
        if effect.request.phase == Phase::Polling {
            self.last_poll = Some(now);
        }
        let error = TransportError { effect: effect.request.id.clone(), class, sent };
        match (effect.request.effect, sent) {
            // A poll that gets no answer is no verdict: it is asked again until time is up.
            (Effect::Safe, _) if self.task.is_some() || self.tries < RETRIES => {
                self.again(now, backoff(self.tries));
            }
            (Effect::Idempotent, _) if self.tries < RETRIES => self.again(now, backoff(self.tries)),
            (Effect::Unsafe, Sent::No) if self.tries < RETRIES => {
                self.state = State::Planned;
                self.submitted = None;
                self.again(now, backoff(self.tries));
            }
            (Effect::Unsafe, Sent::No) => {
                self.close(State::Refused(Failure::transport(&error).detail(detail)), now);
            }
            (Effect::Unsafe, Sent::Maybe) => {
                let failure = Failure::unknown_outcome("the edit was sent and the answer was lost");
                self.close(State::Unknown(failure.detail(detail)), now);
            }
            (Effect::Safe | Effect::Idempotent, _) => {
                self.step(
                    Call { kind: Kind::TransportError { error }, body: &[] },
                    None,
                    now,
                    step,
                );
            }
        }
    }

    /// Only an unsafe request leaves doubt; any other is simply sent again.
    fn interrupted(&mut self, now: Ms) {
        if self.state != State::InFlight {
            return;
        }
        let failure = Failure::unknown_outcome("the gateway stopped before the answer came");
        self.close(State::Unknown(failure), now);
    }

    /// A link that no longer leads to the picture is asked for again; only then is it given up.
    fn lost(&mut self, failure: Failure, now: Ms) {
        let may_ask = self.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Safe);
        if may_ask && failure.class != Class::NoOutput && self.refetches < RETRIES {
            self.refetches += 1;
            self.state = State::Accepted;
            self.again(now, backoff(self.refetches));
            return;
        }
        let evidence = Evidence { status: failure.upstream.status, at: now };
        self.close(State::Failed(failure, evidence), now);
    }

    /// First step or later: what the plugin says becomes the next state.
    pub fn step(
        &mut self,
        call: Call<'_>,
        status: Option<u16>,
        now: Ms,
        step: impl FnOnce(&Memo, Call<'_>) -> Stepped,
    ) {
        let stepped = step(&self.memo, call);
        self.memo.step += 1;
        self.tries = 0;
        match stepped {
            Ok((outcome, state)) => self.apply(outcome, state, status, now),
            Err(failure) => self.step_failed(failure, now),
        }
    }

    fn apply(&mut self, outcome: Outcome, state: String, status: Option<u16>, now: Ms) {
        if let Some(task) = outcome.task {
            self.task = Some(task);
        }
        self.upstream_status = outcome.status.or(self.upstream_status.take());
        self.percent = outcome.percent.or(self.percent);
        match outcome.verdict {
            Verdict::Send(request) => {
                self.state = match request.effect {
                    Effect::Safe | Effect::Idempotent if self.task.is_some() => State::Accepted,
                    Effect::Safe | Effect::Idempotent | Effect::Unsafe => State::Planned,
                };
                self.memo.state = state;
                self.effect = Some(Planned { at: now + request.after_ms, request });
            }
            Verdict::Done(done) => {
                self.cost = done.cost;
                match self.lifted(&done.outputs) {
                    Some(images) => self.close(State::Stored(images), now),
                    None => self.state = State::Fetching(done.outputs),
                }
            }
            Verdict::Fail(failure) => self.fail(failure, status, now),
        }
    }

    /// The images themselves, where all of them came with the answer: nothing is left to fetch.
    fn lifted(&self, outputs: &[Output]) -> Option<Vec<Stored>> {
        let image = |output: &Output| match output {
            Output::Blob(n) => self.blobs.get(*n as usize).cloned(),
            Output::Url(_) | Output::Failed(_) => None,
        };
        if outputs.is_empty() { None } else { outputs.iter().map(image).collect() }
    }

    /// A refusal is definite when nothing was taken; after acceptance it needs its evidence.
    fn fail(&mut self, failure: Failure, status: Option<u16>, now: Ms) {
        let state = match failure.class {
            Class::UnknownOutcome => State::Unknown(failure),
            _ if self.task.is_some() => State::Failed(failure, Evidence { status, at: now }),
            _ => State::Refused(failure),
        };
        self.close(state, now);
    }

    /// The plugin itself broke. What it was told may matter: after a submit nobody knows.
    fn step_failed(&mut self, failure: Failure, now: Ms) {
        match self.state {
            State::Accepted => self.again(now, backoff(RETRIES)),
            State::InFlight => self.close(State::Unknown(failure.billed(Billed::Unknown)), now),
            _ => {
                self.close(State::Refused(failure.billed(Billed::No).retry(Retry::Elsewhere)), now);
            }
        }
    }

    /// The gateway itself asks again, before the plugin hears of it, where asking again is free.
    fn host_retries(&self, effect: Effect, head: &ResponseHead) -> Option<Ms> {
        let passing = matches!(head.status, 408 | 425 | 429 | 500 | 502 | 503 | 504);
        let may = match effect {
            Effect::Safe => self.task.is_some() || self.tries < RETRIES,
            Effect::Idempotent => self.tries < RETRIES,
            Effect::Unsafe => false,
        };
        (passing && may).then(|| retry_after(head).unwrap_or_else(|| backoff(self.tries)))
    }

    fn again(&mut self, now: Ms, wait: Ms) {
        self.tries += 1;
        if let Some(effect) = &mut self.effect {
            effect.at = now + wait;
        }
    }

    fn close(&mut self, state: State, now: Ms) {
        self.state = state;
        self.effect = None;
        self.finished = Some(now);
    }
}

/// How often a request that may be sent again is, before its plugin hears of it.
const RETRIES: u32 = 2;

/// One second, doubled each time, at most half a minute.
fn backoff(tries: u32) -> Ms {
    (1_000u64 << tries.min(5)).min(30_000)
}

fn retry_after(head: &ResponseHead) -> Option<Ms> {
    let (_, value) = head.headers.iter().find(|(name, _)| name == "retry-after")?;
    value.trim().parse::<u64>().ok().map(|seconds| seconds.min(300) * 1_000)
}

#[cfg(test)]
mod tests;

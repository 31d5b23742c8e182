//! The transitions of an attempt: what happened in, the next state out. An attempt's state changes
//! here and nowhere else.

use retouch_sdk::{
    Billed, Class, Effect, Failure, Kind, Outcome, Output, Phase, Request, ResponseHead, Retry,
    Sent, TransportError, Verdict,
};

use super::{Attempt, Call, Event, Evidence, Memo, Planned, State, Stepped, Todo};
use crate::clock::Ms;
use crate::images::Stored;

/// How often a request that may be sent again is, before its plugin hears of it.
pub(super) const RETRIES: u32 = 2;

/// One second, doubled each time, at most half a minute.
pub(super) fn backoff(tries: u32) -> Ms {
    (1_000u64 << tries.min(5)).min(30_000)
}

/// The beginning of an answer, for the operator who has to find out what became of it.
fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..512).unwrap_or(body)).into_owned()
}

fn retry_after(head: &ResponseHead) -> Option<Ms> {
    let (_, value) = head.headers.iter().find(|(name, _)| name == "retry-after")?;
    value.trim().parse::<u64>().ok().map(|seconds| seconds.min(300) * 1_000)
}

impl Attempt {
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
        self.paced = false;
        match (self.todo(), event) {
            (Todo::Send(_) | Todo::Tell, Event::Reply { head, body, blobs }) => {
                self.reply(head, &body, blobs, now, step);
            }
            (Todo::Send(_) | Todo::Tell, Event::NoReply { sent, class, detail }) => {
                self.no_reply(sent, class, detail, now, step);
            }
            (Todo::Send(_), Event::Interrupted) => self.interrupted(now, step),
            (Todo::Fetch(_), Event::Saved(images)) => self.close(State::Stored(images), now),
            (Todo::Fetch(_), Event::Lost(failure)) => self.unfetched(failure, now),
            (Todo::Tell, Event::Told) => self.told(now),
            (Todo::Closed, Event::Created(task)) => self.created(task, now, step),
            (Todo::Closed, Event::NotCreated) => self.not_created(now),
            // Late news of something that is over, or that does not wait for it.
            (Todo::Send(_) | Todo::Fetch(_) | Todo::Tell | Todo::Closed, _) => {}
        }
    }

    /// Takes a release back: it was written, and nothing was sent.
    pub fn take_back(&mut self) {
        if self.state == State::InFlight && !self.lost {
            self.state = State::Planned;
            if !self.bought {
                self.submitted = None;
            }
        }
    }

    /// Whether the provider has it for certain.
    pub(super) fn is_taken(&self) -> bool {
        self.task.is_some() || matches!(self.state, State::Accepted | State::Fetching(_))
    }

    fn reply(
        &mut self,
        head: ResponseHead,
        body: &[u8],
        blobs: Vec<Stored>,
        now: Ms,
        step: impl FnOnce(&Memo, Call<'_>) -> Stepped,
    ) {
        let Some(effect) = self.effect.clone() else { return };
        self.last_asked = Some(now);
        if effect.request.phase == Phase::Polling {
            self.polls += 1;
            self.last_poll = Some(now);
        }
        if let Some(wait) = self.host_retries(&effect.request, &head) {
            self.lost |= pays(&effect.request) && head.status >= 500;
            self.again(now, wait);
            return;
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
        self.last_asked = Some(now);
        if effect.request.phase == Phase::Polling {
            self.last_poll = Some(now);
        }
        let error = TransportError { effect: effect.request.id.clone(), class, sent };
        // Our own rules will not be different the next time.
        let passing = error.class != "blocked";
        if pays(&effect.request) {
            return self.unanswered(&error, passing, detail, now, step);
        }
        // A poll that gets no answer is no verdict.
        if passing && self.may_ask_again(&effect.request) {
            return self.again(now, backoff(self.tries));
        }
        self.step(Call { kind: Kind::TransportError { error }, body: &[] }, None, now, step);
    }

    /// A link that no longer leads to the picture is asked for again; then its job is told that it
    /// cannot be had, and it is tried again now and then: it was paid for.
    fn unfetched(&mut self, failure: Failure, now: Ms) {
        if failure.class == Class::NoOutput {
            let evidence = Evidence::NoPicture { at: now };
            // The provider is done and has probably charged: to ask elsewhere would be to pay again.
            return self.close(State::Failed(failure.retry(Retry::Never), evidence), now);
        }
        let fresh = self.effect.as_ref().is_some_and(|e| e.request.effect == Effect::Safe);
        if self.given_up.is_none() && (!fresh || self.refetches >= RETRIES) {
            self.give_up(now, Some(failure.retry(Retry::Never)));
        } else if self.given_up.is_none() {
            self.refetches += 1;
        }
        if fresh {
            self.state = State::Accepted;
            self.again(now, backoff(self.refetches));
        } else {
            self.fetch_at = now + self.patience(now);
        }
    }

    /// First step or later: what the plugin says becomes the next state.
    pub fn step(
        &mut self,
        call: Call<'_>,
        status: Option<u16>,
        now: Ms,
        step: impl FnOnce(&Memo, Call<'_>) -> Stepped,
    ) {
        let answer = excerpt(call.body);
        let stepped = step(&self.memo, call);
        self.memo.step += 1;
        self.tries = 0;
        match stepped {
            Ok((outcome, state)) => self.apply(outcome, state, status, now),
            Err(failure) => self.step_failed(failure, &answer, now),
        }
    }

    fn apply(&mut self, outcome: Outcome, state: String, status: Option<u16>, now: Ms) {
        self.trouble = None;
        if let Some(task) = outcome.task {
            self.task = Some(task);
        }
        self.upstream_status = outcome.status.or(self.upstream_status.take());
        self.percent = outcome.percent.or(self.percent);
        match outcome.verdict {
            Verdict::Send(request) => {
                self.memo.state = state;
                self.goes_on(request, now);
            }
            Verdict::Done(done) => {
                self.cost = done.cost;
                self.is_heard_of();
                match self.lifted(&done.outputs) {
                    Some(images) => {
                        self.close(State::Stored(images.into_iter().map(Ok).collect()), now);
                    }
                    None => {
                        self.fetch_at = now;
                        self.state = State::Fetching(done.outputs);
                    }
                }
            }
            Verdict::Fail(failure) => self.fail(failure, status, now),
        }
    }

    fn goes_on(&mut self, request: Request, now: Ms) {
        let looks = self.lost && self.task.is_none();
        if pays(&request) && (looks || self.given_up.is_some()) {
            // Nothing more is bought for a job that is over, or while it is not known what was.
            return self.never_mind(now);
        }
        self.lost = looks;
        self.bought |= self.state == State::InFlight && !looks;
        // After a submit was answered without a refusal the provider has it, task id or not.
        let taken = self.task.is_some() || self.submitted.is_some();
        if taken && !looks {
            self.is_heard_of();
        }
        self.state = match () {
            () if looks => State::InFlight,
            () if taken && !pays(&request) => State::Accepted,
            () => State::Planned,
        };
        let wait = request.after_ms.max(self.patience(now));
        self.effect = Some(Planned { at: now + wait, request });
        self.tell_if_it_can();
    }

    /// The images themselves, where all of them came with the answer: nothing is left to fetch.
    fn lifted(&self, outputs: &[Output]) -> Option<Vec<Stored>> {
        let image = |output: &Output| match output {
            Output::Blob(n) => self.blobs.get(*n as usize).cloned(),
            Output::Url(_) | Output::Inline(_) | Output::Failed(_) => None,
        };
        if outputs.is_empty() || self.converts { None } else { outputs.iter().map(image).collect() }
    }

    /// A refusal is definite when the plugin is certain that nothing was charged; after acceptance
    /// a failure needs the answer that says so; whatever else follows a submit is not known.
    fn fail(&mut self, mut failure: Failure, status: Option<u16>, now: Ms) {
        if self.is_taken() {
            return self.fail_taken(failure, status, now);
        }
        // A refusal of what was sent again says little of what was sent before: it may not have been
        // looked at that far.
        let sent_again = self.effect.as_ref().is_some_and(|effect| pays(&effect.request));
        if self.lost && (sent_again || status.is_none() || of_the_question(failure.class)) {
            failure.billed = Billed::Unknown;
        }
        let may_cost = self.state == State::InFlight && failure.billed != Billed::No;
        let verdict =
            matches!(failure.class, Class::Moderation | Class::NoOutput | Class::InvalidRequest);
        let state = if let Some(status) = status.filter(|_| may_cost && verdict) {
            // Done and charged, without a picture: to ask elsewhere would be to pay again.
            State::Failed(failure.retry(Retry::Never), Evidence::Answer { status, at: now })
        } else if may_cost || failure.class == Class::UnknownOutcome {
            failure.class = Class::UnknownOutcome;
            State::Unknown(failure)
        } else {
            State::Refused(failure)
        };
        self.close(state, now);
    }

    /// Trouble with the key, the rate or the line says nothing of a task that was taken before, so
    /// it is never a reason to submit it elsewhere; nor is one that was charged and came to nothing.
    fn fail_taken(&mut self, mut failure: Failure, status: Option<u16>, now: Ms) {
        let Some(status) = status else { return self.again(now, backoff(self.tries)) };
        if failure.class == Class::Canceled && self.given_up.is_some() {
            return self.close(State::Canceled, now);
        }
        if self.by_word && failure.class == Class::NotFound {
            let why = "the provider knows no task of the id that was given";
            return self.close(State::Unknown(Failure::unknown_outcome(why)), now);
        }
        if of_the_question(failure.class) || failure.billed == Billed::Yes {
            failure.retry = Retry::Never;
        }
        if of_the_question(failure.class) && failure.billed == Billed::No {
            failure.billed = Billed::Unknown;
        }
        let state = match failure.class {
            Class::UnknownOutcome => State::Unknown(failure),
            _ => State::Failed(failure, Evidence::Answer { status, at: now }),
        };
        self.close(state, now);
    }

    /// The plugin itself broke. What it was told may matter: after a submit nobody knows.
    fn step_failed(&mut self, mut failure: Failure, answer: &str, now: Ms) {
        match self.state {
            State::Accepted => {
                let detail = failure.detail.as_deref().unwrap_or_default();
                self.trouble = Some(format!("{}: {detail}", failure.message));
                self.again(now, backoff(RETRIES));
            }
            State::InFlight => {
                failure.class = Class::UnknownOutcome;
                let cause = failure.detail.clone().unwrap_or_default();
                let failure = failure
                    .billed(Billed::Unknown)
                    .detail(format!("{cause}; the answer was: {answer}"));
                self.close(State::Unknown(failure), now);
            }
            _ => {
                self.close(State::Refused(failure.billed(Billed::No).retry(Retry::Elsewhere)), now);
            }
        }
    }

    /// The gateway itself asks again, before the plugin hears of it, where asking again is free.
    fn host_retries(&self, effect: &Request, head: &ResponseHead) -> Option<Ms> {
        let passing = matches!(head.status, 408 | 425 | 429 | 500 | 502 | 503 | 504);
        let wanted = self.given_up.is_none() || !pays(effect);
        (passing && wanted && self.may_ask_again(effect))
            .then(|| retry_after(head).unwrap_or_else(|| backoff(self.tries)))
    }

    /// A question how a task goes is asked until its time is over; anything else a few times.
    fn may_ask_again(&self, request: &Request) -> bool {
        match request.effect {
            Effect::Safe if request.phase == Phase::Polling => {
                self.is_taken() || self.lost || self.tries < RETRIES
            }
            Effect::Safe | Effect::Idempotent => self.tries < RETRIES,
            Effect::Unsafe => false,
        }
    }

    pub(super) fn again(&mut self, now: Ms, wait: Ms) {
        self.tries += 1;
        let wait = wait.max(self.patience(now));
        if let Some(effect) = &mut self.effect {
            effect.at = now + wait;
        }
    }

    pub(super) fn close(&mut self, state: State, now: Ms) {
        self.state = state;
        self.effect = None;
        self.held_until = None;
        self.finished = Some(now);
    }
}

/// Whether sending it may be charged.
pub fn pays(request: &Request) -> bool {
    match request.effect {
        Effect::Safe => false,
        Effect::Idempotent => request.phase == Phase::Submitting,
        Effect::Unsafe => true,
    }
}

/// Whether a failure says something of the question and nothing of what was asked about.
fn of_the_question(class: Class) -> bool {
    matches!(class, Class::Auth | Class::Config | Class::Quota | Class::RateLimited | Class::Busy)
}

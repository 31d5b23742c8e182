//! A plugin inside the test, behind the same table as any library: upload, submit, ask, done. Its
//! API types differ in what their provider can do, as their label says.

use retouch_sdk::prelude::*;
use retouch_sdk::private as sdk;
use serde::{Deserialize, Serialize};

use crate::plugin::{Label, Registry};

/// Polled; a task can be stopped.
pub(super) const TASK: &str = "sim-task";
/// The submit's answer holds the result.
pub(super) const SYNC: &str = "sim-sync";
/// Submitting twice with one key makes one task.
pub(super) const KEYED: &str = "sim-keyed";
/// A task can be found by our own reference; inputs are uploaded first.
pub(super) const FOUND: &str = "sim-found";

const IDS: [&str; 4] = [TASK, SYNC, KEYED, FOUND];

/// The plugins of a catalog, with this one as the only one, in that version.
pub(super) fn registry(minor: u64) -> Registry {
    let label = json!({
        "abi": 1, "id": "sim", "version": format!("1.{minor}.0"), "panic": "unwind",
        "types": [
            { "id": TASK, "caps": { "cancel": true, "n": 1 } },
            { "id": SYNC, "caps": { "sync": true, "n": 4 } },
            { "id": KEYED, "caps": { "idempotent_submit": true, "n": 2 } },
            { "id": FOUND, "caps": { "find_by_reference": true, "n": 1 } },
        ],
    });
    let label = Label::parse(label.to_string().as_bytes()).unwrap();
    Registry::of_tables([(label, sdk::table::<Types>())])
}

enum Types {}

impl sdk::Export for Types {
    const TYPES: &'static [sdk::Entry] = &[
        sdk::Entry::of::<Sim<0>>(),
        sdk::Entry::of::<Sim<1>>(),
        sdk::Entry::of::<Sim<2>>(),
        sdk::Entry::of::<Sim<3>>(),
    ];
}

/// The API type of that number.
struct Sim<const TYPE: usize> {
    host: String,
}

#[derive(Deserialize)]
struct Config {
    host: String,
}

/// Where an attempt stands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Uploading(Ask),
    Submitted(Ask),
    Finding(Ask),
    Polling(String),
    Canceling,
}

/// What is submitted.
#[derive(Clone, Serialize, Deserialize)]
struct Ask {
    job: String,
    attempt: u32,
    prompt: String,
    n: u32,
}

/// What the provider says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    task: Option<String>,
    state: String,
    urls: Vec<String>,
    cost: Option<String>,
    billed: Option<bool>,
    error: Option<String>,
}

impl<const TYPE: usize> ApiType for Sim<TYPE> {
    const ID: &'static str = IDS[TYPE];
    type Config = Config;
    type State = Stage;

    fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { host: config.host })
    }

    fn start(&self, cx: &Cx, job: &Job) -> Step<Stage> {
        let (job, prompt) = ((cx.context.job.clone(), job.n), job.prompt.clone());
        let ask = Ask { job: job.0, attempt: cx.context.attempt, prompt, n: job.1 };
        if Self::ID == FOUND {
            let upload = cx.post(&self.host, "upload").idempotent().phase(Phase::Uploading);
            return Ok(upload.json(&json!(ask)).then(Stage::Uploading(ask)));
        }
        Ok(self.submit(cx, ask))
    }

    fn resume(&self, cx: &Cx, stage: Stage, event: &Event) -> Step<Stage> {
        match stage {
            Stage::Uploading(ask) => {
                event.response()?.success()?;
                Ok(self.submit(cx, ask))
            }
            Stage::Submitted(ask) => match event {
                Event::Response(answer) => self.submitted(cx, answer),
                _ if Self::ID == FOUND => Ok(self.find(cx, ask, 0)),
                other => Err(other.response().err().unwrap_or_else(|| unknown("no answer"))),
            },
            Stage::Finding(ask) => match event {
                Event::Response(answer) => self.found(cx, ask, answer),
                _ => Ok(self.find(cx, ask, 5_000)),
            },
            Stage::Polling(task) => match event {
                Event::Response(answer) => self.polled(cx, task, answer),
                _ => Ok(self.poll(cx, task)),
            },
            Stage::Canceling => Err(unknown("the task was stopped")),
        }
    }

    fn found(&self, cx: &Cx, _: Stage, task: &str) -> Step<Stage> {
        Ok(self.poll(cx, task.to_owned()))
    }

    fn cancel(&self, cx: &Cx, stage: Stage) -> Step<Stage> {
        match stage {
            Stage::Polling(task) => {
                let path = format!("cancel/{task}");
                Ok(cx.post(&self.host, &path).bearer().idempotent().then(Stage::Canceling))
            }
            _ => Err(Failure::plugin_bug("there is no task to stop")),
        }
    }
}

impl<const TYPE: usize> Sim<TYPE> {
    fn submit(&self, cx: &Cx, ask: Ask) -> Next<Stage> {
        let mut request = cx.post(&self.host, "submit").bearer().json(&json!(ask));
        if Self::ID == KEYED {
            request = request.idempotent().phase(Phase::Submitting);
            request.idempotency_key = Some(format!("{} {}", ask.job, ask.attempt));
        }
        let patience = if Self::ID == SYNC { 300_000 } else { 30_000 };
        request.timeout_ms(patience).then(Stage::Submitted(ask))
    }

    /// What is no clear refusal may have been taken.
    fn submitted(&self, cx: &Cx, answer: &Response) -> Step<Stage> {
        if !(200..300).contains(&answer.status()) {
            return Err(refused(answer));
        }
        let said: Said = answer.json().map_err(|_| unknown("the answer makes no sense"))?;
        match said.task {
            Some(_) if !said.urls.is_empty() => done(&said),
            Some(task) => Ok(self.poll(cx, task)),
            None => Err(unknown("the answer names no task")),
        }
    }

    fn find(&self, cx: &Cx, ask: Ask, after: u64) -> Next<Stage> {
        let path = format!("find/{}/{}", ask.job, ask.attempt);
        let request = cx.get(&self.host, &path).bearer().after_ms(after);
        request.then(Stage::Finding(ask))
    }

    fn found(&self, cx: &Cx, ask: Ask, answer: &Response) -> Step<Stage> {
        let said: Result<Said, Failure> = answer.json();
        match (answer.status(), said) {
            (200, Ok(Said { task: Some(task), .. })) => Ok(self.poll(cx, task)),
            // Its list lags behind: not found is no proof.
            (200, Ok(_)) => Err(unknown("the provider's list does not have it")),
            _ => Ok(self.find(cx, ask, 5_000)),
        }
    }

    fn poll(&self, cx: &Cx, task: String) -> Next<Stage> {
        let request = cx.get(&self.host, &format!("poll/{task}")).bearer();
        let next = request.then(Stage::Polling(task.clone())).task(task);
        if Self::ID == TASK { next.cancelable() } else { next }
    }

    /// Only what the provider says of the task is a verdict.
    fn polled(&self, cx: &Cx, task: String, answer: &Response) -> Step<Stage> {
        let said: Said = match answer.json() {
            Ok(said) if answer.status() == 200 => said,
            _ => return Ok(self.poll(cx, task)),
        };
        let status = said.state.clone();
        match status.as_str() {
            "done" => done(&said),
            "failed" => {
                let billed = match said.billed {
                    Some(true) => Billed::Yes,
                    Some(false) => Billed::No,
                    None => Billed::Unknown,
                };
                let class = if said.error.as_deref() == Some("policy") {
                    Class::Moderation
                } else {
                    Class::ProviderError
                };
                let retry = if billed == Billed::No { Retry::Elsewhere } else { Retry::Never };
                Err(Failure::new(class, "the provider failed").retry(retry).billed(billed))
            }
            _ => Ok(self.poll(cx, task).status(status)),
        }
    }
}

fn done(said: &Said) -> Step<Stage> {
    let cost = said.cost.clone().map(|amount| Cost { amount, currency: "CNY".to_owned() });
    Ok(Done::new(said.urls.iter().map(Output::url)).cost(cost).into())
}

/// What the provider refuses in so many words was not taken; any other trouble may have been.
fn refused(answer: &Response) -> Failure {
    let said: Said = answer.json().unwrap_or_default();
    let refusal = |class, words: &str| {
        let mut failure = Failure::new(class, words).status(answer.status());
        failure.retry_after_ms = answer.retry_after_ms();
        failure
    };
    match (answer.status(), said.error.as_deref()) {
        (401, _) => refusal(Class::Auth, "the provider does not accept the key"),
        (402, _) => refusal(Class::Quota, "the account has no credit left"),
        (429, _) => refusal(Class::RateLimited, "too many requests"),
        (503, Some("full")) => refusal(Class::Busy, "the provider is full"),
        (400, Some("policy")) => refusal(Class::Moderation, "refused by its policy"),
        _ => unknown("the provider broke").status(answer.status()),
    }
}

fn unknown(words: &str) -> Failure {
    Failure::unknown_outcome(words)
}

//! One call of a plugin: the event as JSON in, outcome and state out. Microseconds, in memory.

use retouch_sdk::{Context, Failure, Kind, Outcome, StepEvent};

use crate::attempt::{Call, Memo, Stepped};
use crate::clock::Ms;
use crate::id::JobId;
use crate::plugin::StepCall;
use crate::snapshot::Provider;

/// What stays the same through an attempt's steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) provider: &'a Provider,
    pub(super) job: &'a JobId,
    pub(super) attempt: u32,
    pub(super) now: Ms,
    pub(super) deadline: Ms,
}

impl Frame<'_> {
    /// Calls the plugin. What is wrong with the plugin becomes a failure of class `plugin_bug`.
    pub(super) fn step(&self, memo: &Memo, call: Call<'_>) -> Stepped {
        let event = StepEvent { v: 1, cx: self.context(memo), kind: call.kind };
        let starts = matches!(event.kind, Kind::Start { .. });
        let event = serde_json::to_vec(&event).map_err(|error| bug(&error))?;
        let answer = self
            .provider
            .instance
            .step(StepCall {
                event: &event,
                state: if starts { &[] } else { memo.state.as_bytes() },
                attach: &[call.body],
                now_ms: self.now,
                deadline_ms: self.deadline,
            })
            .map_err(|error| bug(&error))?;
        let outcome: Outcome = serde_json::from_slice(&answer.outcome).map_err(|error| {
            let said =
                String::from_utf8_lossy(answer.outcome.get(..200).unwrap_or(&answer.outcome));
            bug(&format!("its outcome is none: {error}: {said}"))
        })?;
        let state = String::from_utf8(answer.state).map_err(|error| bug(&error))?;
        Ok((outcome, state))
    }

    fn context(&self, memo: &Memo) -> Context {
        Context {
            job: self.job.to_string(),
            attempt: self.attempt,
            step: memo.step,
            seed: memo.seed,
            locale: "en".to_owned(),
        }
    }
}

fn bug(error: &dyn std::fmt::Display) -> Failure {
    Failure::plugin_bug("the provider's plugin failed").detail(error.to_string())
}

//! A check of a provider as a test asks for it: which questions there are, and what is made of an
//! answer.

use serde_json::Value;

use super::reply::{Reply, What};
use super::rig::{Rig, text};
use crate::drive::Call;
use crate::{ApiType, BodyRef, Check, Context, Effect, Kind, ResponseHead, StepEvent};

/// What is known and asked at first. Fails where a question is not free.
pub fn check<T: ApiType>(config: &Value) -> Check {
    ask::<T>(config, Kind::Check, &[])
}

/// What is made of the answer to one of these questions.
pub fn checked<T: ApiType>(config: &Value, question: &str, reply: &Reply) -> Check {
    let What::Answer { status, headers, body } = &reply.what else {
        panic!("a check's plugin hears of answers only");
    };
    let response = ResponseHead {
        effect: question.to_owned(),
        status: *status,
        headers: headers.clone(),
        body: BodyRef::Attach { attach: 0, bytes: body.len() as u64 },
        elapsed_ms: 12,
    };
    ask::<T>(config, Kind::Checked { question: question.to_owned(), response }, body)
}

fn ask<T: ApiType>(config: &Value, kind: Kind, body: &[u8]) -> Check {
    let driver = Rig::of::<T>(config.clone()).make();
    let event = StepEvent { v: 1, cx: Context::default(), kind };
    let event = serde_json::to_vec(&event).unwrap_or_default();
    let call = Call { event: &event, state: &[], attach: vec![body], now_ms: 0, deadline_ms: 0 };
    let answer = match driver.step(call) {
        Ok(answer) => answer,
        Err(error) => panic!("the check answers status {}: {}", error.status, error.message),
    };
    assert!(answer.state.is_empty(), "a check keeps nothing");
    let outcome: Value = serde_json::from_slice(&answer.outcome).unwrap_or_default();
    let check: Check = match serde_json::from_value(outcome["check"].clone()) {
        Ok(check) => check,
        Err(error) => panic!("no check: {error}: {}", text(&answer.outcome)),
    };
    for question in &check.questions {
        let effect = question.request.effect;
        assert!(effect != Effect::Unsafe, "the question {} may cost something", question.step);
    }
    check
}

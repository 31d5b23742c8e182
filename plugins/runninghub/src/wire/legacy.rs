//! The older API's answer about a task, as the newer one would have said it: its state is a code,
//! its results are `data`, and `data` is a list, an object, text or nothing by turns.

use serde_json::Value;

use super::{Answer, Usage, record};

/// What an older answer says. One in the newer form, as some servers give, is left as it is.
pub(super) fn read(answer: Answer, body: &Value) -> Answer {
    if answer.word.is_some() {
        return answer;
    }
    let data = body.get("data").unwrap_or(&Value::Null);
    let items = match data {
        Value::Array(items) => Some(items.clone()),
        Value::Object(item) if item.contains_key("fileUrl") => Some(vec![data.clone()]),
        _ => None,
    };
    let word = match (answer.code.as_deref(), &items, data) {
        (Some("804"), ..) => Some("RUNNING"),
        (Some("813"), ..) => Some("QUEUED"),
        (Some("805"), ..) => Some("FAILED"),
        (Some("0" | "200"), Some(_), _) => Some("SUCCESS"),
        (Some("0" | "200"), None, Value::String(word)) => Some(word.as_str()),
        _ => None,
    };
    let word = word.map(str::to_owned);
    // Each result has the whole task's cost beside it.
    let usage = items.iter().flatten().find_map(|item| record::<Usage>(item.clone()));
    Answer { word, results: items, usage: answer.usage.or(usage), ..answer }
}

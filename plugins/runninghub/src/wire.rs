//! RunningHub's JSON, read with tolerance and nothing more: what a field means is judged elsewhere.
//!
//! Live answers and documents disagree on types and names (an error code as text, number or null; a
//! task id as text or number; a `data` wrapper or none), so a field of an unforeseen type counts as
//! absent. An id that was rounded to a float on its way is no id.

mod legacy;

use retouch_sdk::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A snowflake has 19 digits; what is much longer is no id, and would be stored with every poll.
const MAX_ID_BYTES: usize = 128;
/// Links are kept in the state until the submit.
const MAX_LINK_BYTES: usize = 2_000;

/// The answer of every endpoint: flat at the current API, within `data` at upload.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    #[serde(rename = "taskId", deserialize_with = "text")]
    task_id: Option<String>,
    #[serde(rename = "task_id", deserialize_with = "text")]
    task_id_alias: Option<String>,
    #[serde(rename = "status", deserialize_with = "text")]
    pub(crate) word: Option<String>,
    #[serde(rename = "errorCode", deserialize_with = "text")]
    error_code: Option<String>,
    #[serde(deserialize_with = "text")]
    code: Option<String>,
    #[serde(rename = "errorMessage", deserialize_with = "text")]
    error_message: Option<String>,
    #[serde(deserialize_with = "text")]
    message: Option<String>,
    #[serde(deserialize_with = "text")]
    msg: Option<String>,
    #[serde(deserialize_with = "list")]
    results: Option<Vec<Value>>,
    #[serde(deserialize_with = "object")]
    usage: Option<Usage>,
    #[serde(rename = "failedReason", deserialize_with = "reason")]
    failed_reason: Option<String>,
    #[serde(deserialize_with = "text")]
    download_url: Option<String>,
    #[serde(rename = "fileName", alias = "filename", deserialize_with = "text")]
    file_name: Option<String>,
    #[serde(deserialize_with = "object")]
    data: Option<Box<Answer>>,
}

/// A task's status, in whatever word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Going,
    Success,
    Failed,
    Canceled,
    /// None, or a word nobody has documented.
    Other,
}

/// What a task cost. Models are billed under `thirdPartyConsumeMoney`, workflows under the other.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    #[serde(rename = "thirdPartyConsumeMoney", deserialize_with = "text")]
    third_party_consume_money: Option<String>,
    #[serde(rename = "consumeMoney", deserialize_with = "text")]
    consume_money: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    #[serde(deserialize_with = "text")]
    url: Option<String>,
    #[serde(rename = "outputUrl", deserialize_with = "text")]
    output_url: Option<String>,
    #[serde(rename = "fileUrl", deserialize_with = "text")]
    file_url: Option<String>,
}

impl Answer {
    /// What an answer says; nothing at all when it is no JSON.
    pub(crate) fn read(response: &Response) -> Self {
        Self::of(serde_json::from_slice(&response.body).unwrap_or_default())
    }

    /// The same of the older API's question for a task's result.
    pub(crate) fn read_legacy(response: &Response) -> Self {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        legacy::read(Self::of(body.clone()), &body)
    }

    fn of(body: Value) -> Self {
        let mut answer: Self = record(body).unwrap_or_default();
        if let Some(inner) = answer.data.take() {
            answer.word = answer.word.or(inner.word);
            answer.task_id = answer.task_id.or(answer.task_id_alias.take()).or(inner.task_id);
            answer.task_id_alias = inner.task_id_alias;
            answer.error_code = answer.error_code.or(inner.error_code);
            answer.error_message = answer.error_message.or(inner.error_message);
            answer.results = answer.results.or(inner.results);
            answer.usage = answer.usage.or(inner.usage);
            answer.failed_reason = answer.failed_reason.or(inner.failed_reason);
            answer.download_url = answer.download_url.or(inner.download_url);
            answer.file_name = answer.file_name.or(inner.file_name);
        }
        answer
    }

    pub(crate) fn status(&self) -> Status {
        let word = self.word.as_deref().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "CREATE" | "PENDING" | "QUEUED" | "RUNNING" => Status::Going,
            "SUCCESS" => Status::Success,
            "FAILED" => Status::Failed,
            "CANCEL" | "CANCELED" | "CANCELLED" => Status::Canceled,
            _ => Status::Other,
        }
    }

    pub(crate) fn task(&self) -> Option<&str> {
        let id = self.task_id.as_deref().or(self.task_id_alias.as_deref());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        id.filter(|id| id.len() <= MAX_ID_BYTES && id.bytes().all(plain))
    }

    /// The code of what went wrong, whichever field it came in.
    pub(crate) fn code(&self) -> Option<&str> {
        let codes = [self.error_code.as_deref(), self.code.as_deref()];
        codes.into_iter().flatten().find(|code| !matches!(*code, "0" | "200"))
    }

    /// What it says about that. `msg` is `success` even for failures, and then says nothing.
    pub(crate) fn message(&self) -> Option<&str> {
        let texts = [&self.error_message, &self.failed_reason, &self.message, &self.msg];
        let said = texts.into_iter().flatten().map(String::as_str);
        said.into_iter().find(|text| !text.eq_ignore_ascii_case("success"))
    }

    /// Where an uploaded file can be had.
    pub(crate) fn link(&self) -> Option<&str> {
        let link = self.download_url.as_deref().filter(|link| link.len() <= MAX_LINK_BYTES);
        link.filter(|_| self.code().is_none())
    }

    /// Whether a file was taken that can only be had by name: the older upload, no use here.
    pub(crate) fn only_named(&self) -> bool {
        self.code().is_none() && self.file_name.is_some() && self.download_url.is_none()
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        let items = self.results.iter().flatten().cloned();
        let items = items.filter_map(record::<Item>);
        items.filter_map(|item| item.url.or(item.output_url).or(item.file_url)).collect()
    }

    /// A decimal amount; absent means unknown, not free.
    pub(crate) fn amount(&self) -> Option<&str> {
        let usage = self.usage.as_ref()?;
        let said = [&usage.third_party_consume_money, &usage.consume_money];
        let mut amounts = said.into_iter().flatten().map(String::as_str);
        let decimal = |amount: &str| amount.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        amounts.find(|amount| decimal(amount) && amount.parse::<f64>().is_ok())
    }
}

/// Text or an integer as text; the empty text is as good as none.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

/// The exception's message, where there is one; `{}` says nothing, and bare text is a traceback.
fn reason<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(from)?;
    let told = value.get("exception_message").and_then(Value::as_str).unwrap_or_default().trim();
    Ok(Some(told.to_owned()).filter(|told| !told.is_empty()))
}

fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Value>>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Array(items) => Some(items),
        _ => None,
    })
}

fn object<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    Ok(record(Value::deserialize(from)?))
}

/// Only an object: serde would also read a list as a struct, field by field.
fn record<T: DeserializeOwned>(value: Value) -> Option<T> {
    if value.is_object() { serde_json::from_value(value).ok() } else { None }
}

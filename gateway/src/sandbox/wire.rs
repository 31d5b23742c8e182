//! The RunningHub wire: request bodies in, answers out, error codes with their texts.
//!
//! The `v2` answers are flat, without a `code`; every trouble but a rate limit is HTTP 200 with
//! `errorCode` as a string. The legacy and the upload answers have the `code` envelope.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::picture::{Ratio, Tier};
use super::task::State;

/// The longest prompt the service's registry names.
const MAX_PROMPT_CHARACTERS: usize = 20_000;
const MAX_IMAGES: usize = 10;

/// A refusal or failure, as the service words it: in English and Chinese at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: u16,
    en: Cow<'static, str>,
    zh: &'static str,
}

/// A request to edit pictures, checked as far as it can be without looking at them.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) image_urls: Vec<String>,
    pub(super) prompt: String,
    pub(super) tier: Tier,
    pub(super) ratio: Option<Ratio>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderBody {
    image_urls: Option<Vec<String>>,
    prompt: Option<String>,
    resolution: Option<String>,
    aspect_ratio: Option<String>,
}

/// A question about a task, `v2` or legacy.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Question {
    pub(super) task_id: String,
    /// Legacy only: there the key may stand in the body.
    pub(super) api_key: Option<String>,
}

/// An upload, as its answer shows it.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) file: String,
    pub(super) bytes: usize,
}

/// The one flat shape that a submit and a query answer with.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    task_id: String,
    status: &'static str,
    error_code: String,
    error_message: String,
    results: Option<[ResultItem; 1]>,
    client_id: Option<String>,
    prompt_tips: Option<String>,
    failed_reason: serde_json::Map<String, Value>,
    usage: Option<Usage>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultItem {
    url: String,
    output_type: &'static str,
    text: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    consume_money: Option<String>,
    consume_coins: Option<String>,
    task_cost_time: Option<&'static str>,
    third_party_consume_money: Option<&'static str>,
}

impl Fault {
    pub(super) const NO_USER: Self = Self::new(806, "APIKEY_USER_NOT_FOUND", "API Key 不存在");
    pub(super) const UNAUTHORIZED: Self =
        Self::new(802, "APIKEY_UNAUTHORIZED", "API Key 无效或已过期");
    pub(super) const RATE: Self = Self::new(1003, "Rate limit exceeded, slow down", "请求过于频繁");
    pub(super) const NO_TASK: Self = Self::new(1004, "Task not found", "任务不存在");
    pub(super) const UNREADABLE: Self =
        Self::new(1007, "failed to parse request body", "请求体解析失败");
    pub(super) const TOO_LARGE: Self =
        Self::new(1008, "File size exceeds the limit", "文件大小超出限制");
    pub(super) const METHOD: Self =
        Self::new(1009, "HTTP method not supported", "不支持的 HTTP 方法");
    pub(super) const FILE: Self = Self::new(1013, "File processing failed", "文件处理失败");
    pub(super) const GENERATION_FAILED: Self =
        Self::new(1015, "Generation failed, please try again", "生成失败，请重试");
    pub(super) const MODERATED: Self =
        Self::new(1501, "Content audit not passed", "内容审核未通过");
    pub(super) const QUEUE_FULL: Self =
        Self::new(1520, "Concurrency limit reached", "并发数已达上限");

    const fn new(code: u16, en: &'static str, zh: &'static str) -> Self {
        Self { code, en: Cow::Borrowed(en), zh }
    }

    /// A parameter that is not as the service wants it.
    pub(super) fn parameter(what: impl Into<Cow<'static, str>>) -> Self {
        Self { code: 1007, en: what.into(), zh: "参数错误" }
    }

    /// A file that cannot be had or used, with the reason.
    pub(super) fn file(why: impl Into<Cow<'static, str>>) -> Self {
        Self { en: why.into(), ..Self::FILE }
    }

    pub(super) fn message(&self) -> String {
        format!("{} | {}", self.en, self.zh)
    }
}

impl Order {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let body: OrderBody = serde_json::from_slice(body).map_err(|_| Fault::UNREADABLE)?;
        let image_urls = body.image_urls.unwrap_or_default();
        if image_urls.is_empty() || image_urls.len() > MAX_IMAGES {
            return Err(Fault::parameter("imageUrls must hold 1 to 10 images"));
        }
        let prompt = body.prompt.unwrap_or_default();
        if prompt.trim().is_empty() || prompt.chars().count() > MAX_PROMPT_CHARACTERS {
            return Err(Fault::parameter("prompt must have 1 to 20000 characters"));
        }
        let tier = body.resolution.as_deref().and_then(Tier::parse);
        let tier = tier.ok_or_else(|| Fault::parameter("resolution must be 1k, 2k or 4k"))?;
        let ratio = match body.aspect_ratio.as_deref() {
            None => None,
            Some(text) => Some(Ratio::parse(text).ok_or_else(|| {
                Fault::parameter("aspectRatio is not one of those this model knows")
            })?),
        };
        Ok(Self { image_urls, prompt, tier, ratio })
    }
}

impl Question {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(body).map_err(|_| Fault::UNREADABLE)
    }
}

impl Answer {
    /// A request that led to no task.
    pub(super) fn refused(fault: &Fault) -> Self {
        Self {
            error_code: fault.code.to_string(),
            error_message: fault.message(),
            ..Self::default()
        }
    }

    pub(super) fn queued(task_id: String) -> Self {
        Self { task_id, status: "QUEUED", ..Self::default() }
    }

    /// How the task stands; `link` makes the address of a result's file.
    pub(super) fn of(task_id: String, state: State, link: impl Fn(&str) -> String) -> Self {
        let pending = |status| Self { status, ..Self::default() };
        let answer = match state {
            State::Queued => pending("QUEUED"),
            State::Running => pending("RUNNING"),
            State::Succeeded(file) => Self {
                status: "SUCCESS",
                results: file
                    .map(|file| [ResultItem { url: link(&file), output_type: "png", text: None }]),
                usage: Some(Usage {
                    task_cost_time: Some("0"),
                    third_party_consume_money: Some("0"),
                    ..Usage::default()
                }),
                ..Self::default()
            },
            // Nothing was billed: all of the usage is null.
            State::Failed(fault) => {
                let usage = Some(Usage::default());
                Self { status: "FAILED", usage, ..Self::refused(&fault) }
            }
            State::Garbled | State::Unknown => return Self::refused(&Fault::NO_TASK),
        };
        Self { task_id, ..answer }
    }
}

/// The answer to an upload.
pub(super) fn uploaded(upload: &Upload, download_url: &str) -> Value {
    json!({
        "code": 0,
        "message": "success",
        "data": {
            "type": "image",
            "download_url": download_url,
            "fileName": format!("openapi/{}", upload.file),
            // A string, on this wire.
            "size": upload.bytes.to_string(),
        },
    })
}

/// A refused upload; its error text is `message`, unlike the legacy routes' `msg`.
pub(super) fn upload_refused(code: u16, message: &str) -> Value {
    json!({ "code": code, "message": message, "data": null })
}

/// What the legacy `outputs` route says of a task.
pub(super) fn outputs(state: State, link: impl Fn(&str) -> String) -> Value {
    match state {
        State::Queued => legacy(813, "APIKEY_TASK_IS_QUEUED", &Value::Null),
        State::Running => legacy(804, "APIKEY_TASK_IS_RUNNING", &json!({ "netWssUrl": null })),
        State::Succeeded(file) => {
            let outputs: Vec<Value> = file.iter().map(|file| output(&link(file))).collect();
            legacy(0, "success", &outputs.into())
        }
        State::Failed(fault) => {
            let reason = json!({ "exception_type": fault.code.to_string(),
                                 "exception_message": fault.message() });
            legacy(805, "APIKEY_TASK_STATUS_ERROR", &json!({ "failedReason": reason }))
        }
        State::Garbled | State::Unknown => legacy(807, "APIKEY_TASK_NOT_FOUND", &Value::Null),
    }
}

fn output(url: &str) -> Value {
    json!({ "fileUrl": url, "fileType": "png", "taskCostTime": "0", "nodeId": null,
            "consumeCoins": null, "consumeMoney": null, "thirdPartyConsumeMoney": "0" })
}

/// The legacy envelope.
pub(super) fn legacy(code: u16, msg: &str, data: &Value) -> Value {
    json!({ "code": code, "msg": msg, "errorMessages": null, "data": data })
}

/// What an account may do and does: counts are strings here, the limit is a number.
pub(super) fn queue_status(running: usize) -> Value {
    let running = running.to_string();
    json!({ "code": 0, "msg": "success", "data": {
        "apiKeyType": "SHARED", "concurrentLimit": super::task::MAX_OPEN,
        "runningCount": running, "queuedCount": "0", "totalCurrentTasks": running,
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(change: impl FnOnce(&mut Value)) -> Result<Order, Fault> {
        let mut body = json!({ "imageUrls": ["u"], "prompt": "p", "resolution": "1k" });
        change(&mut body);
        Order::parse(body.to_string().as_bytes())
    }

    #[test]
    fn an_order_is_checked_as_the_service_checks_it() {
        assert!(order(|_| ()).is_ok());
        assert!(order(|body| body["aspectRatio"] = json!("21:9")).unwrap().ratio.is_some());
        assert_eq!(order(|body| body["resolution"] = json!("4K")).unwrap().tier, Tier::Four);
        let wrong: &[(&str, Value)] = &[
            ("imageUrls", json!([])),
            ("imageUrls", json!(vec!["u"; 11])),
            ("imageUrls", json!("u")),
            ("imageUrls", Value::Null),
            ("prompt", json!(" ")),
            ("prompt", json!("长".repeat(MAX_PROMPT_CHARACTERS + 1))),
            ("resolution", json!("8k")),
            ("resolution", Value::Null),
            ("aspectRatio", json!("auto")),
            ("aspectRatio", json!("7:5")),
        ];
        for (field, value) in wrong {
            let fault = order(|body| body[field] = value.clone()).unwrap_err();
            assert_eq!(fault.code, 1007, "{field}");
        }
        assert_eq!(Order::parse(b"{").unwrap_err(), Fault::UNREADABLE);
    }

    #[test]
    fn answers_have_the_flat_shape() {
        let link = |file: &str| format!("http://h/results/{file}");
        let flat = |state| serde_json::to_value(Answer::of("7".to_owned(), state, link)).unwrap();
        let queued = json!({
            "taskId": "7", "status": "QUEUED", "errorCode": "", "errorMessage": "",
            "results": null, "clientId": null, "promptTips": null, "failedReason": {},
            "usage": null,
        });
        assert_eq!(flat(State::Queued), queued);
        assert_eq!(serde_json::to_value(Answer::queued("7".to_owned())).unwrap(), queued);

        let success = flat(State::Succeeded(Some("7.png".to_owned())));
        assert_eq!(success["results"][0]["url"], "http://h/results/7.png");
        assert_eq!(success["results"][0]["outputType"], "png");
        assert_eq!(success["usage"]["thirdPartyConsumeMoney"], "0");
        assert_eq!(success["usage"]["consumeMoney"], Value::Null);
        assert_eq!(flat(State::Succeeded(None))["results"], Value::Null);

        let failed = flat(State::Failed(Fault::MODERATED));
        assert_eq!((&failed["status"], &failed["errorCode"]), (&json!("FAILED"), &json!("1501")));
        assert_eq!(failed["errorMessage"], "Content audit not passed | 内容审核未通过");

        let unknown = flat(State::Unknown);
        assert_eq!((&unknown["taskId"], &unknown["status"]), (&json!(""), &json!("")));
        assert_eq!(unknown["errorCode"], "1004");
    }

    #[test]
    fn legacy_outputs_tell_states_by_code() {
        let table = [
            (State::Queued, 813, Value::Null),
            (State::Running, 804, json!({ "netWssUrl": null })),
            (State::Succeeded(None), 0, json!([])),
            (State::Unknown, 807, Value::Null),
        ];
        for (state, code, data) in table {
            let answer = outputs(state, str::to_owned);
            assert_eq!((&answer["code"], &answer["data"]), (&json!(code), &data));
        }
        let done = outputs(State::Succeeded(Some("7.png".to_owned())), str::to_owned);
        assert_eq!(done["data"][0]["fileUrl"], "7.png");
        let failed = outputs(State::Failed(Fault::FILE), str::to_owned);
        assert_eq!(failed["code"], 805);
        assert_eq!(failed["data"]["failedReason"]["exception_type"], "1013");
    }
}

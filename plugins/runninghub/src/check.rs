//! What RunningHub can be asked for nothing: how the key's queue stands, how a task goes that does
//! not exist, and whether an image goes up. Together they tell the key, its kind, its site and the
//! paths.
//!
//! Whether the path of the edit is right is seen without asking where the model is a known one: the
//! only sure question would be a paid one.

use retouch_sdk::prelude::*;
use retouch_sdk::{Mark, Text};
use serde_json::Value;

use crate::config::Config;
use crate::fail::{self, Sort};
use crate::model::Model;
use crate::wire::Answer;
use crate::{DOCUMENTED_UPLOAD, RhartEdit};

/// No snowflake is so short.
const NOBODYS_TASK: &str = "1";
/// The documented question for a task.
const DOCUMENTED_RESULT: &str = "/openapi/v2/query";
/// What all paths of the current API begin with.
const CURRENT: &str = "/openapi/v2/";
/// The kind of key that standard models take, as RunningHub writes it.
const SHARED: &str = "SHARED";
/// Asked where the configured path for uploads is none.
const OTHER_UPLOAD: &str = "upload_documented";

impl RhartEdit {
    pub(crate) fn first_questions(&self, cx: &Cx) -> Check {
        let config = &self.config;
        let mut check = Check::none().found(edit(config));
        let result = &config.endpoints.result;
        if result == &config.endpoints.edit || Model::at(result).is_some() {
            // Asked for a task, it might take the question for an edit.
            return check.found(not_the_result(
                "「结果接口」填成了绘画接口",
                "endpoints.result is the path that takes edits",
            ));
        }
        if let Some((base, _)) = result.split_once(CURRENT) {
            let path = format!("{base}{CURRENT}queue/status");
            check = check.ask("key", cx.get(&config.host, &path).bearer());
        }
        let body = match config.asks_legacy() {
            true => json!({ "apiKey": SECRET, "taskId": NOBODYS_TASK }),
            false => json!({ "taskId": NOBODYS_TASK }),
        };
        check = check.ask("result", cx.post(&config.host, result).bearer().safe().json(&body));
        match config.upload_path() {
            Some(path) => check.ask("upload", upload(cx, config, path)),
            None => check.found(Finding::skipped(
                "upload",
                "没有填写上传接口：图片随请求发送",
                "no upload endpoint: images go with the request",
            )),
        }
    }

    pub(crate) fn heard(&self, cx: &Cx, question: &str, answer: &Response) -> Check {
        let config = &self.config;
        match question {
            "key" => key(answer).map_or_else(Check::none, Check::from),
            "result" => result(config, answer).into(),
            "upload" => first_upload(cx, config, answer),
            OTHER_UPLOAD => uploaded(answer, "endpoints.upload").into(),
            _ => Check::none(),
        }
    }
}

fn edit(config: &Config) -> Finding {
    let path = &config.endpoints.edit;
    match Model::at(path) {
        Some(model) => Finding::ok(
            "edit",
            format!("绘画接口是 {} 的已知路径", model.id),
            format!("the edit path is the documented one of {}", model.id),
        ),
        None => Finding::skipped(
            "edit",
            format!("不认识绘画接口 {path}：不花钱就无法确认"),
            format!("the edit path {path} is not a known one: it cannot be seen without paying"),
        )
        .mend(
            "用 `retouch doctor 服务商 --edit` 做一次真实测试（会计费）",
            "try it with `retouch doctor PROVIDER --edit`, which is charged",
        ),
    }
}

/// The queue of the key: `None` where this host has no such page, which says nothing of the key.
fn key(answer: &Response) -> Option<Finding> {
    let said = Answer::read(answer);
    if let Some(finding) = refused("key", &said) {
        return Some(finding);
    }
    let body: Value = answer.json().ok().filter(|_| answer.success().is_ok())?;
    let data = body.get("data")?;
    let kind = data.get("apiKeyType").and_then(Value::as_str)?.to_ascii_uppercase();
    if kind != SHARED {
        return Some(wrong_kind("key", &kind));
    }
    let number = |name: &str| match data.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "?".to_owned(),
    };
    let (limit, running, queued) =
        (number("concurrentLimit"), number("runningCount"), number("queuedCount"));
    Some(Finding::ok(
        "key",
        format!("密钥有效，类型为企业级-共享；并发上限 {limit}，运行中 {running}，排队 {queued}"),
        format!(
            "the key is accepted and enterprise-shared; {limit} at once, {running} running, \
             {queued} queued"
        ),
    ))
}

fn result(config: &Config, answer: &Response) -> Finding {
    let said = match config.asks_legacy() {
        true => Answer::read_legacy(answer),
        false => Answer::read(answer),
    };
    if fail::wrong_path(answer, &said) {
        let status = answer.status();
        let (mut zh, mut en) =
            ("结果接口的路径不对".to_owned(), "endpoints.result is a wrong path".to_owned());
        match Finding::of_status("result", "endpoints.result", answer) {
            Some(general) => {
                zh = format!("{zh}：{}", general.message.zh);
                en = format!("{en}: {}", general.message.en);
            }
            None => {
                zh = format!("{zh}（HTTP {status}，错误码 {}）", said.code().unwrap_or("-"));
                en = format!("{en} (HTTP {status}, code {})", said.code().unwrap_or("-"));
            }
        }
        return not_the_result(&zh, &en);
    }
    if let Some(finding) = refused("result", &said) {
        return finding;
    }
    if let Some(finding) = Finding::of_status("result", "endpoints.result", answer) {
        return finding;
    }
    match fail::sort(&said) {
        Some(Sort::NoTask | Sort::Params) | None
            if said.code().is_some() || said.word.is_some() =>
        {
            Finding::ok(
                "result",
                "结果接口可用：密钥被接受，查询得到了应有的答复（没有这个任务）",
                "the result path answers as it should: the key is accepted and there is no such task",
            )
        }
        Some(_) => passing(&said),
        None => not_the_result(
            "结果接口的答复不像 RunningHub 的任务状态",
            "what endpoints.result answers is not the state of a task",
        ),
    }
}

fn not_the_result(zh: &str, en: &str) -> Finding {
    Finding::failed(
        "result",
        format!("{zh}；任务会一直显示“处理中”"),
        format!("{en}; tasks would stay \"processing\""),
    )
    .mend(
        format!("在 [endpoints] 写 result = \"{DOCUMENTED_RESULT}\""),
        format!("write result = \"{DOCUMENTED_RESULT}\" under [endpoints]"),
    )
}

fn upload(cx: &Cx, config: &Config, path: &str) -> Request {
    let file = retouch_sdk::Part::image("file", Image(0), "check.png");
    let upload = cx.post(&config.host, path).bearer().multipart([file]);
    upload.idempotent().phase(Phase::Uploading)
}

/// A configured path that is none is no failure: the documented one is used in its place.
fn first_upload(cx: &Cx, config: &Config, answer: &Response) -> Check {
    let said = Answer::read(answer);
    let configured = config.upload_path().unwrap_or_default();
    if configured == DOCUMENTED_UPLOAD || !fail::wrong_path(answer, &said) {
        return uploaded(answer, "endpoints.upload").into();
    }
    let finding = Finding::warning(
        "upload",
        format!("{configured} 不是上传接口（HTTP {}）；自动改用 {DOCUMENTED_UPLOAD}", answer.status()),
        format!(
            "{configured} is no path for uploads (HTTP {}); {DOCUMENTED_UPLOAD} is used in its place",
            answer.status()
        ),
    )
    .mend(
        format!("在 [endpoints] 写 upload = \"{DOCUMENTED_UPLOAD}\"，省去一次往返"),
        format!("write upload = \"{DOCUMENTED_UPLOAD}\" under [endpoints] and save a round trip"),
    );
    Check::from(finding).ask(OTHER_UPLOAD, upload(cx, config, DOCUMENTED_UPLOAD))
}

fn uploaded(answer: &Response, field: &str) -> Finding {
    let said = Answer::read(answer);
    if said.link().is_some() && answer.success().is_ok() {
        return Finding::ok(
            "upload",
            "上传可用：测试图片已被接收",
            "uploads work: a tiny picture was taken",
        );
    }
    if let Some(finding) = refused("upload", &said) {
        return finding;
    }
    Finding::of_status("upload", field, answer).unwrap_or_else(|| {
        let said = said.message().unwrap_or("no link in the answer").to_owned();
        Finding::failed(
            "upload",
            format!("上传没有得到图片链接：{said}"),
            format!("the upload brought no link: {said}"),
        )
        .mend(
            format!("在 [endpoints] 写 upload = \"{DOCUMENTED_UPLOAD}\""),
            format!("write upload = \"{DOCUMENTED_UPLOAD}\" under [endpoints]"),
        )
    })
}

/// What is wrong with the key or its account, if that is what the answer says.
fn refused(step: &str, said: &Answer) -> Option<Finding> {
    let code = said.code().unwrap_or("-");
    match fail::sort(said)? {
        Sort::Key => Some(
            Finding::failed(
                step,
                format!("密钥不被接受（错误码 {code}）：密钥写错、已失效，或属于另一个站点（.cn 与 .ai 互不相通）"),
                format!(
                    "the key is not accepted (code {code}): it is mistyped, no longer valid, or of \
                     the other site (.cn and .ai do not share keys)"
                ),
            )
            .mend(
                "到所填 Host 的控制台重新复制 API Key，填入 api_key；密钥来自另一站点时改 [hosts]",
                "copy the key again from the console of the site in [hosts] into api_key; if it is \
                 of the other site, change [hosts]",
            ),
        ),
        Sort::Kind => Some(wrong_kind(step, code)),
        Sort::Credit => Some(
            Finding::failed(
                step,
                format!("密钥被接受，但账户余额不足（错误码 {code}）"),
                format!("the key is accepted, but the account's wallet is empty (code {code})"),
            )
            .mend("在 RunningHub 控制台充值", "top it up in RunningHub's console"),
        ),
        Sort::Path | Sort::NoTask | Sort::Params | Sort::Other => None,
    }
}

fn wrong_kind(step: &str, kind: &str) -> Finding {
    Finding::failed(
        step,
        format!("密钥类型不对（{kind}）：标准模型只接受“企业级-共享”的密钥"),
        format!("a key of the wrong kind ({kind}): standard models take enterprise-shared keys only"),
    )
    .mend(
        "在控制台创建“企业级-共享”API Key，填入 api_key",
        "make a key of the kind enterprise-shared (企业级-共享) in the console and write it as api_key",
    )
}

/// The question was understood and not answered, as happens while a service is busy.
fn passing(said: &Answer) -> Finding {
    let code = said.code().unwrap_or("-");
    let message = Text::new(
        format!("RunningHub 暂时没有回答（错误码 {code}）"),
        format!("RunningHub did not answer just now (code {code})"),
    );
    Finding::new("result", Mark::Warning, message).mend("稍后再试", "run it again in a while")
}

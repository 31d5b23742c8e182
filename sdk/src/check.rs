//! What a provider can be asked for nothing, and what its answers say of how it is set up: the
//! plugin's part of `retouch doctor`.
//!
//! A check costs nothing and changes nothing. The gateway sends only what is [`Effect::Safe`] or
//! [`Effect::Idempotent`] and refuses the rest; what went wrong on the way (no address, no
//! connection, a certificate) it says itself, so a plugin judges answers only.
//!
//! [`Effect::Safe`]: crate::Effect::Safe
//! [`Effect::Idempotent`]: crate::Effect::Idempotent

use serde::{Deserialize, Serialize};

use crate::{Request, Response};

/// The longest a question may take.
const MAX_WAIT_MS: u64 = 10_000;

/// What is known so far, and what is still to be asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use]
pub struct Check {
    /// What is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What is asked next, all at once; each answer comes to [`crate::ApiType::checked`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// One free request, named after the step it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// `key`, `edit`, `result`, `upload`, or another word of the plugin's.
    pub step: String,
    /// What is sent. [`crate::Image`] 0 stands for a tiny picture of the gateway's.
    pub request: Request,
}

/// One step of a check, done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Finding {
    /// Which step.
    pub step: String,
    /// How it went.
    pub mark: Mark,
    /// What was seen.
    pub message: Text,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<Text>,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Well.
    Ok,
    /// It could not be seen.
    Skipped,
    /// Edits work, and something should be known.
    Warning,
    /// Edits will fail.
    Failed,
}

/// A sentence in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// 中文。
    pub zh: String,
    /// English.
    pub en: String,
}

impl Text {
    /// The sentence in Chinese and in English.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

impl Check {
    /// Nothing known, nothing to ask: this API type has no free question.
    pub fn none() -> Self {
        Self::default()
    }

    /// Also asks this.
    pub fn ask(mut self, step: impl Into<String>, mut request: Request) -> Self {
        let step = step.into();
        request.id.clone_from(&step);
        request.timeout_ms = request.timeout_ms.min(MAX_WAIT_MS);
        request.cache_ms = 0;
        self.questions.push(Question { step, request });
        self
    }

    /// Also knows this.
    pub fn found(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }
}

impl From<Finding> for Check {
    fn from(finding: Finding) -> Self {
        Self::none().found(finding)
    }
}

impl Finding {
    /// A step that went well; what was seen, in Chinese and in English.
    pub fn ok(step: &str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(step, Mark::Ok, Text::new(zh, en))
    }

    /// Something that should be known though edits work.
    pub fn warning(step: &str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(step, Mark::Warning, Text::new(zh, en))
    }

    /// Something because of which edits fail.
    pub fn failed(step: &str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(step, Mark::Failed, Text::new(zh, en))
    }

    /// A step of which nothing can be said.
    pub fn skipped(step: &str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(step, Mark::Skipped, Text::new(zh, en))
    }

    /// Any of these.
    pub fn new(step: &str, mark: Mark, message: Text) -> Self {
        Self { step: step.to_owned(), mark, message, mend: None }
    }

    /// Says what to do about it.
    pub fn mend(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.mend = Some(Text::new(zh, en));
        self
    }

    /// What an answer says by its status and its form alone; `None` where only its content can
    /// say more. `field` is where the path is written in the provider's file, such as
    /// `endpoints.result`.
    pub fn of_status(step: &str, field: &str, answer: &Response) -> Option<Self> {
        let status = answer.status();
        let wrong = |zh: String, en: String| Self::failed(step, zh, en);
        let path = |finding: Self| {
            finding.mend(
                format!("请检查 {field}，与该 API 类型的默认值对比"),
                format!("check {field}; compare it with the API type's default"),
            )
        };
        Some(match status {
            300..=399 => path(wrong(
                format!("服务器把请求转到别处（HTTP {status}）：地址或路径不对"),
                format!("it sends the request elsewhere (HTTP {status}): the host or the path is wrong"),
            )),
            401 | 403 => wrong(
                format!("密钥不被接受（HTTP {status}）"),
                format!("the key is not accepted (HTTP {status})"),
            )
            .mend(
                "请检查 api_key，以及它是否属于这个站点",
                "check api_key, and that it is of this site",
            ),
            404 | 410 => path(wrong(
                format!("该路径不存在（HTTP {status}）"),
                format!("there is no such path (HTTP {status})"),
            )),
            405 => path(wrong(
                "该路径不接受这种请求（HTTP 405）：它不是这个接口".to_owned(),
                "the path takes no such request (HTTP 405): it is another endpoint".to_owned(),
            )),
            429 => Self::warning(
                step,
                "服务商限制了请求频率（HTTP 429）；密钥与路径未能确认",
                "the provider limits its request rate (HTTP 429); key and path were not seen",
            )
            .mend("稍后再试", "run it again in a while"),
            500.. => wrong(
                format!("服务商自身出错（HTTP {status}）"),
                format!("the provider itself fails (HTTP {status})"),
            )
            .mend("稍后再试；若一直如此，请联系服务商", "run it again in a while; if it stays so, ask the provider"),
            _ if is_page(answer) => path(wrong(
                "答复是网页（HTML）而不是 JSON：路径不对，或被代理/登录页拦截".to_owned(),
                "the answer is a web page (HTML) where JSON belongs: the path is wrong, or a proxy \
                 or a sign-in page stands between"
                    .to_owned(),
            )),
            _ => return None,
        })
    }
}

/// Whether an answer is a web page.
pub(crate) fn is_page(answer: &Response) -> bool {
    let named = answer.header("content-type").is_some_and(|mime| mime.contains("html"));
    named || answer.body.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ResponseHead;

    fn answer(status: u16, mime: &str, body: &str) -> Response {
        let headers = vec![("content-type".to_owned(), mime.to_owned())];
        let head = ResponseHead { status, headers, ..ResponseHead::default() };
        Response { head, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_status_says_what_is_wrong_and_how_to_mend_it() {
        for (status, mime, body, mark, words) in [
            (401, "application/json", "{}", Mark::Failed, "key is not accepted"),
            (403, "application/json", "{}", Mark::Failed, "key is not accepted"),
            (404, "application/json", "{}", Mark::Failed, "no such path"),
            (405, "text/html", "<html>", Mark::Failed, "takes no such request"),
            (302, "text/html", "", Mark::Failed, "sends the request elsewhere"),
            (429, "application/json", "{}", Mark::Warning, "request rate"),
            (502, "text/html", "<html>", Mark::Failed, "provider itself fails"),
            (200, "text/html; charset=utf-8", "hello", Mark::Failed, "web page"),
            (200, "application/json", "  <!doctype html>", Mark::Failed, "web page"),
        ] {
            let found =
                Finding::of_status("result", "endpoints.result", &answer(status, mime, body));
            let found = found.unwrap();
            assert_eq!(found.mark, mark, "{status}");
            assert!(found.message.en.contains(words), "{status}: {}", found.message.en);
            assert!(found.mend.is_some() && !found.message.zh.is_empty(), "{status}");
        }
        for status in [200, 201, 400, 422] {
            let plain = answer(status, "application/json", "{}");
            assert_eq!(Finding::of_status("key", "endpoints.edit", &plain), None, "{status}");
        }
    }
}

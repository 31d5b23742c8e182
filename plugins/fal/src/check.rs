//! What fal can be asked for nothing: how a request goes that nobody made, which tells the key.

use retouch_sdk::prelude::*;

use crate::{FalQueue, address};

/// A request's id in fal's form, and nobody's.
const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";

impl FalQueue {
    pub(crate) fn questions(&self, cx: &Cx) -> Check {
        let application = address::application(&self.0.default_id());
        let path = format!("/{application}/requests/{NOBODYS}/status");
        Check::none().ask("key", self.request(cx, "GET", &path))
    }
}

/// That there is no such request is what is hoped for: somebody looked for it.
pub(crate) fn heard(answer: &Response) -> Finding {
    let known = answer.json::<Value>().is_ok_and(|body| body.is_object());
    if known && matches!(answer.status(), 200 | 202 | 400 | 404 | 422) {
        return Finding::ok(
            "key",
            "密钥被接受，队列有应答（没有这个请求，符合预期）",
            "the key is accepted and the queue answers that there is no such request",
        );
    }
    Finding::of_status("key", "endpoints.edit", answer).unwrap_or_else(|| {
        let status = answer.status();
        Finding::warning(
            "key",
            format!("队列的答复无法识别（HTTP {status}）；密钥未能确认"),
            format!("the queue's answer is unknown (HTTP {status}); the key was not seen"),
        )
    })
}

//! The set-up page, in Chinese and English. It runs no script and loads nothing: its one style is
//! named by its hash.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::super::tries::Wait;
use super::said::{Language, Said, Wrong};
use crate::secret::Secret;

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.6 system-ui,sans-serif}\
body{max-width:34rem;margin:0 auto;padding:2rem 1rem}\
h1{font-size:1.5rem;line-height:1.3}\
label{display:block;margin-top:1rem;font-weight:600}\
input,button{font:inherit;padding:.5rem .75rem;border-radius:.375rem;border:1px solid GrayText}\
input{box-sizing:border-box;width:100%;background:Field;color:FieldText}\
button{margin-top:1.5rem;background:LinkText;color:Canvas;border-color:LinkText;font-weight:600}\
:focus-visible{outline:3px solid Highlight;outline-offset:2px}\
code,pre{font:.875rem/1.5 ui-monospace,monospace}\
pre{overflow-x:auto;padding:.75rem;border:1px solid GrayText;border-radius:.375rem}\
.wrong{padding:.5rem .75rem;border-left:.25rem solid #c62828}\
.hint{color:GrayText}";

/// What the browser may do with the page. Answers of forms may be no frame's.
const POLICY: &str = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'; style-src 'sha256-";

/// The form that sets the password.
pub(super) fn form(language: Language, token: &Secret, wrong: Option<Wrong>) -> Response {
    let say = |en, zh| language.of_both(en, zh);
    let wrong_line = wrong.map(|wrong| wrong.text(language));
    let wrong_line = wrong_line.map(|text| format!("<p class=wrong role=alert>{text}</p>"));
    let body = format!(
        "<p>{intro}</p>{wrong}<form method=post action=setup>\
         <input type=hidden name=token value=\"{token}\">\
         <input name=username value=operator autocomplete=username hidden>\
         <label for=password>{password}</label>\
         <input id=password name=password type=password minlength=8 required autofocus \
         autocomplete=new-password aria-describedby=hint>\
         <p class=hint id=hint>{hint}</p>\
         <label for=again>{again}</label>\
         <input id=again name=again type=password minlength=8 required \
         autocomplete=new-password>\
         <button>{save}</button></form>",
        intro = say(
            "Set the password of the operator: whoever knows it may do everything here. Apps get \
             keys of their own.",
            "请设置管理员密码：知道密码的人可以进行一切操作。应用使用各自的密钥。",
        ),
        wrong = wrong_line.unwrap_or_default(),
        token = escaped(token.expose()),
        password = say("Password", "密码"),
        hint = say("At least 8 characters.", "至少 8 个字符。"),
        again = say("The same again", "再次输入密码"),
        save = say("Set password", "设置密码"),
    );
    let status = wrong.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
    answer(status, language, say("Set up Retouch", "初始化 Retouch"), &body)
}

/// What comes next.
pub(super) fn done(language: Language, base: &str) -> Response {
    let say = |en, zh| language.of_both(en, zh);
    let base = escaped(base);
    let body = format!(
        "<p>{signed_in}</p><h2>{next}</h2><p>{key}</p><pre>retouch key create NAME</pre>\
         <p>{url}</p><pre>{base}/v1</pre><p>{provider}</p>",
        signed_in = say(
            "The password is set, and this browser is signed in. The link is used up.",
            "密码已设置，当前浏览器已登录。此链接已失效。",
        ),
        next = say("Next", "下一步"),
        key = say(
            "Make a key for each app; it is shown once. At the machine:",
            "为每个应用创建一个密钥（只显示一次）。在服务器上运行：",
        ),
        url = say("Give the app its key and this base URL:", "将密钥和以下 Base URL 填入应用："),
        provider = say(
            "Until then edits go to the sandbox. Add a provider with a file in \
             <code>config/providers</code>, or by <code>POST /admin/api/providers</code>; the README \
             shows both.",
            "添加服务商之前，编辑由沙盒完成。添加方法：在 <code>config/providers</code> 中放入文件，或\
             调用 <code>POST /admin/api/providers</code>；两者均见 README。",
        ),
    );
    answer(StatusCode::OK, language, say("Retouch is set up", "Retouch 初始化完成"), &body)
}

/// Why there is no form.
pub(super) fn refusal(language: Language, said: Said) -> Response {
    let body = format!("<p class=wrong role=alert>{}</p>", said.text(language));
    let title = language.of_both("Set up Retouch", "初始化 Retouch");
    let mut response = answer(said.status(), language, title, &body);
    if let Said::Wait(Wait { seconds }) = said {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn answer(status: StatusCode, language: Language, title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang={}><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1>{body}</main></html>\n",
        language.tag()
    );
    let mut response = (status, Html(page)).into_response();
    let headers = response.headers_mut();
    let policy = format!("{POLICY}{}'", STANDARD.encode(Sha256::digest(STYLE)));
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        // The link is in the address. With none at all the form would come from `null`.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept-language"),
    ] {
        put(headers, name, value);
    }
    response
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn nothing_of_a_request_becomes_markup() {
        let evil = "\"><script>alert('1')</script>&";
        let shown = text(form(Language::En, &Secret::new(evil), None)).await;
        let done = text(done(Language::Zh, evil)).await;
        for page in [shown, done] {
            assert!(
                !page.contains("<script") && page.contains("&quot;&gt;&lt;script&gt;"),
                "{page}"
            );
        }
    }

    #[tokio::test]
    async fn the_policy_allows_its_style_and_nothing_else() {
        let response = refusal(Language::En, Said::Wait(Wait { seconds: 60 }));
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        assert!(policy.contains("default-src 'none'") && policy.contains(&hash), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        assert_eq!(response.headers()[header::RETRY_AFTER], "60");
        let page = text(response).await;
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        assert_eq!(style, STYLE);
        assert!(!page.contains("style=") && !page.contains("src="), "{page}");
    }
}

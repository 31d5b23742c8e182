//! What the set-up page says, in Chinese and English.

use axum::http::{HeaderMap, StatusCode, header};

use super::super::Refused;
use super::super::password::Unfit;
use super::super::tries::Wait;

/// The languages of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    En,
    Zh,
}

/// Why there is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing is left to set up.
    Over,
    /// The link is not the one in the log.
    Wrong,
    /// There were too many wrong links.
    Wait(Wait),
    /// The name is not ours.
    Host,
    /// Others could read along.
    Plain,
    /// A page from elsewhere sent the form.
    Foreign,
    /// What was sent is no form.
    Malformed,
    /// The password could not be kept.
    Failed,
}

/// What is wrong with the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It was written in two ways.
    Differ,
    Short,
    Long,
    Control,
}

impl Language {
    /// The one that the browser asks for first, of the two.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let ranges = asked.unwrap_or_default().split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
            let tag = tag.trim().to_ascii_lowercase();
            let language = match tag.split('-').next() {
                Some("zh") => Self::Zh,
                Some("en") => Self::En,
                _ => return None,
            };
            Some((language, weight.trim().parse::<f32>().ok()?))
        });
        let first = ranges.reduce(|best, next| if next.1 > best.1 { next } else { best });
        first.map_or(Self::En, |(language, _)| language)
    }

    /// As HTML has it.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    /// The text that is in it.
    pub(super) const fn of_both(self, en: &'static str, zh: &'static str) -> &'static str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

impl Said {
    /// In place of what a program would be told.
    pub(super) const fn of(refused: Refused) -> Self {
        match refused {
            Refused::Host => Self::Host,
            Refused::Plain => Self::Plain,
            Refused::Foreign(_) => Self::Foreign,
            Refused::Token | Refused::NoToken | Refused::SignIn | Refused::Access(_) => Self::Wrong,
        }
    }

    /// The answer's.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Over => StatusCode::NOT_FOUND,
            Self::Wrong | Self::Plain | Self::Foreign => StatusCode::FORBIDDEN,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// As HTML.
    pub(super) const fn text(self, language: Language) -> &'static str {
        let (en, zh) = match self {
            Self::Over => (
                "This gateway is set up already; the link is used up. A lost password is replaced \
                 at the machine with <code>retouch admin set-password</code>.",
                "网关已完成初始化，此链接已失效。如忘记密码，请在服务器上运行 \
                 <code>retouch admin set-password</code> 重设。",
            ),
            Self::Wrong => (
                "This is not the link that the gateway's log shows. After a restart there is \
                 another one.",
                "此链接与网关日志中的不一致。网关重启后会生成新的链接。",
            ),
            Self::Wait(_) => (
                "There were too many wrong links. Wait a few minutes.",
                "错误链接次数过多，请几分钟后再试。",
            ),
            Self::Host => (
                "The gateway does not answer to this host name. Open it at its address, or list the \
                 name under <code>hosts</code> in <code>[admin]</code>, or set \
                 <code>public_url</code>.",
                "网关不接受此主机名。请用网关的地址打开，或将该名称写入 <code>[admin]</code> 的 \
                 <code>hosts</code>，或设置 <code>public_url</code>。",
            ),
            Self::Plain => (
                "A password is not taken over plain http from another machine. Open the link at \
                 127.0.0.1, through a tunnel for example, or use https, or run \
                 <code>retouch admin set-password</code> at the machine.",
                "不接受从其他机器经明文 http 提交密码。请在 127.0.0.1 打开此链接（例如通过 SSH \
                 隧道），或使用 https，或在服务器上运行 <code>retouch admin set-password</code>。",
            ),
            Self::Foreign => (
                "Another page sent this form. Open the link from the log and try again.",
                "此表单来自其他页面。请重新打开日志中的链接再试。",
            ),
            Self::Malformed => {
                ("The form did not come whole. Go back and try again.", "表单不完整，请返回重试。")
            }
            Self::Failed => (
                "The password could not be kept; the gateway's log says why. Nothing was changed.",
                "密码未能保存，原因见网关日志；未作任何更改。",
            ),
        };
        language.of_both(en, zh)
    }
}

impl Wrong {
    /// Of a password that may not be one.
    pub(super) const fn of(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Long => Self::Long,
            Unfit::Control => Self::Control,
            Unfit::Short | Unfit::Form | Unfit::Costly | Unfit::System => Self::Short,
        }
    }

    /// As HTML.
    pub(super) const fn text(self, language: Language) -> &'static str {
        let (en, zh) = match self {
            Self::Differ => ("The two passwords are not the same.", "两次输入的密码不一致。"),
            Self::Short => ("The password needs at least 8 characters.", "密码至少需要 8 个字符。"),
            Self::Long => ("The password is too long.", "密码过长。"),
            Self::Control => ("The password has control characters.", "密码含有控制字符。"),
        };
        language.of_both(en, zh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_chooses_the_language() {
        for (asked, want) in [
            ("", Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("en-GB,en;q=0.9,zh;q=0.8", Language::En),
            ("de,zh-TW;q=0.5", Language::Zh),
            ("en;q=0.3, zh;q=0.7", Language::Zh),
            ("de,fr", Language::En),
            ("zh;q=x", Language::En),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, asked.parse().unwrap())]);
            assert_eq!(Language::of(&headers), want, "{asked}");
        }
    }
}

//! What a prompt tells the sandbox to do: edits by name, and misbehaviour on request.
//!
//! Two tables hold every word; the sandbox's own page prints them, so a word that works is
//! always a word that is documented. Reading a prompt is pure and never fails: a prompt
//! without a known edit becomes a caption.

use super::edit::Edit;

/// What marks a word of the second table, so that ordinary prompts never hit one by chance.
const MARK: &str = "sandbox:";
/// Each edit is a pass over the whole picture; a prompt may not buy more of them than this.
const MAX_EDITS: usize = 8;

/// One edit by its two names.
pub(super) struct EditWord {
    /// Matches at the start of an English word, so `blurred` is a blur.
    pub(super) en: &'static str,
    /// Matches anywhere: Chinese has no spaces.
    pub(super) zh: &'static str,
    pub(super) edit: Edit,
}

pub(super) const EDITS: &[EditWord] = &[
    EditWord { en: "grayscale", zh: "黑白", edit: Edit::Grayscale },
    EditWord { en: "blur", zh: "模糊", edit: Edit::Blur },
    EditWord { en: "invert", zh: "反色", edit: Edit::Invert },
    EditWord { en: "rotate", zh: "旋转", edit: Edit::Rotate },
    EditWord { en: "sepia", zh: "复古", edit: Edit::Sepia },
    EditWord { en: "sharpen", zh: "锐化", edit: Edit::Sharpen },
    EditWord { en: "pixelate", zh: "马赛克", edit: Edit::Pixelate },
    EditWord { en: "vignette", zh: "暗角", edit: Edit::Vignette },
];

/// A way to go wrong that a prompt can ask for.
#[derive(Clone, Copy, Debug)]
pub struct Misbehaviour {
    /// The word, as written in a prompt.
    pub word: &'static str,
    /// What it does, in English.
    pub en: &'static str,
    /// What it does, in Chinese.
    pub zh: &'static str,
    quirk: Quirk,
}

/// What a word of [`MISBEHAVIOURS`] switches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quirk {
    Slow,
    Stuck,
    Instant,
    Refuse,
    BadKey,
    RateLimit,
    Moderate,
    Fail,
    Lose,
    Html,
    NoId,
    Flaky,
    Forget,
    Empty,
    BadLink,
}

/// Every word that makes the sandbox misbehave, so that apps can be tested against trouble.
pub const MISBEHAVIOURS: &[Misbehaviour] = &[
    Misbehaviour {
        word: "sandbox:slow",
        en: "the task takes 20 seconds",
        zh: "任务耗时 20 秒",
        quirk: Quirk::Slow,
    },
    Misbehaviour {
        word: "sandbox:stuck",
        en: "the task stays RUNNING for ever",
        zh: "任务一直停在 RUNNING",
        quirk: Quirk::Stuck,
    },
    Misbehaviour {
        word: "sandbox:instant",
        en: "the submit answer already holds the result",
        zh: "提交时直接返回结果",
        quirk: Quirk::Instant,
    },
    Misbehaviour {
        word: "sandbox:refuse",
        en: "the submit is refused: queue full (1520)",
        zh: "拒绝提交：队列已满 (1520)",
        quirk: Quirk::Refuse,
    },
    Misbehaviour {
        word: "sandbox:badkey",
        en: "the submit is refused: API key not accepted (802)",
        zh: "拒绝提交：API Key 无效 (802)",
        quirk: Quirk::BadKey,
    },
    Misbehaviour {
        word: "sandbox:ratelimit",
        en: "the submit is refused: HTTP 429",
        zh: "拒绝提交：HTTP 429",
        quirk: Quirk::RateLimit,
    },
    Misbehaviour {
        word: "sandbox:moderate",
        en: "the task is created and FAILED at once: content audit (1501)",
        zh: "任务已创建但立即 FAILED：内容审核不通过 (1501)",
        quirk: Quirk::Moderate,
    },
    Misbehaviour {
        word: "sandbox:fail",
        en: "the task runs and ends FAILED: generation failed (1015)",
        zh: "任务运行后以 FAILED 结束：生成失败 (1015)",
        quirk: Quirk::Fail,
    },
    Misbehaviour {
        word: "sandbox:lose",
        en: "the task is created, then the connection is cut instead of an answer",
        zh: "任务已创建，但连接被切断，没有应答",
        quirk: Quirk::Lose,
    },
    Misbehaviour {
        word: "sandbox:html",
        en: "the task is created, then the answer is HTTP 500 with a page of HTML",
        zh: "任务已创建，但应答是 HTTP 500 的 HTML 页面",
        quirk: Quirk::Html,
    },
    Misbehaviour {
        word: "sandbox:noid",
        en: "the task is created, but the answer carries no taskId",
        zh: "任务已创建，但应答里没有 taskId",
        quirk: Quirk::NoId,
    },
    Misbehaviour {
        word: "sandbox:flaky",
        en: "the first two queries are answered HTTP 502 with HTML",
        zh: "前两次查询返回 HTTP 502 的 HTML 页面",
        quirk: Quirk::Flaky,
    },
    Misbehaviour {
        word: "sandbox:forget",
        en: "every query says that the task does not exist (1004)",
        zh: "查询时总说任务不存在 (1004)",
        quirk: Quirk::Forget,
    },
    Misbehaviour {
        word: "sandbox:empty",
        en: "the task ends SUCCESS without any result",
        zh: "任务以 SUCCESS 结束，但没有结果",
        quirk: Quirk::Empty,
    },
    Misbehaviour {
        word: "sandbox:badlink",
        en: "the first result link is 404; a new query gives one that works",
        zh: "第一个结果链接是 404，重新查询后得到可用链接",
        quirk: Quirk::BadLink,
    },
];

/// A prompt, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) edits: Vec<Edit>,
    /// Text to draw onto the picture: set exactly when no edit was named.
    pub(super) caption: Option<String>,
    pub(super) quirks: Vec<Quirk>,
    /// A marked word that no table knows: a typing error in somebody's test.
    pub(super) unknown: Option<String>,
}

impl Wish {
    pub(super) fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }
}

/// Reads a prompt: edits in the order in which it names them, misbehaviours in any order.
pub(super) fn read(prompt: &str) -> Wish {
    let (text, marked) = take_marked(prompt);
    let mut wish = Wish { edits: edits_in(&text), ..Wish::default() };
    for word in marked {
        match MISBEHAVIOURS.iter().find(|known| known.word == word) {
            Some(known) => wish.quirks.push(known.quirk),
            None => wish.unknown = Some(word),
        }
    }
    if wish.edits.is_empty() {
        let text = text.trim();
        wish.caption = Some(if text.is_empty() { prompt.trim() } else { text }.to_owned());
    }
    wish
}

/// Splits the marked words from the rest of a prompt.
fn take_marked(prompt: &str) -> (String, Vec<String>) {
    let (mut text, mut marked) = (String::new(), Vec::new());
    // Lower-casing ASCII alone keeps every byte offset.
    let lower = prompt.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find(MARK).map(|found| from + found) {
        let name = &lower[at + MARK.len()..];
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        text.push_str(&prompt[from..at]);
        from = at + MARK.len() + end;
        marked.push(lower[at..from].to_owned());
    }
    text.push_str(&prompt[from..]);
    (text, marked)
}

fn edits_in(text: &str) -> Vec<Edit> {
    // `greyscale` is as common as `grayscale`; both spellings have the same length.
    let lower = text.to_ascii_lowercase().replace("greyscale", "grayscale");
    let mut found: Vec<(usize, Edit)> = Vec::new();
    for word in EDITS {
        found.extend(lower.match_indices(word.zh).map(|(at, _)| (at, word.edit)));
        let starts_word = |at: usize| !lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let english = lower.match_indices(word.en).filter(|&(at, _)| starts_word(at));
        found.extend(english.map(|(at, _)| (at, word.edit)));
    }
    found.sort_by_key(|&(at, _)| at);
    found.into_iter().take(MAX_EDITS).map(|(_, edit)| edit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_come_in_the_order_of_the_prompt() {
        let cases: &[(&str, &[Edit])] = &[
            ("grayscale", &[Edit::Grayscale]),
            ("Greyscale please", &[Edit::Grayscale]),
            ("rotate it, then a blurred vignette", &[Edit::Rotate, Edit::Blur, Edit::Vignette]),
            ("变成黑白并旋转", &[Edit::Grayscale, Edit::Rotate]),
            ("先马赛克 then INVERT", &[Edit::Pixelate, Edit::Invert]),
            ("rotate rotate", &[Edit::Rotate, Edit::Rotate]),
            ("unblur", &[]),
            ("a red hat", &[]),
        ];
        for (prompt, expected) in cases {
            let wish = read(prompt);
            assert_eq!(wish.edits, *expected, "{prompt}");
            assert_eq!(wish.caption.is_none(), !expected.is_empty(), "{prompt}");
        }
    }

    #[test]
    fn a_prompt_cannot_ask_for_endless_work() {
        assert_eq!(read(&"blur ".repeat(1000)).edits.len(), MAX_EDITS);
    }

    #[test]
    fn marked_words_do_not_show_in_the_caption() {
        let wish = read("加一顶红帽子 Sandbox:SLOW sandbox:fail, now");
        assert_eq!(wish.quirks, [Quirk::Slow, Quirk::Fail]);
        assert_eq!(wish.caption.as_deref(), Some("加一顶红帽子  , now"));
        assert_eq!(read("sandbox:slow").caption.as_deref(), Some("sandbox:slow"));
    }

    #[test]
    fn an_unknown_marked_word_is_reported() {
        assert_eq!(read("sandbox:slwo").unknown.as_deref(), Some("sandbox:slwo"));
        assert_eq!(read("the sandbox is full of sand").unknown, None);
    }

    #[test]
    fn every_misbehaviour_is_reached_by_its_word() {
        for known in MISBEHAVIOURS {
            let wish = read(known.word);
            assert_eq!(wish.quirks, [known.quirk], "{}", known.word);
            assert!(wish.has(known.quirk) && known.word.starts_with(MARK));
        }
    }
}

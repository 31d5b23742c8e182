//! The sandbox's own page: what it is and every word it understands, in English and Chinese.
//!
//! Made from the same tables that prompts are read with.

use std::fmt::Write as _;

use super::words::{EDITS, MISBEHAVIOURS};

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Retouch sandbox · 沙盒</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8884;
         vertical-align: top; }
</style></head><body>
<h1>Retouch sandbox</h1>
<p>An image-edit provider for trying things out. It speaks RunningHub's protocol, really edits
the picture, costs nothing, and lives in this process: pictures never leave the machine.</p>
<p lang="zh">用于试用的图片编辑服务商：使用 RunningHub 协议，真实编辑图片，不收费，
在本进程内运行，图片不会离开本机。</p>
"#;

/// The whole page.
pub(super) fn html() -> String {
    let mut html = HEAD.to_owned();
    html.push_str(
        "<h2>Edits <span lang=\"zh\">· 编辑</span></h2>\n\
         <p>Several words in one prompt are applied in their order; a prompt without any of them \
         is written onto the picture.</p>\n\
         <p lang=\"zh\">一个提示词里的多个词按出现顺序执行；一个都没有时，把提示词写在图片上。</p>\n\
         <table><tr><th>English</th><th lang=\"zh\">中文</th></tr>\n",
    );
    // Writing to a string cannot fail.
    for word in EDITS {
        let _ = writeln!(html, "<tr><td>{}</td><td lang=\"zh\">{}</td></tr>", word.en, word.zh);
    }
    html.push_str(
        "</table>\n<h2>Misbehaviour <span lang=\"zh\">· 故障</span></h2>\n\
         <p>For testing an app against trouble, anywhere in a prompt:</p>\n\
         <p lang=\"zh\">写在提示词任意位置，用于测试应用如何应对故障：</p>\n<table>\n",
    );
    for known in MISBEHAVIOURS {
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td>{}<br><span lang=\"zh\">{}</span></td></tr>",
            known.word, known.en, known.zh
        );
    }
    html.push_str("</table></body></html>\n");
    html
}

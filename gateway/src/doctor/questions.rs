//! What a provider's plugin can ask for nothing: its questions sent, the answers given back to it.

use std::io::Cursor;

use futures_util::FutureExt;
use futures_util::future::join_all;
use image::{ImageFormat, Rgb, RgbImage};
use retouch_sdk::{Body, Check, Context, Effect, Finding, Kind, Part, Question, StepEvent};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{Doctor, Step};
use crate::clock::now_ms;
use crate::images::{self, Images, Stored};
use crate::plugin::{PluginError, StepCall};
use crate::snapshot::Provider;
use crate::upstream::{Call, Reply};

/// An answer may lead to another question so often.
const ROUNDS: usize = 3;
/// Questions in a round, whatever the plugin wants.
const MOST: usize = 8;
/// Pixels across and down of the picture that is uploaded: less is refused by some.
const SIDE: u32 = 64;

#[derive(Deserialize)]
struct Outcome {
    check: Check,
}

impl Doctor<'_> {
    /// Everything the plugin wants to know, and what it makes of it.
    pub(super) async fn ask(&self, provider: &Provider, late: Instant) -> Vec<Step> {
        let first = match call(provider, Kind::Check, &[]) {
            Ok(check) => check,
            Err(error) => return vec![broken(&error)],
        };
        if first == Check::none() {
            return vec![no_question().into()];
        }
        let picture = picture(self.images).await;
        let mut steps: Vec<Step> = first.findings.into_iter().map(Step::from).collect();
        let mut questions = first.questions;
        for _ in 0..ROUNDS {
            questions.truncate(MOST);
            let answers: Vec<_> = questions
                .iter()
                .map(|question| self.answer(provider, question, picture.as_ref(), late).boxed())
                .collect();
            let mut more = Vec::new();
            for (found, next) in join_all(answers).await {
                steps.extend(found);
                more.extend(next);
            }
            questions = more;
        }
        steps
    }

    /// One question: what was found, and what to ask next.
    async fn answer(
        &self,
        provider: &Provider,
        question: &Question,
        picture: Option<&Stored>,
        late: Instant,
    ) -> (Vec<Step>, Vec<Question>) {
        let Question { step, request } = question;
        if request.effect == Effect::Unsafe {
            return (vec![paid(step).into()], Vec::new());
        }
        if sends_a_picture(&request.body) && picture.is_none() {
            return (vec![no_picture(step).into()], Vec::new());
        }
        let inputs: Vec<Stored> = picture.cloned().into_iter().collect();
        let begun = Instant::now();
        let exchange = self.upstream.exchange(Call {
            request,
            inputs: &inputs,
            origins: &provider.origins,
            hosts: &provider.library.label().hosts,
            key: &provider.key,
            first_blob: 0,
        });
        let left = late.saturating_duration_since(begun);
        let reply = timeout(left, exchange).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let check = match reply {
            Ok(Reply::Answer(answer)) => {
                let kind = Kind::Checked { question: step.clone(), response: answer.head };
                call(provider, kind, &answer.body)
                    .unwrap_or_else(|error| broken(&error).finding.into())
            }
            Ok(Reply::None { class, detail, .. }) => unanswered(step, class, &detail).into(),
            Err(_) => unanswered(step, "timeout", "the whole check takes too long").into(),
        };
        let found = check.findings.into_iter().map(|finding| Step::new(finding, took_ms));
        (found.collect(), check.questions)
    }
}

/// Where the provider cannot be reached there is nothing to ask.
pub(super) fn unreachable() -> Finding {
    Finding::skipped(
        "key",
        "连不上服务商，密钥与路径未检查",
        "the provider is not reached, so key and paths were not seen",
    )
}

/// A plugin that does not know the kind of event has no questions.
fn call(provider: &Provider, kind: Kind, body: &[u8]) -> Result<Check, PluginError> {
    let cx = Context { job: "check".to_owned(), locale: "en".to_owned(), ..Context::default() };
    let event = serde_json::to_vec(&StepEvent { v: 1, cx, kind }).unwrap_or_default();
    let now_ms = now_ms();
    let step = StepCall {
        event: &event,
        state: &[],
        attach: &[body],
        now_ms,
        deadline_ms: now_ms + 30_000,
    };
    match provider.instance.step(step) {
        Ok(answer) => Ok(serde_json::from_slice::<Outcome>(&answer.outcome)
            .map_or_else(|_| Check::none(), |outcome| outcome.check)),
        Err(PluginError::Unsupported(_) | PluginError::Input(_)) => Ok(Check::none()),
        Err(error) => Err(error),
    }
}

fn sends_a_picture(body: &Body) -> bool {
    match body {
        Body::Image(_) => true,
        Body::Multipart(parts) => parts.iter().any(|part| matches!(part, Part::File { .. })),
        Body::Json(json) => json.to_string().contains("\"$image\""),
        Body::Empty | Body::Form(_) => false,
    }
}

/// A tiny picture in the store, the same each time.
async fn picture(images: &Images) -> Option<Stored> {
    let shade = |x: u32, y: u32| Rgb([(x * 4) as u8, (y * 4) as u8, 128]);
    let mut png = Cursor::new(Vec::new());
    RgbImage::from_fn(SIDE, SIDE, shade).write_to(&mut png, ImageFormat::Png).ok()?;
    let mut spool = images.spool(images::Kind::Input).await.ok()?;
    spool.write(png.get_ref()).await.ok()?;
    spool.finish(false).await.ok()
}

fn no_question() -> Finding {
    Finding::skipped(
        "key",
        "这个 API 类型没有免费的检查方式：密钥与路径只能用一次真实编辑来确认（--edit）",
        "this API type has no free question: only a real edit shows whether key and paths are right (--edit)",
    )
}

fn broken(error: &PluginError) -> Step {
    Finding::failed("plugin", format!("插件出错：{error}"), error.to_string())
        .mend("更新或修复插件", "update or mend the plugin")
        .into()
}

fn paid(step: &str) -> Finding {
    Finding::failed(
        step,
        "插件想发送可能计费的请求；没有发送",
        "the plugin wants to send what may be charged; it was not sent",
    )
    .mend(
        "修复插件：检查只能用 safe 或 idempotent",
        "mend the plugin: a check is safe or idempotent",
    )
}

fn no_picture(step: &str) -> Finding {
    Finding::skipped(
        step,
        "本机存不下测试图片（磁盘已满？）",
        "the tiny picture cannot be stored here (is the disk full?)",
    )
}

fn unanswered(step: &str, class: &str, detail: &str) -> Finding {
    Finding::failed(
        step,
        format!("没有得到答复（{class}）：{detail}"),
        format!("no answer came ({class}): {detail}"),
    )
    .mend(
        "网络时好时坏时稍后再试；blocked 表示本机规则不允许这个地址",
        "run it again where the line is unsteady; blocked means that our own rules forbid the address",
    )
}

//! What is known of a provider without asking it: what its file says, and how it stands here. Pure.

use retouch_sdk::Finding;

use crate::catalog::provider::Limits;
use crate::live::{Condition, Health};
use crate::problem::Problem;
use crate::snapshot::Provider;

/// What its file says that matters here.
pub(super) fn of_file(
    provider: &Provider,
    known: &[Problem],
) -> impl Iterator<Item = Finding> + use<> {
    let file = &provider.file;
    let mut findings = vec![sync(file.sync, provider.caps.sync)];
    if !file.enabled {
        let finding = Finding::warning(
            "file",
            "该服务商已停用（enabled = false）：不会接到新任务",
            "the provider is disabled (enabled = false): it gets no new jobs",
        );
        findings.push(finding.mend("需要时写 enabled = true", "write enabled = true to use it"));
    }
    findings.extend(known.iter().filter(|problem| problem.file == file.file).map(written));
    let elsewhere = known.iter().find(|problem| problem.is_error() && problem.file != file.file);
    findings.extend(elsewhere.map(blocked));
    findings.into_iter()
}

/// What is wrong with its own file as it is written now. With an error in it the one before is used.
fn written(problem: &Problem) -> Finding {
    if !problem.is_error() {
        return Finding::warning("file", problem.to_string(), problem.to_string());
    }
    Finding::failed(
        "file",
        format!("配置文件现在的写法不被采用，运行中的是上一份可用的配置：{problem}"),
        format!("the file as it is written now is not used, but the last good one: {problem}"),
    )
    .mend("改正该文件，保存后自动生效", "mend the file; it is taken as soon as it is saved")
}

/// Nothing is taken while any file is wrong.
fn blocked(problem: &Problem) -> Finding {
    Finding::warning(
        "file",
        format!("另一个文件有错，改动暂不生效：{problem}"),
        format!("another file is wrong, so that no change is taken: {problem}"),
    )
    .mend("改正那个文件", "mend that file")
}

/// Whether it is taken for one that answers at once and does not.
fn sync(says: bool, can: bool) -> Finding {
    match (says, can) {
        (true, false) => Finding::failed(
            "sync",
            "勾选了“同步API”（sync = true），但这个 API 类型是异步的：提交后不会去查询，任务一直“处理中”",
            "sync = true, but this API type answers later: tasks would not be asked for and stay \"processing\"",
        )
        .mend("写 sync = false", "write sync = false"),
        (true, true) => Finding::ok("sync", "同步：提交的答复就是结果", "sync: the answer to a submit is the result"),
        (false, _) => Finding::ok(
            "sync",
            "“同步API”没有勾选：提交后会轮询结果",
            "sync = false: a task is asked for until it is done",
        ),
    }
}

/// How it stands here.
pub(super) fn of_health(health: &Health, limits: &Limits) -> Finding {
    let Health { open, waiting, submits_today, .. } = health;
    let places = limits.concurrency;
    let zh =
        format!("占用 {open}/{places} 个位置，{waiting} 个任务排队，今日提交 {submits_today} 次");
    let en = format!(
        "{open} of {places} places in use, {waiting} jobs wait, {submits_today} submits today"
    );
    let until = health.until.map(crate::live::utc).unwrap_or_default();
    let why = health.why.as_deref().unwrap_or_default();
    let consecutive = health.consecutive;
    match health.state {
        Condition::Ok if *waiting > 0 && *open >= places => {
            Finding::warning("queue", format!("{zh}：已满"), format!("{en}: it is full")).mend(
                "若账户允许更多并发，提高 limits.concurrency；或增加服务商",
                "raise limits.concurrency if the account allows more, or add a provider",
            )
        }
        Condition::Ok => Finding::ok("queue", zh, en),
        Condition::Cooling => Finding::warning(
            "queue",
            format!("暂缓到 {until}：它{why}；{zh}"),
            format!("left alone until {until}: it {why}; {en}"),
        )
        .mend(
            "会自动恢复；常见时降低 limits.concurrency",
            "it passes; lower limits.concurrency if it is common",
        ),
        Condition::Open => Finding::failed(
            "queue",
            format!("已熔断到 {until}：连续失败 {consecutive} 次（{why}）；{zh}"),
            format!("not asked until {until} after {consecutive} failures in a row ({why}); {en}"),
        )
        .mend(
            "先改正上面失败的步骤；到时会用一个任务自动试探",
            "mend the steps that failed above; one job tries it then",
        ),
        Condition::Probing => Finding::warning(
            "queue",
            format!("正在用一个任务试探恢复；{zh}"),
            format!("one job is trying it again; {en}"),
        ),
        Condition::Shut => Finding::failed(
            "queue",
            format!("已停用到 {until}：{why}；{zh}"),
            format!("shut until {until}: it {why}; {en}"),
        )
        .mend(
            "改正密钥或充值；保存文件后立即重新启用",
            "mend the key or top up the account; it is asked again at once with a new key",
        ),
    }
}

#[cfg(test)]
mod tests;

//! The jobs that wait at a provider: whether they are asked after, and why one stays "processing".
//! Pure.

use retouch_sdk::Finding;

use crate::clock::Ms;
use crate::engine::{Open, OpenStage, OpenTask};
use crate::store::StoreError;

/// A question so long overdue is not asked by anyone.
const OVERDUE: Ms = 60_000;
/// An answer to a submit is rarely waited for so long.
const SUBMIT: Ms = 20_000;
/// A task that runs so long is worth a look at the provider's.
const LONG: Ms = 900_000;
/// Named one by one.
const MOST: usize = 5;

/// What is to be said of them.
pub(super) fn findings(open: &Result<Open, StoreError>, now: Ms) -> Vec<Finding> {
    let open = match open {
        Ok(open) => open,
        Err(error) => {
            let finding = Finding::failed(
                "poller",
                format!("任务库读不出来：{error}"),
                format!("jobs cannot be read: {error}"),
            );
            return vec![
                finding.mend("检查磁盘与 data 目录", "look after the disk and the data folder"),
            ];
        }
    };
    let mut findings = vec![poller(open, now)];
    let stuck: Vec<Finding> = open.tasks.iter().filter_map(|task| stuck(task, now)).collect();
    if stuck.is_empty() {
        let jobs = open.jobs;
        findings.push(Finding::ok(
            "jobs",
            format!("{jobs} 个任务进行中，没有卡住的"),
            format!("{jobs} jobs under way, none of them stuck"),
        ));
    }
    let more = stuck.len().saturating_sub(MOST);
    findings.extend(stuck.into_iter().take(MOST));
    if more > 0 {
        findings.push(Finding::warning(
            "jobs",
            format!("另有 {more} 个任务同样卡住"),
            format!("{more} more jobs are stuck in such a way"),
        ));
    }
    findings
}

/// Whether what is due is asked.
fn poller(open: &Open, now: Ms) -> Finding {
    let asked = || open.tasks.iter().filter(|task| task.stage == OpenStage::Accepted);
    let overdue = |task: &&OpenTask| {
        let due = task.due.is_some_and(|due| now > due.saturating_add(OVERDUE));
        due && task.last_asked.is_none_or(|at| now > at.saturating_add(OVERDUE))
    };
    let late: Vec<String> = asked().filter(overdue).map(|task| task.job.to_string()).collect();
    if !late.is_empty() {
        let names = late.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
        return Finding::failed(
            "poller",
            format!("轮询没有运行：{} 个任务早该查询而没有查（{names}）", late.len()),
            format!("the poller does not run: {} tasks are long due and not asked ({names})", late.len()),
        )
        .mend(
            "查看日志；重启 retouch，任务会从原处继续，不会重复提交",
            "see the log; start retouch again: jobs go on where they were and nothing is submitted twice",
        );
    }
    let last = asked().filter_map(|task| task.last_asked).max();
    match (asked().count(), last) {
        (0, _) => Finding::ok(
            "poller",
            "轮询在运行，目前没有任务要查询",
            "the poller runs; no task is to be asked for now",
        ),
        (count, None) => Finding::ok(
            "poller",
            format!("轮询在运行：{count} 个任务等待第一次查询"),
            format!("the poller runs; {count} tasks wait for the first question"),
        ),
        (count, Some(at)) => {
            let ago = now.saturating_sub(at) / 1_000;
            Finding::ok(
                "poller",
                format!("轮询在运行：查询 {count} 个任务，上次在 {ago} 秒前"),
                format!("the poller runs: {count} tasks are asked for, last {ago} s ago"),
            )
        }
    }
}

/// Why a task does not get on, where there is something to say.
fn stuck(task: &OpenTask, now: Ms) -> Option<Finding> {
    let job = &task.job;
    let since = task.submitted.map_or(0, |at| now.saturating_sub(at));
    let seconds = since / 1_000;
    match task.stage {
        OpenStage::Held => Some(
            Finding::warning(
                "jobs",
                format!("{job}：提交的答复丢失，没有拿到 taskId"),
                format!("{job}: the answer to the submit was lost, and no task id is known"),
            )
            .mend(
                format!("到服务商控制台查看，然后 retouch jobs resolve {job} --created 任务号（或 --not-created）"),
                format!("look at the provider's, then: retouch jobs resolve {job} --created TASK (or --not-created)"),
            ),
        ),
        OpenStage::InFlight if since > SUBMIT => Some(
            Finding::warning(
                "jobs",
                format!("{job}：已提交 {seconds} 秒，还没有答复，taskId 尚未保存"),
                format!("{job}: submitted {seconds} s ago and not answered, so no task id is saved yet"),
            )
            .mend(
                "等它超时；不会重复提交。结果见 retouch jobs show",
                "wait for its time-out; it is never submitted twice. See retouch jobs show",
            ),
        ),
        OpenStage::Planned | OpenStage::InFlight => None,
        OpenStage::Accepted | OpenStage::Fetching => going(task, since),
    }
}

fn going(task: &OpenTask, since: Ms) -> Option<Finding> {
    let job = &task.job;
    let id = task.task.as_deref().unwrap_or("?");
    if let Some(trouble) = &task.trouble {
        let finding = Finding::failed(
            "jobs",
            format!("{job}：taskId {id} 已保存，但进行不下去：{trouble}"),
            format!("{job}: task {id} is saved, but it does not get on: {trouble}"),
        );
        return Some(
            finding.mend(format!("retouch jobs show {job}"), format!("retouch jobs show {job}")),
        );
    }
    if let Some(why) = task.last.as_ref().and_then(unheard) {
        let what = if task.stage == OpenStage::Fetching { "download" } else { "question" };
        return Some(
            Finding::failed(
                "jobs",
                format!("{job}：taskId {id} 已保存，但上次请求没有得到结果（{why}）"),
                format!("{job}: task {id} is saved, but its last {what} came to nothing ({why})"),
            )
            .mend(
                "404/405：结果接口填错；401/403：密钥；其余：网络。任务按提交时的配置继续查询",
                "404, 405: endpoints.result is wrong; 401, 403: the key; else the line. It is asked \
                 as its provider was when it was submitted",
            ),
        );
    }
    let word = task.word.as_deref().unwrap_or("-");
    (since > LONG).then(|| {
        let minutes = since / 60_000;
        Finding::warning(
            "jobs",
            format!("{job}：taskId {id} 已保存并在查询，服务商 {minutes} 分钟来一直回答 {word}"),
            format!(
                "{job}: task {id} is asked for, and the provider has said {word} for {minutes} min"
            ),
        )
        .mend(
            "问题在服务商一侧：到其控制台查看该任务",
            "it is the provider's: look at the task there",
        )
    })
}

/// What was wrong with the last exchange.
fn unheard(last: &crate::store::Exchange) -> Option<String> {
    match (last.status, &last.error) {
        (Some(200..=299), _) => None,
        (Some(status), _) => Some(format!("HTTP {status}")),
        (None, Some(error)) => Some(error.clone()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests;

//! `retouch jobs`: what jobs there are, what happened to one, and how one goes on.
//!
//! With `--json` the server's own answer goes to stdout as it came.

mod resolve;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    again,
    args::{Common, Id, Jobs, List, Watch},
    bar::Bar,
    client::{Answer, Client},
    deliver::{self, failed},
    envelope::Fault,
    job::{Attempt, Exchange, Image, Job, Page, Skipped},
    out::Out,
    save, server,
    signal::unless_stopped,
    stop::Stop,
    table::{self, excerpt},
    watch,
};

/// How much of a prompt a list shows.
const EXCERPT: usize = 40;

/// Runs one of the commands.
pub(super) async fn run(jobs: &Jobs, common: &Common, out: Out) -> Result<(), Stop> {
    let client = server::existing(common, out).await?;
    match jobs {
        Jobs::List(list) => self::list(list, &client, out).await,
        Jobs::Show(id) => show(id, common, &client, out).await,
        Jobs::Watch(watch) => self::watch(watch, common, &client, out).await,
        Jobs::Cancel(id) => cancel(id, &client, out).await,
        Jobs::Resolve(resolve) => {
            let operator = client.operator().await?;
            let ended = resolve::run(resolve, &operator, out).await;
            operator.leave().await;
            ended
        }
    }
}

async fn list(list: &List, client: &Client, out: Out) -> Result<(), Stop> {
    let limit = list.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(list.status.as_deref().map(|status| ("status", status)));
    query.extend(list.after.as_deref().map(|id| ("after", id)));
    query.extend(list.provider.as_deref().map(|provider| ("provider", provider)));
    let answer = client.get::<Page>("v1/jobs", &query, Duration::ZERO).await?;
    if out.json {
        return out.raw(&answer.text);
    }
    let page = answer.value;
    let Some(last) = page.data.last() else {
        out.note("jobs.none", &[]);
        return Ok(());
    };
    out.line(&jobs_table(&page.data, now(), out))?;
    if page.has_more {
        out.note("jobs.more", &[("job", &last.id)]);
    }
    Ok(())
}

async fn show(Id { id }: &Id, common: &Common, client: &Client, out: Out) -> Result<(), Stop> {
    let query = [("include", "exchanges")];
    let answer = client.get::<Job>(&watch::path(id), &query, Duration::ZERO).await?;
    if out.json {
        return out.raw(&answer.text);
    }
    out.line(&story(&answer.value, out))?;
    how_to_fetch(&answer.value, common, out);
    Ok(())
}

/// Cancelling twice does what once does, so it may be asked again like any question.
async fn cancel(Id { id }: &Id, client: &Client, out: Out) -> Result<(), Stop> {
    let answer = client.ask::<Job>(&format!("{}/cancel", watch::path(id))).await?;
    if out.json {
        return out.raw(&answer.text);
    }
    out.line(&story(&answer.value, out))
}

async fn watch(watch: &Watch, common: &Common, client: &Client, out: Out) -> Result<(), Stop> {
    let Watch { id, out: target } = watch;
    let first = client.get::<Job>(&watch::path(id), &[], Duration::ZERO).await?;
    // The results are named after the job: what it was made from is not here.
    let named = [PathBuf::from(id)];
    let plan = match target {
        Some(target) => {
            let n = first.value.requested.unwrap_or(1);
            Some(deliver::plan(Some(target), &named, n, out)?)
        }
        None => None,
    };
    let mut bar = Bar::new(out);
    let ended = async {
        match &plan {
            Some(plan) => deliver::finish(client, first, plan, &mut bar, out).await,
            None => end(client, first, common, &mut bar, out).await,
        }
    };
    let ended = unless_stopped(ended).await;
    bar.clear();
    ended.unwrap_or_else(|| {
        let line = again::watch(common, id, target.as_deref());
        let text = out.words.say("edit.stopped", &[("job", &id), ("line", &line)]);
        Err(Stop::Interrupted { text, job: Some(id.clone()) })
    })
}

/// Watches without saving anything.
async fn end(
    client: &Client,
    first: Answer<Job>,
    common: &Common,
    bar: &mut Bar,
    out: Out,
) -> Result<(), Stop> {
    let ended = watch::follow(client, first, bar).await?;
    bar.clear();
    if out.json {
        out.raw(&ended.text)?;
    }
    match ended.value.has_succeeded() {
        false => Err(failed(&ended.value, out)),
        true if out.json => Ok(()),
        true => {
            out.line(&headline(&ended.value, out))?;
            how_to_fetch(&ended.value, common, out);
            Ok(())
        }
    }
}

/// Says how to get the pictures of a job that has some.
fn how_to_fetch(job: &Job, common: &Common, out: Out) {
    if let Some(image) = job.images.first().filter(|_| job.has_succeeded()) {
        let target = format!("out.{}", save::extension(image.kind()));
        let line = again::watch(common, &job.id, Some(Path::new(&target)));
        out.note("jobs.fetch", &[("line", &line)]);
    }
}

/// One row a job; prompts only where the server tells them.
fn jobs_table(jobs: &[Job], now: f64, out: Out) -> String {
    let prompts = jobs.iter().any(|job| job.prompt.is_some());
    let mut headings = headings(&["head.id", "head.status", "head.provider", "head.age"], out);
    headings.extend(prompts.then(|| out.words.say("head.prompt", &[])));
    let rows = jobs.iter().map(|job| {
        let mut row = vec![
            job.id.clone(),
            out.words.name("status", &job.status),
            or_dash(job.provider.as_deref()),
            or_dash(age(job.created_at, now).as_deref()),
        ];
        let prompt = job.prompt.as_deref().unwrap_or_default();
        row.extend(prompts.then(|| excerpt(prompt, EXCERPT)));
        row
    });
    table::render(&headings, &rows.collect::<Vec<_>>())
}

/// Everything the job has to tell, section by section.
fn story(job: &Job, out: Out) -> String {
    let mut sections = vec![headline(job, out)];
    if !job.attempts.is_empty() {
        sections.push(section("jobs.attempts", &attempts(&job.attempts, out), out));
    }
    let late: Vec<String> = job.attempts.iter().flat_map(late).collect();
    if !late.is_empty() {
        sections.push(section("jobs.late", &late.join("\n"), out));
    }
    if !job.skipped.is_empty() {
        sections.push(section("jobs.skipped", &skipped(&job.skipped, out), out));
    }
    if !job.exchanges.is_empty() {
        sections.push(section("jobs.exchanges", &exchanges(&job.exchanges, out), out));
    }
    sections.join("\n\n")
}

/// What the job is, in a line or two.
fn headline(job: &Job, out: Out) -> String {
    let mut facts = vec![job.id.clone(), out.words.name("status", &job.status)];
    if !job.is_over() {
        facts.push(format!("{} {:.0}%", out.words.name("phase", job.phase()), job.percent()));
    }
    facts.extend(job.provider.clone());
    facts.extend(job.model.clone());
    facts.extend(job.style.as_ref().map(|id| out.words.say("jobs.style", &[("style", id)])));
    facts.extend(job.sandbox.then(|| out.words.say("jobs.sandbox", &[])));
    facts.extend(job.price());
    facts.extend(age(job.created_at, now()).map(|age| out.words.say("jobs.ago", &[("age", &age)])));
    let mut lines = vec![facts.join("  ")];
    lines.extend(job.prompt.as_deref().map(|prompt| excerpt(prompt, 4 * EXCERPT)));
    lines.extend(job.images.iter().map(picture));
    lines.extend(job.error.as_ref().map(Fault::line));
    lines.join("\n")
}

fn picture(image: &Image) -> String {
    let (width, height) = (image.width.unwrap_or_default(), image.height.unwrap_or_default());
    let kind = or_dash(image.content_type.as_deref());
    let bytes = image.bytes.unwrap_or_default();
    format!("#{}  {kind}  {width}x{height}  {bytes} B", image.index)
}

/// What came of an attempt when its job no longer waited: no command fetches that, a link does.
fn late(attempt: &Attempt) -> impl Iterator<Item = String> {
    let link = |image: &Image| image.url.clone().unwrap_or_default();
    attempt.images.iter().map(move |image| format!("{}  {}", picture(image), link(image)))
}

fn attempts(attempts: &[Attempt], out: Out) -> String {
    let heads =
        ["head.number", "head.provider", "head.state", "head.task", "head.upstream", "head.reason"];
    let rows = attempts.iter().map(|attempt| {
        let mut why = attempt.why();
        if attempt.possible_duplicate_cost {
            why = format!("{why} {}", out.words.say("jobs.twice", &[]));
        }
        vec![
            attempt.number.to_string(),
            attempt.provider.clone(),
            out.words.name("state", &attempt.state),
            or_dash(attempt.task_id.as_deref()),
            or_dash(attempt.upstream_status.as_deref()),
            why.trim().to_owned(),
        ]
    });
    table::render(&headings(&heads, out), &rows.collect::<Vec<_>>())
}

fn skipped(skipped: &[Skipped], out: Out) -> String {
    let rows = skipped.iter().map(|skip| vec![skip.provider.clone(), skip.reason.clone()]);
    let heads = headings(&["head.provider", "head.reason"], out);
    table::render(&heads, &rows.collect::<Vec<_>>())
}

fn exchanges(exchanges: &[Exchange], out: Out) -> String {
    let heads =
        ["head.number", "head.phase", "head.request", "head.status", "head.took", "head.error"];
    let rows = exchanges.iter().map(|exchange| {
        vec![
            format!("{}.{}", exchange.attempt, exchange.seq),
            exchange.phase.as_deref().map_or_else(dash, |phase| out.words.name("phase", phase)),
            format!("{} {}", exchange.method, exchange.url),
            exchange.status.map_or_else(dash, |status| status.to_string()),
            exchange.elapsed_ms.map_or_else(dash, |ms| format!("{ms:.0} ms")),
            exchange.error.clone().unwrap_or_default(),
        ]
    });
    table::render(&headings(&heads, out), &rows.collect::<Vec<_>>())
}

fn section(title: &str, body: &str, out: Out) -> String {
    format!("{}\n{body}", out.words.say(title, &[]))
}

fn headings(keys: &[&str], out: Out) -> Vec<String> {
    keys.iter().map(|key| out.words.say(key, &[])).collect()
}

fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(dash, str::to_owned)
}

fn dash() -> String {
    "-".to_owned()
}

/// Unix seconds, as jobs count.
fn now() -> f64 {
    crate::clock::now_ms() as f64 / 1000.0
}

/// How long ago, in its largest unit.
fn age(then: Option<f64>, now: f64) -> Option<String> {
    let seconds = (now - then?).max(0.0) as u64;
    let (count, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "m"),
        3600..86_400 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    Some(format!("{count}{unit}"))
}

#[cfg(test)]
mod tests;

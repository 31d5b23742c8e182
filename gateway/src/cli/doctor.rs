//! `retouch doctor`: finds out why a provider does not work, without spending money.
//!
//! A client of `POST /admin/api/providers/{id}/check`. Where no server answers, one in this process
//! is asked, which then knows nothing of jobs under way elsewhere. `--edit` also makes one real
//! edit, once its price was named and somebody said yes.

mod edit;
mod report;

use serde_json::json;

use super::{
    args::{Common, Doctor},
    client::Client,
    out::Out,
    server::Place,
    stop::Stop,
    table,
};
use report::{Report, Reports, Step};

/// Runs the command.
pub(super) async fn run(doctor: &Doctor, common: &Common, out: Out) -> Result<(), Stop> {
    let place = Place::any(common, out).await?;
    let ended = at(&place, doctor, out).await;
    place.leave().await;
    ended
}

async fn at(place: &Place, doctor: &Doctor, out: Out) -> Result<(), Stop> {
    let operator = place.client.operator().await?;
    let looked = match &doctor.provider {
        None => all(&operator, out).await.map(|()| None),
        Some(id) => one(&operator, id, out).await.map(Some),
    };
    operator.leave().await;
    let Some(report) = looked? else { return Ok(()) };
    match (doctor.edit, report.ok) {
        (true, true) => edit::run(&place.client, &report, doctor.yes, out).await,
        (true, false) => {
            out.note("doctor.no_edit", &[]);
            Err(Stop::Said)
        }
        (false, ok) => passed(ok),
    }
}

async fn one(operator: &Client, id: &str, out: Out) -> Result<Report, Stop> {
    let path = format!("admin/api/providers/{id}/check");
    let answer = operator.tell::<Report>(&path, &json!({})).await?;
    match out.json {
        true => out.raw(&answer.text)?,
        false => show(&answer.value, out)?,
    }
    Ok(answer.value)
}

async fn all(operator: &Client, out: Out) -> Result<(), Stop> {
    let answer = operator.tell::<Reports>("admin/api/check", &json!({})).await?;
    let reports = &answer.value.data;
    if out.json {
        out.raw(&answer.text)?;
    } else if reports.is_empty() {
        out.note("doctor.none", &[]);
    } else {
        for (index, report) in reports.iter().enumerate() {
            if index > 0 {
                out.line("")?;
            }
            show(report, out)?;
        }
    }
    passed(reports.iter().all(|report| report.ok))
}

fn passed(ok: bool) -> Result<(), Stop> {
    if ok { Ok(()) } else { Err(Stop::Said) }
}

fn show(report: &Report, out: Out) -> Result<(), Stop> {
    let title = [("name", &report.name as &dyn std::fmt::Display), ("provider", &report.provider)];
    out.line(&out.words.say("doctor.title", &title))?;
    let heads = ["head.step", "head.mark", "head.took", "head.finding"];
    let heads: Vec<String> = heads.iter().map(|key| out.words.say(key, &[])).collect();
    let rows: Vec<Vec<String>> = report.steps.iter().flat_map(|step| rows(step, out)).collect();
    out.line(&table::render(&heads, &rows))?;
    out.line(&verdict(report, out))
}

/// The step, and below it what to do about it.
fn rows(step: &Step, out: Out) -> Vec<Vec<String>> {
    let took = format!("{:.0} ms", step.took_ms);
    let mark = out.words.name("mark", &step.mark);
    let first = vec![
        out.words.name("step", &step.step),
        mark,
        took,
        step.message.said(out.words).to_owned(),
    ];
    let mend = step.mend.as_ref().filter(|_| step.mark != "ok").map(|mend| {
        let mend = mend.said(out.words);
        let blank = String::new;
        vec![blank(), blank(), blank(), out.words.say("doctor.mend", &[("mend", &mend)])]
    });
    std::iter::once(first).chain(mend).collect()
}

/// The last line: whether it works.
fn verdict(report: &Report, out: Out) -> String {
    let count = |mark: &str| report.steps.iter().filter(|step| step.mark == mark).count();
    let (failed, warned) = (count("failed"), count("warning"));
    let took = format!("{:.0}", report.took_ms);
    let provider = &report.provider;
    if failed > 0 || !report.ok {
        let first = report.steps.iter().find(|step| step.mark == "failed");
        let step = first.map_or_else(String::new, |step| out.words.name("step", &step.step));
        return out.words.say(
            "doctor.failed",
            &[("provider", provider), ("count", &failed), ("step", &step), ("took", &took)],
        );
    }
    let (key, count) = match warned {
        0 => ("doctor.fine", report.steps.len()),
        warned => ("doctor.warned", warned),
    };
    out.words.say(key, &[("provider", provider), ("count", &count), ("took", &took)])
}

#[cfg(test)]
mod tests;

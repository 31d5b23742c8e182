//! From a job that a server has to the pictures on disk, or on stdout.
//!
//! The same for the edit that sent the job and for whoever watches it later. A picture is listed
//! on stdout once it is whole; with `--json` the job is.

use std::{
    fmt::Display,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use super::{
    bar::Bar,
    client::{Answer, Client},
    envelope::Fault,
    job::{Image, Job},
    out::Out,
    save::{self, Draft, Plan},
    stop::Stop,
    watch,
};

/// Decides where the pictures go. `target` is what `-o` says.
pub(super) fn plan(
    target: Option<&Path>,
    inputs: &[PathBuf],
    n: u32,
    out: Out,
) -> Result<Plan, Stop> {
    let place = target.unwrap_or(Path::new("."));
    let refused = |key| Stop::Usage(out.words.say(key, &[("path", &place.display())]));
    let plan = Plan::new(target, inputs, n).map_err(|refusal| refused(refusal.0))?;
    match plan {
        Plan::Stdout if out.json => Err(refused("save.stdout_json")),
        Plan::Stdout if io::stdout().is_terminal() => Err(refused("save.stdout_terminal")),
        plan => Ok(plan),
    }
}

/// Follows the job to its end and saves what it made.
pub(super) async fn finish(
    client: &Client,
    first: Answer<Job>,
    plan: &Plan,
    bar: &mut Bar,
    out: Out,
) -> Result<(), Stop> {
    let ended = watch::follow(client, first, bar).await?;
    let job = &ended.value;
    if !job.has_succeeded() {
        bar.clear();
        if out.json {
            out.raw(&ended.text)?;
        }
        return Err(failed(job, out));
    }
    bar.phase("saving");
    let written = match plan {
        Plan::Stdout => {
            let picture = bar.during(single(client, job, out)).await?;
            bar.clear();
            out.bytes(&picture)?;
            Vec::new()
        }
        Plan::Named(_) | Plan::Free { .. } => files(client, job, plan, bar, out).await?,
    };
    bar.clear();
    report(&ended, &written, out)
}

/// What to say of a job that ended badly: its error, then what each provider had against it.
pub(super) fn failed(job: &Job, out: Out) -> Stop {
    let status = out.words.name("status", &job.status);
    let why = job.error.as_ref().map(Fault::line).unwrap_or_default();
    let mut lines =
        vec![out.words.say("edit.failed", &[("job", &job.id), ("status", &status), ("why", &why)])];
    let attempts = job.attempts.iter().map(|attempt| (&attempt.provider, attempt.why()));
    let skipped = job.skipped.iter().map(|skip| (&skip.provider, skip.reason.clone()));
    let reasons = attempts.chain(skipped).filter(|(_, reason)| !reason.is_empty());
    lines.extend(reasons.map(|(provider, reason)| format!("  {provider}: {reason}")));
    Stop::Ended(lines.join("\n"))
}

async fn files(
    client: &Client,
    job: &Job,
    plan: &Plan,
    bar: &mut Bar,
    out: Out,
) -> Result<Vec<PathBuf>, Stop> {
    let several = job.requested.unwrap_or(1) > 1 || job.images.len() > 1;
    let mut written = Vec::new();
    for image in &job.images {
        let target = plan.path(image.index, several, image.kind());
        bar.during(file(client, &job.id, image, &target, out)).await?;
        written.push(target);
    }
    Ok(written)
}

/// One result, from the server to its file.
async fn file(
    client: &Client,
    job: &str,
    image: &Image,
    target: &Path,
    out: Out,
) -> Result<(), Stop> {
    let mut body = client.open(&path(job, image)).await?;
    let not_written = |error: io::Error| {
        let path = target.display();
        let values: [(&str, &dyn Display); 3] = [("path", &path), ("why", &error), ("job", &job)];
        Stop::Failed(out.words.say("edit.not_written", &values))
    };
    let mut draft = Draft::new(target.to_owned()).await.map_err(not_written)?;
    while let Some(piece) = client.piece(&mut body).await? {
        draft.write(&piece).await.map_err(not_written)?;
    }
    draft.keep().await.map_err(not_written)
}

/// The only result, whole before its first byte goes out: half a picture helps nobody.
async fn single(client: &Client, job: &Job, out: Out) -> Result<Vec<u8>, Stop> {
    let [image] = job.images.as_slice() else {
        let values: [(&str, &dyn Display); 2] = [("job", &job.id), ("count", &job.images.len())];
        return Err(Stop::Failed(out.words.say("save.stdout_many", &values)));
    };
    let mut body = client.open(&path(&job.id, image)).await?;
    let mut picture = Vec::new();
    while let Some(piece) = client.piece(&mut body).await? {
        picture.extend_from_slice(&piece);
    }
    Ok(picture)
}

/// The job's own link may lead through a public address that is not reachable from here; this path
/// is at the server we have been talking to, and takes the same key.
fn path(job: &str, image: &Image) -> String {
    format!("{}/images/{}", watch::path(job), image.index)
}

fn report(ended: &Answer<Job>, written: &[PathBuf], out: Out) -> Result<(), Stop> {
    let job = &ended.value;
    let provider = job.provider.as_deref().unwrap_or("?");
    match job.price() {
        _ if out.json => {}
        Some(price) => out
            .note("edit.done_for", &[("job", &job.id), ("provider", &provider), ("price", &price)]),
        None => out.note("edit.done", &[("job", &job.id), ("provider", &provider)]),
    }
    let missing = (job.requested.unwrap_or(1) as usize).saturating_sub(job.images.len());
    if missing > 0 {
        out.note("edit.missing", &[("count", &missing)]);
    }
    for (path, image) in written.iter().zip(&job.images) {
        if save::is_misnamed(path, image.kind()) {
            out.note("edit.misnamed", &[("path", &path.display()), ("type", &image.kind())]);
        }
    }
    if out.json {
        return out.raw(&ended.text);
    }
    written.iter().try_for_each(|path| out.line(&path.display().to_string()))
}

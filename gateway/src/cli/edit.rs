//! `retouch edit`: one edit from the shell.
//!
//! Always a client of the HTTP API: sends the pictures as they lie on disk, follows the job with
//! a bar, and writes the results. Once the server has the job, nothing that happens here ends it.
//! The files that were written are listed on stdout, or the job itself with `--json`.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use super::{
    args::{Common, Edit},
    bar::Bar,
    client::{Answer, Client},
    envelope::Fault,
    form::Form,
    job::{Image, Job},
    out::Out,
    save::{self, Draft, Plan},
    server::Place,
    signal::unless_stopped,
    stop::Stop,
    watch,
};

/// Runs the command.
pub(super) async fn run(edit: &Edit, common: &Common, out: Out) -> Result<(), Stop> {
    let plan = Plan::new(edit.out.as_deref(), &inputs(edit), edit.n).map_err(|refusal| {
        let place = edit.out.as_deref().unwrap_or(Path::new("."));
        Stop::Usage(out.words.say(refusal.0, &[("path", &place.display())]))
    })?;
    let form = form(edit, out).await?;
    let place = Place::any(common, out).await?;
    let ended = through(&place, form, &plan, out).await;
    place.leave().await;
    ended
}

async fn through(place: &Place, form: Form, plan: &Plan, out: Out) -> Result<(), Stop> {
    let mut bar = Bar::new(out);
    bar.phase("sending");
    let sent = unless_stopped(bar.during(place.client.post::<Job>("v1/jobs", form))).await;
    let Some(sent) = sent else {
        bar.clear();
        out.note("edit.stopped_early", &[]);
        return Err(Stop::Said);
    };
    let sent = sent?;
    let id = sent.value.id.clone();
    match unless_stopped(finish(&place.client, sent, plan, &mut bar, out)).await {
        Some(Err(stop)) if stop.may_pass() => {
            bar.clear();
            out.note("edit.lost_sight", &[("job", &id)]);
            Err(stop)
        }
        Some(ended) => ended,
        None => {
            bar.clear();
            Err(stopped(place, &id, out))
        }
    }
}

/// From the accepted job to the files.
async fn finish(
    client: &Client,
    sent: Answer<Job>,
    plan: &Plan,
    bar: &mut Bar,
    out: Out,
) -> Result<(), Stop> {
    let ended = watch::follow(client, sent, bar).await?;
    let job = &ended.value;
    if !job.has_succeeded() {
        bar.clear();
        if out.json {
            out.raw(&ended.text)?;
        }
        return Err(failed(job, out));
    }
    bar.phase("saving");
    let several = job.requested.unwrap_or(1) > 1 || job.images.len() > 1;
    let mut written = Vec::new();
    for image in &job.images {
        let target = plan.path(image.index, several, image.kind());
        bar.during(fetch(client, &job.id, image, &target, out)).await?;
        written.push(target);
    }
    bar.clear();
    report(&ended, &written, out)
}

/// One result, from the server to its file.
async fn fetch(
    client: &Client,
    job: &str,
    image: &Image,
    target: &Path,
    out: Out,
) -> Result<(), Stop> {
    // The job's own link may lead through a public address that is not reachable from here; this
    // path is at the server we have been talking to, and takes the same key.
    let mut body = client.open(&format!("{}/images/{}", watch::path(job), image.index)).await?;
    let not_written = |error: std::io::Error| {
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

fn report(ended: &Answer<Job>, written: &[PathBuf], out: Out) -> Result<(), Stop> {
    let job = &ended.value;
    let provider = job.provider.as_deref().unwrap_or("?");
    match job.price() {
        Some(price) => out
            .note("edit.done_for", &[("job", &job.id), ("provider", &provider), ("price", &price)]),
        None => out.note("edit.done", &[("job", &job.id), ("provider", &provider)]),
    }
    let missing = (job.requested.unwrap_or(1) as usize).saturating_sub(written.len());
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
    Stop::Failed(lines.join("\n"))
}

/// Ctrl-C: the job is the server's now, so this only says where it is.
fn stopped(place: &Place, id: &str, out: Out) -> Stop {
    match place.data_dir() {
        Some(data) => out.note("edit.stopped_here", &[("job", &id), ("data", &data.display())]),
        None => out.note("edit.stopped", &[("job", &id)]),
    }
    Stop::Said
}

/// The pictures that must not be overwritten.
fn inputs(edit: &Edit) -> Vec<PathBuf> {
    edit.images.iter().chain(&edit.mask).cloned().collect()
}

/// The request, under the API's own names; what was not given is not sent.
async fn form(edit: &Edit, out: Out) -> Result<Form, Stop> {
    let mut form = Form::new();
    form.text("prompt", &edit.prompt);
    let fields = [
        ("model", edit.model.clone()),
        ("provider", edit.provider.clone()),
        ("size", edit.size.clone()),
        ("aspect_ratio", edit.aspect_ratio.clone()),
        ("resolution", edit.resolution.clone()),
        ("negative_prompt", edit.negative_prompt.clone()),
        ("quality", edit.quality.clone()),
        ("output_format", edit.output_format.clone()),
        ("seed", edit.seed.map(|seed| seed.to_string())),
        ("timeout", edit.timeout.map(|seconds| seconds.to_string())),
        ("n", (edit.n > 1).then(|| edit.n.to_string())),
    ];
    for (name, value) in &fields {
        value.iter().for_each(|value| form.text(name, value));
    }
    let name = if edit.images.len() > 1 { "image[]" } else { "image" };
    let images = edit.images.iter().map(|path| (name, path));
    for (name, path) in images.chain(edit.mask.iter().map(|path| ("mask", path))) {
        form.file(name, path).await.map_err(|error| {
            let values: [(&str, &dyn Display); 2] = [("path", &path.display()), ("why", &error)];
            Stop::Usage(out.words.say("edit.unreadable", &values))
        })?;
    }
    Ok(form)
}

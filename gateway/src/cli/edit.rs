//! `retouch edit`: one edit from the shell.
//!
//! Always a client of the HTTP API: sends the pictures as they lie on disk, follows the job with
//! a bar, and writes the results. Once the server has the job, nothing that happens here ends it;
//! Ctrl-C says how to get the pictures later.

use std::{
    collections::BTreeMap,
    fmt::Display,
    path::{Path, PathBuf},
};

use super::{
    again,
    args::{Common, Edit},
    bar::Bar,
    deliver,
    form::Form,
    job::Job,
    out::Out,
    save::Plan,
    server::Place,
    signal::unless_stopped,
    stop::Stop,
};

/// Runs the command.
pub(super) async fn run(edit: &Edit, common: &Common, out: Out) -> Result<(), Stop> {
    let plan = deliver::plan(edit.out.as_deref(), &inputs(edit), edit.n, out)?;
    let form = form(edit, out).await?;
    let place = Place::any(common, out).await?;
    let again = Again { common, target: edit.out.as_deref() };
    let ended = through(&place, form, &plan, &again, out).await;
    place.leave().await;
    ended
}

/// What it takes to say how to go on later.
struct Again<'a> {
    common: &'a Common,
    target: Option<&'a Path>,
}

async fn through(
    place: &Place,
    form: Form,
    plan: &Plan,
    again: &Again<'_>,
    out: Out,
) -> Result<(), Stop> {
    let mut bar = Bar::new(out);
    bar.phase("sending");
    let sent = unless_stopped(bar.during(place.client.post::<Job>("v1/jobs", form))).await;
    let Some(sent) = sent else {
        let text = out.words.say("edit.stopped_early", &[]);
        return Err(Stop::Interrupted { text, job: None });
    };
    let sent = sent?;
    let id = sent.value.id.clone();
    match unless_stopped(deliver::finish(&place.client, sent, plan, &mut bar, out)).await {
        Some(Err(stop)) if stop.may_pass() => {
            bar.clear();
            let line = again::watch(again.common, &id, again.target);
            out.note("edit.lost_sight", &[("job", &id), ("line", &line)]);
            Err(stop)
        }
        Some(ended) => ended,
        None => Err(stopped(place, &id, again, out)),
    }
}

/// Ctrl-C: the job is the server's now, so this only says where it is and how to get the picture.
fn stopped(place: &Place, id: &str, again: &Again<'_>, out: Out) -> Stop {
    let line = again::watch(again.common, id, again.target);
    let text = match place.data_dir() {
        Some(data) => {
            let serve = again::serve(again.common);
            let values: [(&str, &dyn Display); 4] =
                [("job", &id), ("data", &data.display()), ("serve", &serve), ("line", &line)];
            out.words.say("edit.stopped_here", &values)
        }
        None => out.words.say("edit.stopped", &[("job", &id), ("line", &line)]),
    };
    Stop::Interrupted { text, job: Some(id.to_owned()) }
}

/// The pictures that must not be overwritten.
fn inputs(edit: &Edit) -> Vec<PathBuf> {
    edit.images.iter().chain(&edit.mask).cloned().collect()
}

/// The request, under the API's own names; what was not given is not sent.
async fn form(edit: &Edit, out: Out) -> Result<Form, Stop> {
    let mut form = Form::new();
    let fields = [
        ("prompt", edit.prompt.clone()),
        ("style", edit.style.clone()),
        ("variables", variables(edit)),
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

/// As JSON text: a name may hold what a field's name may not.
fn variables(edit: &Edit) -> Option<String> {
    let variables: BTreeMap<_, _> =
        edit.variables.iter().map(|variable| (&variable.name, &variable.text)).collect();
    (!variables.is_empty()).then(|| serde_json::json!(variables).to_string())
}

//! The one part of the doctor that costs money: a real edit, once its price was named and somebody
//! said yes. It goes the way of every job, to that provider and no other.

use std::{
    fmt::Display,
    io::{self, BufRead, IsTerminal},
};

use image::{Rgb, RgbImage};

use super::report::Report;
use crate::cli::{
    bar::Bar, client::Client, deliver::failed, form::Form, job::Job, out::Out,
    signal::unless_stopped, stop::Stop, watch,
};

/// Pixels across and down: what any model takes.
const SIDE: u32 = 512;
/// What any model can do.
const PROMPT: &str = "Make this picture black and white";

/// Names the price, asks, and makes the edit.
pub(super) async fn run(client: &Client, report: &Report, yes: bool, out: Out) -> Result<(), Stop> {
    let provider = &report.provider;
    match report.price() {
        Some(price) => out.note("doctor.price", &[("provider", provider), ("price", &price)]),
        None => out.note("doctor.price_unknown", &[("provider", provider)]),
    }
    if !yes && !agreed(out)? {
        out.note("doctor.declined", &[]);
        return Ok(());
    }
    let form = form(provider, out).await?;
    let mut bar = Bar::new(out);
    let ended = unless_stopped(async {
        let sent = bar.during(client.post::<Job>("v1/jobs", form)).await?;
        watch::follow(client, sent, &mut bar).await
    });
    let ended = ended.await;
    bar.clear();
    let Some(ended) = ended else {
        let text = out.words.say("edit.stopped_early", &[]);
        return Err(Stop::Interrupted { text, job: None });
    };
    let job = ended?.value;
    if !job.has_succeeded() {
        return Err(failed(&job, out));
    }
    match job.price() {
        Some(price) => {
            let said: [(&str, &dyn Display); 3] =
                [("job", &job.id), ("provider", provider), ("price", &price)];
            out.note("doctor.edited_for", &said);
        }
        None => out.note("doctor.edited", &[("job", &job.id), ("provider", provider)]),
    }
    Ok(())
}

/// Nothing is bought for whoever cannot be asked.
fn agreed(out: Out) -> Result<bool, Stop> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Stop::Usage(out.words.say("doctor.needs_yes", &[])));
    }
    out.note("doctor.ask", &[]);
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    Ok(read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes" | "是"))
}

async fn form(provider: &str, out: Out) -> Result<Form, Stop> {
    let unwritten =
        |why: &dyn Display| Stop::Failed(out.words.say("doctor.no_picture", &[("why", why)]));
    let folder = tempfile::tempdir().map_err(|error| unwritten(&error))?;
    let path = folder.path().join("doctor.png");
    let shade = |x: u32, y: u32| Rgb([(x / 2) as u8, (y / 2) as u8, 128]);
    RgbImage::from_fn(SIDE, SIDE, shade).save(&path).map_err(|error| unwritten(&error))?;
    let mut form = Form::new();
    form.text("prompt", PROMPT);
    form.text("provider", provider);
    // Opened here, so that the folder may go.
    form.file("image", &path).await.map_err(|error| unwritten(&error))?;
    Ok(form)
}

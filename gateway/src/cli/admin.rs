//! `retouch admin set-password`: the password that opens the pages, from the terminal without echo, or
//! from one line of standard input.
//!
//! Works on the data folder itself, with or without a server; one that runs takes it up, and everybody
//! who is signed in has to sign in again. Whoever may write there is the operator anyway, so that the
//! password before is not asked for. It is no flag: a command line can be read by every user of the
//! machine.

use std::io::{self, BufRead, IsTerminal, Read};

use serde_json::json;

use crate::admin::password::{self, Hashed, Unfit};
use crate::secret::Secret;

use super::{
    args::{self, Common},
    host,
    out::Out,
    stop::Stop,
};

/// The longest line that is read; no password is so long.
const LONGEST: u64 = 4_096;

/// Runs one of the commands.
pub(super) fn run(command: &args::Admin, common: &Common, out: Out) -> Result<(), Stop> {
    match command {
        args::Admin::SetPassword => set_password(common, out),
    }
}

fn set_password(common: &Common, out: Out) -> Result<(), Stop> {
    let data_dir = host::data_dir(&host::settings(common)?);
    let password = if io::stdin().is_terminal() { typed(out)? } else { line(out)? };
    let hashed = Hashed::of(&password).map_err(|unfit| unfit_for(unfit, out))?;
    let written = std::fs::create_dir_all(&data_dir)
        .and_then(|()| password::write(&data_dir, &hashed))
        .map_err(|why| failed("admin.unwritten", &why, out))?;
    if out.json {
        let told = json!({ "object": "password", "file": written });
        out.raw(&told.to_string())?;
    }
    out.note("admin.set", &[("file", &written.display())]);
    Ok(())
}

/// Asked for twice: what cannot be seen is easily mistyped.
fn typed(out: Out) -> Result<Secret, Stop> {
    let ask = |topic| {
        let typed = rpassword::prompt_password(out.words.say(topic, &[]));
        typed.map(Secret::new).map_err(|why| failed("admin.unread", &why, out))
    };
    let password = ask("admin.prompt")?;
    if ask("admin.again")? == password {
        Ok(password)
    } else {
        Err(Stop::Failed(out.words.say("admin.differ", &[])))
    }
}

fn line(out: Out) -> Result<Secret, Stop> {
    let mut text = String::new();
    let read = io::stdin().lock().take(LONGEST).read_line(&mut text);
    read.map_err(|why| failed("admin.unread", &why, out))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text)))
}

fn unfit_for(unfit: Unfit, out: Out) -> Stop {
    let say = |topic| Stop::Failed(out.words.say(topic, &[]));
    match unfit {
        Unfit::Short => say("admin.short"),
        Unfit::Long => say("admin.long"),
        Unfit::Control => say("admin.control"),
        Unfit::Form | Unfit::Costly | Unfit::System => failed("admin.unwritten", &unfit, out),
    }
}

fn failed(topic: &str, why: &dyn std::fmt::Display, out: Out) -> Stop {
    Stop::Failed(out.words.say(topic, &[("why", why)]))
}

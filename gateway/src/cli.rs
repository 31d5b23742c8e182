//! The command line: `retouch [COMMAND]`.
//!
//! Parses the arguments, begins to log, and runs one command. `edit` and `jobs` are clients of the
//! HTTP API and know nothing of the gateway's inside; what the others need of it goes through
//! `host`. Results go to stdout, everything else to stderr. Exit codes: 0 done; 1 the job or the
//! check failed, or Ctrl-C ended the watching before the result was here; 2 wrong usage; 3 the
//! server cannot be reached.

mod admin;
mod again;
mod args;
mod bar;
mod check;
mod client;
mod deliver;
mod doctor;
mod edit;
mod env;
mod envelope;
mod form;
mod host;
mod job;
mod jobs;
mod key;
mod out;
mod plugin;
mod sandbox;
mod save;
mod serve;
mod server;
mod signal;
mod stop;
mod survey;
mod table;
mod watch;
mod words;

use std::{process::ExitCode, time::Duration};

use args::{Args, Command, Common, LogFormat};
use clap::error::ErrorKind;
use out::Out;
use stop::Stop;
use words::{Language, Words};

/// How long the process waits at its end for what still runs on blocking threads.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The whole program.
pub fn main() -> ExitCode {
    let words = Words::of(Language::from_env());
    let (common, command) = match Args::read(std::env::args_os(), words) {
        Ok(args) => args.split(),
        Err(told) => return tell(&told, words),
    };
    if let Some(format) = log_format(&common, &command) {
        host::log(format);
    }
    let out = Out { words, json: common.json };
    let ended = runtime().and_then(|runtime| {
        let ended = runtime.block_on(run(&common, command, out));
        runtime.shutdown_timeout(LAST_WAIT);
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            report(&stop, out);
            stop.code()
        }
    }
}

async fn run(common: &Common, command: Command, out: Out) -> Result<(), Stop> {
    match command {
        Command::Serve => serve::run(common, out).await,
        Command::Edit(edit) => edit::run(&edit, common, out).await,
        Command::Jobs(jobs) => jobs::run(&jobs, common, out).await,
        Command::Check => check::run(common, out),
        Command::Doctor(doctor) => doctor::run(&doctor, common, out).await,
        Command::Key(command) => key::run(&command, common, out).await,
        Command::Admin(command) => admin::run(&command, common, out),
        Command::Plugin(plugin) => plugin::run(&plugin, common, out),
        Command::Sandbox => sandbox::run(common, out).await,
        // Reading the arguments has turned this one into help.
        Command::Help(_) => Ok(()),
    }
}

/// Servers log. The other commands speak to a person, and log only where that was asked for: lines
/// of a server inside this process would run through the bar.
fn log_format(common: &Common, command: &Command) -> Option<LogFormat> {
    let serves = matches!(command, Command::Serve | Command::Sandbox);
    common.log_format.or(serves.then_some(LogFormat::Text))
}

/// Says why the command ended: to a person on stderr, to a program on stdout too.
fn report(stop: &Stop, out: Out) {
    if let Some(text) = stop.message() {
        match stop {
            // Whoever pressed Ctrl-C knows that it was no error.
            Stop::Interrupted { .. } => out.remark(&text),
            _ => out.note("out.error", &[("text", &text)]),
        }
    }
    if let Some(envelope) = stop.envelope().filter(|_| out.json) {
        // With stdout gone there is nobody to tell.
        let _ = out.raw(&envelope.to_string());
    }
}

/// Prints help, version or what is wrong with the arguments, each where it belongs.
fn tell(told: &clap::Error, words: Words) -> ExitCode {
    if !told.use_stderr() || told.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // With the terminal gone there is nobody to tell.
        let _ = told.print();
        return ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2));
    }
    // The arguments could not be read, so the flag is looked for by hand.
    let json = std::env::args_os().skip(1).take_while(|arg| arg != "--").any(|arg| arg == "--json");
    let out = Out { words, json };
    out.remark(&args::wrong::told(told, words));
    let stop = Stop::Usage(args::wrong::mistake(told, words));
    if let Some(envelope) = stop.envelope().filter(|_| json) {
        let _ = out.raw(&envelope.to_string());
    }
    stop.code()
}

fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.map_err(anyhow::Error::new)?)
}

//! The command line as a table: every command, flag and argument.
//!
//! Help texts are in the message catalogues under `command.` and `arg.`, so that they follow the
//! person's language; a test finds every one that lacks a text.

use std::{net::SocketAddr, path::PathBuf};

use clap::{
    ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::NonEmptyStringValueParser as Text,
};

use super::words::Words;

/// Everything that was asked for.
#[derive(Debug, Parser)]
#[command(name = "retouch", disable_help_flag = true, disable_help_subcommand = true)]
#[command(version, disable_version_flag = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The flags every command knows.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Common {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "RETOUCH_CONFIG",
        hide_env_values = true
    )]
    pub(super) config: Option<PathBuf>,
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    #[arg(long, global = true, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[arg(long, global = true, value_name = "URL", env = "RETOUCH_SERVER", hide_env_values = true)]
    pub(super) server: Option<String>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Serve,
    Edit(Box<Edit>),
    #[command(subcommand)]
    Jobs(Jobs),
    Check,
    #[command(subcommand)]
    Plugin(Plugin),
    Sandbox,
}

/// One edit: the request's fields under the names they have in the API.
#[derive(Debug, clap::Args)]
pub(super) struct Edit {
    #[arg(value_name = "IMAGE", required = true)]
    pub(super) images: Vec<PathBuf>,
    #[arg(short, long, value_name = "TEXT", value_parser = Text::new())]
    pub(super) prompt: String,
    #[arg(short, long, value_name = "OUT")]
    pub(super) out: Option<PathBuf>,
    #[arg(long, value_name = "IMAGE")]
    pub(super) mask: Option<PathBuf>,
    #[arg(long)]
    pub(super) model: Option<String>,
    #[arg(long)]
    pub(super) provider: Option<String>,
    #[arg(long, value_name = "WxH")]
    pub(super) size: Option<String>,
    #[arg(long, value_name = "W:H")]
    pub(super) aspect_ratio: Option<String>,
    #[arg(long, value_name = "TIER")]
    pub(super) resolution: Option<String>,
    #[arg(long, value_name = "TEXT")]
    pub(super) negative_prompt: Option<String>,
    #[arg(long)]
    pub(super) seed: Option<i64>,
    #[arg(long)]
    pub(super) quality: Option<String>,
    #[arg(long, value_name = "FORMAT")]
    pub(super) output_format: Option<String>,
    #[arg(short, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) n: u32,
    #[arg(long, value_name = "SECONDS")]
    pub(super) timeout: Option<u32>,
}

/// Looking at jobs.
#[derive(Debug, Subcommand)]
pub(super) enum Jobs {
    List(List),
    Show(Id),
    Watch(Id),
}

/// Which jobs to list.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    pub(super) limit: u32,
    #[arg(long, value_name = "ID")]
    pub(super) after: Option<String>,
    #[arg(long)]
    pub(super) status: Option<String>,
    #[arg(long)]
    pub(super) provider: Option<String>,
}

/// One job.
#[derive(Debug, clap::Args)]
pub(super) struct Id {
    #[arg(value_name = "ID", value_parser = Text::new())]
    pub(super) id: String,
}

/// Looking at plugins.
#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    List,
    Inspect(Library),
}

/// One library.
#[derive(Debug, clap::Args)]
pub(super) struct Library {
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

impl Args {
    /// Parses a command line. The error is also how help and the version come back: it prints
    /// itself and knows its exit code.
    pub(super) fn read<I, T>(line: I, words: Words) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        let matches = table(words).try_get_matches_from(line)?;
        Self::from_arg_matches(&matches)
    }

    /// The flags and the command; `serve` when none was named.
    pub(super) fn split(self) -> (Common, Command) {
        (self.common, self.command.unwrap_or(Command::Serve))
    }
}

/// The whole table with its texts.
fn table(words: Words) -> clap::Command {
    let help = clap::Arg::new("help").short('h').long("help").action(ArgAction::Help).global(true);
    let version = clap::Arg::new("version").short('V').long("version").action(ArgAction::Version);
    explained(Args::command().arg(help).arg(version), "retouch", words)
}

/// Gives a command and everything below it its texts.
fn explained(command: clap::Command, name: &str, words: Words) -> clap::Command {
    let mut command = command.mut_args(|arg| {
        let heading = words.find("arg.common").filter(|_| arg.is_global_set());
        let text = words.find(&format!("arg.{}", arg.get_id()));
        arg.help(text).help_heading(heading)
    });
    let below: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for sub in below {
        let path = if name == "retouch" { sub.clone() } else { format!("{name}_{sub}") };
        command = command.mut_subcommand(sub, |sub| explained(sub, &path, words));
    }
    command.about(words.find(&format!("command.{name}")))
}

#[cfg(test)]
mod tests;

//! The command line as a table: every command, flag and argument.
//!
//! Help texts are in the message catalogues under `command.` and `arg.`, so that they follow the
//! person's language; a test finds every one that lacks a text.

use std::{net::SocketAddr, path::PathBuf};

use clap::{
    ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::{NonEmptyStringValueParser as Text, UnknownArgumentValueParser},
};

use super::words::Words;
pub(super) use key::{Key, Named, NewKey, OldKey};
use value::{Variable, address, seconds, variable};

mod key;
mod value;
pub(super) mod wrong;

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
    Doctor(Doctor),
    #[command(subcommand)]
    Key(Key),
    #[command(subcommand)]
    Admin(Admin),
    #[command(subcommand)]
    Plugin(Plugin),
    Sandbox,
    Help(About),
}

/// One edit: the request's fields under the names they have in the API.
#[derive(Debug, clap::Args)]
pub(super) struct Edit {
    #[arg(value_name = "IMAGE", required = true)]
    pub(super) images: Vec<PathBuf>,
    /// A style may bring all the words that are needed.
    #[arg(short, long, value_name = "TEXT", value_parser = Text::new())]
    #[arg(required_unless_present = "style")]
    pub(super) prompt: Option<String>,
    #[arg(short, long, value_name = "OUT")]
    pub(super) out: Option<PathBuf>,
    #[arg(long, value_name = "IMAGE")]
    pub(super) mask: Option<PathBuf>,
    #[arg(long, value_name = "NAME", value_parser = Text::new())]
    pub(super) style: Option<String>,
    #[arg(id = "var", long = "var", value_name = "NAME=TEXT", requires = "style")]
    pub(super) variables: Vec<Variable>,
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
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<u32>,
}

/// Looking at jobs.
#[derive(Debug, Subcommand)]
pub(super) enum Jobs {
    List(List),
    Show(Id),
    Watch(Watch),
    Cancel(Id),
    Resolve(Resolve),
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

/// One job, and where its pictures go.
#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    #[arg(value_name = "ID", value_parser = Text::new())]
    pub(super) id: String,
    #[arg(id = "save", short = 'o', long = "out", value_name = "OUT")]
    pub(super) out: Option<PathBuf>,
}

/// One job, and what became of an attempt whose answer was lost.
#[derive(Debug, clap::Args)]
pub(super) struct Resolve {
    #[arg(value_name = "ID", value_parser = Text::new())]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) found: Found,
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) attempt: Option<u32>,
}

/// What a person found at the provider's: one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Found {
    #[arg(long, value_name = "TASK", value_parser = Text::new())]
    pub(super) created: Option<String>,
    #[arg(long)]
    pub(super) not_created: bool,
}

/// Which provider to look after, and whether to try it for money.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    #[arg(id = "patient", value_name = "PROVIDER", value_parser = Text::new())]
    pub(super) provider: Option<String>,
    #[arg(id = "test_edit", long = "edit", requires = "patient")]
    pub(super) edit: bool,
    #[arg(long, requires = "test_edit")]
    pub(super) yes: bool,
}

/// What the operator does at the machine alone.
#[derive(Debug, Subcommand)]
pub(super) enum Admin {
    SetPassword,
}

/// What help is wanted for.
#[derive(Debug, clap::Args)]
pub(super) struct About {
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

/// Looking at plugins.
#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    List,
    Inspect(Library),
    Trust(Library),
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
        let args = Self::from_arg_matches(&matches)?;
        match args.command {
            // `help edit` is `edit --help`, and knows the same commands.
            Some(Command::Help(About { command })) => {
                let line = ["retouch".to_owned()].into_iter().chain(command);
                Self::read(line.chain(["--help".to_owned()]), words)
            }
            _ => Ok(args),
        }
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
    let table = Args::command().arg(help).arg(version).arg(port(words));
    let table =
        table.mut_arg("listen", |arg| arg.value_parser(move |text: &str| address(text, words)));
    let table = table.mut_subcommand("edit", |edit| {
        edit.mut_arg("timeout", |arg| arg.value_parser(move |text: &str| seconds(text, words)))
            .mut_arg("var", |arg| arg.value_parser(move |text: &str| variable(text, words)))
    });
    explained(table, "retouch", words)
}

/// The flag that other servers have; ours says what to use instead.
fn port(words: Words) -> clap::Arg {
    let instead = words.find("arg.port").unwrap_or_default();
    let unknown = UnknownArgumentValueParser::suggest(instead);
    let port = clap::Arg::new("port").long("port").value_name("PORT").value_parser(unknown);
    port.global(true).hide(true).num_args(0..=1).default_missing_value("")
}

/// Gives a command and everything below it its texts.
fn explained(command: clap::Command, name: &str, words: Words) -> clap::Command {
    let mut command = command.mut_args(|arg| {
        let heading = match (arg.is_global_set(), arg.is_positional()) {
            (true, _) => "arg.common",
            (false, true) => "help.arguments",
            (false, false) => "help.options",
        };
        let text = words.find(&format!("arg.{}", arg.get_id())).map(|text| more(text, &arg, words));
        let arg = arg.help(text.unwrap_or_default()).help_heading(words.find(heading));
        // clap says these in English only; `more` has said them.
        match arg.get_action().takes_values() {
            true => arg.hide_default_value(true).hide_possible_values(true).hide_env(true),
            false => arg,
        }
    });
    let below: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let has_commands = !below.is_empty();
    for sub in below {
        let path = if name == "retouch" { sub.clone() } else { format!("{name}_{sub}") };
        command = command.mut_subcommand(sub, |sub| explained(sub, &path, words));
    }
    if has_commands {
        command = command
            .subcommand_help_heading(words.find("help.commands").unwrap_or_default())
            .subcommand_value_name(words.find("help.command").unwrap_or_default());
    }
    let template = format!(
        "{{about}}\n\n{}\n\n{{all-args}}\n",
        words.say("usage.line", &[("line", &"{usage}")])
    );
    command.help_template(template).about(words.find(&format!("command.{name}")))
}

/// The text of an argument with what the table itself says of it.
fn more(text: &str, arg: &clap::Arg, words: Words) -> String {
    let mut parts = vec![text.to_owned()];
    let values: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if !values.is_empty() && arg.get_action().takes_values() {
        parts.push(words.say("help.values", &[("values", &values.join(", "))]));
    }
    if let [value] = arg.get_default_values() {
        parts.push(words.say("help.default", &[("value", &value.to_string_lossy())]));
    }
    if let Some(name) = arg.get_env() {
        parts.push(words.say("help.env", &[("name", &name.to_string_lossy())]));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests;

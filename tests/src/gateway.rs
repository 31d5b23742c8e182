//! The real gateway in a directory of its own.
//!
//! A [`Home`] is that directory: the executable with the plugins beside it, the configuration, the
//! data, and a folder to work in. A [`Gateway`] is a process that serves from it; it can be killed
//! and started again over the same data.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{Client, Ended, Process, ProviderFile, built};

/// The line on stdout that says where the gateway listens.
const READY: &str = "retouch listening on ";

/// A plugin that can be put beside the executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// The one that is always there.
    RunningHub,
    /// The one for OpenAI and Azure.
    OpenAi,
    /// The one for fal.ai's queue.
    Fal,
    /// The tests' own.
    Acme,
    /// The tests' own that panics where it is told to.
    Panics,
}

impl Plugin {
    /// The built library.
    pub fn library(self) -> PathBuf {
        match self {
            Self::RunningHub => built::plugin("libretouch_runninghub.so"),
            Self::OpenAi => built::plugin("libretouch_openai.so"),
            Self::Fal => built::plugin("libretouch_fal.so"),
            Self::Panics => built::example("libpanics.so"),
            Self::Acme => built::example("libacme.so"),
        }
    }
}

/// A gateway's directory.
pub struct Home {
    dir: TempDir,
    executable: PathBuf,
    has_config: bool,
    listen: &'static str,
    env: Vec<(String, String)>,
}

/// A gateway that runs.
pub struct Gateway {
    home: Home,
    process: Process,
    origin: String,
}

impl Home {
    /// With the executable, the shipped plugin and nothing else: as after a fresh build.
    pub fn bare() -> Self {
        let dir = built::scratch();
        for folder in ["bin", "work"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let executable = built::place(&built::executable(), &dir.path().join("bin"));
        let listen = "127.0.0.1:0";
        let home = Self { dir, executable, has_config: false, listen, env: Vec::new() };
        home.plugin(Plugin::RunningHub)
    }

    /// With a configuration that names these providers.
    pub fn with(providers: impl IntoIterator<Item = ProviderFile>) -> Self {
        let mut home = Self::bare();
        home.has_config = true;
        fs::create_dir_all(home.path("config/providers")).unwrap();
        home.write("config/retouch.toml", "");
        for provider in providers {
            home.write(&format!("config/providers/{}.toml", provider.id), provider.text());
        }
        home
    }

    /// One more plugin beside the executable.
    #[must_use]
    pub fn plugin(self, plugin: Plugin) -> Self {
        built::place(&plugin.library(), &self.path("bin"));
        self
    }

    /// The settings' file.
    #[must_use]
    pub fn settings(self, text: &str) -> Self {
        self.write("config/retouch.toml", text);
        self
    }

    /// Where the gateway listens, if not on this machine alone.
    #[must_use]
    pub fn listening(self, listen: &'static str) -> Self {
        Self { listen, ..self }
    }

    /// One more environment variable for every process started here.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.set_env(name, value);
        self
    }

    /// The same for a home that is in use; the next process gets it.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// A path within.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// Writes a file within.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Starts a command line of the executable, in the folder to work in.
    pub fn start(&self, line: &[&str]) -> Process {
        Process::start(self.command(line))
    }

    /// The same with this on its standard input.
    pub fn feed(&self, line: &[&str], input: &str) -> Process {
        Process::fed(self.command(line), input)
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(line).current_dir(self.path("work"));
        if self.has_config {
            command.arg("--config").arg(self.path("config/retouch.toml"));
            command.arg("--data").arg(self.path("data"));
        }
        self.dress(&mut command);
        command
    }

    /// Runs a command line to its end.
    pub async fn run(&self, line: &[&str]) -> Ended {
        self.start(line).end().await
    }

    /// Starts the gateway and waits until it accepts requests.
    pub async fn serve(self) -> Gateway {
        let (process, origin) = self.listen().await;
        Gateway { home: self, process, origin }
    }

    /// Gives a command an environment in which nothing of the machine's own matters.
    pub fn dress(&self, command: &mut Command) {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.dir.path()).env("LANG", "C.UTF-8");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
    }

    async fn listen(&self) -> (Process, String) {
        let process = self.start(&["serve", "--listen", self.listen]);
        let origin = process.line(READY).await;
        // All addresses are none to go to.
        (process, origin.replace("//0.0.0.0:", "//127.0.0.1:"))
    }
}

impl Gateway {
    /// A gateway with these providers and the shipped plugin.
    pub async fn with(providers: impl IntoIterator<Item = ProviderFile>) -> Self {
        Home::with(providers).serve().await
    }

    /// A gateway nobody has configured.
    pub async fn fresh() -> Self {
        Home::bare().serve().await
    }

    /// Its address: `http://127.0.0.1:port`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its directory.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        let folder = if self.home.has_config { "data" } else { "work/data" };
        self.home.path(folder)
    }

    /// What it has logged since it was last started.
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(&self.origin)
    }

    /// Starts a command line against it, as a user at the same machine would.
    pub fn start(&self, line: &[&str]) -> Process {
        self.home.start(&[line, &["--server", &self.origin]].concat())
    }

    /// Runs a command line against it to its end.
    pub async fn run(&self, line: &[&str]) -> Ended {
        self.start(line).end().await
    }

    /// Kills it without a word, and waits until it is gone.
    pub async fn kill9(&self) {
        self.process.signal("KILL");
        assert_eq!(self.process.end().await.signal, Some(9), "was it still running?");
    }

    /// Asks it to read its catalog again.
    pub fn sighup(&self) {
        self.process.signal("HUP");
    }

    /// Asks it to stop, and waits until it has.
    pub async fn sigterm(&self) -> Ended {
        self.process.signal("TERM");
        self.process.end().await
    }

    /// One more environment variable for the next start.
    pub fn env(&mut self, name: &str, value: &str) {
        self.home.set_env(name, value);
    }

    /// Processor time it has used since it was last started, in ticks of 10 ms.
    pub fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// Starts it again over the same data, at another port.
    pub async fn restart(&mut self) {
        (self.process, self.origin) = self.home.listen().await;
    }
}

/// Every file below `folder`, with its bytes.
pub fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            files.push((path, bytes));
        }
    }
    files
}

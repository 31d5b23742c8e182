//! A child process whose output and end can be waited for.
//!
//! It leads a process group of its own, gets signals as a group does at a terminal, and never
//! outlives its test.

use std::{
    io::{Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use tokio::sync::watch;

use crate::wait;

/// A running child.
pub struct Process {
    name: String,
    pid: u32,
    stdout: watch::Receiver<String>,
    stderr: watch::Receiver<String>,
    end: watch::Receiver<Option<ExitStatus>>,
}

/// How a child ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All it wrote there.
    pub stdout: String,
    /// All it wrote there.
    pub stderr: String,
}

impl Process {
    /// Starts the command; its standard input is empty.
    pub fn start(command: Command) -> Self {
        Self::fed(command, "")
    }

    /// Starts the command with this on its standard input.
    pub fn fed(mut command: Command, input: &str) -> Self {
        let name = format!("{command:?}");
        let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {name}: {error}"),
        };
        if let Some(mut stdin) = child.stdin.take() {
            // One that ends without reading it has its reasons.
            let _ = stdin.write_all(input.as_bytes());
        }
        let pid = child.id();
        let (stdout, out) = follow(child.stdout.take().unwrap());
        let (stderr, err) = follow(child.stderr.take().unwrap());
        let end = reap(child, [out, err]);
        Self { name, pid, stdout, stderr, end }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has written to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.borrow().clone()
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.borrow().clone()
    }

    /// Waits for a whole line of stdout that begins with `start`, and returns the rest of it.
    pub async fn line(&self, start: &str) -> String {
        match self.line_unless_ended(start).await {
            Some(rest) => rest,
            None => {
                let what = format!("a line `{start}…`");
                panic!("{} ended without {what}:\n{}", self.name, self.stderr())
            }
        }
    }

    /// The same of a process that may end without such a line.
    pub async fn line_unless_ended(&self, start: &str) -> Option<String> {
        let find = |text: &str| {
            let whole = &text[..text.rfind('\n')? + 1];
            whole.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned)
        };
        let mut end = self.end.clone();
        let mut stdout = self.stdout.clone();
        let what = format!("a line `{start}…` of {}", self.name);
        let mut found = None;
        let said = async {
            let said = stdout
                .wait_for(|text| {
                    found = find(text);
                    found.is_some()
                })
                .await;
            if said.is_err() {
                // Its output ends before it does, and what it said on stderr matters now.
                let _ = end.wait_for(Option::is_some).await;
            }
        };
        if tokio::time::timeout(wait::PATIENCE, said).await.is_err() {
            panic!("waited for {what} in vain:\n{}", self.stderr());
        }
        found.or_else(|| find(&self.stdout()))
    }

    /// Waits until stderr is as wanted.
    pub async fn until_stderr(&self, what: &str, wanted: impl FnMut(&String) -> bool) -> String {
        wait::seen(what, self.stderr.clone(), wanted).await
    }

    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, signal: &str) {
        if self.end.borrow().is_some() {
            return;
        }
        let script = format!("kill -s {signal} -- -{}", self.pid);
        let sent = Command::new("bash").args(["-c", &script]).output().unwrap();
        // The group may have ended between the look and the signal.
        assert!(sent.status.success() || self.has_ended_meanwhile(), "{script}: {sent:?}");
    }

    /// Waits for its end.
    pub async fn end(&self) -> Ended {
        let what = format!("the end of {}", self.name);
        let status = wait::seen(&what, self.end.clone(), Option::is_some).await.unwrap();
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    fn has_ended_meanwhile(&self) -> bool {
        !std::path::Path::new(&format!("/proc/{}/stat", self.pid)).exists()
            || self.end.borrow().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.end.borrow().is_none() {
            let script = format!("kill -s KILL -- -{}", self.pid);
            let _ = Command::new("bash").args(["-c", &script]).output();
        }
    }
}

impl Ended {
    /// Everything it said.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The same, if it ended with this exit code.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

type Follower = thread::JoinHandle<()>;

fn follow(mut pipe: impl Read + Send + 'static) -> (watch::Receiver<String>, Follower) {
    let (text, watched) = watch::channel(String::new());
    let follower = thread::spawn(move || {
        let mut pending = Vec::new();
        let mut piece = [0; 8192];
        while let Ok(length @ 1..) = pipe.read(&mut piece) {
            pending.extend_from_slice(&piece[..length]);
            let whole = match std::str::from_utf8(&pending) {
                Ok(_) => pending.len(),
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Err(_) => pending.len(),
            };
            let said: Vec<u8> = pending.drain(..whole).collect();
            text.send_modify(|text| text.push_str(&String::from_utf8_lossy(&said)));
        }
    });
    (watched, follower)
}

/// Publishes the child's end once everything it wrote has been read.
fn reap(mut child: Child, followers: [Follower; 2]) -> watch::Receiver<Option<ExitStatus>> {
    let (end, watched) = watch::channel(None);
    thread::spawn(move || {
        for follower in followers {
            let _ = follower.join();
        }
        let status = child.wait().unwrap();
        end.send_replace(Some(status));
    });
    watched
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(script: &str) -> Process {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        Process::start(command)
    }

    #[tokio::test]
    async fn tells_lines_streams_and_exit_code() {
        let process = bash("echo ready on 7; echo trouble >&2; exit 3");
        assert_eq!(process.line("ready on ").await, "7");
        let ended = process.end().await.with(3);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("ready on 7\n", "trouble\n"));
    }

    #[tokio::test]
    async fn passes_signals_on() {
        let process = bash("trap 'echo caught; exit 1' INT; echo ready; sleep 60");
        process.line("ready").await;
        process.signal("INT");
        assert_eq!(process.end().await.with(1).stdout, "ready\ncaught\n");
    }
}

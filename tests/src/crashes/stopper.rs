//! The library that stops a gateway at an exact call, and the names of those calls.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{Home, built};

/// The compiled library.
pub struct Stopper {
    folder: TempDir,
}

/// On which side of a call the gateway is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The call is not made.
    Before,
    /// Nothing follows it.
    After,
}

/// One place to be stopped at: which side of which call, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Point {
    /// Before or after.
    pub side: Side,
    /// What is done and where, such as `sync:wal`.
    pub call: String,
    /// The how-manieth of its kind in the life of the process.
    pub number: usize,
}

impl Stopper {
    /// Compiles it.
    pub fn compiled() -> Self {
        let folder = built::scratch();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c/stopper.c");
        let mut command = Command::new("cc");
        command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared"]);
        command.arg(source).arg("-o").arg(folder.path().join("stopper.so"));
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Self { folder }
    }

    /// The next process of this home is stopped there, or only watched; either way it leaves a
    /// trace. Its providers are at these ports.
    pub fn arm(&self, home: &mut Home, ports: &[String], point: Option<&Point>) {
        let library = self.folder.path().join("stopper.so");
        home.set_env("LD_PRELOAD", &library.display().to_string());
        let folders = ["data", "config"].map(|name| home.path(name).display().to_string());
        home.set_env("STOPPER_FOLDERS", &folders.join(":"));
        home.set_env("STOPPER_PORTS", &ports.join(","));
        home.set_env("STOPPER_TRACE", &trace_of(home).display().to_string());
        home.set_env("STOPPER", &point.map(Point::to_string).unwrap_or_default());
        let _ = fs::remove_file(trace_of(home));
    }

    /// The next process of this home is left alone.
    pub fn disarm(home: &mut Home) {
        home.set_env("LD_PRELOAD", "");
    }

    /// The calls that the last armed process made, in order.
    pub fn trace(home: &Home) -> Vec<String> {
        let text = fs::read_to_string(trace_of(home)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Point {
    /// Every place in a trace, on both sides of each call. What was received is only known after.
    pub fn all(trace: &[String]) -> Vec<Self> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut points = Vec::new();
        for call in trace {
            let number = counts.entry(call).or_default();
            *number += 1;
            let at = |side| Self { side, call: call.clone(), number: *number };
            if !call.starts_with("recv:") {
                points.push(at(Side::Before));
            }
            points.push(at(Side::After));
        }
        points
    }
}

impl fmt::Display for Point {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.side == Side::Before { "before" } else { "after" };
        write!(to, "{side}:{}:{}", self.call, self.number)
    }
}

fn trace_of(home: &Home) -> PathBuf {
    home.path("trace")
}

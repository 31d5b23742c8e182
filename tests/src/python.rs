//! Python scripts that use the official client, with its base URL changed and nothing else.

use std::{path::Path, process::Command};

use crate::{Ended, Home, Process, built};

/// Runs a script to its end, see [`start`].
pub async fn run(home: &Home, origin: &str, script: &str) -> Ended {
    start(home, origin, script).end().await
}

/// Starts a script in `home`'s folder to work in. The client finds the gateway at `origin` as it
/// finds any service: by its own environment variables.
pub fn start(home: &Home, origin: &str, script: &str) -> Process {
    let file = home.write("work/script.py", script);
    let mut command = Command::new(built::python());
    command.arg(file).current_dir(home.path("work"));
    home.dress(&mut command);
    command.env("OPENAI_BASE_URL", format!("{origin}/v1")).env("OPENAI_API_KEY", "sk-anything");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Process::start(command)
}

/// A script that lies in the suite's folder.
pub fn script(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/openai").join(name);
    std::fs::read_to_string(path).unwrap()
}

//! Node scripts that use the official client, with its base URL changed and nothing else.

use std::{os::unix::fs::symlink, path::Path, process::Command};

use crate::{Ended, Home, Process, built};

/// Runs a script of the suite's folder in `home`'s folder to work in, with the packages beside it
/// as after `npm install`. The client finds the gateway at `origin` as it finds any service.
pub async fn run(home: &Home, origin: &str, script: &str) -> Ended {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/node").join(script);
    let file = home.write("work/script.mjs", std::fs::read(source).unwrap());
    let packages = home.path("work/node_modules");
    if !packages.exists() {
        symlink(built::node_modules(), packages).unwrap();
    }
    let mut command = Command::new("node");
    command.arg(file).current_dir(home.path("work"));
    home.dress(&mut command);
    command.env("OPENAI_BASE_URL", format!("{origin}/v1")).env("OPENAI_API_KEY", "sk-anything");
    Process::start(command).end().await
}

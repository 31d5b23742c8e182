//! Load on a real gateway, at the command line:
//!
//!     cargo run --release -p retouch-tests --bin load -- memory
//!
//! prints what 32 edits of 10 MB at once cost the gateway through each plugin, and ends with exit
//! code 1 where that is more than is promised.
#![expect(clippy::print_stdout, reason = "printing is what it does")]

use std::process::ExitCode;

use retouch_tests::{
    Plugin,
    load::{self, EDITS, MOST},
};

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("memory") {
        println!("usage: load memory");
        return ExitCode::from(2);
    }
    println!("{EDITS} edits of 10 MB at once; at most {MOST} MiB over idle\n");
    println!("{:12} {:>8} {:>8} {:>8}   MiB", "plugin", "idle", "peak", "over");
    let mut is_kept = true;
    for plugin in [Plugin::RunningHub, Plugin::OpenAi, Plugin::Fal] {
        let cost = load::run(plugin).await;
        let name = format!("{plugin:?}").to_lowercase();
        println!("{name:12} {:8} {:8} {:8}", cost.idle, cost.peak, cost.over());
        is_kept &= cost.over() <= MOST;
    }
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

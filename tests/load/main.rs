//! Load on a real gateway, at the command line:
//!
//!     cargo run --release -p retouch-tests --bin load -- memory
//!     cargo run --release -p retouch-tests --bin load -- crashes [--rounds N] [--seed S]
//!     cargo run --release -p retouch-tests --bin load -- inflight [JOBS]
//!     cargo run --release -p retouch-tests --bin load -- hot
//!
//! Each prints what it found, and ends with exit code 1 where that is not what is promised.
#![expect(clippy::print_stdout, reason = "printing is what it does")]

mod crashes;
mod hot;
mod inflight;
mod memory;

use std::process::ExitCode;

const USAGE: &str = "usage: load memory\n\
                     \u{20}      load crashes [--rounds N] [--seed S]\n\
                     \u{20}      load inflight [JOBS]\n\
                     \u{20}      load hot";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_kept = match words.as_slice() {
        ["memory"] => memory::print().await,
        ["crashes", options @ ..] => match crashes::Options::read(options) {
            Some(options) => crashes::print(options).await,
            None => return usage(),
        },
        ["hot"] => hot::print().await,
        ["inflight"] => inflight::print(inflight::JOBS).await,
        ["inflight", jobs] => match jobs.parse() {
            Ok(jobs) => inflight::print(jobs).await,
            Err(_) => return usage(),
        },
        _ => return usage(),
    };
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    println!("{USAGE}");
    ExitCode::from(2)
}

//! One binary with every test of the running gateway, a file a theme.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod api;
mod cli;
mod crash;
mod docs;
mod failover;
mod first_run;
mod harness;
mod openai;
mod plugins;
mod refusals;
mod secrets;
mod tidy;

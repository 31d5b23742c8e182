//! One binary with every test of the running gateway, a file a theme.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod api;
mod broken_configs;
mod c_plugins;
mod cli;
mod crash;
mod crash_matrix;
mod crowd;
mod docs;
mod failover;
mod first_run;
mod follow;
mod forms;
mod guard;
mod harness;
mod hostile;
mod inputs;
mod late;
mod lines;
mod lost;
mod memory;
mod money;
mod node;
mod openai;
mod plugins;
mod protocols;
mod refusals;
mod resolve;
mod retention;
mod secrets;
mod stops;
mod storage;
mod tidy;

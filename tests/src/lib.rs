//! The harness: the real gateway, scripted providers, small clients.
//!
//! Every test gets its own directory, its own ports and its own processes, so all of them run at
//! once. Nothing waits for time to pass: a test waits for something to be seen, and a wait that
//! is not fulfilled fails with what was being waited for. Whatever a test started ends with it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a harness that cannot go on has failed")]

pub mod acme;
pub mod admin;
pub mod browser;
pub mod built;
pub mod cc;
pub mod client;
pub mod config;
pub mod crashes;
pub mod database;
pub mod fal;
pub mod gateway;
pub mod hot;
pub mod inflight;
pub mod load;
pub mod memory;
pub mod moody;
pub mod node;
pub mod openai;
pub mod patient;
pub mod pictures;
pub mod process;
pub mod provider;
pub mod python;
pub mod raw;
pub mod relabel;
mod script;
pub mod server;
pub mod wait;
pub mod witness;

pub use acme::AcmeServer;
pub use admin::Admin;
pub use browser::Browser;
pub use client::{Answer, Client, Edit, Form, Job};
pub use config::ProviderFile;
pub use fal::Fal;
pub use gateway::{Gateway, Home, Plugin};
pub use memory::{Memory, Resident};
pub use openai::OpenAi;
pub use process::{Ended, Process};
pub use provider::{Ledger, Provider, Turn};

//! Retouch: one API for image editing, in front of many providers.
//!
//! The binary is `retouch`; this library exists so that it can be tested. The list of modules is
//! the map of the code: `cli` starts `app`, which wires `http` and `api` (the way in), `engine` (the
//! life of a job), `upstream` (the way out) and `store`. `job`, `attempt` and `route` decide and
//! never wait; the rest waits and never decides.

pub mod access;
mod admin;
pub mod api;
pub mod app;
pub mod attempt;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod clock;
pub mod doctor;
pub mod duration;
pub mod engine;
pub mod http;
pub mod id;
pub mod images;
pub mod job;
pub mod link;
pub mod live;
pub mod master;
mod metrics;
pub mod money;
pub mod pin;
pub mod plugin;
pub mod poll;
pub mod problem;
pub mod request;
pub mod retention;
pub mod rotation;
pub mod route;
pub mod sandbox;
pub mod secret;
pub mod settings;
pub mod size;
pub mod snapshot;
pub mod stamp;
pub mod store;
pub mod telemetry;
pub mod upstream;

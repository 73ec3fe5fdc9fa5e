//! Every service on the embedded platform, in one process: the binary `marketplace` and what tests start of it.

mod certifications;
pub mod command;
pub mod config;
mod consumers;
mod demo;
mod event_sink;
pub mod gateway;
mod operations;
mod patience;
mod replays;
pub mod telemetry;
mod visitors;

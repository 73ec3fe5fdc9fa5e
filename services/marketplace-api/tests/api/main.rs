//! The service's routes on the embedded platform in a temporary folder: real store, real tokens, no network.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod access;
mod bad_input;
mod dead_letters;
mod fuzz;
mod idempotency;
mod me;
mod requests;
mod server;
mod third_parties;

//! The service's routes on the embedded platform in a temporary folder: real store, real tokens, no network.

mod access;
mod bad_input;
mod dead_letters;
mod idempotency;
mod me;
mod requests;
mod server;
mod third_parties;

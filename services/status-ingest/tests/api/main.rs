//! The service's routes on the embedded platform in a temporary folder: real store, real keys, no network.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod inbox;
mod lease;
mod server;
mod status;

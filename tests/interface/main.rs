//! How the gateway is described to others, judged by the programs of others.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod client;
mod descriptions;
mod fuzzing;

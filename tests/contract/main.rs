//! What every platform's ports must do, as one list of rules that runs against each of them, and what the platform
//! for one machine promises besides.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod embedded;
mod fixture;
mod platform;
mod suite;

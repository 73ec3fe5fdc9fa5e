//! What every platform's ports must do, as one list of rules that runs against each of them, and what each promises
//! besides.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod aws;
mod embedded;
mod fixture;
mod platform;
mod suite;

//! The pattern engine against cases computed by an independent implementation, against a naive
//! evaluator on random patterns and events, and against whatever is not a pattern.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

#[path = "patterns/fuzz.rs"]
mod fuzz;
#[path = "patterns/generate.rs"]
mod generate;
#[path = "patterns/naive.rs"]
mod naive;
#[path = "patterns/properties.rs"]
mod properties;
#[path = "patterns/refusals.rs"]
mod refusals;
#[path = "patterns/semantics.rs"]
mod semantics;
#[path = "patterns/vectors.rs"]
mod vectors;

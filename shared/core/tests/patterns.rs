//! The pattern engine against cases computed by an independent implementation, against a naive
//! evaluator on random patterns and events, and against whatever is not a pattern.

#[path = "patterns/vectors.rs"]
mod vectors;

//! `schemas/openapi/marketplace.yaml` held against the running gateway: what is described is what is there.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod answers;
mod bodies;
mod document;
mod market;
mod matrix;
mod readme;
mod reference;
mod routes;
mod shape;
mod sources;

//! The life of a request and its offers under every order, repetition and loss of what is done to them, against
//! rules that are written down here a second time.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

#[path = "lifecycle/events.rs"]
mod events;
#[path = "lifecycle/model.rs"]
mod model;
#[path = "lifecycle/play.rs"]
mod play;
#[path = "lifecycle/properties.rs"]
mod properties;
#[path = "lifecycle/rules.rs"]
mod rules;
#[path = "lifecycle/status.rs"]
mod status;
#[path = "lifecycle/steps.rs"]
mod steps;
#[path = "lifecycle/table.rs"]
mod table;
#[path = "lifecycle/witness.rs"]
mod witness;

//! What is on the bus `marketplace`: event types, their wire names, JSON Schemas and validation.
//!
//! No IO and no AWS crate: a published shape must not depend on how it travels (DESIGN section 5).

pub mod delivery;
pub mod delivery_result;
pub mod envelope;
pub mod fault;
pub mod id;
pub mod kind;
pub mod message;
pub mod names;
pub mod request;
pub mod schema;
pub mod splice;
pub mod status_update;
pub mod third_party;
pub mod validate;
pub mod words;

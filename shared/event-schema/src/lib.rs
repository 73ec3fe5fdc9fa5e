//! What is on the bus `marketplace`: event types, their wire names, JSON Schemas and validation.
//!
//! No IO and no AWS crate: a published shape must not depend on how it travels (DESIGN section 5).

pub mod id;
pub mod names;
pub mod words;

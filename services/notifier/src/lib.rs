//! The notifier: a status event goes in, and the user is told by e-mail, by SMS, or not at all; an event about a third
//! party, and its contact is told by e-mail of what concerns its safety.
//!
//! Told once for each change and channel: what was sent is recorded with the request, and a repeated event finds
//! it there. Between sending and recording a crash can send a second time; both have the same id, so a file is
//! overwritten and mail programs can recognise the copy.

mod config;
mod contacts;
mod error;
mod handler;
mod letters;
mod recipients;
mod templates;

pub use config::Config;
pub use error::NotifierError;
pub use handler::{Deps, Done, KINDS, handle};
pub use recipients::{Channel, Silence};

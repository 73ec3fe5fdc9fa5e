//! Plays the script of a certification: what `marketplace_core::certification` says is to be done next.
//!
//! Whoever wakes it, however often and from however many places at a time, it does what is to be done and says when to
//! look again. Everything that it does is done once, since what it makes has derived ids, and is found again.

mod error;
mod forgery;
mod handler;

pub use self::{
    error::CertifierError,
    handler::{Deps, LOOK_AGAIN, go_on},
};

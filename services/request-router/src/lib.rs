//! The request router: a request event goes in, and an offer to each party that may see it comes out.
//!
//! It also withdraws: when a `first-accept` request is won or a request is cancelled, the offers of the others
//! follow; when a party is disabled, those that still wait for it.
//! And it offers again what a party has lost, as its replays say. All of this is idempotent and resumable: offers have
//! derived ids, and what is done is not done again.

mod error;
mod handler;
mod replay;

pub use error::{Forged, RouterError};
pub use handler::{Alarm, Bus, Deps, KINDS, Managed, handle};
pub use replay::replay_some;

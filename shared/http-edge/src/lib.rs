//! What the HTTP services share: who is calling, what was sent, and how to answer (DESIGN section 6).
//!
//! A service's routes take [`caller`], [`body`], [`idempotency`], [`page`] and [`path`] as extractors, answer with
//! [`reply`] or [`problem::Problem`], and are put inside [`finish::finish`] once.

pub mod api_key;
pub mod body;
pub mod caller;
pub mod client;
pub mod edge;
pub mod finish;
pub mod idempotency;
pub mod page;
pub mod path;
pub mod problem;
pub mod rate_limit;
pub mod reply;
pub mod token;

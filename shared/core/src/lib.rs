//! The rules of the marketplace gateway and the ports to the outside: values in, values out.
//!
//! Nothing in this crate does IO or reads a clock, the environment or randomness (DESIGN section 4,
//! invariant 4): times, ids and random numbers are passed in, so the rules cannot fail for outside
//! reasons and every one of them can be tested as a function.

pub mod address;
pub mod backtest;
pub mod causes;
pub mod certification;
pub mod command;
pub mod confirmation;
pub mod contact;
pub mod delivery;
pub mod endpoint_test;
pub mod fact;
pub mod health;
pub mod intake;
pub mod lifecycle;
pub mod mapping;
pub mod offer;
pub mod pace;
pub mod party;
pub mod pattern;
pub mod ports;
pub mod publish;
pub mod replay;
pub mod request;
pub mod retry;
pub mod routing;
pub mod sign_up_turns;
pub mod signing;
pub mod transport;
pub mod user;
pub mod view;

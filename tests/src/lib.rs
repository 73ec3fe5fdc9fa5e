//! What tests of whole flows are made of: a gateway within this process or in one of its own, its callers, and real
//! servers on loopback that stand for third parties.
#![expect(clippy::expect_used, clippy::panic, reason = "only tests use this crate, and a panic is how a test fails")]

pub mod aws;
pub mod caller;
pub mod clock;
mod described;
pub mod dynamodb;
pub mod eventually;
pub mod examples;
pub mod gateway;
pub mod interface;
pub mod mail_server;
pub mod mailbox;
pub mod market;
pub mod modes;
pub mod names;
pub mod party_server;
pub mod process;
pub mod receivers;
pub mod secrets;
pub mod stack;
mod surroundings;
pub mod token_server;
pub mod wiretap;

pub use self::{
    caller::{Answer, Caller},
    dynamodb::DynamoServer,
    eventually::eventually,
    gateway::TestGateway,
    market::{Market, Party, User},
    modes::in_both_modes,
    names::unique,
    party_server::{ClosedDoor, PartyServer, Received, Reply},
    process::ServerProcess,
    receivers::Receiver,
    stack::Stack,
};

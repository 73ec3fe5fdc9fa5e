//! Whole flows over real sockets: each file plays what it is named for, from one end of the gateway to the other.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod answers;
mod aws_client;
mod backtests;
mod bad_input;
mod cancel;
mod certification;
mod changes;
mod clocks;
mod contacts;
mod crossing;
mod dead_letters;
mod deliveries;
mod endpoint_tests;
mod environments;
mod first_accept;
mod health;
mod idempotency;
mod inbox;
mod isolation;
mod keys;
mod leavers;
mod mappings;
mod message;
mod notices;
mod operations;
mod pauses;
mod phones;
mod place;
mod push;
mod releases;
mod routing;
mod sign_up;
mod signing;
mod third_parties;
mod transports;
mod users;
mod visibility;

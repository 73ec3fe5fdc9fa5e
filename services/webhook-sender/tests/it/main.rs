//! The sender over real loopback sockets: what it puts on the wire, and what it makes of what comes back.
#![cfg(test)]

mod answers;
mod connections;
mod credentials;
mod guard;
mod signatures;
mod stub;
mod tokens;

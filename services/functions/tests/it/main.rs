//! Every function's handler, woken with what AWS documents, on a `DynamoDB` engine; other services of AWS are a server on
//! loopback that keeps what it was asked.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod breaker;
mod certification;
mod cloud;
mod http;
mod notify;
mod payload;
mod publish;
mod push;
mod queue;
mod rate;
mod record;
mod router;
mod tick;
mod user_confirmed;
mod world;

//! The stack of `infra/template.yaml`, deployed to an emulator of AWS that runs the real functions: the flows of
//! `tests/it`, and what only AWS has.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod bus;
mod clock;
mod disorder;
mod excuses;
mod managed;
mod place;

#[path = "../it/answers.rs"]
mod answers;
#[path = "../it/aws_client.rs"]
mod aws_client;
#[path = "../it/backtests.rs"]
mod backtests;
#[path = "../it/cancel.rs"]
mod cancel;
#[path = "../it/certification.rs"]
mod certification;
#[path = "../it/clocks.rs"]
mod clocks;
#[path = "../it/contacts.rs"]
mod contacts;
#[path = "../it/crossing.rs"]
mod crossing;
#[path = "../it/dead_letters.rs"]
mod dead_letters;
#[path = "../it/deliveries.rs"]
mod deliveries;
#[path = "../it/endpoint_tests.rs"]
mod endpoint_tests;
#[path = "../it/environments.rs"]
mod environments;
#[path = "../it/first_accept.rs"]
mod first_accept;
#[path = "../it/health.rs"]
mod health;
#[path = "../it/idempotency.rs"]
mod idempotency;
#[path = "../it/inbox.rs"]
mod inbox;
#[path = "../it/isolation.rs"]
mod isolation;
#[path = "../it/keys.rs"]
mod keys;
#[path = "../it/leavers.rs"]
mod leavers;
#[path = "../it/mappings.rs"]
mod mappings;
#[path = "../it/message.rs"]
mod message;
#[path = "../it/notices.rs"]
mod notices;
#[path = "../it/pauses.rs"]
mod pauses;
#[path = "../it/phones.rs"]
mod phones;
#[path = "../it/push.rs"]
mod push;
#[path = "../it/releases.rs"]
mod releases;
#[path = "../it/routing.rs"]
mod routing;
#[path = "../it/sign_up.rs"]
mod sign_up;
#[path = "../it/signing.rs"]
mod signing;
#[path = "../it/third_parties.rs"]
mod third_parties;
#[path = "../it/transports.rs"]
mod transports;
#[path = "../it/users.rs"]
mod users;
#[path = "../it/visibility.rs"]
mod visibility;

//! The services as Lambda functions: what each is woken with is read here, handed to a service, and answered in the
//! shape that Lambda expects. The programs in `bin/` are wiring and nothing else.
//!
//! What wakes which function, and what each reads of its environment, stands at the top of `infra/template.yaml`.

pub mod alarms;
pub mod config;
pub mod doorbell;
pub mod http;
pub mod notify;
mod on_demand;
pub mod publish;
pub mod push;
pub mod record;
pub mod router;
pub mod settings;
pub mod sqs;
pub mod telemetry;
pub mod tick;
pub mod user_confirmed;
pub mod wiring;

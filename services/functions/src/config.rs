//! What each function reads of its environment: this and nothing else, once, with every problem reported at once.
//!
//! AWS's own variables (`AWS_*`) are read by its SDK, its runtime and, for the SDK, by `wiring.rs`.

mod reader;

use std::time::Duration;

use marketplace_api::SignUpPolicy;
use platform_aws::managed::buses::Buses;
use url::Url;

use self::reader::Reader;
pub use self::reader::{ConfigError, Problem};

/// One variable of this process, if it is set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where functions look")]
pub fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// Whose tokens are believed.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// `MARKETPLACE_TOKEN_ISSUER`: their `iss`.
    pub issuer: String,
    /// `MARKETPLACE_TOKEN_CLIENT`: their `client_id`.
    pub client: String,
    /// `MARKETPLACE_JWKS_URL`: where the issuer's keys are.
    pub jwks_url: Url,
}

/// `marketplace-api`.
#[derive(Clone, Debug)]
pub struct Api {
    /// `MARKETPLACE_TABLE`.
    pub table: String,
    /// Whose tokens are believed.
    pub tokens: Tokens,
    /// `MARKETPLACE_SECRETS_KEY`: the KMS key that seals parties' credentials.
    pub secrets_key: String,
    /// `MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS`: admits http and private addresses, for development.
    pub allow_private_endpoints: bool,
    /// `MARKETPLACE_PUBLIC_URL`: what the links that confirm phone numbers begin with.
    pub public_url: Url,
    /// `MARKETPLACE_SIGNUP`: whether third parties sign up by themselves, and whether an operator approves.
    pub sign_up: SignUpPolicy,
}

/// `status-ingest`.
#[derive(Clone, Debug)]
pub struct Ingest {
    /// `MARKETPLACE_TABLE`.
    pub table: String,
    /// Whose tokens are believed.
    pub tokens: Tokens,
    /// `MARKETPLACE_SECRETS_KEY`: the KMS key that seals parties' credentials.
    pub secrets_key: String,
    /// `MARKETPLACE_MAX_WAIT_SECONDS`: upper bound of a lease's `wait_seconds`.
    pub max_wait: Duration,
}

/// `request-router`.
#[derive(Clone, Debug)]
pub struct Router {
    /// `MARKETPLACE_TABLE`.
    pub table: String,
    /// `MARKETPLACE_DOORBELL_QUEUE`: the doorbell's URL.
    pub doorbell: String,
}

/// What `delivery-recorder` and `user-confirmed` need: the table alone.
#[derive(Clone, Debug)]
pub struct TableOnly {
    /// `MARKETPLACE_TABLE`.
    pub table: String,
}

/// `notifier`.
#[derive(Clone, Debug)]
pub struct Notifier {
    /// `MARKETPLACE_TABLE`.
    pub table: String,
    /// `MARKETPLACE_PUBLIC_URL`: the last line of every e-mail.
    pub public_url: Url,
    /// `MARKETPLACE_MAIL_FROM`: e-mails' sender; none are sent without one.
    pub mail_from: Option<String>,
}

/// `webhook-sender`.
#[derive(Clone, Debug)]
pub struct Sender {
    /// `MARKETPLACE_TABLE`.
    pub table: String,
    /// `MARKETPLACE_SECRETS_KEY`: the KMS key that seals parties' credentials.
    pub secrets_key: String,
    /// `MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS`: admits http and private addresses, for development.
    pub allow_private_endpoints: bool,
    /// `MARKETPLACE_DOORBELL_QUEUE`: the doorbell's URL.
    pub doorbell: String,
}

/// `outbox-publisher`.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// `MARKETPLACE_TABLE`.
    pub table: String,
    /// `MARKETPLACE_BUSES`: over how many buses routes are spread.
    pub buses: Buses,
}

/// `clock`.
#[derive(Clone, Debug)]
pub struct Ticks {
    /// `MARKETPLACE_TABLE`.
    pub table: String,
    /// `MARKETPLACE_SECRETS_KEY`: the KMS key that seals parties' credentials.
    pub secrets_key: String,
    /// `MARKETPLACE_BUSES`: over how many buses routes are spread.
    pub buses: Buses,
    /// `MARKETPLACE_DOORBELL_QUEUE`: the doorbell's URL.
    pub doorbell: String,
    /// `MARKETPLACE_MANAGED_ROLE`: as whom EventBridge calls parties.
    pub managed_role: String,
    /// `MARKETPLACE_MANAGED_DEAD_LETTERS`: the queue for what it could not deliver.
    pub managed_dead_letters: String,
}

/// The longest `wait_seconds` of the contract (DESIGN section 6).
const LONGEST_WAIT: u64 = 20;

impl Api {
    /// Reads it; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let (table, tokens, secrets_key) = (reader.table(), reader.tokens(), reader.secrets_key());
        let allow_private_endpoints = reader.allow_private_endpoints();
        let (public_url, sign_up) = (reader.parsed("MARKETPLACE_PUBLIC_URL"), reader.parsed("MARKETPLACE_SIGNUP"));
        reader.finish(|| {
            Some(Self {
                table: table?,
                tokens: tokens?,
                secrets_key: secrets_key?,
                allow_private_endpoints: allow_private_endpoints?,
                public_url: public_url?,
                sign_up: sign_up?,
            })
        })
    }
}

impl Ingest {
    /// Reads it; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let (table, tokens, secrets_key) = (reader.table(), reader.tokens(), reader.secrets_key());
        let max_wait = reader.checked("MARKETPLACE_MAX_WAIT_SECONDS", wait);
        reader.finish(|| Some(Self { table: table?, tokens: tokens?, secrets_key: secrets_key?, max_wait: max_wait? }))
    }
}

impl Router {
    /// Reads it; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let (table, doorbell) = (reader.table(), reader.doorbell());
        reader.finish(|| Some(Self { table: table?, doorbell: doorbell? }))
    }
}

impl TableOnly {
    /// Reads it; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let table = reader.table();
        reader.finish(|| Some(Self { table: table? }))
    }
}

impl Notifier {
    /// Reads it; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let (table, public_url) = (reader.table(), reader.parsed("MARKETPLACE_PUBLIC_URL"));
        let mail_from = reader.value("MARKETPLACE_MAIL_FROM");
        reader.finish(|| Some(Self { table: table?, public_url: public_url?, mail_from }))
    }
}

impl Sender {
    /// Reads it; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let (table, secrets_key, doorbell) = (reader.table(), reader.secrets_key(), reader.doorbell());
        let allow_private_endpoints = reader.allow_private_endpoints();
        reader.finish(|| {
            Some(Self {
                table: table?,
                secrets_key: secrets_key?,
                allow_private_endpoints: allow_private_endpoints?,
                doorbell: doorbell?,
            })
        })
    }
}

impl Publisher {
    /// Reads it; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let (table, buses) = (reader.table(), reader.buses());
        reader.finish(|| Some(Self { table: table?, buses: buses? }))
    }
}

impl Ticks {
    /// Reads it; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let (table, secrets_key, doorbell) = (reader.table(), reader.secrets_key(), reader.doorbell());
        let (buses, managed_role) = (reader.buses(), reader.text("MARKETPLACE_MANAGED_ROLE"));
        let managed_dead_letters = reader.text("MARKETPLACE_MANAGED_DEAD_LETTERS");
        reader.finish(|| {
            Some(Self {
                table: table?,
                secrets_key: secrets_key?,
                buses: buses?,
                doorbell: doorbell?,
                managed_role: managed_role?,
                managed_dead_letters: managed_dead_letters?,
            })
        })
    }
}

fn wait(text: &str) -> Result<Duration, String> {
    let seconds: u64 = text.parse().map_err(|_| "must be a whole number of seconds".to_owned())?;
    if seconds > LONGEST_WAIT {
        return Err(format!("must be at most {LONGEST_WAIT}"));
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    fn problems<T: fmt::Debug>(read: Result<T, ConfigError>) -> Vec<(&'static str, String)> {
        read.unwrap_err().0.into_iter().map(|problem| (problem.variable, problem.detail)).collect()
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let variables: Vec<_> = problems(Ticks::read(|_| None)).into_iter().map(|(variable, _)| variable).collect();
        let all = [
            "MARKETPLACE_TABLE",
            "MARKETPLACE_SECRETS_KEY",
            "MARKETPLACE_DOORBELL_QUEUE",
            "MARKETPLACE_BUSES",
            "MARKETPLACE_MANAGED_ROLE",
            "MARKETPLACE_MANAGED_DEAD_LETTERS",
        ];
        assert_eq!(variables, all);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_being_shown() {
        let wrong = |variable: &str| {
            let value = match variable {
                "MARKETPLACE_MAX_WAIT_SECONDS" => "21",
                "MARKETPLACE_JWKS_URL" => "secret nonsense",
                _ => "text",
            };
            Some(value.to_owned())
        };
        let found = problems(Ingest::read(wrong));
        let variables: Vec<_> = found.iter().map(|(variable, _)| *variable).collect();
        assert_eq!(variables, ["MARKETPLACE_JWKS_URL", "MARKETPLACE_MAX_WAIT_SECONDS"]);
        assert!(found.iter().all(|(_, detail)| !detail.contains("secret")), "{found:?}");
        assert_eq!(problems(Publisher::read(|_| Some("0".to_owned())))[0].0, "MARKETPLACE_BUSES");
        let private = problems(Sender::read(|_| Some("perhaps".to_owned())));
        assert_eq!(private[0].0, "MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS");
    }

    #[test]
    fn without_a_sender_no_mail_is_sent() {
        let read = |from: &'static str| {
            Notifier::read(move |variable| match variable {
                "MARKETPLACE_PUBLIC_URL" => Some("https://market.example".to_owned()),
                "MARKETPLACE_MAIL_FROM" => Some(from.to_owned()),
                _ => Some("table".to_owned()),
            })
        };
        assert_eq!(read("").unwrap().mail_from, None);
        assert_eq!(read("a@market.example").unwrap().mail_from.as_deref(), Some("a@market.example"));
    }
}

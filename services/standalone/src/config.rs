//! The gateway's configuration: read once, from a lookup, with every problem reported at once.

use std::{fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use jiff::SignedDuration;
use marketplace_api::SignUpPolicy;
use platform_embedded::retention::Retention;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::telemetry::Log;

/// Everything that can be configured (DESIGN section 7).
#[derive(Clone, Debug)]
pub struct Config {
    /// `MARKETPLACE_LISTEN`: where the server listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// `MARKETPLACE_DATA_DIR`: the folder that holds everything that is kept.
    pub data_dir: PathBuf,
    /// `MARKETPLACE_PUBLIC_URL`: what links begin with; unset: the address that it listens on.
    pub public_url: Option<Url>,
    /// `MARKETPLACE_OPERATOR_TOKEN`: made and saved in the data folder when unset.
    pub operator_token: Option<SecretString>,
    /// `MARKETPLACE_EVENTS_SECRET`: secret access key for `PutEvents`; made and saved when unset.
    pub events_secret: Option<SecretString>,
    /// `MARKETPLACE_SECRET_KEY`: encrypts stored credentials; made and saved when unset.
    pub secret_key: Option<SecretString>,
    /// `MARKETPLACE_SECRET_KEY_PREVIOUS`: earlier ones, comma separated. What they encrypted is encrypted anew at start.
    pub previous_secret_keys: Vec<SecretString>,
    /// `MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS`: admits http and private addresses, for development.
    pub allow_private_endpoints: bool,
    /// `MARKETPLACE_SMTP_URL`: where e-mail goes; unset: files in `outbox/` in the data folder.
    pub smtp_url: Option<SecretString>,
    /// `MARKETPLACE_MAX_WAIT_SECONDS`: upper bound of a lease's `wait_seconds`.
    pub max_wait: Duration,
    /// `MARKETPLACE_RATE_LIMIT_PER_SECOND`: calls a second of one caller; unset: no limit.
    pub rate_limit_per_second: Option<NonZeroU32>,
    /// `MARKETPLACE_SIGNUP`: whether third parties sign up by themselves, and whether an operator approves.
    pub sign_up: SignUpPolicy,
    /// `MARKETPLACE_RETENTION_DAYS` (journal) and `MARKETPLACE_ATTEMPT_RETENTION_DAYS`.
    pub retention: Retention,
    /// `MARKETPLACE_LOG` and `RUST_LOG`.
    pub log: Log,
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it; never its value, which may be secret.
    pub detail: String,
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}: {}", problem.variable, problem.detail))
    }
}

/// The shortest secret that is taken, in characters.
const SHORTEST_SECRET: usize = 16;

/// The longest `wait_seconds` of the contract (DESIGN section 6).
const LONGEST_WAIT: u64 = 20;

impl Config {
    /// Reads the configuration; `lookup` gives a variable's value, if it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, problems: Vec::new() };
        let days = |days: u32| SignedDuration::from_hours(i64::from(days) * 24);
        let config = Self {
            listen: reader.or("MARKETPLACE_LISTEN", SocketAddr::from(([127, 0, 0, 1], 8080))),
            data_dir: reader.or("MARKETPLACE_DATA_DIR", PathBuf::from("./data")),
            public_url: reader.checked("MARKETPLACE_PUBLIC_URL", web_address),
            operator_token: reader.checked("MARKETPLACE_OPERATOR_TOKEN", secret),
            events_secret: reader.checked("MARKETPLACE_EVENTS_SECRET", secret),
            secret_key: reader.checked("MARKETPLACE_SECRET_KEY", secret_key),
            previous_secret_keys: reader.checked("MARKETPLACE_SECRET_KEY_PREVIOUS", secret_keys).unwrap_or_default(),
            allow_private_endpoints: reader.or("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS", false),
            smtp_url: reader.checked("MARKETPLACE_SMTP_URL", mail_address),
            max_wait: reader.checked("MARKETPLACE_MAX_WAIT_SECONDS", wait).unwrap_or(Duration::from_secs(LONGEST_WAIT)),
            rate_limit_per_second: reader
                .checked("MARKETPLACE_RATE_LIMIT_PER_SECOND", positive)
                .and_then(NonZeroU32::new),
            sign_up: reader.or("MARKETPLACE_SIGNUP", SignUpPolicy::Approve),
            retention: Retention {
                journal: days(reader.checked("MARKETPLACE_RETENTION_DAYS", positive).unwrap_or(90)),
                attempts: days(reader.checked("MARKETPLACE_ATTEMPT_RETENTION_DAYS", positive).unwrap_or(30)),
                ..Retention::default()
            },
            log: Log {
                json: reader.checked("MARKETPLACE_LOG", json_or_text).unwrap_or(false),
                filter: reader.checked("RUST_LOG", log_filter),
            },
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(ConfigError(reader.problems)) }
    }
}

struct Reader<L> {
    lookup: L,
    problems: Vec<Problem>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// A variable that its type can parse, else the default.
    fn or<T: FromStr<Err: fmt::Display>>(&mut self, variable: &'static str, default: T) -> T {
        self.checked(variable, |text| text.parse().map_err(|error: T::Err| error.to_string())).unwrap_or(default)
    }

    /// A variable with a rule of its own; an empty one counts as unset.
    fn checked<T>(&mut self, variable: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = (self.lookup)(variable).filter(|text| !text.is_empty())?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.problems.push(Problem { variable, detail });
                None
            }
        }
    }
}

fn secret(text: &str) -> Result<SecretString, String> {
    if text.chars().count() < SHORTEST_SECRET {
        return Err(format!("must have at least {SHORTEST_SECRET} characters"));
    }
    Ok(text.to_owned().into())
}

fn secret_key(text: &str) -> Result<SecretString, String> {
    let shortest = 32;
    if text.chars().count() < shortest {
        return Err(format!("must have at least {shortest} characters"));
    }
    Ok(text.to_owned().into())
}

fn secret_keys(text: &str) -> Result<Vec<SecretString>, String> {
    text.split(',').map(|key| secret_key(key.trim()).map_err(|detail| format!("each {detail}"))).collect()
}

fn web_address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error: url::ParseError| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("must be an http or https URL".to_owned());
    }
    Ok(url)
}

fn mail_address(text: &str) -> Result<SecretString, String> {
    let url: Url = text.parse().map_err(|error: url::ParseError| error.to_string())?;
    if !matches!(url.scheme(), "smtp" | "smtps") || url.host().is_none() {
        return Err("must be an smtp or smtps URL".to_owned());
    }
    Ok(text.to_owned().into())
}

fn wait(text: &str) -> Result<Duration, String> {
    let seconds: u64 = text.parse().map_err(|_| "must be a whole number of seconds".to_owned())?;
    if seconds > LONGEST_WAIT {
        return Err(format!("must be at most {LONGEST_WAIT}"));
    }
    Ok(Duration::from_secs(seconds))
}

fn json_or_text(text: &str) -> Result<bool, String> {
    match text {
        "json" => Ok(true),
        "text" => Ok(false),
        _ => Err("must be json or text".to_owned()),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    let parsed = EnvFilter::builder().parse(text);
    parsed.map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn positive(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "must be a whole number above zero".to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn nothing_set_is_the_documented_default() {
        let config = Config::read(|_| None).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.max_wait, Duration::from_secs(20));
        assert!(!config.allow_private_endpoints);
        assert!(config.operator_token.is_none());
        assert_eq!(config.sign_up, SignUpPolicy::Approve);
    }

    #[test]
    fn earlier_keys_are_separated_by_commas() {
        let keys = ["a".repeat(32), "b".repeat(40)];
        let previous = format!("{} , {}", keys[0], keys[1]);
        let read = Config::read(|variable| (variable == "MARKETPLACE_SECRET_KEY_PREVIOUS").then(|| previous.clone()));
        let read = read.unwrap().previous_secret_keys;
        assert_eq!(read.iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>(), keys);
    }

    #[test]
    fn every_problem_is_reported_at_once_and_no_value_is_shown() {
        let error = Config::read(|variable| match variable {
            "MARKETPLACE_LISTEN" => Some("nowhere".to_owned()),
            "MARKETPLACE_OPERATOR_TOKEN" => Some("hush".to_owned()),
            "MARKETPLACE_SECRET_KEY_PREVIOUS" => Some(format!("{}, hush", "x".repeat(32))),
            "MARKETPLACE_MAX_WAIT_SECONDS" => Some("21".to_owned()),
            "MARKETPLACE_SMTP_URL" => Some("http://mail".to_owned()),
            "MARKETPLACE_SIGNUP" => Some("perhaps".to_owned()),
            _ => None,
        })
        .unwrap_err();
        let named: Vec<_> = error.0.iter().map(|problem| problem.variable).collect();
        assert_eq!(
            named,
            [
                "MARKETPLACE_LISTEN",
                "MARKETPLACE_OPERATOR_TOKEN",
                "MARKETPLACE_SECRET_KEY_PREVIOUS",
                "MARKETPLACE_SMTP_URL",
                "MARKETPLACE_MAX_WAIT_SECONDS",
                "MARKETPLACE_SIGNUP"
            ]
        );
        assert!(!error.to_string().contains("hush"));
    }
}

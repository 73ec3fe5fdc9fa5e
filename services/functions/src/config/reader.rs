//! Reads variables one by one and reports what is wrong with all of them together.

use std::{fmt, num::NonZeroU16, str::FromStr};

use platform_aws::managed::buses::Buses;

use super::Tokens;

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it; never its value.
    pub detail: String,
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(f, " {}: {};", problem.variable, problem.detail))
    }
}

/// Reads variables, and notes what is wrong with them instead of giving up.
pub(super) struct Reader<L> {
    lookup: L,
    problems: Vec<Problem>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn new(lookup: L) -> Self {
        Self { lookup, problems: vec![] }
    }

    /// The configuration, if nothing is wrong; then there is all that it is built of.
    pub(super) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        match build() {
            Some(config) if self.problems.is_empty() => Ok(config),
            _ => Err(ConfigError(self.problems)),
        }
    }

    /// A variable that may be missing; an empty one is.
    pub(super) fn value(&self, variable: &'static str) -> Option<String> {
        (self.lookup)(variable).filter(|text| !text.is_empty())
    }

    /// A variable with a rule of its own, which must be set.
    pub(super) fn checked<T>(
        &mut self,
        variable: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.value(variable);
        let parsed = text.as_deref().map_or_else(|| Err("is not set".to_owned()), parse);
        parsed.map_err(|detail| self.problems.push(Problem { variable, detail })).ok()
    }

    pub(super) fn text(&mut self, variable: &'static str) -> Option<String> {
        self.checked(variable, |text| Ok(text.to_owned()))
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, variable: &'static str) -> Option<T> {
        self.checked(variable, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    pub(super) fn table(&mut self) -> Option<String> {
        self.text("MARKETPLACE_TABLE")
    }

    pub(super) fn secrets_key(&mut self) -> Option<String> {
        self.text("MARKETPLACE_SECRETS_KEY")
    }

    pub(super) fn doorbell(&mut self) -> Option<String> {
        self.text("MARKETPLACE_DOORBELL_QUEUE")
    }

    pub(super) fn allow_private_endpoints(&mut self) -> Option<bool> {
        self.parsed("MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS")
    }

    pub(super) fn buses(&mut self) -> Option<Buses> {
        self.parsed::<NonZeroU16>("MARKETPLACE_BUSES").map(Buses::new)
    }

    pub(super) fn tokens(&mut self) -> Option<Tokens> {
        let (issuer, client) = (self.text("MARKETPLACE_TOKEN_ISSUER"), self.text("MARKETPLACE_TOKEN_CLIENT"));
        let jwks_url = self.parsed("MARKETPLACE_JWKS_URL");
        Some(Tokens { issuer: issuer?, client: client?, jwks_url: jwks_url? })
    }
}

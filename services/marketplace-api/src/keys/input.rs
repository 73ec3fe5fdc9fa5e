//! What may be said of a key that is to be made; every fault is named at once.

use event_schema::{fault::Fault, id::Environment};
use http_edge::problem::Problem;
use jiff::Timestamp;
use marketplace_core::party::KeyScope;
use serde::Deserialize;

use crate::third_parties::name;

/// The body of both routes that make a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    environment: Option<Environment>,
    name: Option<String>,
    scope: Option<KeyScope>,
    expires_at: Option<Timestamp>,
}

/// What is wanted of a key, besides that it opens an environment.
pub(crate) struct Wish {
    pub(super) name: Option<String>,
    pub(super) scope: KeyScope,
    pub(super) expires_at: Option<Timestamp>,
}

impl Default for Wish {
    fn default() -> Self {
        Self { name: None, scope: KeyScope::Manage, expires_at: None }
    }
}

impl NewKey {
    /// The environment of the new key and the rest; `own` is the one that the caller's key opens, if it is a party. With
    /// one of `test` a party may make the first key of `prod`.
    ///
    /// # Errors
    /// 422 with every field at fault.
    pub(super) fn check(self, own: Option<Environment>, now: Timestamp) -> Result<(Environment, Wish), Problem> {
        let mut faults = Vec::new();
        let environment = environment(self.environment, own).map_err(|fault| faults.push(fault));
        let name = self.name.map(|text| name(&text)).transpose().map_err(|fault| faults.push(fault));
        let expires_at = self.expires_at.map(|end| future(end, now)).transpose().map_err(|fault| faults.push(fault));
        if let (Ok(there), Some(own), Some(KeyScope::Integrate)) = (&environment, own, self.scope)
            && *there != own
        {
            faults.push(Fault::new("/scope", format!("must be `manage` for the first key of `{there}`")));
        }
        match (environment, name, expires_at) {
            (Ok(environment), Ok(name), Ok(expires_at)) if faults.is_empty() => {
                let scope = self.scope.unwrap_or(Wish::default().scope);
                Ok((environment, Wish { name, scope, expires_at }))
            }
            _ => Err(Problem::invalid(faults)),
        }
    }
}

fn environment(given: Option<Environment>, own: Option<Environment>) -> Result<Environment, Fault> {
    match (given, own) {
        (Some(Environment::Prod), Some(Environment::Test)) => Ok(Environment::Prod),
        (Some(given), Some(own)) if given != own => {
            let or_prod = if own == Environment::Test { ", or `prod`" } else { "" };
            Err(Fault::new("/environment", format!("must be `{own}`, the one that your key opens{or_prod}")))
        }
        (given, own) => given.or(own).ok_or_else(|| Fault::new("/environment", "must be given")),
    }
}

/// To the microsecond, as times are kept.
fn future(end: Timestamp, now: Timestamp) -> Result<Timestamp, Fault> {
    let kept = Timestamp::from_microsecond(end.as_microsecond()).ok().filter(|end| *end > now);
    kept.ok_or_else(|| Fault::new("/expires_at", "must be in the future"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn checked(body: Value, own: Option<Environment>) -> Result<(Environment, Wish), Vec<String>> {
        let checked = serde_json::from_value::<NewKey>(body).unwrap().check(own, NOW);
        checked.map_err(|problem| problem.errors().iter().map(|fault| fault.pointer.clone()).collect())
    }

    #[test]
    fn a_key_may_do_everything_and_lasts_unless_it_is_said_otherwise() {
        let (environment, wish) = checked(json!({}), Some(Environment::Test)).ok().unwrap();
        assert_eq!((environment, wish.name, wish.scope), (Environment::Test, None, KeyScope::Manage));
        assert_eq!(wish.expires_at, None);
        let body = json!({ "environment": "dev", "name": " CI ", "scope": "integrate", "expires_at": "2030-01-01T00:00:00.1234567Z" });
        let (environment, wish) = checked(body, None).ok().unwrap();
        assert_eq!(
            (environment, wish.name.as_deref(), wish.scope),
            (Environment::Dev, Some("CI"), KeyScope::Integrate)
        );
        assert_eq!(wish.expires_at.unwrap().to_string(), "2030-01-01T00:00:00.123456Z");
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let body = json!({ "environment": "dev", "name": "", "expires_at": "2020-01-01T00:00:00Z" });
        let faults = checked(body, Some(Environment::Test)).err().unwrap();
        assert_eq!(faults, ["/environment", "/name", "/expires_at"]);
        assert_eq!(checked(json!({}), None).err().unwrap(), ["/environment"]);
        let prod = || json!({ "environment": "prod" });
        assert_eq!(checked(prod(), Some(Environment::Test)).ok().unwrap().0, Environment::Prod);
        assert_eq!(checked(prod(), Some(Environment::Dev)).err().unwrap(), ["/environment"]);
        let lesser = json!({ "environment": "prod", "scope": "integrate" });
        assert_eq!(checked(lesser.clone(), Some(Environment::Test)).err().unwrap(), ["/scope"]);
        assert_eq!(checked(lesser, None).ok().unwrap().0, Environment::Prod);
    }
}

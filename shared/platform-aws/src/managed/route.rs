//! A route: the way to one party's environment. What it is made of on AWS is named after it, so that nothing has to be
//! remembered to find it again.

use std::fmt;

use event_schema::{
    id::{Environment, PartyId},
    names::BUS,
};

/// The way to one party's environment: a connection, an API destination and a rule, all of one name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Route {
    /// Whose.
    pub party: PartyId,
    /// In which world.
    pub environment: Environment,
}

impl Route {
    /// What the name of everything that belongs to a route begins with; grants and the dead-letter queue's policy name
    /// routes by it.
    #[must_use]
    pub fn prefix() -> String {
        format!("{BUS}-to-")
    }

    /// `marketplace-to-<party>-<environment>`. At most 52 characters where AWS allows 64 of `[A-Za-z0-9._-]`
    /// (`CreateConnection`, `CreateApiDestination`, `PutRule`). An environment has no `-` in it, so no two are alike.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}-{}", Self::prefix(), self.party, self.environment)
    }

    /// The route that has this name; none if no route has.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (party, environment) = name.strip_prefix(&Self::prefix())?.rsplit_once('-')?;
        Some(Self { party: party.parse().ok()?, environment: environment.parse().ok()? })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn route(party: &str, environment: Environment) -> Route {
        Route { party: party.parse().unwrap(), environment }
    }

    #[test]
    fn the_longest_name_fits() {
        let name = route(&"a".repeat(32), Environment::Prod).name();
        assert_eq!(name.len(), 52);
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
    }

    #[test]
    fn parties_named_after_environments_do_not_collide() {
        let mut names = HashSet::new();
        for party in ["a1", "a1-prod", "a1-test", "a1-prod-test", "prod", "prod-dev", "a1-", "a1--prod"] {
            for environment in Environment::ALL {
                assert!(names.insert(route(party, environment).name()), "{party} {environment}");
            }
        }
    }

    #[test]
    fn what_is_no_routes_name_is_nobodys() {
        for name in ["", "marketplace-to-", "marketplace-to-prod", "marketplace-to-books", "marketplace-to-books-live"]
        {
            assert_eq!(Route::of_name(name), None, "{name}");
        }
        assert_eq!(Route::of_name("marketplace-forward-1"), None);
        assert_eq!(Route::of_name("other-to-books-prod"), None);
    }

    proptest! {
        #[test]
        fn a_name_says_whose_it_is(party in "[a-z0-9][a-z0-9-]{1,31}", number in 0..3_usize) {
            if let Ok(party) = party.parse() {
                let route = Route { party, environment: Environment::ALL[number] };
                prop_assert_eq!(Route::of_name(&route.name()), Some(route));
            }
        }
    }
}

//! What is stored of a party in clear text: everything but its secrets. One form for its row and for snapshots.

use std::fmt;

use event_schema::id::{Environment, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    certification::Certification,
    delivery::{DeliverySettings, JoinError, PushSettings, Secrets, Withheld},
    health::Failing,
    mapping::Mapping,
    party::{AcceptanceClock, EnvironmentSettings, Party, PartyState},
    pattern::Pattern,
};
use serde::{Deserialize, Serialize};

use crate::item::{Key, number_text};

/// The key of a party's row.
pub(crate) fn party_key(id: &PartyId) -> Key {
    Key::new(format!("P#{id}"), "META")
}

/// The partition of the registry.
pub(super) const REGISTRY: &str = "REG";

/// The row whose revision is the registry's version.
pub(crate) fn head_key() -> Key {
    Key::new(REGISTRY, "HEAD")
}

/// The row that says which party a version changed.
pub(crate) fn version_key(version: u64) -> Key {
    Key::new(REGISTRY, format!("V#{}", number_text(version)))
}

/// The attribute of such a row that names the party.
pub(crate) const CHANGED: &str = "party";

/// The attribute of such a row, and of a party's, that says with which version it was written.
pub(crate) const VERSION: &str = "version";

/// The secrets of each environment's delivery settings, in the order of [`Environment::ALL`].
pub(crate) type AllSecrets = [Secrets; 3];

/// A party without its secrets.
#[derive(Deserialize, Serialize)]
pub(crate) struct Stored {
    id: PartyId,
    name: String,
    contact_email: String,
    state: PartyState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Pattern>,
    created_at: Timestamp,
    environments: [StoredEnvironment; 3],
}

/// What is as it mostly is takes no room.
#[derive(Deserialize, Serialize)]
struct StoredEnvironment {
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    open: bool,
    #[serde(default, skip_serializing_if = "not")]
    shut: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<Pattern>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing: Option<Failing>,
    /// None for those that poll. Not [`DeliverySettings`], whose tag would have everything read twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    push: Option<Box<PushSettings<Withheld>>>,
    #[serde(default, skip_serializing_if = "not")]
    route: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acceptance: Vec<AcceptanceClock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mapping: Option<Box<Mapping>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certification: Option<Box<Certification>>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn not(mark: &bool) -> bool {
    !mark
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Stored {
    /// What is stored of a party.
    pub(crate) fn of(party: &Party) -> Self {
        let stored = |settings: &EnvironmentSettings| StoredEnvironment {
            open: settings.open,
            shut: settings.shut,
            paused: settings.paused.clone(),
            filter: settings.filter.clone(),
            failing: settings.failing,
            push: match settings.delivery.masked() {
                DeliverySettings::Push(push) => Some(push),
                DeliverySettings::Poll => None,
            },
            route: settings.route,
            acceptance: settings.acceptance.clone(),
            mapping: settings.mapping.clone(),
            certification: settings.certification.clone(),
        };
        Self {
            id: party.id.clone(),
            name: party.name.clone(),
            contact_email: party.contact_email.clone(),
            state: party.state,
            scope: party.scope.clone(),
            created_at: party.created_at,
            environments: party.environments.each_ref().map(stored),
        }
    }

    /// The party with its secrets.
    pub(crate) fn with(self, secrets: &AllSecrets) -> Result<Party, JoinError> {
        let of = |environment: Environment| {
            let push = self.environments[environment as usize].push.clone();
            push.map_or(DeliverySettings::Poll, DeliverySettings::Push).join(&secrets[environment as usize])
        };
        let deliveries = [of(Environment::Prod)?, of(Environment::Test)?, of(Environment::Dev)?];
        Ok(self.whole(deliveries))
    }

    /// The party with empty texts for its secrets, for those who never use them.
    pub(crate) fn without_secrets(self) -> Party {
        let blank = |settings: &StoredEnvironment| match &settings.push {
            Some(push) => DeliverySettings::Push(Box::new(push.blank())),
            None => DeliverySettings::Poll,
        };
        let deliveries = self.environments.each_ref().map(blank);
        self.whole(deliveries)
    }

    fn whole(self, deliveries: [DeliverySettings; 3]) -> Party {
        let [prod, test, dev] = self.environments;
        let [of_prod, of_test, of_dev] = deliveries;
        Party {
            id: self.id,
            name: self.name,
            contact_email: self.contact_email,
            state: self.state,
            scope: self.scope,
            created_at: self.created_at,
            environments: [prod.with(of_prod), test.with(of_test), dev.with(of_dev)],
        }
    }
}

impl StoredEnvironment {
    fn with(self, delivery: DeliverySettings) -> EnvironmentSettings {
        let Self { open, shut, paused, filter, failing, route, acceptance, mapping, certification, .. } = self;
        EnvironmentSettings { open, shut, paused, filter, failing, delivery, route, acceptance, mapping, certification }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::managed::tests::{party, push};

    #[test]
    fn a_party_reads_back_and_its_secrets_lie_elsewhere() {
        let auth = json!({ "auth": { "type": "api-key", "name": "x-key", "value": "hunter2" }, "max_age_hours": 3 });
        let mut books = party("books", Environment::Test, &push(&auth));
        books.scope = Some(Pattern::parse(r#"{"detail":{"region":["north"]}}"#).unwrap());
        books.environments[0].filter = Some(Pattern::parse(r#"{"detail":{"category":["books"]}}"#).unwrap());
        books.environments[1].paused = Some("410".to_owned());
        books.environments[1].route = true;
        let clock = AcceptanceClock { category: None, remind_after_seconds: Some(5), expire_after_seconds: 9 };
        books.environments[1].acceptance.push(clock);
        (books.environments[2].open, books.environments[2].shut) = (false, true);

        let text = serde_json::to_string(&Stored::of(&books)).unwrap();
        assert!(text.contains("x-key") && !text.contains("hunter2"), "{text}");
        let read = || serde_json::from_str::<Stored>(&text).unwrap();
        let secrets = books.environments.each_ref().map(|settings| settings.delivery.secrets());
        assert_eq!(format!("{:?}", read().with(&secrets).unwrap()), format!("{books:?}"));
        assert_eq!(read().with(&secrets).unwrap().environments[1].delivery, books.environments[1].delivery);

        let blank = read().without_secrets();
        assert_eq!(blank.environments[1].delivery.secrets().auth.unwrap().expose(), "");
        assert_eq!(blank.environments[1].delivery.masked(), books.environments[1].delivery.masked());
        assert_eq!(read().with(&AllSecrets::default()).unwrap_err(), JoinError);
    }

    #[test]
    fn a_party_that_has_set_nothing_is_short() {
        let text = serde_json::to_string(&Stored::of(&party("books", Environment::Prod, &json!({ "mode": "poll" }))));
        assert!(text.unwrap().ends_with(r#""environments":[{},{},{}]}"#));
    }
}

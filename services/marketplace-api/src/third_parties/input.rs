//! What an operator may say of a third party; every fault is named at once.

use event_schema::{
    fault::Fault,
    id::{Environment, PartyId},
};
use http_edge::{body::given, problem::Problem};
use jiff::Timestamp;
use marketplace_core::{
    contact,
    party::{AcceptanceClock, Party, PartyPatch, PartyState},
    pattern::Pattern,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::pattern_field;

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// Ids that would stand in the way of the routes with these names.
const ROUTES: [&str; 2] = ["confirm", "signup"];

/// The body of `POST /v1/third-parties`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewParty {
    pub(crate) id: PartyId,
    pub(crate) name: String,
    pub(crate) contact_email: String,
    pub(crate) scope: Option<Box<RawValue>>,
}

/// The body of `PATCH /v1/third-parties/{id}`: what is given changes, and `"scope": null` lifts the scope.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartyChanges {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    contact_email: Option<String>,
    #[serde(default, deserialize_with = "given")]
    scope: Option<Option<Box<RawValue>>>,
    #[serde(default, deserialize_with = "given")]
    state: Option<StateWish>,
    #[serde(default, deserialize_with = "given")]
    open: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    acceptance: Option<Vec<AcceptanceClock>>,
    #[serde(default, deserialize_with = "given")]
    environment: Option<Environment>,
}

/// The states that an operator may put a party in; the others it is in until it takes part.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateWish {
    Active,
    Paused,
    Disabled,
}

impl From<StateWish> for PartyState {
    fn from(wish: StateWish) -> Self {
        match wish {
            StateWish::Active => Self::Active,
            StateWish::Paused => Self::Paused,
            StateWish::Disabled => Self::Disabled,
        }
    }
}

impl NewParty {
    /// A party that is active, open in every environment, and gets addressed requests only, into its inbox.
    pub(crate) fn check(self, now: Timestamp) -> Result<Party, Problem> {
        let mut faults = Vec::new();
        if ROUTES.contains(&self.id.as_str()) {
            faults.push(Fault::new("/id", "this id is reserved for the marketplace itself"));
        }
        let name = note(&mut faults, name(&self.name));
        let contact_email = note(&mut faults, contact_email(&self.contact_email));
        let scope = self.scope.map(|raw| note(&mut faults, pattern_field::read("/scope", &raw)));
        match (name, contact_email) {
            (Some(name), Some(contact_email)) if faults.is_empty() => {
                Ok(Party { scope: scope.flatten(), ..Party::new(self.id, name, contact_email, now) })
            }
            _ => Err(Problem::invalid(faults)),
        }
    }
}

impl PartyChanges {
    pub(super) fn check(self) -> Result<PartyPatch, Problem> {
        let mut faults = Vec::new();
        let name = self.name.and_then(|text| note(&mut faults, name(&text)));
        let contact_email = self.contact_email.and_then(|text| note(&mut faults, contact_email(&text)));
        let scope = self.scope.and_then(|raw| note(&mut faults, scope(raw.as_deref())));
        if let Some(clocks) = &self.acceptance {
            faults.extend(AcceptanceClock::faults(clocks, "/acceptance"));
        }
        faults.extend(misplaced(self.environment, self.state, self.open, self.acceptance.is_some()));
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let untouched = name.is_none() && contact_email.is_none() && scope.is_none();
        if untouched && self.state.is_none() && self.open.is_none() && self.acceptance.is_none() {
            return Err(Problem::invalid_field("", "must change something"));
        }
        let Self { open, acceptance, environment, .. } = self;
        let state = self.state.map(PartyState::from);
        Ok(PartyPatch { name, contact_email, scope, state, open, acceptance, environment })
    }
}

/// What is wrong with the environment that was given, or not.
fn misplaced(
    environment: Option<Environment>,
    state: Option<StateWish>,
    open: Option<bool>,
    has_clocks: bool,
) -> Option<Fault> {
    let rule = match (environment, state, open) {
        (Some(_), Some(StateWish::Disabled), _) => "not with `state` `disabled`: a party is disabled as a whole",
        (Some(_), None, None) if !has_clocks => "only with `state`, `open` or `acceptance`",
        (None, _, Some(_)) => "must be given with `open`",
        _ => return None,
    };
    Some(Fault::new("/environment", rule))
}

fn note<T>(faults: &mut Vec<Fault>, result: Result<T, Fault>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

/// A name of a party, or of a thing of its.
pub(crate) fn name(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let sized = (1..=MAX_NAME).contains(&text.chars().count());
    if !sized || text.chars().any(contact::is_unfit_for_names) {
        let rule = format!("must have 1 to {MAX_NAME} characters, and none that controls");
        return Err(Fault::new("/name", rule));
    }
    Ok(text.to_owned())
}

fn contact_email(text: &str) -> Result<String, Fault> {
    contact::parse_email(text).map_err(|fault| Fault::new("/contact_email", fault.to_string()))
}

fn scope(raw: Option<&RawValue>) -> Result<Option<Pattern>, Fault> {
    raw.map(|raw| pattern_field::read("/scope", raw)).transpose()
}

#[cfg(test)]
mod tests {
    use marketplace_core::delivery::DeliverySettings;
    use serde_json::{Value, json};

    use super::*;

    fn pointers(problem: Option<Problem>) -> Vec<String> {
        let problem = problem.expect("it is refused");
        assert_eq!(problem.status(), 422);
        problem.errors().iter().map(|fault| fault.pointer.clone()).collect()
    }

    fn new_party(body: Value) -> Result<Party, Problem> {
        serde_json::from_str::<NewParty>(&body.to_string()).unwrap().check(Timestamp::UNIX_EPOCH)
    }

    fn changes(body: Value) -> Result<PartyPatch, Problem> {
        serde_json::from_str::<PartyChanges>(&body.to_string()).unwrap().check()
    }

    #[test]
    fn a_party_begins_open_everywhere_and_with_addressed_requests_only() {
        let body = json!({ "id": "3rdparty1", "name": " Books ", "contact_email": "Ann@Example.com" });
        let party = new_party(body).unwrap();
        assert_eq!((party.name.as_str(), party.contact_email.as_str()), ("Books", "ann@example.com"));
        for environment in Environment::ALL {
            let settings = party.environment(environment);
            assert!(settings.open && settings.filter.is_none() && settings.delivery == DeliverySettings::Poll);
        }
    }

    #[test]
    fn every_fault_of_a_new_party_is_named() {
        let body = json!({ "id": "ab", "name": "\u{feff}Books", "contact_email": "nobody", "scope": { "detail": 1 } });
        assert_eq!(pointers(new_party(body).err()), ["/name", "/contact_email", "/scope/detail"]);
    }

    #[test]
    fn null_lifts_a_scope_and_leaving_it_out_keeps_it() {
        assert!(matches!(changes(json!({ "scope": null })), Ok(PartyPatch { scope: Some(None), .. })));
        assert!(matches!(changes(json!({ "state": "paused" })), Ok(PartyPatch { scope: None, .. })));
        let scope = json!({ "scope": { "detail": { "category": ["books"] } } });
        assert!(matches!(changes(scope), Ok(PartyPatch { scope: Some(Some(_)), .. })));
    }

    #[test]
    fn nobody_disables_a_whole_party_by_way_of_one_environment() {
        assert_eq!(pointers(changes(json!({ "state": "disabled", "environment": "test" })).err()), ["/environment"]);
        assert_eq!(pointers(changes(json!({ "name": "a", "environment": "test" })).err()), ["/environment"]);
        let clock = json!([{ "expire_after_seconds": 5 }]);
        assert!(changes(json!({ "acceptance": clock, "environment": "test" })).is_ok());
        let both = json!({ "acceptance": clock, "state": "disabled", "environment": "test" });
        assert_eq!(pointers(changes(both).err()), ["/environment"]);
        assert!(changes(json!({ "state": "paused", "environment": "test" })).is_ok());
        let closing_as_well = json!({ "state": "disabled", "open": false, "environment": "test" });
        assert_eq!(pointers(changes(closing_as_well).err()), ["/environment"]);
        assert_eq!(pointers(changes(json!({ "open": true })).err()), ["/environment"]);
        assert!(matches!(
            changes(json!({ "open": false, "environment": "prod" })),
            Ok(PartyPatch { open: Some(false), environment: Some(Environment::Prod), .. })
        ));
        assert!(changes(json!({ "state": "disabled" })).is_ok());
    }

    #[test]
    fn a_change_changes_something() {
        assert_eq!(pointers(changes(json!({})).err()), [""]);
    }
}

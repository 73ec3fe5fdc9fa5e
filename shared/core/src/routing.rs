//! Who may see a request: addressed or filtered, always within scope, never across environments.

use std::sync::Arc;

use event_schema::id::{Environment, PartyId};
use foldhash::HashMap;

use crate::{
    party::Party,
    pattern::{Fields, Pattern, PatternIndex},
};

/// All parties and their filters, indexed so that routing barely grows with their number.
#[derive(Default)]
pub struct RoutingTable {
    version: u64,
    parties: HashMap<PartyId, Arc<Party>>,
    filters: [PatternIndex<PartyId>; 3],
}

impl RoutingTable {
    /// The version of the registry that the table reflects: rises by one with every change to any party.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A party as routing sees it.
    #[must_use]
    pub fn party(&self, id: &PartyId) -> Option<&Arc<Party>> {
        self.parties.get(id)
    }

    /// Every party, in no order.
    pub fn parties(&self) -> impl Iterator<Item = &Arc<Party>> {
        self.parties.values()
    }

    /// Takes over a party's new value.
    pub fn set(&mut self, version: u64, party: Arc<Party>) {
        self.version = version;
        let known = self.parties.contains_key(&party.id);
        for environment in Environment::ALL {
            let index = &mut self.filters[environment as usize];
            if known {
                index.remove(&party.id);
            }
            if let Some(filter) =
                party.takes_offers(environment).then_some(()).and(party.environment(environment).filter.as_ref())
            {
                let mut patterns: Vec<&Pattern> = vec![filter];
                patterns.extend(party.scope.as_ref());
                index.insert(party.id.clone(), &patterns);
            }
        }
        self.parties.insert(party.id.clone(), party);
    }

    /// The parties that a request is offered to, in the order of their ids.
    ///
    /// A request that is addressed to a party reaches it if the scope allows, and nobody else.
    #[must_use]
    pub fn route(&self, event: &Fields<'_>, environment: Environment, addressed_to: Option<&str>) -> Vec<PartyId> {
        if let Some(addressee) = addressed_to {
            let party = addressee.parse::<PartyId>().ok().and_then(|id| self.parties.get(&id));
            let eligible = |party: &&Arc<Party>| {
                party.takes_offers(environment) && party.scope.as_ref().is_none_or(|scope| scope.matches(event))
            };
            return party.filter(eligible).map(|party| party.id.clone()).into_iter().collect();
        }
        let mut matched = Vec::new();
        self.filters[environment as usize].matches(event, &mut matched);
        matched.sort_unstable();
        matched
    }
}

//! Endpoints made ready, with the tokens that they have, for as long as their settings are in force.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use event_schema::id::{Environment, PartyId};
use marketplace_core::{delivery::PushSettings, offer::Offer, ports::Push};

use crate::sqs::Failure;

/// Most endpoints that are kept; beyond it all are made anew.
const MOST: usize = 1_024;

/// The endpoints that were used so far.
pub(super) struct Endpoints<P: Push>(Mutex<HashMap<(PartyId, Environment), Ready<P>>>);

struct Ready<P: Push> {
    settings: PushSettings,
    endpoint: Arc<P::Endpoint>,
}

impl<P: Push> Default for Endpoints<P> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<P: Push> Endpoints<P> {
    /// The endpoint that an offer's messages go to.
    pub(super) fn of(&self, offer: &Offer, settings: &PushSettings, push: &P) -> Result<Arc<P::Endpoint>, Failure> {
        let place = (offer.party.clone(), offer.environment);
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = ready.get(&place).filter(|known| known.settings == *settings) {
            return Ok(known.endpoint.clone());
        }
        let endpoint = Arc::new(push.endpoint(settings)?);
        if ready.len() >= MOST {
            ready.clear();
        }
        ready.insert(place, Ready { settings: settings.clone(), endpoint: endpoint.clone() });
        Ok(endpoint)
    }
}

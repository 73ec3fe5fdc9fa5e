//! A dead letter gets another run of the retry schedule.

use event_schema::id::{DeliveryId, RequestId};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{fact::Fact, lifecycle::OfferState, request::Aggregate};

/// Pushes a dead-lettered message again, with the same message id.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// Now.
    pub at: Timestamp,
}

impl Command for Replay {
    /// Whether there was a dead letter to replay.
    type Reply = bool;

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::OfferAlone(self.delivery_id)
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<bool>, Refusal> {
        let mut offer = state.offer(self.delivery_id).ok_or(Refusal::NotFound)?.clone();
        let Some(message) = offer.message.as_mut().filter(|message| message.dead.is_some()) else {
            return Ok(Decision::unchanged(false));
        };
        message.restart(self.at);
        let kind = message.kind;
        if offer.state == OfferState::Failed {
            offer.state = OfferState::Pending;
        }
        let fact = Fact::MessageReplayed {
            delivery_id: offer.delivery_id,
            third_party: offer.party.clone(),
            environment: offer.environment,
            message: kind,
        };
        let change = Change { offers: vec![offer], facts: vec![fact], ..Change::default() };
        Ok(Decision { change, reply: true })
    }
}

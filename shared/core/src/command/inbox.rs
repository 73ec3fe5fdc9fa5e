//! A polling party leases what waits for it, acknowledges it, asks for more time, or gives it back.

use event_schema::{
    delivery_result::Via,
    id::{DeliveryId, Environment, PartyId, RequestId},
    words::MessageType,
};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{fact::Fact, lifecycle::OfferState, offer::Offer, request::Aggregate};

/// What a party does with one offer in its inbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InboxAction {
    /// Take it until this time; only if it is available.
    Lease(Timestamp),
    /// It has arrived; never hand it out again.
    Acknowledge,
    /// Keep the lease until this time.
    Extend(Timestamp),
    /// Give it back now.
    Release,
}

/// One action on one offer.
#[derive(Clone, Debug)]
pub struct UseInbox {
    /// The offer.
    pub delivery_id: DeliveryId,
    /// Whose key was used.
    pub party: PartyId,
    /// That key's environment.
    pub environment: Environment,
    /// What to do.
    pub action: InboxAction,
    /// Now.
    pub at: Timestamp,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InboxResult {
    /// Done.
    Done,
    /// There was nothing (any more) to do it to.
    Already,
    /// No such offer of this party.
    Unknown,
}

impl Command for UseInbox {
    type Reply = InboxResult;

    fn request(&self) -> RequestId {
        self.delivery_id.request()
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::OfferAlone(self.delivery_id)
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<InboxResult>, Refusal> {
        let Some(before) = state.offer_to(&self.party, self.environment, self.delivery_id) else {
            return Ok(Decision::unchanged(InboxResult::Unknown));
        };
        let mut offer = before.clone();
        let Some(facts) = self.act(&mut offer) else {
            return Ok(Decision::unchanged(InboxResult::Already));
        };
        Ok(Decision { change: Change { offers: vec![offer], facts, ..Change::default() }, reply: InboxResult::Done })
    }
}

impl UseInbox {
    /// Changes the offer, or tells with `None` that there is nothing to do it to.
    fn act(&self, offer: &mut Offer) -> Option<Vec<Fact>> {
        let message = offer.message.as_mut()?;
        match self.action {
            InboxAction::Lease(until) if message.available_at <= self.at => {
                let (first, kind) = (!message.leased, message.kind);
                message.lease(until);
                offer.told = true;
                // Once for each message: a party could lease and give back without end.
                Some(first.then(|| Fact::leased(offer, kind)).into_iter().collect())
            }
            InboxAction::Extend(until) if message.is_leased(self.at) => {
                message.lease(until);
                Some(vec![])
            }
            InboxAction::Release if message.is_leased(self.at) => {
                message.release(self.at);
                Some(vec![])
            }
            InboxAction::Lease(_) | InboxAction::Extend(_) | InboxAction::Release => None,
            InboxAction::Acknowledge => Self::acknowledge(offer).map(|fact| vec![fact]),
        }
    }

    /// An acknowledgement of the offer does not swallow a withdrawal that the party has not seen yet.
    fn acknowledge(offer: &mut Offer) -> Option<Fact> {
        let kind = offer.message.take_if(|message| message.leased || message.kind == MessageType::OfferCreated)?.kind;
        offer.told = true;
        if matches!(offer.state, OfferState::Pending | OfferState::Sent | OfferState::Failed) {
            offer.state = OfferState::Delivered;
        }
        Some(Fact::delivered(offer, kind, Via::Inbox))
    }
}

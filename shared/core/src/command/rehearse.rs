//! A scene of a certification begins: a request that is made, and offered to the one party whom it is for, in one step.

use event_schema::id::{DeliveryId, PartyId, RequestId};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal, route::FIRST_ROUND};
use crate::{
    certification::{Certification, ENVIRONMENT, Scene},
    fact::Fact,
    intake::NewRequest,
    lifecycle::OfferState,
    offer::Offer,
    request::{Aggregate, Head, Routed},
};

/// Makes a scene's request and its offer; a repeat changes nothing.
///
/// The router is passed by: whatever the party's filter and scope say, this is for it, and it is pushed by us, since
/// what is handed over to others shows us no answers.
#[derive(Clone, Debug)]
pub struct Rehearse {
    /// Which scene.
    pub scene: Scene,
    /// Of which certification.
    pub certification: Certification,
    /// Whose.
    pub party: PartyId,
    /// What is asked for.
    pub request: NewRequest,
    /// Now.
    pub at: Timestamp,
}

impl Rehearse {
    fn delivery(&self) -> DeliveryId {
        self.certification.delivery(&self.party, self.scene)
    }

    fn head(&self) -> Head {
        Head {
            id: self.request(),
            user_id: self.request.user_id.clone(),
            environment: ENVIRONMENT,
            mode: self.request.mode,
            category: self.request.category.clone(),
            created_at: self.at,
            routed: Some(Routed { at: self.at, offers: 1, registry_version: 0 }),
            winner: None,
            // Taken back before anybody has heard of it: every answer is too late.
            cancelled_at: (self.scene == Scene::Cancelled).then_some(self.at),
            round: FIRST_ROUND,
            closed: 0,
        }
    }

    fn offer(&self) -> Offer {
        let offer = Offer::new(self.request(), self.party.clone(), ENVIRONMENT, FIRST_ROUND, self.at);
        match self.scene {
            Scene::Offered | Scene::Doubled | Scene::Cancelled => offer,
            // It is only ever told of with a signature that is none.
            Scene::Forged => Offer { state: OfferState::Delivered, told: true, message: None, ..offer },
        }
    }
}

impl Command for Rehearse {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.certification.request(self.scene)
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::Offers(vec![self.delivery()])
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        if state.head.is_some() {
            return Ok(Decision::unchanged(()));
        }
        let offer = self.offer();
        let change = Change {
            head: Some(self.head()),
            body: Some(self.request.detail.clone()),
            facts: vec![Fact::RequestCreated, Fact::offer_created(&offer)],
            offers: vec![offer],
            ..Change::default()
        };
        Ok(Decision { change, reply: () })
    }
}

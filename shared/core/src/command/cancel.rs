//! A user takes a request back.

use event_schema::id::{RequestId, UserId};
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{
    fact::Fact,
    lifecycle::{OfferState, RequestStatus, effective_state, request_status},
    offer::Offer,
    request::{Aggregate, Head},
};

/// Cancels a request. Its open offers count as withdrawn at once; their rows follow (see [`super::withdraw`]).
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The request.
    pub request: RequestId,
    /// Whose it must be; none for an operator.
    pub user: Option<UserId>,
    /// Now.
    pub at: Timestamp,
}

impl Command for Cancel {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.request
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::AllOffers
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        let theirs = |head: &&Head| self.user.as_ref().is_none_or(|user| *user == head.user_id);
        let head = state.head.as_ref().filter(theirs).ok_or(Refusal::NotFound)?;
        match request_status(head, &state.offers) {
            RequestStatus::Cancelled => Ok(Decision::unchanged(())),
            status @ RequestStatus::Completed => Err(Refusal::State {
                current_status: status.as_str(),
                detail: "a request that is completed cannot be cancelled".to_owned(),
            }),
            _ => {
                let open = |offer: &&Offer| {
                    let state = effective_state(head, offer);
                    state.is_live() && state != OfferState::Completed
                };
                let change = Change {
                    head: Some(Head { cancelled_at: Some(self.at), ..head.clone() }),
                    // One that is open shows that the request is not completed. Written as it is, so that of this and
                    // its completion at the same time one comes second, and is refused.
                    offers: Vec::from_iter(state.offers.iter().find(open).cloned()),
                    facts: vec![Fact::RequestCancelled],
                    ..Change::default()
                };
                Ok(Decision { change, reply: () })
            }
        }
    }
}

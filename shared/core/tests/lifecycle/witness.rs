//! What must not change from one moment to the next: a witness who remembers all that was.

use std::collections::{BTreeMap, BTreeSet};

use event_schema::{id::DeliveryId, words::MessageType};
use jiff::Timestamp;
use marketplace_core::{
    fact::Fact,
    lifecycle::{OfferState, effective_state},
    offer::Offer,
    request::Head,
};
use serde_json::Value;

use crate::model::Model;

/// What an answer said besides its status.
pub(crate) type Said = (Option<String>, Option<Value>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    head: Option<Head>,
    before: BTreeMap<DeliveryId, (Offer, OfferState)>,
    /// Offers that their party may have seen, by push or by lease.
    pub(crate) saw: BTreeSet<DeliveryId>,
    /// Until when a caller has a message, and which.
    pub(crate) leases: BTreeMap<DeliveryId, (MessageType, Timestamp)>,
    /// Offers whose clock has run out.
    overdue: BTreeSet<DeliveryId>,
    /// Withdrawals, and ends of clocks, that nobody fetched in 14 days.
    pub(crate) given_up: BTreeSet<DeliveryId>,
    /// What each party said last, if it ever said anything.
    pub(crate) said: BTreeMap<DeliveryId, Said>,
    /// How much of the journal was read.
    read: usize,
    /// Facts that can be true only once.
    once: BTreeSet<String>,
    /// What has arrived.
    arrived: BTreeSet<(DeliveryId, MessageType)>,
}

impl Witness {
    /// Looks at a request after every step.
    pub(crate) fn look(&mut self, model: &Model) {
        let Some(head) = &model.head else { return };
        if let Some(before) = &self.head {
            head_only_grows(before, head);
        }
        self.read_on(model);
        let came_back: Option<u16> =
            self.before.values().filter(|(before, _)| before.vacant).map(|(before, _)| before.round).min();
        for offer in model.offers.values() {
            let seen = effective_state(head, offer);
            match self.before.get(&offer.delivery_id) {
                Some((before, seen_before)) => {
                    identity_stays(before, offer);
                    seen_moves_forward(*seen_before, seen, head.cancelled_at.is_some());
                }
                None => self.a_new_offer(head, offer, came_back),
            }
            self.before.insert(offer.delivery_id, (offer.clone(), seen));
            if offer.vacant && offer.state == OfferState::Expired {
                self.overdue.insert(offer.delivery_id);
            }
            self.whoever_saw_it_is_told(model, offer);
        }
        self.leases
            .retain(|id, (kind, _)| model.offers[id].message.as_ref().is_some_and(|message| message.kind == *kind));
        self.head = Some(head.clone());
    }

    fn a_new_offer(&self, head: &Head, offer: &Offer, came_back: Option<u16>) {
        let before = self.head.as_ref().unwrap_or(head);
        assert_eq!(before.cancelled_at, None, "offered after it was cancelled");
        assert_eq!(before.winner, None, "offered after it was won");
        assert!(offer.round > before.closed, "offered in a round that is over");
        assert_eq!(before.routed.is_some(), offer.round > 1, "the first round is the routing's");
        assert!(offer.round <= head.round);
        let in_place = came_back.is_some_and(|round| round < offer.round);
        assert!(offer.round == 1 || in_place, "offered again in place of nobody");
    }

    /// A withdrawal, or the end of a clock, waits, has arrived, is dead, or was given up; it is never forgotten.
    fn whoever_saw_it_is_told(&self, model: &Model, offer: &Offer) {
        let id = offer.delivery_id;
        let unknown_yet = model.wire == crate::model::Wire::Unknown && model.on_the_wire.contains_key(&id);
        let end = match offer.state {
            OfferState::Withdrawn => MessageType::OfferWithdrawn,
            OfferState::Expired if self.overdue.contains(&id) => MessageType::OfferExpired,
            _ => return,
        };
        if !self.saw.contains(&id) || unknown_yet {
            return;
        }
        assert!(offer.told);
        let waits = offer.message.as_ref().is_some_and(|message| message.kind == end);
        let arrived = self.arrived.contains(&(id, end));
        assert!(waits || arrived || self.given_up.contains(&id), "never told of the end: {offer:?}");
    }

    /// Facts that can be true only once are told once, and what has arrived waits no more.
    fn read_on(&mut self, model: &Model) {
        for entry in &model.journal[self.read..] {
            if let Fact::MessageDelivered { delivery_id, message, .. } = &entry.fact {
                self.arrived.insert((*delivery_id, *message));
            }
            if let Fact::MessageReplayed { delivery_id, message, .. } = &entry.fact {
                // From here on it can be leased, and arrive, once more.
                self.arrived.remove(&(*delivery_id, *message));
                self.once.remove(&format!("leased {message} {delivery_id}"));
                self.once.remove(&format!("arrived {message} {delivery_id}"));
            }
            let once = match &entry.fact {
                Fact::RequestCreated | Fact::RequestUnmatched | Fact::RequestCancelled => format!("{:?}", entry.fact),
                Fact::OfferCreated { delivery_id, .. } => format!("created {delivery_id}"),
                Fact::OfferWithdrawn { delivery_id, .. } => format!("withdrawn {delivery_id}"),
                Fact::OfferExpired { delivery_id, .. } => format!("expired {delivery_id}"),
                Fact::OfferReleased { delivery_id, .. } => format!("released {delivery_id}"),
                Fact::OfferReminded { delivery_id, .. } => format!("reminded {delivery_id}"),
                Fact::MessageMade { delivery_id, message, .. } => format!("made {message} {delivery_id}"),
                Fact::OfferAnswered { delivery_id, status, .. } => format!("{status} {delivery_id}"),
                Fact::MessageLeased { delivery_id, message, .. } => format!("leased {message} {delivery_id}"),
                Fact::MessageDelivered { delivery_id, message, .. } => format!("arrived {message} {delivery_id}"),
                Fact::UserTold { channel, of } => format!("told {channel} {of}"),
                Fact::OfferNoted { .. }
                | Fact::MessageAttempted { .. }
                | Fact::AnswerSeen { .. }
                | Fact::MessageFailed { .. }
                | Fact::MessageHeld { .. }
                | Fact::MessageReplayed { .. }
                | Fact::PartyChanged { .. } => continue,
            };
            assert!(self.once.insert(once), "told twice: {:?}", entry.fact);
        }
        self.read = model.journal.len();
        for (id, offer) in &model.offers {
            let waits = offer.message.as_ref().is_some_and(|message| self.arrived.contains(&(*id, message.kind)));
            assert!(!waits, "what has arrived is sent again: {offer:?}");
        }
    }

    /// A lease was granted: nobody else may have it.
    pub(crate) fn leased(&mut self, id: DeliveryId, kind: MessageType, now: Timestamp, until: Timestamp) {
        self.saw.insert(id);
        if let Some((_, other)) = self.leases.insert(id, (kind, until)) {
            assert!(other <= now, "leased twice at the same time");
        }
    }
}

fn head_only_grows(before: &Head, head: &Head) {
    let fixed = |head: &Head| (head.id, head.user_id.clone(), head.environment, head.mode, head.created_at);
    assert_eq!(fixed(before), fixed(head));
    let given_back = head.winner.is_none() && head.closed > before.closed;
    assert!(before.winner.is_none() || before.winner == head.winner || given_back, "another winner");
    assert!(before.round <= head.round && before.closed <= head.closed && head.closed <= head.round, "rounds go on");
    assert!(before.routed.is_none() || before.routed == head.routed, "routed twice");
    assert!(before.cancelled_at.is_none() || before.cancelled_at == head.cancelled_at, "cancelled twice");
}

fn identity_stays(before: &Offer, offer: &Offer) {
    let fixed =
        |offer: &Offer| (offer.delivery_id, offer.party.clone(), offer.environment, offer.round, offer.created_at);
    assert_eq!(fixed(before), fixed(offer));
    assert!(offer.told || !before.told, "told, and then not");
    assert!(offer.attempts >= before.attempts, "fewer attempts than before");
    let came_back = matches!(offer.state, OfferState::Released | OfferState::Expired) && before.state != offer.state;
    assert!(!offer.vacant || before.vacant || came_back, "vacant, and nobody gave it back");
    let end = |offer: &Offer| offer.deadline.map(|deadline| deadline.expire_at);
    assert!(offer.deadline.is_none() || end(offer) == end(before), "another clock");
}

/// The order of a life, as everybody sees it.
fn seen_moves_forward(before: OfferState, now: OfferState, cancelled: bool) {
    use OfferState as S;
    let may_become: &[S] = match before {
        S::Completed | S::Declined | S::Withdrawn | S::Expired | S::Released => &[],
        S::Accepted => &[S::Completed, S::Withdrawn, S::Released],
        S::InProgress => &[S::Accepted, S::Declined, S::Completed, S::Withdrawn, S::Expired],
        S::Delivered => &[S::InProgress, S::Accepted, S::Declined, S::Completed, S::Withdrawn, S::Expired],
        S::Pending | S::Sent | S::Failed => &S::ALL,
    };
    assert!(before == now || may_become.contains(&now), "{before} became {now}");
    assert!(
        before == now || !cancelled || now == S::Withdrawn,
        "{before} became {now} after the request was cancelled"
    );
}

//! What holds of a request at every moment, whatever was done to it before.

use std::collections::BTreeSet;

use event_schema::words::{MessageType, Mode};
use jiff::Timestamp;
use marketplace_core::{
    fact::Fact,
    lifecycle::{OfferState, effective_state, has_reached_its_end, request_status},
    offer::{Offer, delivery_id, message_id},
};

use crate::{
    model::Model,
    status::{expected_end, expected_status, seen_as},
};

/// Panics when a request is in a state that it cannot be in.
pub(crate) fn hold(model: &Model, now: Timestamp) {
    let Some(head) = &model.head else {
        assert!(model.offers.is_empty() && model.journal.is_empty(), "nothing comes before the request");
        return;
    };
    let offers = model.offers();
    for offer in &offers {
        message_fits_state(offer, effective_state(head, offer));
        a_lease_holds_pushes_back(offer, now);
        a_clock_runs_for_what_is_open(offer);
        assert_eq!(effective_state(head, offer).as_str(), seen_as(head, offer));
    }
    assert_eq!(request_status(head, &offers).as_str(), expected_status(head, &offers));
    assert_eq!(has_reached_its_end(head, &offers), expected_end(head, &offers));
    one_winner(model);
    nobody_is_asked_twice(model);
    unmatched_is_nobody(model);
}

/// Panics unless every id is what it is derived from, and no two messages have the same.
pub(crate) fn ids_are_derived(model: &Model) {
    let mut messages = BTreeSet::new();
    for (id, offer) in &model.offers {
        assert_eq!(*id, delivery_id(model.id, &offer.party, offer.environment, offer.round));
        assert_eq!((offer.delivery_id, id.request()), (*id, model.id));
        use MessageType::{OfferCreated, OfferExpired, OfferReminder, OfferWithdrawn};
        for kind in [OfferCreated, OfferWithdrawn, OfferReminder, OfferExpired] {
            assert!(messages.insert(message_id(*id, kind).to_string()), "two messages have one id");
        }
    }
}

/// An offer that nobody has answered yet is on its way, and one that is answered or over is not.
fn message_fits_state(offer: &Offer, seen: OfferState) {
    let Some(message) = &offer.message else {
        let must_wait = matches!(offer.state, OfferState::Pending | OfferState::Sent);
        assert!(!must_wait || seen == OfferState::Withdrawn, "nothing tells the party of {offer:?}");
        return;
    };
    let in_other_hands = offer.state == OfferState::Sent;
    let (dead, due) = (message.dead.is_some(), message.next_attempt_at.is_some());
    assert!(dead != due || (in_other_hands && !dead), "due or dead: {offer:?}");
    match (message.kind, offer.state) {
        (MessageType::OfferCreated, OfferState::Pending | OfferState::Sent) => assert!(message.dead.is_none()),
        (MessageType::OfferCreated, OfferState::Failed) => assert!(message.dead.is_some()),
        // Its party asked for it again.
        (MessageType::OfferCreated, OfferState::Delivered | OfferState::InProgress | OfferState::Accepted) => {}
        (MessageType::OfferWithdrawn, OfferState::Withdrawn) => assert!(offer.told),
        (MessageType::OfferExpired, OfferState::Expired) => assert!(offer.told),
        (MessageType::OfferReminder, OfferState::Delivered | OfferState::InProgress) => {}
        (kind, state) => panic!("{kind} waits for an offer that is {state}"),
    }
}

fn a_clock_runs_for_what_is_open(offer: &Offer) {
    let Some(deadline) = offer.deadline else { return };
    assert!(["pending", "sent", "delivered", "in-progress", "failed"].contains(&offer.state.as_str()), "{offer:?}");
    assert!(deadline.remind_at.is_none_or(|remind| remind < deadline.expire_at));
}

fn a_lease_holds_pushes_back(offer: &Offer, now: Timestamp) {
    if let Some(message) = offer.message.as_ref().filter(|message| message.is_leased(now)) {
        assert!(offer.told, "leased, so told");
        assert!(message.next_attempt_at.is_none_or(|due| due >= message.available_at), "leased and due: {offer:?}");
    }
}

fn one_winner(model: &Model) {
    let Some(head) = &model.head else { return };
    let claims = |offer: &&Offer| matches!(offer.state, OfferState::Accepted | OfferState::Completed);
    let claimed: Vec<_> = model.offers.values().filter(claims).map(|offer| offer.delivery_id).collect();
    match head.mode {
        Mode::All => assert_eq!(head.winner, None),
        Mode::FirstAccept => assert!(claimed.iter().all(|id| head.winner == Some(*id)), "{claimed:?}"),
    }
    let count = |told: fn(&Fact) -> bool| model.journal.iter().filter(|entry| told(&entry.fact)).count();
    let wins = count(|fact| matches!(fact, Fact::OfferAnswered { won: true, .. }));
    let given_back = count(|fact| matches!(fact, Fact::OfferReleased { .. }));
    if head.mode == Mode::FirstAccept {
        assert_eq!(wins, usize::from(head.winner.is_some()) + given_back, "one winner at a time, told once");
    }
}

/// Who is offered a request again lost it before to somebody who gave it back; nobody has two offers to answer, and who
/// has declined, given back or let expire is left alone.
fn nobody_is_asked_twice(model: &Model) {
    let Some(head) = &model.head else { return };
    for offer in model.offers.values() {
        let newer = model.offers.values().any(|other| other.party == offer.party && other.round > offer.round);
        assert!(!newer || seen_as(head, offer) == "withdrawn", "asked again after {offer:?}");
    }
}

fn unmatched_is_nobody(model: &Model) {
    let told = model.journal.iter().filter(|entry| matches!(entry.fact, Fact::RequestUnmatched)).count();
    let nobody = model.head.as_ref().and_then(|head| head.routed).is_some_and(|routed| routed.offers == 0);
    assert_eq!(told, usize::from(nobody));
    assert!(!nobody || model.offers.is_empty(), "offered to somebody, and unmatched");
}

//! A request's status, derived a second time from the words of DESIGN section 5, on requests of every shape.

use event_schema::{
    id::{DeliveryId, Environment, RequestId},
    words::Mode,
};
use jiff::Timestamp;
use marketplace_core::{
    lifecycle::{OfferState, effective_state, has_reached_its_end, request_status},
    offer::Offer,
    request::{Head, Routed},
};
use proptest::{collection::vec, prelude::*, sample::select};
use uuid::Uuid;

/// How an offer stands for whoever looks, though its own row may have to follow its request's head yet.
pub(crate) fn seen_as(head: &Head, offer: &Offer) -> &'static str {
    let open = !matches!(offer.state.as_str(), "completed" | "declined" | "withdrawn" | "expired" | "released");
    let won_by_another = head.winner.is_some_and(|winner| winner != offer.delivery_id);
    let lost = head.mode == Mode::FirstAccept && (won_by_another || offer.round <= head.closed);
    if open && (lost || head.cancelled_at.is_some()) { "withdrawn" } else { offer.state.as_str() }
}

/// How it stands at this time, though nobody may have looked at its clock yet.
pub(crate) fn seen_at(head: &Head, offer: &Offer, now: Timestamp) -> &'static str {
    let is_over = offer.deadline.is_some_and(|deadline| deadline.expire_at <= now);
    match seen_as(head, offer) {
        "pending" | "sent" | "delivered" | "in-progress" | "failed" if is_over => "expired",
        seen => seen,
    }
}

/// The rule, as the design words it.
pub(crate) fn expected_status(head: &Head, offers: &[Offer]) -> &'static str {
    let words: Vec<&str> = offers.iter().map(|offer| seen_as(head, offer)).collect();
    const OUT: [&str; 5] = ["declined", "withdrawn", "expired", "failed", "released"];
    let mut counting: Vec<&str> = words.iter().copied().filter(|word| !OUT.contains(word)).collect();
    // What came back is pending until others have it.
    counting.extend(offers.iter().filter(|offer| offer.vacant).map(|_| "pending"));
    let any = |wanted: &[&str]| counting.iter().any(|word| wanted.contains(word));
    match &head.routed {
        _ if head.cancelled_at.is_some() => "cancelled",
        None => "new",
        Some(routed) if routed.offers == 0 => "unmatched",
        Some(_) if counting.is_empty() && words.iter().all(|word| *word == "failed") => "failed",
        Some(_) if counting.is_empty() && words.contains(&"expired") => "expired",
        Some(_) if counting.is_empty() => "declined",
        Some(_) if counting.iter().all(|word| *word == "completed") => "completed",
        Some(_) if any(&["accepted", "completed"]) => "accepted",
        Some(_) if any(&["in-progress"]) => "in-progress",
        Some(_) => "offered",
    }
}

/// Whether nothing more has to come from anybody.
pub(crate) fn expected_end(head: &Head, offers: &[Offer]) -> bool {
    let open = |offer: &Offer| offer.vacant || ["pending", "sent", "delivered"].contains(&seen_as(head, offer));
    match expected_status(head, offers) {
        "cancelled" | "unmatched" => true,
        "new" => false,
        _ => !offers.iter().any(open),
    }
}

const REQUEST: RequestId = RequestId(Uuid::from_u128(0x0192_f0c1_2233_7000_8000_0000_0000_0001));

fn offer(place: usize, (state, round, vacant): (OfferState, u16, bool)) -> Offer {
    let party = format!("party-{place}").parse().unwrap();
    Offer { state, vacant, ..Offer::new(REQUEST, party, Environment::Prod, round, Timestamp::UNIX_EPOCH) }
}

/// Heads and offers in every combination, possible or not.
fn any_request() -> impl Strategy<Value = (Head, Vec<Offer>)> {
    let states = vec((select(OfferState::ALL.to_vec()), 1_u16..4, prop::bool::weighted(0.1)), 0..6);
    let winner = prop_oneof![Just(None), (0_usize..6).prop_map(Some)];
    let rounds = (1_u16..4, 0_u16..3);
    let is = (any::<bool>(), prop::bool::weighted(0.8), any::<bool>());
    (states, winner, select(Mode::ALL.to_vec()), rounds, is).prop_map(
        |(states, winner, mode, (round, closed), (cancelled, routed, matched))| {
            let offers: Vec<Offer> = states.into_iter().enumerate().map(|(place, state)| offer(place, state)).collect();
            let made = if matched { u32::try_from(offers.len()).unwrap() } else { 0 };
            let at = Timestamp::UNIX_EPOCH;
            let head = Head {
                id: REQUEST,
                user_id: "u".parse().unwrap(),
                environment: Environment::Prod,
                mode,
                category: None,
                created_at: at,
                routed: routed.then_some(Routed { at, offers: made, registry_version: 1 }),
                winner: winner.map(|place| offers.get(place).map_or(DeliveryId([9; 26]), |offer| offer.delivery_id)),
                cancelled_at: cancelled.then_some(at),
                round,
                closed,
            };
            (head, offers)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_status_is_what_the_design_says((head, offers) in any_request()) {
        for offer in &offers {
            prop_assert_eq!(effective_state(&head, offer).as_str(), seen_as(&head, offer));
        }
        prop_assert_eq!(request_status(&head, &offers).as_str(), expected_status(&head, &offers));
        prop_assert_eq!(has_reached_its_end(&head, &offers), expected_end(&head, &offers));
    }

    #[test]
    fn the_order_of_the_offers_does_not_matter((head, offers) in any_request()) {
        let turned: Vec<Offer> = offers.iter().rev().cloned().collect();
        prop_assert_eq!(request_status(&head, &offers), request_status(&head, &turned));
    }
}

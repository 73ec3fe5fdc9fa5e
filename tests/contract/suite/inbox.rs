//! The inboxes of polling parties: who gets what, for how long, and what never comes again.

use std::collections::BTreeSet;

use event_schema::{
    id::{DeliveryId, Environment},
    words::{AnswerStatus, MessageType},
};
use futures::future::join_all;
use jiff::Timestamp;
use marketplace_core::{
    command::{
        cancel::Cancel,
        inbox::{InboxAction, InboxResult},
        push::Disposition,
        withdraw::{WithdrawFromDisabled, WithdrawLosers},
    },
    lifecycle::OfferState,
    offer::INBOX_LIFETIME,
    ports::{Inbox, LeasedOffer, PageQuery, RequestStore, Urgency},
};
use serde_json::json;

use crate::{
    fixture::{
        START, answer, asked, at, attempted, join, offer, offer_of, offered, party, party_id, push_settings, the_offer,
        timeline, use_inbox,
    },
    platform::PlatformUnderTest,
};

async fn lease<S: Inbox>(store: &S, party: &str, max: usize, now: Timestamp, until: Timestamp) -> Vec<LeasedOffer> {
    store.lease(&party_id(party), Environment::Prod, max, now, until).await.expect("leased")
}

async fn leased<S: Inbox>(store: &S, party: &str, max: usize, now: Timestamp, until: Timestamp) -> Vec<DeliveryId> {
    lease(store, party, max, now, until).await.iter().map(|leased| leased.offer.delivery_id).collect()
}

pub(crate) async fn a_lease_gives_the_oldest_first<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut all = vec![];
    for number in 0..5 {
        all.push(offered(&store, "books", at(number)).await);
    }
    let first = lease(&store, "books", 3, at(10), at(70)).await;
    let ids: Vec<DeliveryId> = first.iter().map(|leased| leased.offer.delivery_id).collect();
    assert_eq!(ids, all[..3]);
    for leased in &first {
        let message = leased.offer.message.as_ref().unwrap();
        assert!(message.is_leased(at(10)) && !message.is_leased(at(70)));
        assert_eq!(message.available_at, at(70));
        assert_eq!(message.kind, MessageType::OfferCreated);
        assert!(leased.offer.told);
        let record = store.request(leased.offer.delivery_id.request(), false).await.unwrap().unwrap();
        assert_eq!(leased.detail, record.detail, "to the letter");
        assert_eq!(record.offers, std::slice::from_ref(&leased.offer), "as it is stored");
    }
    assert_eq!(leased(&store, "books", 3, at(10), at(70)).await, all[3..]);
    assert_eq!(leased(&store, "books", 3, at(10), at(70)).await, []);
    assert_eq!(leased(&store, "books", 0, at(70), at(90)).await, []);
}

pub(crate) async fn nobody_gets_what_another_has_leased<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offers = join_all((0..40).map(|_| offered(&store, "books", START))).await;
    let callers = (0..50).map(|_| leased(&store, "books", 3, at(1), at(61)));
    let got = join_all(callers).await;
    assert!(got.iter().all(|got| got.len() <= 3));
    let handed_out: Vec<DeliveryId> = got.concat();
    assert_eq!(handed_out.len(), 40, "each once");
    assert_eq!(handed_out.into_iter().collect::<BTreeSet<_>>(), offers.into_iter().collect());
}

pub(crate) async fn a_lease_that_ends_gives_back<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    assert_eq!(leased(&store, "books", 1, at(1), at(11)).await, [offer]);
    assert_eq!(leased(&store, "books", 1, at(10), at(20)).await, []);
    assert_eq!(leased(&store, "books", 1, at(11), at(21)).await, [offer], "at the very end");
    // An acknowledgement after the end of the first lease still counts.
    let ack = use_inbox(offer, "books", InboxAction::Acknowledge, at(15));
    assert_eq!(store.apply(ack, Urgency::Caller, None).await.unwrap(), InboxResult::Done);
    assert_eq!(leased(&store, "books", 1, at(30), at(40)).await, []);
}

pub(crate) async fn an_inbox_belongs_to_one_party_and_environment<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    offered(&store, "books-2", START).await;
    assert_eq!(leased(&store, "book", 10, at(1), at(61)).await, []);
    for environment in [Environment::Test, Environment::Dev] {
        let other = store.lease(&party_id("books"), environment, 10, at(1), at(61)).await.unwrap();
        assert!(other.is_empty(), "{environment}");
    }
    assert_eq!(leased(&store, "books", 10, at(1), at(61)).await, [offer]);
}

pub(crate) async fn what_is_acknowledged_never_comes_again<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    leased(&store, "books", 1, at(1), at(11)).await;
    let ack = || store.apply(use_inbox(offer, "books", InboxAction::Acknowledge, at(2)), Urgency::Ours, None);
    // Five at once: it arrives once.
    let mut results = join_all((0..5).map(|_| ack())).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    results.sort_by_key(|result| *result != InboxResult::Done);
    assert_eq!(results[0], InboxResult::Done);
    assert_eq!(results[1..], [InboxResult::Already; 4]);
    assert_eq!(the_offer(&store, offer).await.state, OfferState::Delivered);
    assert_eq!(leased(&store, "books", 1, at(999), at(1_999)).await, []);
}

pub(crate) async fn a_lease_is_extended_and_released<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    let act = |action, now| store.apply(use_inbox(offer, "books", action, now), Urgency::Caller, None);
    assert_eq!(act(InboxAction::Extend(at(50)), at(0)).await.unwrap(), InboxResult::Already, "not leased");
    assert_eq!(act(InboxAction::Release, at(0)).await.unwrap(), InboxResult::Already, "not leased");

    leased(&store, "books", 1, at(1), at(11)).await;
    assert_eq!(act(InboxAction::Extend(at(100)), at(5)).await.unwrap(), InboxResult::Done);
    assert_eq!(leased(&store, "books", 1, at(50), at(60)).await, []);
    assert_eq!(act(InboxAction::Release, at(51)).await.unwrap(), InboxResult::Done);
    assert_eq!(leased(&store, "books", 1, at(51), at(61)).await, [offer]);
    assert_eq!(act(InboxAction::Extend(at(200)), at(61)).await.unwrap(), InboxResult::Already, "over");
    assert_eq!(leased(&store, "books", 1, at(61), at(71)).await, [offer]);
}

pub(crate) async fn another_partys_offer_is_unknown<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    leased(&store, "books", 1, at(1), at(11)).await;
    let before = the_offer(&store, offer).await;
    let actions =
        [InboxAction::Acknowledge, InboxAction::Release, InboxAction::Extend(at(99)), InboxAction::Lease(at(99))];
    for action in actions {
        let stranger = use_inbox(offer, "pens", action, at(2));
        assert_eq!(store.apply(stranger, Urgency::Caller, None).await.unwrap(), InboxResult::Unknown);
        let mut elsewhere = use_inbox(offer, "books", action, at(2));
        elsewhere.environment = Environment::Dev;
        assert_eq!(store.apply(elsewhere, Urgency::Caller, None).await.unwrap(), InboxResult::Unknown);
        let nobodys = use_inbox(DeliveryId([9; 26]), "books", action, at(2));
        assert_eq!(store.apply(nobodys, Urgency::Caller, None).await.unwrap(), InboxResult::Unknown);
    }
    assert_eq!(the_offer(&store, offer).await, before);
}

pub(crate) async fn a_dead_letter_is_in_the_inbox<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    let dead = attempted(offer, Disposition::Dead("attempts_exhausted".into()), at(1));
    assert_eq!(store.apply(dead, Urgency::Ours, None).await.unwrap(), None);
    assert_eq!(the_offer(&store, offer).await.state, OfferState::Failed);
    assert_eq!(leased(&store, "books", 1, at(2), at(12)).await, [offer]);
    let ack = use_inbox(offer, "books", InboxAction::Acknowledge, at(3));
    assert_eq!(store.apply(ack, Urgency::Caller, None).await.unwrap(), InboxResult::Done);
    assert_eq!(the_offer(&store, offer).await.state, OfferState::Delivered);
}

pub(crate) async fn a_withdrawal_is_in_the_inbox<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let request = asked(&store, &json!({})).await;
    offer(&store, request, &["told", "untold", "declined"], START).await;
    assert_eq!(leased(&store, "told", 1, at(1), at(100)).await.len(), 1);
    let declined = answer(offer_of(request, "declined"), "declined", AnswerStatus::Declined);
    store.apply(declined, Urgency::Caller, None).await.unwrap();
    store.apply(Cancel { request, user: None, at: at(20) }, Urgency::Caller, None).await.unwrap();
    let withdraw = WithdrawLosers { request, cause: None, at: at(21) };
    assert!(!store.apply(withdraw, Urgency::Ours, None).await.unwrap());

    // Available at once, though its predecessor was leased.
    let got = lease(&store, "told", 10, at(21), at(60)).await;
    assert_eq!(got.len(), 1);
    let message = got[0].offer.message.as_ref().unwrap();
    assert_eq!((message.kind, message.created_at), (MessageType::OfferWithdrawn, at(21)));
    assert_eq!(leased(&store, "untold", 10, at(999), at(1_099)).await, [], "it never knew of it");
    assert_eq!(leased(&store, "declined", 10, at(999), at(1_099)).await, [], "it was done with it");
}

pub(crate) async fn after_fourteen_days_nothing_is_handed_out<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    let over = START + INBOX_LIFETIME;
    assert_eq!(leased(&store, "books", 1, over, over + at(60).duration_since(START)).await, []);
    let just = at(-1) + INBOX_LIFETIME;
    assert_eq!(leased(&store, "books", 1, just, over).await, [offer]);
}

pub(crate) async fn what_a_push_has_is_not_leased<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut pushed_to = party("books");
    pushed_to.environments[0].delivery = push_settings("https://books.example/hook", &json!({}));
    join(&store, pushed_to).await;
    let offer = offered(&store, "books", START).await;
    let on_the_wire = platform.push_without_end(1).await;
    assert_eq!(leased(&store, "books", 10, at(10), at(70)).await, []);
    // What comes while the wire is busy goes out by one way only, too.
    let more = join_all((0..20).map(|_| offered(&store, "books", START))).await;
    let got = leased(&store, "books", 100, at(10), at(70)).await;
    assert!(got.iter().all(|id| *id != offer && more.contains(id)));
    for id in got {
        let offer = the_offer(&store, id).await;
        assert_eq!(offer.attempts, 0);
        assert!(offer.message.unwrap().next_attempt_at.unwrap() >= at(70), "leased and due");
    }
    drop(on_the_wire);
}

/// Everything that waits for a party in `prod`, read in pages of this size.
async fn waiting<S: Inbox>(store: &S, party: &str, limit: usize) -> Vec<DeliveryId> {
    let (mut all, mut cursor) = (vec![], None);
    loop {
        let page = store.waiting(&party_id(party), Environment::Prod, PageQuery { cursor, limit }).await.unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

pub(crate) async fn what_waits_for_a_party_is_listed_to_the_end<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut all = vec![];
    // Some at the same time: a page may end between them.
    for number in 0..7 {
        all.push(offered(&store, "books", at(number / 3)).await);
    }
    offered(&store, "books-2", START).await;
    let expected: BTreeSet<_> = all.iter().copied().collect();
    for limit in [1, 2, 3, 7, 100] {
        let found = waiting(&store, "books", limit).await;
        assert_eq!(found.len(), all.len(), "each once");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
    let elsewhere = PageQuery { cursor: None, limit: 10 };
    let elsewhere = store.waiting(&party_id("books"), Environment::Test, elsewhere).await.unwrap();
    assert!(elsewhere.items.is_empty() && elsewhere.next_cursor.is_none());

    // Leased and dead ones wait, too; what arrived or was answered does not.
    assert_eq!(leased(&store, "books", 1, at(10), at(999)).await, all[..1]);
    let dead = attempted(all[1], Disposition::Dead("attempts_exhausted".into()), at(11));
    store.apply(dead, Urgency::Ours, None).await.unwrap();
    let ack = use_inbox(all[2], "books", InboxAction::Acknowledge, at(12));
    store.apply(ack, Urgency::Caller, None).await.unwrap();
    store.apply(answer(all[3], "books", AnswerStatus::Accepted), Urgency::Caller, None).await.unwrap();
    let found: BTreeSet<_> = waiting(&store, "books", 2).await.into_iter().collect();
    assert!(all[..2].iter().chain(&all[4..]).all(|id| found.contains(id)), "an index may lag, and forgets nothing");
}

pub(crate) async fn what_waits_for_a_disabled_party_is_taken_back<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (pending, dead, arrived, accepted) = (
        offered(&store, "books", START).await,
        offered(&store, "books", START).await,
        offered(&store, "books", START).await,
        offered(&store, "books", START).await,
    );
    let died = attempted(dead, Disposition::Dead("attempts_exhausted".into()), at(1));
    store.apply(died, Urgency::Ours, None).await.unwrap();
    let ack = use_inbox(arrived, "books", InboxAction::Acknowledge, at(2));
    store.apply(ack, Urgency::Caller, None).await.unwrap();
    store.apply(answer(accepted, "books", AnswerStatus::Accepted), Urgency::Caller, None).await.unwrap();
    for _ in 0..2 {
        for delivery_id in waiting(&store, "books", 2).await.into_iter().chain([accepted]) {
            let command = WithdrawFromDisabled { delivery_id, at: at(20) };
            store.apply(command, Urgency::Ours, None).await.unwrap();
        }
    }
    let mut states = vec![];
    for id in [pending, dead, arrived, accepted] {
        let offer = the_offer(&store, id).await;
        assert_eq!(offer.message, None);
        states.push(offer.state);
    }
    use OfferState::{Accepted, Delivered, Withdrawn};
    assert_eq!(states, [Withdrawn, Withdrawn, Delivered, Accepted]);
    let once = timeline(&store, pending.request()).await;
    assert_eq!(once.iter().filter(|word| *word == "offer.withdrawn").count(), 1, "{once:?}");
    assert_eq!(leased(&store, "books", 10, at(30), at(40)).await, []);
}

pub(crate) async fn a_lease_survives_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let offer = offered(&store, "books", START).await;
    leased(&store, "books", 1, at(1), at(61)).await;
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(leased(&store, "books", 1, at(60), at(70)).await, []);
    assert_eq!(leased(&store, "books", 1, at(61), at(71)).await, [offer]);
}

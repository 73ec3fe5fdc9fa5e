//! Requests, parties and answers to do something with, at times and with ids that rise.

use std::sync::atomic::{AtomicU64, Ordering};

use event_schema::{
    id::{DeliveryId, Environment, KeyId, PartyId, RequestId, UserId},
    words::{AnswerStatus, MessageType},
};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::{
        answer::{Answer, Target},
        create::Create,
        inbox::{InboxAction, UseInbox},
        push::{Disposition, RecordAttempt},
        route::MakeOffers,
    },
    delivery::DeliverySettings,
    intake,
    offer::{Attempt, Offer, delivery_id},
    party::{ApiKey, Party, PartyCommand},
    pattern::Pattern,
    ports::{PartyStore, RequestStore, Urgency},
    user::{Notifications, User},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::constant(1_793_491_200, 0);

/// So many seconds after the start.
pub(crate) fn at(seconds: i64) -> Timestamp {
    START + SignedDuration::from_secs(seconds)
}

/// A version 7 UUID (RFC 9562); each is later than the one before.
pub(crate) fn uuid() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let milliseconds = u64::try_from(START.as_millisecond()).expect("after 1970") + number;
    let mut rest = [0; 10];
    rest[2..].copy_from_slice(&number.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid()
}

/// Thirty-two bytes that no other call gives.
pub(crate) fn hash() -> [u8; 32] {
    let mut bytes = [7; 32];
    bytes[..16].copy_from_slice(uuid().as_bytes());
    bytes
}

pub(crate) fn user_id(user: &str) -> UserId {
    user.parse().expect("an id")
}

pub(crate) fn party_id(party: &str) -> PartyId {
    party.parse().expect("a slug")
}

/// A new request.
pub(crate) fn create(user: &str, body: &Value, now: Timestamp) -> Create {
    let request = intake::from_api(body.to_string().as_bytes(), user_id(user)).expect("a request");
    Create { id: RequestId(uuid()), request, at: now }
}

/// Stores a new request of `user-1`.
pub(crate) async fn asked<S: RequestStore>(store: &S, body: &Value) -> RequestId {
    let create = create("user-1", body, START);
    let id = create.id;
    store.apply(create, Urgency::Ours, None).await.expect("stored");
    id
}

/// The routing of a request to these parties.
pub(crate) fn batches(request: RequestId, parties: &[&str], now: Timestamp) -> Vec<MakeOffers> {
    MakeOffers::batches(MakeOffers {
        request,
        environment: Environment::Prod,
        parties: parties.iter().map(|party| party_id(party)).collect(),
        handed_over: [].into(),
        clocks: [].into(),
        last_of: None,
        registry_version: 1,
        cause: None,
        at: now,
    })
}

/// The id of a party's offer of a request.
pub(crate) fn offer_of(request: RequestId, party: &str) -> DeliveryId {
    delivery_id(request, &party_id(party), Environment::Prod, 1)
}

/// Offers a stored request to these parties.
pub(crate) async fn offer<S: RequestStore>(store: &S, request: RequestId, parties: &[&str], now: Timestamp) {
    for batch in batches(request, parties, now) {
        store.apply(batch, Urgency::Ours, None).await.expect("offered");
    }
}

/// A new request that is offered to this party: its offer.
pub(crate) async fn offered<S: RequestStore>(store: &S, party: &str, now: Timestamp) -> DeliveryId {
    let request = asked(store, &json!({ "category": "books" })).await;
    offer(store, request, &[party], now).await;
    offer_of(request, party)
}

/// An answer with nothing but its status.
pub(crate) fn answer(delivery: DeliveryId, party: &str, status: AnswerStatus) -> Answer {
    Answer {
        target: Target::Delivery(delivery),
        party: party_id(party),
        environment: Environment::Prod,
        status,
        reason: None,
        details: None,
        at: at(10),
    }
}

/// An action of a party on one of its offers.
pub(crate) fn use_inbox(delivery_id: DeliveryId, party: &str, action: InboxAction, now: Timestamp) -> UseInbox {
    UseInbox { delivery_id, party: party_id(party), environment: Environment::Prod, action, at: now }
}

/// An attempt at an `offer.created`, and what follows.
pub(crate) fn attempted(delivery_id: DeliveryId, disposition: Disposition, now: Timestamp) -> RecordAttempt {
    let attempt = Attempt {
        at: now,
        message: MessageType::OfferCreated,
        outcome: "refused_by_status".to_owned(),
        status_code: Some(503),
        latency_us: 1_234,
        answer: Some("not \"now\"".to_owned()),
    };
    RecordAttempt { delivery_id, attempt, disposition, at: now }
}

/// A party that takes nothing but addressed requests, and polls.
pub(crate) fn party(id: &str) -> Party {
    Party::new(party_id(id), format!("Party {id}"), format!("{id}@example.com"), START)
}

/// A key of a party in `prod`.
pub(crate) fn api_key(party: &str) -> ApiKey {
    ApiKey::new(KeyId(uuid()), party_id(party), Environment::Prod, hash(), START)
}

/// Changes a party as the operator.
pub(crate) async fn change<S: PartyStore>(store: &S, party: &str, command: PartyCommand) -> Party {
    let changed = store.apply_to_party(party_id(party), command, "operator".to_owned(), at(1), None).await;
    changed.expect("changed")
}

/// Lets a party join; its first key.
pub(crate) async fn join<S: PartyStore>(store: &S, party: Party) -> ApiKey {
    let id = party.id.clone();
    let key = api_key(id.as_str());
    change(store, id.as_str(), PartyCommand::Join(Box::new(party), key.clone())).await;
    key
}

/// A filter.
pub(crate) fn pattern(pattern: &Value) -> Pattern {
    Pattern::from_value(pattern).expect("a pattern")
}

/// Settings that push to this URL; `more` overrides the rest.
pub(crate) fn push_settings(url: &str, more: &Value) -> DeliverySettings {
    let mut settings = json!({
        "mode": "push", "url": url, "transport": "direct", "signed": false,
        "auth": { "type": "none" }, "max_age_hours": 24,
    });
    let members = settings.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    serde_json::from_value(settings).expect("settings")
}

/// An account.
pub(crate) fn account(email: &str) -> User {
    User {
        id: UserId::account(uuid()),
        email: email.to_owned(),
        password_hash: "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA".to_owned(),
        name: Some("Ann".to_owned()),
        phone: Some("+15551234567".to_owned()),
        confirmed_at: None,
        phone_confirmed_at: None,
        notifications: Notifications { email: true, sms: true },
        test_account: false,
        created_at: START,
    }
}

/// The one of a request's offers that is this party's.
pub(crate) async fn the_offer<S: RequestStore>(store: &S, delivery: DeliveryId) -> Offer {
    let record = store.request(delivery.request(), false).await.expect("read").expect("there");
    record.offers.into_iter().find(|offer| offer.delivery_id == delivery).expect("the offer")
}

/// The words of a request's journal, oldest first.
pub(crate) async fn timeline<S: RequestStore>(store: &S, request: RequestId) -> Vec<String> {
    let record = store.request(request, false).await.expect("read").expect("there");
    let kind = |entry: &marketplace_core::fact::JournalEntry| {
        serde_json::to_value(&entry.fact).expect("JSON")["type"].as_str().expect("a word").to_owned()
    };
    record.journal.iter().map(kind).collect()
}

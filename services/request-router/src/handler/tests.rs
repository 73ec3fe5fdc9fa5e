//! The router on the embedded platform: what it believes of an event, and whose offers it hands over.

use event_schema::{
    envelope::Event,
    id::{Environment, KeyId, UserId},
};
use jiff::SignedDuration;
use marketplace_core::{
    lifecycle::OfferState,
    offer::Offer,
    party::{ApiKey, EnvironmentSettings, Party, PartyCommand},
    pattern::Pattern,
};
use platform_base::{clock::SystemClock, vault::Vault};
use platform_embedded::{Embedded, Options};
use serde_json::{json, value::to_raw_value};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

struct World {
    deps: Deps<Embedded>,
    request: RequestId,
    _folder: TempDir,
}

impl World {
    /// A stored request for books, and parties that see all of those.
    async fn new(bus: Bus, managed: Managed, parties: &[(&str, Value)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(&"0123456789abcdef0123456789abcdef".into()).unwrap();
        let store = Embedded::open(Options::new(folder.path().to_owned(), vault)).unwrap();
        let request = RequestId(Uuid::from_u128(7));
        let new = intake::from_api(br#"{"category": "books", "amount": 1.50}"#, user()).unwrap();
        let create = Create { id: request, request: new, at: SystemClock.now() };
        store.apply(create, Urgency::Ours, None).await.unwrap();
        for (id, delivery) in parties {
            join(&store, id, delivery).await;
        }
        Self { deps: Deps { store, clock: Arc::new(SystemClock), bus, managed }, request, _folder: folder }
    }

    async fn offers(&self) -> Vec<Offer> {
        self.deps.store.request(self.request, false).await.unwrap().unwrap().offers
    }
}

fn user() -> UserId {
    UserId::account(Uuid::from_u128(1))
}

async fn join(store: &Embedded, id: &str, delivery: &Value) {
    let filter = Pattern::from_value(&json!({ "detail": { "category": ["books"] } })).unwrap();
    let settings = || EnvironmentSettings {
        filter: Some(filter.clone()),
        delivery: serde_json::from_value(delivery.clone()).unwrap(),
        ..EnvironmentSettings::new()
    };
    let id: PartyId = id.parse().unwrap();
    let now = SystemClock.now();
    let new = Party::new(id.clone(), "A party".to_owned(), "party@example.com".to_owned(), now);
    let party = Party { environments: [settings(), settings(), settings()], ..new };
    let key_id = KeyId(Uuid::from_u128(now.as_nanosecond().unsigned_abs()));
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(key_id.0.as_bytes());
    let key = ApiKey::new(key_id, id.clone(), Environment::Prod, hash, now);
    let join = PartyCommand::Join(Box::new(party), key);
    store.apply_to_party(id, join, "operator".to_owned(), now, None).await.unwrap();
}

fn push(transport: &str) -> Value {
    json!({
        "mode": "push", "url": "https://party.example/", "transport": transport, "signed": false,
        "auth": { "type": "none" }, "max_age_hours": 3,
    })
}

/// An event about the request, with this much of it changed; null takes a member out.
fn event(request: RequestId, changes: &Value) -> BusEvent {
    let now = SystemClock.now();
    let metadata = Metadata {
        event_id: Uuid::from_u128(11),
        version: Metadata::VERSION,
        sequence: 1,
        correlation_id: request.to_string(),
        causation_id: None,
        environment: Environment::Prod,
        occurred_at: now,
    };
    // Members in another order, and numbers spelled otherwise, than in what is stored.
    let mut detail = json!({
        "amount": 1.5, "category": "books", "request_status": "new", "user_id": user(), "metadata": metadata,
    });
    let members = detail.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    Event {
        id: Uuid::from_u128(9),
        source: names::SOURCE_MARKET.into(),
        detail_type: names::REQUESTS.into(),
        time: now,
        detail: to_raw_value(&detail).unwrap(),
    }
}

fn forged(result: Result<Vec<Alarm>, RouterError>) -> Forged {
    match result {
        Err(RouterError::Poison(error)) => *error.downcast::<Forged>().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn on_a_shared_bus_an_event_must_say_what_is_stored() {
    let world = World::new(Bus::Shared, Managed::Pushed, &[("books", json!({ "mode": "poll" }))]).await;
    let (deps, request) = (&world.deps, world.request);
    for (what, changed) in [("amount", json!(2)), ("category", json!("pens")), ("user_id", json!("usr_2"))] {
        let lie = event(request, &json!({ what: changed }));
        assert_eq!(forged(handle(&lie, deps).await), Forged::Body, "{what}");
    }
    let more = event(request, &json!({ "3rdparty": "pens" }));
    assert_eq!(forged(handle(&more, deps).await), Forged::Body);
    let unknown = event(RequestId(Uuid::from_u128(8)), &json!({}));
    assert_eq!(forged(handle(&unknown, deps).await), Forged::Request);
    let elsewhere = Event { source: "com.marketplace.books".into(), ..event(request, &json!({})) };
    assert_eq!(forged(handle(&elsewhere, deps).await), Forged::Source);
    assert!(world.offers().await.is_empty(), "nobody was told");

    handle(&event(request, &json!({})), deps).await.unwrap();
    assert_eq!(world.offers().await.len(), 1);
}

#[tokio::test]
async fn on_a_shared_bus_the_articles_event_works_as_ever() {
    let world = World::new(Bus::Shared, Managed::Pushed, &[("books", json!({ "mode": "poll" }))]).await;
    let asked = event(world.request, &json!({ "metadata": null }));
    handle(&asked, &world.deps).await.unwrap();
    let stored = world.deps.store.request(RequestId(asked.id), false).await.unwrap().unwrap();
    assert_eq!(stored.offers.len(), 1);
}

#[tokio::test]
async fn on_our_own_bus_an_event_is_believed() {
    let world = World::new(Bus::Ours, Managed::Pushed, &[("books", push("managed"))]).await;
    handle(&event(world.request, &json!({ "amount": 2 })), &world.deps).await.unwrap();
    let offers = world.offers().await;
    assert_eq!(offers.iter().map(|offer| offer.state).collect::<Vec<_>>(), [OfferState::Pending]);
}

#[tokio::test]
async fn the_bus_is_handed_what_is_managed_has_a_route_and_is_not_paused() {
    let parties = [
        ("away", push("managed")),
        ("books", push("managed")),
        ("inks", json!({ "mode": "poll" })),
        ("new", push("managed")),
        ("pens", push("direct")),
    ];
    let world = World::new(Bus::Shared, Managed::HandedOver, &parties).await;
    let now = SystemClock.now();
    let change = async |party: &str, command| {
        let changed = world.deps.store.apply_to_party(party.parse().unwrap(), command, "test".to_owned(), now, None);
        changed.await.unwrap();
    };
    let routed = PartyCommand::RouteMade(Environment::Prod, serde_json::from_value(push("managed")).unwrap());
    for party in ["away", "books"] {
        change(party, routed.clone()).await;
    }
    change("away", PartyCommand::Pause(Environment::Prod, "holidays".to_owned())).await;
    for _ in 0..2 {
        handle(&event(world.request, &json!({})), &world.deps).await.unwrap();
    }
    let mut offers = world.offers().await;
    offers.sort_by(|a, b| a.party.cmp(&b.party));
    let seen: Vec<_> = offers.iter().map(|offer| (offer.party.as_str(), offer.state, offer.told)).collect();
    let pending = |party| (party, OfferState::Pending, false);
    let handed_over = ("books", OfferState::Sent, true);
    assert_eq!(seen, [pending("away"), handed_over, pending("inks"), pending("new"), pending("pens")]);
    let message = offers[1].message.as_ref().unwrap();
    assert_eq!(message.next_attempt_at, None);
    let kept = message.available_at.duration_since(now);
    assert!(kept >= SignedDuration::from_hours(3) && kept < SignedDuration::from_hours(4), "{kept:?}");
}

/// A party is disabled, and how the bus tells of it.
async fn disable(world: &World, id: &str) -> BusEvent {
    let (party, now): (PartyId, _) = (id.parse().unwrap(), SystemClock.now());
    let done = world.deps.store.apply_to_party(party, PartyCommand::Disable, "operator".to_owned(), now, None).await;
    done.unwrap();
    changed(id, ThirdPartyChange::Disabled)
}

fn changed(id: &str, change: ThirdPartyChange) -> BusEvent {
    let now = SystemClock.now();
    let metadata = Metadata {
        event_id: Uuid::from_u128(12),
        version: Metadata::VERSION,
        sequence: 2,
        correlation_id: "c".to_owned(),
        causation_id: None,
        environment: Environment::Prod,
        occurred_at: now,
    };
    let third_party = id.parse().unwrap();
    let detail = ThirdPartyDetail { metadata, third_party, environment: None, change, changed_fields: None };
    Event {
        id: Uuid::from_u128(13),
        source: names::SOURCE_REGISTRY.into(),
        detail_type: names::THIRD_PARTY.into(),
        time: now,
        detail: to_raw_value(&detail).unwrap(),
    }
}

#[tokio::test]
async fn a_party_that_is_disabled_holds_up_no_request() {
    let parties = [("books", json!({ "mode": "poll" })), ("pens", json!({ "mode": "poll" }))];
    let world = World::new(Bus::Shared, Managed::Pushed, &parties).await;
    handle(&event(world.request, &json!({})), &world.deps).await.unwrap();
    handle(&changed("books", ThirdPartyChange::Paused), &world.deps).await.unwrap();
    let lie = changed("books", ThirdPartyChange::Disabled);
    assert_eq!(forged(handle(&lie, &world.deps).await), Forged::Party);
    let states = async || {
        let mut offers = world.offers().await;
        offers.sort_by(|a, b| a.party.cmp(&b.party));
        offers.iter().map(|offer| offer.state).collect::<Vec<_>>()
    };
    assert_eq!(states().await, [OfferState::Pending, OfferState::Pending]);

    let disabled = disable(&world, "books").await;
    for _ in 0..2 {
        handle(&disabled, &world.deps).await.unwrap();
        assert_eq!(states().await, [OfferState::Withdrawn, OfferState::Pending]);
    }
}

#[tokio::test]
async fn more_than_fit_on_a_page_are_taken_back() {
    let world = World::new(Bus::Ours, Managed::Pushed, &[("books", json!({ "mode": "poll" }))]).await;
    let requests: Vec<_> = (0..=2 * SWEEP).map(|number| RequestId(Uuid::from_u128(100 + number as u128))).collect();
    for id in &requests {
        let request = intake::from_api(br#"{"category": "books", "amount": 1.50}"#, user()).unwrap();
        let create = Create { id: *id, request, at: SystemClock.now() };
        world.deps.store.apply(create, Urgency::Ours, None).await.unwrap();
        handle(&event(*id, &json!({})), &world.deps).await.unwrap();
    }
    handle(&disable(&world, "books").await, &world.deps).await.unwrap();
    for id in requests {
        let stored = world.deps.store.request(id, false).await.unwrap().unwrap();
        assert_eq!(stored.offers.iter().map(|offer| offer.state).collect::<Vec<_>>(), [OfferState::Withdrawn]);
    }
}

#[tokio::test]
async fn who_was_disabled_while_it_was_offered_a_request_has_no_offer() {
    let world = World::new(Bus::Ours, Managed::Pushed, &[("books", json!({ "mode": "poll" }))]).await;
    handle(&event(world.request, &json!({})), &world.deps).await.unwrap();
    // As if it had been swept before the offer was there.
    disable(&world, "books").await;
    let made = world.offers().await.into_iter().map(|offer| (offer.party, offer.delivery_id));
    withdraw_from_leavers(made.collect(), &world.deps).await.unwrap();
    assert_eq!(world.offers().await[0].state, OfferState::Withdrawn);
}

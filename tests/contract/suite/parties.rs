//! Third parties, their settings and keys: in force when answered, and found by everybody at once.

use event_schema::id::{Environment, KeyId, PartyId};
use futures::future::join_all;
use marketplace_core::{
    command::Refusal,
    party::{ApiKey, Party, PartyCommand, PartyPatch, PartyState},
    pattern::Fields,
    ports::{PartyStore, StoreError},
};
use serde_json::{Value, json};

use crate::{
    fixture::{api_key, at, change, hash, join, party, party_id, pattern, push_settings, uuid},
    platform::PlatformUnderTest,
};

async fn version<S: PartyStore>(store: &S) -> u64 {
    store.with_routing(|routing| routing.version()).await.unwrap()
}

/// To whom a request with this detail would be offered now.
async fn routed<S: PartyStore>(store: &S, detail: Value) -> Vec<PartyId> {
    let event = json!({ "detail-type": "marketplace requests", "detail": detail });
    let route = move |routing: &marketplace_core::routing::RoutingTable| {
        routing.route(&Fields::new(&event), Environment::Prod, None)
    };
    store.with_routing(route).await.unwrap()
}

fn category(category: &str) -> PartyCommand {
    PartyCommand::SetFilter(Environment::Prod, Some(pattern(&json!({ "detail": { "category": [category] } }))))
}

/// The stored key with the hash of this one.
async fn found<S: PartyStore>(store: &S, key: &ApiKey) -> Option<ApiKey> {
    store.key(key.hash).await.unwrap().map(|found| (*found).clone())
}

/// What can be compared of a party.
fn told(party: &Party) -> String {
    format!("{party:?}")
}

pub(crate) async fn a_party_joins_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    assert!(store.party(&party_id("books")).await.unwrap().is_none());
    // Ten at once with one id, each with a key of its own: one joins.
    let joins = (0..10).map(|number| {
        let mut new = party("books");
        new.name = format!("Books {number}");
        let key = api_key("books");
        let joined = PartyCommand::Join(Box::new(new), key.clone());
        let joined = store.apply_to_party(party_id("books"), joined, "operator".to_owned(), at(1), None);
        async move { (key, joined.await) }
    });
    let mut winner = None;
    for (key, joined) in join_all(joins).await {
        match joined {
            Ok(joined) => assert!(winner.replace((key, joined)).is_none(), "two have joined"),
            Err(StoreError::Refused(Refusal::State { current_status: "taken", .. })) => {
                assert!(store.key(key.hash).await.unwrap().is_none(), "a key of a party that did not join");
            }
            other => panic!("{other:?}"),
        }
    }
    let (key, joined) = winner.expect("one has joined");
    assert_eq!(told(&store.party(&party_id("books")).await.unwrap().unwrap()), told(&joined));
    assert_eq!(found(&store, &key).await, Some(key));
}

pub(crate) async fn every_change_raises_the_version<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let before = version(&store).await;
    join(&store, party("books")).await;
    join(&store, party("pens")).await;
    change(&store, "books", category("books")).await;
    change(&store, "pens", PartyCommand::Patch(PartyPatch { name: Some("Pens".into()), ..PartyPatch::default() }))
        .await;
    change(&store, "pens", PartyCommand::AddKey(api_key("pens"))).await;
    assert_eq!(version(&store).await, before + 5);
    let refused = store.apply_to_party(party_id("ink"), category("ink"), "operator".to_owned(), at(1), None).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::NotFound))), "{refused:?}");
    assert_eq!(version(&store).await, before + 5, "what is refused changes nothing");
    let platform = platform.reopen_after(store).await;
    assert_eq!(version(&platform.store()).await, before + 5, "and it never falls");
}

pub(crate) async fn a_setting_is_in_force_when_it_is_answered<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    join(&store, party("books")).await;
    let books = [party_id("books")];
    assert_eq!(routed(&store, json!({ "category": "c0" })).await, []);
    for number in 0..20 {
        let category_now = format!("c{number}");
        change(&store, "books", category(&category_now)).await;
        assert_eq!(routed(&store, json!({ "category": category_now })).await, books);
        assert_eq!(routed(&store, json!({ "category": "before" })).await, []);
        let known = store.party(&books[0]).await.unwrap().unwrap();
        assert!(format!("{:?}", known.environment(Environment::Prod).filter).contains(&category_now));
    }
    let scope = Some(Some(pattern(&json!({ "detail": { "region": ["north"] } }))));
    change(&store, "books", PartyCommand::Patch(PartyPatch { scope, ..PartyPatch::default() })).await;
    assert_eq!(routed(&store, json!({ "category": "c19" })).await, []);
    assert_eq!(routed(&store, json!({ "category": "c19", "region": "north" })).await, books);
    change(&store, "books", PartyCommand::Disable).await;
    assert_eq!(routed(&store, json!({ "category": "c19", "region": "north" })).await, []);
}

pub(crate) async fn parties_and_keys_survive_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut first = party("books");
    first.scope = Some(pattern(&json!({ "detail": { "amount": [{ "numeric": [">", 1.5] }] } })));
    first.environments[1].open = false;
    let key = join(&store, first).await;
    change(&store, "books", category("books")).await;
    let push =
        push_settings("https://books.example/hook", &json!({ "rate_limit_per_second": 2.5, "max_age_hours": 3 }));
    change(&store, "books", PartyCommand::SetDelivery(Environment::Dev, Box::new(push))).await;
    change(&store, "books", PartyCommand::Pause(Environment::Dev, "the endpoint answered 410".to_owned())).await;
    join(&store, party("pens")).await;
    let managed = push_settings("https://pens.example/hook", &json!({ "transport": "managed" }));
    change(&store, "pens", PartyCommand::SetDelivery(Environment::Prod, Box::new(managed.clone()))).await;
    let carried = change(&store, "pens", PartyCommand::RouteMade(Environment::Prod, Box::new(managed))).await;
    assert!(carried.environment(Environment::Prod).route);
    let second_key = api_key("pens");
    change(&store, "pens", PartyCommand::AddKey(second_key.clone())).await;
    let before: Vec<String> = [party_id("books"), party_id("pens")].map(|id| id.to_string()).to_vec();
    let look = async |store: &P::Store| {
        let mut all = vec![];
        for id in &before {
            all.push(told(&store.party(&party_id(id)).await.unwrap().unwrap()));
        }
        all
    };
    let was = look(&store).await;

    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(look(&store).await, was);
    assert_eq!(found(&store, &key).await, Some(key));
    assert_eq!(found(&store, &second_key).await, Some(second_key));
    assert_eq!(routed(&store, json!({ "category": "books", "amount": 2 })).await, [party_id("books")]);
    assert_eq!(routed(&store, json!({ "category": "books", "amount": 1 })).await, []);
}

pub(crate) async fn a_key_is_found_by_its_hash<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = join(&store, party("books")).await;
    let mut second = api_key("books");
    second.environment = Environment::Test;
    change(&store, "books", PartyCommand::AddKey(second.clone())).await;
    assert_eq!(found(&store, &first).await, Some(first));
    assert_eq!(found(&store, &second).await, Some(second));
    assert_eq!(store.key(hash()).await.unwrap(), None);
}

pub(crate) async fn a_revoked_key_works_no_more<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = join(&store, party("books")).await;
    let second = api_key("books");
    change(&store, "books", PartyCommand::AddKey(second.clone())).await;
    change(&store, "books", PartyCommand::RevokeKey(first.key_id)).await;
    assert_eq!(store.key(first.hash).await.unwrap(), None, "at once");
    assert_eq!(found(&store, &second).await, Some(second.clone()));
    let platform = platform.reopen_after(store).await;
    assert_eq!(platform.store().key(first.hash).await.unwrap(), None, "and for good");
    assert_eq!(found(&platform.store(), &second).await, Some(second));
}

pub(crate) async fn another_partys_key_cannot_be_revoked<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let key = join(&store, party("books")).await;
    join(&store, party("pens")).await;
    let before = version(&store).await;
    for (thief, key_id) in [("pens", key.key_id), ("books", KeyId(uuid())), ("nobody", key.key_id)] {
        let revoke = PartyCommand::RevokeKey(key_id);
        let refused = store.apply_to_party(party_id(thief), revoke, "operator".to_owned(), at(1), None).await;
        assert!(matches!(refused, Err(StoreError::Refused(Refusal::NotFound))), "{thief}: {refused:?}");
    }
    assert_eq!(found(&store, &key).await, Some(key.clone()));
    assert_eq!(version(&store).await, before);
    let platform = platform.reopen_after(store).await;
    assert_eq!(found(&platform.store(), &key).await, Some(key));
}

pub(crate) async fn a_disabled_party_changes_no_more<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let key = join(&store, party("books")).await;
    change(&store, "books", category("books")).await;
    assert_eq!(change(&store, "books", PartyCommand::Disable).await.state, PartyState::Disabled);
    assert_eq!(change(&store, "books", PartyCommand::Disable).await.state, PartyState::Disabled, "twice is once");
    let commands = [
        category("pens"),
        PartyCommand::AddKey(api_key("books")),
        PartyCommand::RevokeKey(key.key_id),
        PartyCommand::Patch(PartyPatch { state: Some(PartyState::Active), ..PartyPatch::default() }),
    ];
    for command in commands {
        let refused = store.apply_to_party(party_id("books"), command, "operator".to_owned(), at(1), None).await;
        let Err(StoreError::Refused(Refusal::State { current_status, .. })) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(current_status, "disabled");
    }
    let again = PartyCommand::Join(Box::new(party("books")), api_key("books"));
    let refused = store.apply_to_party(party_id("books"), again, "operator".to_owned(), at(1), None).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(Refusal::State { current_status: "taken", .. }))),
        "never reused"
    );
}

pub(crate) async fn changes_at_the_same_time_are_all_made<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let before = version(&store).await;
    let names: Vec<String> = (0..10).map(|number| format!("party-{number}")).collect();
    join_all(names.iter().map(|name| join(&store, party(name)))).await;
    // Each party's three environments and its name, all at once: none overwrites another.
    let changes = names.iter().flat_map(|name| {
        let filter = |environment| {
            let only = json!({ "detail": { "category": [format!("{name}-{environment}")] } });
            PartyCommand::SetFilter(environment, Some(pattern(&only)))
        };
        let rename = PartyPatch { name: Some(format!("New {name}")), ..PartyPatch::default() };
        let mut commands = Environment::ALL.map(filter).to_vec();
        commands.push(PartyCommand::Patch(rename));
        commands.into_iter().map(|command| change(&store, name, command))
    });
    join_all(changes).await;
    assert_eq!(version(&store).await, before + 10 + 40);
    for name in &names {
        let party = store.party(&party_id(name)).await.unwrap().unwrap();
        assert_eq!(party.name, format!("New {name}"));
        for environment in Environment::ALL {
            let filter = format!("{:?}", party.environment(environment).filter);
            assert!(filter.contains(&format!("{name}-{environment}")), "{filter}");
        }
        let detail = json!({ "category": format!("{name}-prod") });
        assert_eq!(routed(&store, detail).await, [party_id(name)]);
    }
}

//! API keys: several at once, each with a scope, a name and an end; listed, and taken away one by one.

use event_schema::id::Environment;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::Refusal,
    party::{ApiKey, KeyScope, MOST_KEYS, Party, PartyCommand},
    ports::{PartyStore, StoreError},
};
use tests::eventually;

use crate::{
    fixture::{api_key, at, change, join, party, party_id},
    platform::PlatformUnderTest,
};

async fn add<S: PartyStore>(store: &S, key: &ApiKey) {
    change(store, key.party.as_str(), PartyCommand::AddKey(key.clone())).await;
}

/// A party takes a key of its own away, an hour after the start.
async fn give_up<S: PartyStore>(store: &S, key: &ApiKey) -> Result<Party, StoreError> {
    let command = PartyCommand::GiveUpKey(key.environment, key.key_id);
    store.apply_to_party(key.party.clone(), command, "itself".to_owned(), at(3_600), None).await
}

fn is_refused(given_up: &Result<Party, StoreError>, status: &str) -> bool {
    matches!(given_up, Err(StoreError::Refused(Refusal::State { current_status, .. })) if *current_status == status)
}

fn sorted(mut keys: Vec<ApiKey>) -> Vec<ApiKey> {
    keys.sort_by_key(|key| key.key_id.0);
    keys
}

async fn stored<S: PartyStore>(store: &S, key: &ApiKey) -> Option<ApiKey> {
    store.key(key.hash).await.unwrap().map(|found| (*found).clone())
}

pub(crate) async fn keys_are_listed_as_they_were_made<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = join(&store, party("books")).await;
    join(&store, party("pens")).await;
    let second = ApiKey {
        environment: Environment::Test,
        scope: KeyScope::Integrate,
        name: Some("The \"nightly\" job".to_owned()),
        prefix: "mk_test_ab12cd".to_owned(),
        expires_at: Some(at(7_200)),
        ..api_key("books")
    };
    add(&store, &second).await;
    let expected = sorted(vec![first.clone(), second.clone()]);
    assert_eq!(sorted(store.keys(&party_id("books")).await.unwrap()), expected);
    assert_eq!(stored(&store, &second).await, Some(second.clone()), "also once it has expired");
    assert_eq!(store.keys(&party_id("nobody")).await.unwrap(), []);
    let platform = platform.reopen_after(store).await;
    assert_eq!(sorted(platform.store().keys(&party_id("books")).await.unwrap()), expected);
    assert_eq!(stored(&platform.store(), &second).await, Some(second));
    change(&platform.store(), "books", PartyCommand::RevokeKey(first.key_id)).await;
    assert_eq!(platform.store().keys(&party_id("books")).await.unwrap().len(), 1);
}

pub(crate) async fn a_party_does_not_lock_itself_out<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = join(&store, party("books")).await;
    let integrating = ApiKey { scope: KeyScope::Integrate, ..api_key("books") };
    let brief = ApiKey { expires_at: Some(at(7_200)), ..api_key("books") };
    let expired = ApiKey { expires_at: Some(at(1_800)), ..api_key("books") };
    let elsewhere = ApiKey { environment: Environment::Test, ..api_key("books") };
    for key in [&integrating, &brief, &expired, &elsewhere] {
        add(&store, key).await;
    }
    assert!(is_refused(&give_up(&store, &first).await, "last-key"), "no other manages for as long");
    for key in [&expired, &brief, &integrating] {
        give_up(&store, key).await.expect("none of them is needed");
        assert_eq!(stored(&store, key).await, None);
    }
    assert!(is_refused(&give_up(&store, &first).await, "last-key"));
    let not_there = ApiKey { environment: Environment::Dev, ..elsewhere.clone() };
    let not_theirs = ApiKey { party: join(&store, party("pens")).await.party, ..first.clone() };
    for key in [&not_there, &not_theirs, &api_key("books")] {
        assert!(matches!(give_up(&store, key).await, Err(StoreError::Refused(Refusal::NotFound))), "{key:?}");
    }
    assert_eq!(stored(&store, &first).await, Some(first.clone()));
    // An operator can: somebody has to be able to when all keys have leaked.
    change(&store, "books", PartyCommand::RevokeKey(first.key_id)).await;
    assert_eq!(store.keys(&party_id("books")).await.unwrap(), [elsewhere]);
}

pub(crate) async fn of_keys_given_up_at_the_same_time_one_is_left<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut keys = vec![join(&store, party("books")).await];
    for _ in 0..5 {
        keys.push(api_key("books"));
        add(&store, &keys[keys.len() - 1]).await;
    }
    let outcomes = join_all(keys.iter().map(|key| give_up(&store, key))).await;
    let refused = outcomes.iter().filter(|outcome| is_refused(outcome, "last-key")).count();
    assert_eq!((refused, outcomes.iter().filter(|outcome| outcome.is_ok()).count()), (1, keys.len() - 1));
    let left = store.keys(&party_id("books")).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(stored(&store, &left[0]).await.as_ref(), Some(&left[0]), "and it works");
}

pub(crate) async fn keys_have_a_bound<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    join(&store, party("books")).await;
    for _ in 1..MOST_KEYS {
        add(&store, &ApiKey { scope: KeyScope::Integrate, ..api_key("books") }).await;
    }
    let one_more = api_key("books");
    let refused = PartyCommand::AddKey(one_more.clone());
    let refused = store.apply_to_party(party_id("books"), refused, "itself".to_owned(), at(1), None).await;
    assert!(is_refused(&refused, "too-many-keys"), "{refused:?}");
    assert_eq!(stored(&store, &one_more).await, None);
    assert_eq!(store.keys(&party_id("books")).await.unwrap().len(), MOST_KEYS);
    add(&store, &ApiKey { environment: Environment::Dev, ..api_key("books") }).await;
}

pub(crate) async fn the_use_of_a_key_is_recorded_to_the_hour<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let key = join(&store, party("books")).await;
    let used = async |store: &P::Store, at: Timestamp| {
        let known = stored(store, &key).await.expect("a key");
        if known.is_use_worth_recording(at) {
            store.record_key_use(&known, at).await.unwrap();
        }
    };
    let hour = SignedDuration::from_hours(1);
    let last = async |store: &P::Store| stored(store, &key).await.and_then(|key| key.last_used_at);
    for (used_at, recorded) in [(at(5), at(5)), (at(3_600), at(5)), (at(5) + hour, at(5) + hour)] {
        used(&store, used_at).await;
        eventually("the use is recorded", async || last(&store).await.filter(|last| *last == recorded)).await;
    }
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(last(&store).await, Some(at(5) + hour));
    let listed = store.keys(&party_id("books")).await.unwrap();
    assert_eq!(listed, [ApiKey { last_used_at: Some(at(5) + hour), ..key.clone() }]);

    // Whoever has found a key that is revoked then does not bring it back.
    change(&store, "books", PartyCommand::RevokeKey(key.key_id)).await;
    store.record_key_use(&key, at(20_000)).await.unwrap();
    change(&store, "books", PartyCommand::AddKey(api_key("books"))).await;
    assert_eq!(stored(&store, &key).await, None);
    assert_eq!(store.keys(&party_id("books")).await.unwrap().len(), 1);
}

//! Idempotency keys: done once, answered again, and kept together with what was done.

use event_schema::words::AnswerStatus;
use futures::future::join_all;
use jiff::Timestamp;
use marketplace_core::{
    party::PartyCommand,
    ports::{
        Admission, IdempotencyStore, PartyStore, Remember, RequestStore, Store, StoreError, StoredAnswer, Urgency,
        UserStore,
    },
};
use serde_json::json;

use crate::{
    fixture::{START, account, answer, api_key, at, create, hash, offered, party, party_id},
    platform::PlatformUnderTest,
};

const BODY: [u8; 32] = [1; 32];
const OTHER_BODY: [u8; 32] = [2; 32];

fn stored(body: &str) -> StoredAnswer {
    StoredAnswer { status: 201, body: body.to_owned() }
}

fn remember<R>(key: [u8; 32], body: &'static str) -> Remember<R> {
    Remember { key, fingerprint: BODY, expires_at: at(100), answer: Box::new(move |_| stored(body)) }
}

/// What a POST with this key and body meets now, in a word, with the answer if it is repeated.
async fn meets<S: Store>(store: &S, key: [u8; 32], body: [u8; 32], now: Timestamp) -> String {
    match store.admit(key, body, now).await.unwrap() {
        Admission::Fresh(_) => "fresh".to_owned(),
        Admission::Repeat(answer) => format!("repeat {} {}", answer.status, answer.body),
        Admission::Mismatch => "mismatch".to_owned(),
        Admission::Running => "running".to_owned(),
    }
}

pub(crate) async fn a_key_runs_once_at_a_time<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let key = hash();
    let admissions = join_all((0..50).map(|_| store.admit(key, BODY, START))).await;
    let (mut fresh, mut running) = (vec![], 0);
    for admission in admissions {
        match admission.unwrap() {
            Admission::Fresh(guard) => fresh.push(guard),
            Admission::Running => running += 1,
            other => panic!("{other:?}", other = matches!(other, Admission::Mismatch)),
        }
    }
    assert_eq!((fresh.len(), running), (1, 49));
    assert_eq!(meets(&store, hash(), BODY, START).await, "fresh", "another key has nothing to do with it");
    assert_eq!(meets(&store, key, BODY, START).await, "running");
    // The first one ended without an answer: it may be tried again.
    drop(fresh);
    assert_eq!(meets(&store, key, BODY, START).await, "fresh");
    assert_eq!(meets(&store, key, OTHER_BODY, START).await, "fresh");
}

pub(crate) async fn an_answer_is_kept_with_its_change<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let key = hash();
    let Admission::Fresh(guard) = store.admit(key, BODY, START).await.unwrap() else {
        panic!("a new key");
    };
    let new = create("user-1", &json!({}), START);
    let id = new.id;
    store.apply(new, Urgency::Caller, Some(remember(key, "{\"id\":1}"))).await.unwrap();
    let meanwhile = meets(&store, key, BODY, START).await;
    let never_again = ["running", "repeat 201 {\"id\":1}"].contains(&meanwhile.as_str());
    assert!(never_again, "the first caller has no answer yet, but it is done: {meanwhile}");
    drop(guard);
    assert_eq!(meets(&store, key, BODY, at(1)).await, "repeat 201 {\"id\":1}");
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(meets(&store, key, BODY, at(1)).await, "repeat 201 {\"id\":1}");
    assert!(store.request(id, false).await.unwrap().is_some());
}

pub(crate) async fn an_answer_is_kept_by_itself<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (key, empty) = (hash(), hash());
    IdempotencyStore::remember(&store, remember(key, "[1, \"ü\"]")).await.unwrap();
    let answer = StoredAnswer { status: 204, body: String::new() };
    let nothing =
        Remember { key: empty, fingerprint: BODY, expires_at: at(100), answer: Box::new(move |()| answer.clone()) };
    IdempotencyStore::remember(&store, nothing).await.unwrap();
    assert_eq!(meets(&store, key, BODY, START).await, "repeat 201 [1, \"ü\"]");
    assert_eq!(meets(&store, empty, BODY, START).await, "repeat 204 ");
}

pub(crate) async fn a_refusal_is_not_kept<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let delivery = offered(&store, "books", START).await;
    let declined = answer(delivery, "books", AnswerStatus::Declined);
    store.apply(declined, Urgency::Caller, None).await.unwrap();
    let key = hash();
    let late = answer(delivery, "books", AnswerStatus::Accepted);
    let refused = store.apply(late, Urgency::Caller, Some(remember(key, "{}"))).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!(meets(&store, key, BODY, START).await, "fresh");
}

pub(crate) async fn another_body_is_a_mismatch<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let key = hash();
    IdempotencyStore::remember(&store, remember(key, "{}")).await.unwrap();
    assert_eq!(meets(&store, key, OTHER_BODY, START).await, "mismatch");
    assert_eq!(meets(&store, key, BODY, START).await, "repeat 201 {}", "the first answer stays");
}

pub(crate) async fn an_answer_expires<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let key = hash();
    IdempotencyStore::remember(&store, remember(key, "{}")).await.unwrap();
    assert_eq!(meets(&store, key, BODY, at(99)).await, "repeat 201 {}");
    assert_eq!(meets(&store, key, BODY, at(100)).await, "fresh");
    assert_eq!(meets(&store, key, OTHER_BODY, at(100)).await, "fresh", "and may be used for something else");
    let again = Remember { expires_at: at(200), ..remember(key, "{\"second\":true}") };
    IdempotencyStore::remember(&store, again).await.unwrap();
    assert_eq!(meets(&store, key, BODY, at(199)).await, "repeat 201 {\"second\":true}");
}

pub(crate) async fn answers_of_parties_and_users_are_kept<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (of_party, of_user, refused) = (hash(), hash(), hash());
    let join = || PartyCommand::Join(Box::new(party("books")), api_key("books"));
    let by = || "operator".to_owned();
    let joined = store.apply_to_party(party_id("books"), join(), by(), at(1), Some(remember(of_party, "party"))).await;
    joined.unwrap();
    let taken = store.apply_to_party(party_id("books"), join(), by(), at(1), Some(remember(refused, "again"))).await;
    assert!(taken.is_err());
    let ann = || account("ann@example.com");
    store.create_user(ann(), hash(), Some(remember(of_user, "user"))).await.unwrap();
    assert!(store.create_user(ann(), hash(), Some(remember(refused, "again"))).await.is_err());

    assert_eq!(meets(&store, of_party, BODY, START).await, "repeat 201 party");
    assert_eq!(meets(&store, of_user, BODY, START).await, "repeat 201 user");
    assert_eq!(meets(&store, refused, BODY, START).await, "fresh");
}
